"""Holding an answer back while it is told, so that guards see each thing whole before any part of it is let out."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.domain.guard import Action, Mode
from holdfast.guards.armed_text import ArmedText, Remark, enforced, redactions
from holdfast.guards.passages import Passage, Span

LONG = 64
"""A reach from which on guards read in strides, rather than at each piece."""

UNREAD = "the text did not end, and was not read"


class Holding:
    """One speaker's text, piece by piece. `remarks` are what each guard said of it so far.

    A thing that a guard looks for is told to be one within its reach, so what begins further back than the longest
    reach has been seen: it is let out, redacted where a guard says so, or held back for as long as it goes on. Guards
    also see as much of what was let out before. Nothing more is let out once a guard wants more than a redaction.

    No character waits for more than `delay` further ones, or until the text ends, but for those of something that is
    found and goes on. Guards that cannot change the text (in shadow, or flagging) hold nothing back: they read it once,
    at its end.
    """

    def __init__(self, guards: Sequence[ArmedText], role: str) -> None:
        self._guards, self._role = tuple(guards), role
        self._acting = [guard for guard in guards if _may_act(guard)]
        reaches = [guard.reading.reach for guard in self._acting]
        self._is_unbounded = None in reaches
        self._reach = max((reach for reach in reaches if reach is not None), default=0)
        self._stride = self._reach // 4 if self._reach >= LONG else 0
        self._remarks: tuple[Remark, ...] = ()
        self._watched: tuple[Remark, ...] = ()
        self._pieces: list[str] = []
        self._seen = ""
        self._held = ""

    @property
    def delay(self) -> int | None:
        """The most characters that are held back; None where it is the whole text."""
        return None if self._is_unbounded else self._reach + self._stride

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """In the order of the guards; empty before any has read."""
        if not self._remarks and not self._watched:
            return ()
        said = {id(remark.armed): remark for remark in (*self._remarks, *self._watched)}
        return tuple(said.get(id(guard)) or Remark(guard, None, Action.ALLOW, because=UNREAD) for guard in self._guards)

    @property
    def action(self) -> Action:
        """The gravest enforced action so far."""
        return enforced(self.remarks)

    def feed(self, text: str, *, is_last: bool = False) -> str:
        """Take the next piece; what may be let out now."""
        self._held += text
        if len(self._acting) < len(self._guards):
            self._watch(text, is_last=is_last)
        if not self._acting:
            held, self._held = self._held, ""
            return held
        if not self._held or (not is_last and (self._is_unbounded or len(self._held) <= self._reach + self._stride)):
            return ""
        now = self._read(is_last)
        if self.action.rank > Action.REDACT.rank:
            self._held = ""
            self._watch("", is_last=True)
            return ""
        settled = [len(self._held) - self._reach]
        settled += [remark.open - len(self._seen) for remark in now if remark.open is not None]
        return self._let_out(redactions(now, 0), len(self._held) if is_last else min(settled))

    def _read(self, is_last: bool) -> tuple[Remark, ...]:
        passage, seen = Passage(self._role, self._seen + self._held), len(self._seen)
        now = tuple(guard.read_on(passage, seen, is_last=is_last) for guard in self._acting)
        before = self._remarks
        self._remarks = tuple(old.and_then(new) for old, new in zip(before, now, strict=True)) if before else now
        return now

    def _watch(self, text: str, *, is_last: bool) -> None:
        """What cannot act reads the whole of it once."""
        self._pieces.append(text)
        if is_last and any(self._pieces):
            passage = Passage(self._role, "".join(self._pieces))
            self._watched = tuple(guard.read([passage]) for guard in self._guards if not _may_act(guard))

    def _let_out(self, spans: tuple[Span, ...], upto: int) -> str:
        """What is held up to a place, or to the end of the span that lies across it."""
        before, at, parts = len(self._seen), 0, []
        for span in sorted(spans, key=lambda span: (span.start, -span.end)):
            start, end = span.start - before, span.end - before
            if end <= 0 or start >= max(upto, at):
                continue
            if start >= at:
                parts += [self._held[at:start], span.instead]
            at = max(at, end)
        cut = max(upto, at, 0)
        out = "".join([*parts, self._held[at:cut]])
        self._seen = (self._seen + self._held[:cut])[-self._reach :] if self._reach else ""
        self._held = self._held[cut:]
        return out


def _may_act(guard: ArmedText) -> bool:
    """Whether what it says, or that it fails, can change what is let out."""
    gravest = max(guard.action.rank, guard.on_error.rank)
    return guard.mode is Mode.ENFORCE and gravest > Action.FLAG.rank
