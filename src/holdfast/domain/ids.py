"""Ids that sort by time: UUIDs of version 7 (RFC 9562 section 5.7), never going back within one process."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from holdfast.domain.errors import FixInput

_VERSION_7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FETCHED = 1024
"""Random bytes that are fetched at once."""

_LAST_MS = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def wall_ms() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


class Ids:
    """A source of ids in rising order, for any number of threads, whatever the clock does.

    The 12 bits after the milliseconds count within one of them (RFC 9562 section 6.2, method 1); where they run out,
    or the clock jumps back, ids run ahead of it until it has caught up.
    """

    def __init__(self, clock_ms: Callable[[], int] = wall_ms) -> None:
        self._clock_ms = clock_ms
        self._last = 0
        self._turn = threading.Lock()
        self._random, self._process = b"", 0

    def next(self) -> str:
        """An id above all that this source gave before."""
        return self.take(1)[0]

    def take(self, count: int) -> list[str]:
        """`count` ids in rising order."""
        with self._turn:
            first = max(self._clock_ms() << 12, self._last + 1)
            self._last = first + count - 1
            tail = self._tail(8 * count)
        return [_text(first + n, int.from_bytes(tail[8 * n : 8 * n + 8])) for n in range(count)]

    def _tail(self, size: int) -> bytes:
        """Random bytes, fetched many at a time, which spares calls of the system; a fork fetches anew."""
        if self._process != os.getpid() or len(self._random) < size:
            self._random, self._process = secrets.token_bytes(max(size, FETCHED)), os.getpid()
        tail, self._random = self._random[:size], self._random[size:]
        return tail


def _text(moment: int, tail: int) -> str:
    high = (moment >> 12) << 16 | 0x7000 | moment & 0xFFF
    digits = f"{high:016x}{tail & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def time_of(id: str) -> datetime:
    """When an id was made, to the millisecond; FixInput where it is no UUID of version 7 in its usual form."""
    milliseconds = int(id[:8] + id[9:13], 16) if _VERSION_7.fullmatch(id) else _LAST_MS
    if milliseconds >= _LAST_MS:
        raise FixInput(
            "decision.id", f"{id!r:.60} is no UUID of version 7.", "Take ids from `holdfast.domain.ids.Ids`."
        )
    return _EPOCH + timedelta(milliseconds=milliseconds)


def day_of(id: str) -> str:
    """The UTC day on which an id was made, as YYYY-MM-DD."""
    return time_of(id).date().isoformat()
