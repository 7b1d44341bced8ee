"""Holding an answer back while it is told, so that guards see each thing whole before any part of it is let out."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.domain.guard import Action
from holdfast.guards.armed_text import ArmedText, Remark, enforced, redactions
from holdfast.guards.passages import Passage, Span


class Holding:
    """One speaker's text, piece by piece. `remarks` are what each guard said of it so far.

    A thing that a guard looks for is no longer than its reach, so what begins further back than the longest reach has
    been seen whole: it is let out, redacted where a guard says so. Guards also see as much of what was let out before.
    Nothing more is let out once a guard wants more than a redaction.
    """

    def __init__(self, guards: Sequence[ArmedText], role: str) -> None:
        self.remarks: tuple[Remark, ...] = ()
        self._guards, self._role = guards, role
        reaches = [guard.reading.reach for guard in guards]
        self._reach = max((reach for reach in reaches if reach is not None), default=0)
        self._is_unbounded = None in reaches
        self._seen = ""
        self._held = ""

    @property
    def action(self) -> Action:
        """The gravest enforced action so far."""
        return enforced(self.remarks)

    def feed(self, text: str, *, is_last: bool = False) -> str:
        """Take the next piece; what may be let out now."""
        self._held += text
        if not self._guards:
            held, self._held = self._held, ""
            return held
        if not self._held or (self._is_unbounded and not is_last):
            return ""
        now = tuple(guard.read([Passage(self._role, self._seen + self._held)]) for guard in self._guards)
        self.remarks = (
            tuple(old.and_then(new) for old, new in zip(self.remarks, now, strict=True)) if self.remarks else now
        )
        if self.action.rank > Action.REDACT.rank:
            self._held = ""
            return ""
        return self._let_out(redactions(now, 0), len(self._held) if is_last else len(self._held) - self._reach)

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
