"""Guards at run time: what one says of one decision, and what follows from all that were said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Whether a guard looks before the model is asked, at what it answered, or at both."""

    BEFORE = "before"
    AFTER = "after"
    BOTH = "before and after"


class Mode(StrEnum):
    """Whether what a guard says is only noted, or acted upon."""

    SHADOW = "shadow"
    ENFORCE = "enforce"


class Action(StrEnum):
    """What a guard wants done with an exchange, from mild to grave."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """The graver, the higher."""
        return _RANKS[self]


_RANKS = {action: rank for rank, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """What one guard said of one decision: with which version and threshold, and at which fields it looked.

    `score` is in the guard's own unit, and `action` follows where it reaches `threshold`. Where the guard looked at all
    features, `looked_at` is ``*`` alone. `because` is a sentence of the guard's that never carries content; `failed`
    says that the guard itself broke, so that its policy for errors spoke in its place.
    """

    guard: str
    version: str
    mode: Mode
    action: Action
    score: float | None = None
    threshold: float | None = None
    looked_at: tuple[str, ...] = ()
    because: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` of a text, where a guard saw something; `instead` is what may stand there."""

    guard: str
    start: int
    end: int
    instead: str


@dataclass(frozen=True, slots=True)
class Guarded:
    """What guards say of a text: the gravest `outcome`, whose word that is, its score, and where.

    Where nothing was seen, the guard is the one that came nearest to its threshold. `text` is what may pass: as it was,
    with what is redacted taken out, or empty where it is blocked. `verdicts` are those of all guards.
    """

    outcome: Action
    guard: str
    score: float | None
    spans: tuple[Place, ...]
    text: str
    verdicts: tuple[GuardVerdict, ...]

    @property
    def passes(self) -> bool:
        """Whether nobody minds."""
        return self.outcome is Action.ALLOW


def enforced(verdicts: Iterable[GuardVerdict]) -> Action:
    """The gravest action among the guards that are enforced; guards in shadow change nothing."""
    acts = (verdict.action for verdict in verdicts if verdict.mode is Mode.ENFORCE)
    return max(acts, key=lambda action: action.rank, default=Action.ALLOW)
