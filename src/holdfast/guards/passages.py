"""What a guard on text is: parameters, and one function that prepares it; what it prepares then reads passages.

    @guard(title=..., reads=Reads.TEXT, trial="package.module:name", ...)
    def run(params: Params) -> Reading:
        def read(passage: Passage) -> Spotted:
            return Spotted(score, spans, because)

        return Reading(read, reach=64)

A conversation is several passages, each with the role of whoever speaks; a guard reads each of them whole. An answer
that is told piece by piece is held back by the guard's reach, so that nothing is let out that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text, and who speaks: system, user, assistant, tool, or whatever else a protocol has."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a passage, and what stands in their place where they are redacted."""

    start: int
    end: int
    instead: str


@dataclass(frozen=True, slots=True)
class Spotted:
    """What a guard saw in a passage: its score, where, and a sentence that never carries content."""

    score: float
    spans: tuple[Span, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A guard made ready. `reach` is the most characters of one thing that it looks for; None where there is no bound,
    and then an answer is held back until it is whole.
    """

    read: Callable[[Passage], Spotted]
    reach: int | None


def redact(text: str, spans: tuple[Span, ...]) -> str:
    """The text with what stands in place of each span; of overlapping ones, what stands for the first."""
    parts: list[str] = []
    at = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= at:
            parts += [text[at : span.start], span.instead]
        at = max(at, span.end)
    return "".join([*parts, text[at:]])
