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

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from holdfast.domain.guard import Stage


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text, and who speaks: system, user, assistant, tool, or whatever else a protocol has."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a passage, and what stands in their place where they are redacted.

    `score` is that of this find alone: below the threshold it is left as it is. None where the guard scores passages
    only.
    """

    start: int
    end: int
    instead: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Spotted:
    """What a guard saw in a passage: its score, where, and a sentence that never carries content."""

    score: float
    spans: tuple[Span, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turn that a guard takes part in: the stage at which it reads, what was said to the model, by the credential
    `principal`, about `subject` (a pseudonym, or empty). `key` is the installation's, 32 bytes, for what guards derive
    from it; empty where nobody holds one.
    """

    stage: Stage
    passages: tuple[Passage, ...]
    principal: str = ""
    subject: str = ""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A guard made ready. `reach` is the most characters of one thing that it looks for, as far as is needed to tell
    that it is one; None where there is no bound, and then an answer is held back until it is whole. What is longer is
    a span up to the end of what was told so far, and is held back while it grows.

    Whether a scored span is one may depend on up to `ahead` characters behind it, which `reach` counts too. `hearing`
    gives what the guard becomes in one conversation; None where it reads all of them alike.
    """

    read: Callable[[Passage], Spotted]
    reach: int | None
    ahead: int = 0
    hearing: Callable[[Conversation], Reading] | None = None


def spotted(spans: Iterable[Span], because: str) -> Spotted:
    """What is said of scored spans: the score of the surest."""
    found = tuple(spans)
    return Spotted(max((span.score or 0.0 for span in found), default=0.0), found, because if found else "")


def redact(text: str, spans: tuple[Span, ...]) -> str:
    """The text with what stands in place of each span; of overlapping ones, what stands for the first."""
    parts: list[str] = []
    at = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= at:
            parts += [text[at : span.start], span.instead]
        at = max(at, span.end)
    return "".join([*parts, text[at:]])
