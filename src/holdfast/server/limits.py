"""Rate limits: a token bucket for each address and each person, in the memory of one process.

Several processes each count for themselves, so an organisation that runs `n` of them lets `n` times as much through.
They keep one caller from starving the others; against guessing there is the lock-out of the account besides.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.domain.errors import TooMany


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, and `per_second` after that."""

    burst: int
    per_second: float


ADDRESS = Rate(1000, 100)
PERSON = Rate(600, 50)
DOOR = Rate(30, 0.2)
"""Signing in and setting a password, from one address: enough for an office behind one, too little to guess."""
MOST_BUCKETS = 100_000


class Limits:
    """Token buckets by name. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, rate: Rate) -> None:
        """Take one token from a bucket; TooMany where it is empty. The buckets used longest ago are forgotten."""
        now = self._clock()
        with self._lock:
            tokens, then = self._buckets.pop(name, (float(rate.burst), now))
            tokens = min(rate.burst, tokens + (now - then) * rate.per_second)
            self._buckets[name] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        if tokens < 1:
            seconds = math.ceil((1 - tokens) / rate.per_second)
            hint = f"Wait {seconds} seconds, then go on."
            raise TooMany("limit.reached", "That was too much at once.", hint, seconds)

    def admit(self, address: str, method: str, path: str) -> None:
        """Count a request from an address before anything is done for it."""
        self.take(f"address {address}", ADDRESS)
        if method == "POST" and path.startswith(("/sign-in", "/welcome")):
            self.take(f"door {address}", DOOR)
