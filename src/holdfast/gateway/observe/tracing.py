"""Which trace an exchange belongs to: W3C Trace Context (Recommendation of 23 November 2021), level 1.

Source for the format of ``traceparent``: section 3.2. Of a header that does not keep to it nothing is taken.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, time_ns

Headers = Sequence[tuple[bytes, bytes]]

TRACEPARENT = b"traceparent"
_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """Who asked, as a trace sees it: trace and span in hex, and whether they record it."""

    trace: str
    span: str
    is_sampled: bool


def parent_of(header: bytes) -> Parent | None:
    """What a ``traceparent`` says; None where it says nothing that counts."""
    found = _FORM.fullmatch(header)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and len(header) != 55):
        return None
    trace, span = found[2].decode(), found[3].decode()
    if not trace.strip("0") or not span.strip("0"):
        return None
    return Parent(trace, span, bool(int(found[4], 16) & _SAMPLED))


class Trip:
    """One exchange under way: its place in a trace, and when each of its stages was over (`perf_counter` seconds).

    `guarded`, `answered`, `judged` and `logged` are 0 until then; `answered` stays 0 where the model was not asked.
    `span` and `asking` are the ids of the exchange's span and of the upstream's, empty where nothing is recorded.
    """

    __slots__ = ("answered", "asking", "began", "guarded", "judged", "logged", "parent", "span", "started", "trace")

    def __init__(self, trace: str = "", parent: str = "", *, recorded: bool = False) -> None:
        self.trace, self.parent = trace, parent
        self.span, self.asking = (os.urandom(8).hex(), os.urandom(8).hex()) if recorded else ("", "")
        self.guarded = self.answered = self.judged = self.logged = 0.0
        self.began = time_ns() if recorded else 0
        self.started = perf_counter()

    def passed_on(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """The headers for the upstream, which is asked in the name of this exchange's own span."""
        if not self.span:
            return list(headers)
        parent = b"00-%b-%b-01" % (self.trace.encode(), self.asking.encode())
        return [*(pair for pair in headers if pair[0] != TRACEPARENT), (TRACEPARENT, parent)]

    def at(self, moment: float) -> int:
        """A moment of `perf_counter` as nanoseconds since 1970."""
        return self.began + int((moment - self.started) * 1e9)


class Sampler:
    """Begins trips: recorded where whoever asked records, and a `share` of those who say nothing about it.

    With None nothing is recorded.
    """

    def __init__(self, share: float | None) -> None:
        self._records, self._share = share is not None, share or 0.0

    def begin(self, headers: Headers) -> Trip:
        """A trip for a request with these headers."""
        parent = parent_of(next((value for name, value in headers if name == TRACEPARENT), b""))
        if parent is not None:
            return Trip(parent.trace, parent.span, recorded=self._records and parent.is_sampled)
        if self._share and random.random() < self._share:  # noqa: S311 - which requests to record is no secret
            return Trip(os.urandom(16).hex(), recorded=True)
        return Trip()
