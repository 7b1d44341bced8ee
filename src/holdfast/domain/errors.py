"""Errors, named by what the caller can do about them.

A failed gate is a value (`Verdict`), never an error. Every error says what happened and what to do next; entrances
translate them once, at their edge.
"""

from __future__ import annotations

from typing import Any


class HoldfastError(Exception):
    """Base of all errors that Holdfast raises on purpose.

    `code` is stable and greppable (``manifest.unknown-key``), `message` says what happened, `hint` what to do next.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.hint)


class FixInput(HoldfastError):
    """What was given cannot be used: mend the file, flag or value that the hint names."""


class RefusedArtifact(HoldfastError):
    """A file would run code, or cannot be shown not to: do not load it; obtain it in a safe format."""


class ModelFailed(HoldfastError):
    """The model under test crashed, hung, ran out of memory or answered in the wrong shape."""


class Unavailable(HoldfastError):
    """Something outside (upstream, disk, optional library) is missing now: provide it, then run the same again."""


class Tampered(HoldfastError):
    """A sealed record does not verify: stop trusting it, keep a copy, find out who changed it."""


class BudgetSpent(HoldfastError):
    """A probe asked the target more often than it was allowed to."""


class Absent(HoldfastError):
    """There is no such thing, or it is not for the caller to see: check the name."""


class Conflict(HoldfastError):
    """Somebody else changed the same thing first: read it again, then repeat."""


class Forbidden(HoldfastError):
    """The caller may not do this: the hint says who can, or who can grant it."""


class SignInFirst(HoldfastError):
    """Nobody is signed in: sign in, or send a token."""


class TooMany(HoldfastError):
    """Too many requests: wait `seconds`, then go on."""

    def __init__(self, code: str, message: str, hint: str = "", seconds: int = 1) -> None:
        super().__init__(code, message, hint)
        self.seconds = seconds


class Blocked(HoldfastError):
    """Guards stopped rows, or hold them for a person: the message says which and why, the hint where to look.

    `rows` are their numbers and `decisions` the ids under which they are in the log. `answers` are those to all rows of
    the call, masked where there is none; None where there is no other row.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        rows: tuple[int, ...] = (),
        decisions: tuple[str, ...] = (),
        answers: Any = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.rows = rows
        self.decisions = decisions
        self.answers = answers

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {"rows": self.rows, "decisions": self.decisions, "answers": self.answers}
        return type(self), (self.code, self.message, self.hint), kept
