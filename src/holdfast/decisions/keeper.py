"""The thread beside the one that commits: it seals what falls due, delivers what is sealed, adopts what is left over.

Each of the three goes on while another fails. What fails is tried again after a rest that doubles.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.domain.errors import HoldfastError, Unavailable

ADOPT_EVERY = 60.0
LONGEST_REST = 60.0


@dataclass(frozen=True, slots=True)
class SealWhen:
    """Seal as soon as so many `rows` or `bytes` wait, or the oldest has waited `seconds`; look `every` so often."""

    rows: int = 100_000
    bytes: int = 32 * 1024 * 1024
    seconds: float = 300.0
    every: float = 1.0


SEAL_WHEN = SealWhen()


@dataclass(slots=True)
class _Waiting:
    """What was committed since the last sealing. What an earlier process of this name left is due at once."""

    rows: int = 0
    size: int = 0
    since: float = float("-inf")

    def add(self, payloads: Sequence[bytes]) -> None:
        self.since = self.since if self.rows else time.monotonic()
        self.rows += len(payloads)
        self.size += sum(map(len, payloads))

    def is_due(self, when: SealWhen) -> bool:
        is_old = self.rows > 0 and time.monotonic() - self.since >= when.seconds
        return is_old or self.rows >= when.rows or self.size >= when.bytes


class _Chore:
    """Something to do again and again; `error` is how it failed last, if it did."""

    def __init__(self, do: Callable[[], object], every: float) -> None:
        self._do = do
        self._every = every
        self._rest = every
        self._at = 0.0
        self.error: HoldfastError | None = None

    def attempt(self) -> None:
        if time.monotonic() < self._at:
            return
        try:
            self._do()
            self.error, self._rest = None, self._every
        except HoldfastError as error:
            self.error, self._rest = error, min(2 * self._rest, LONGEST_REST)
        except OSError as error:
            self.error = Unavailable("decisions.disk", f"Decisions cannot be sealed: {error}.")
            self._rest = min(2 * self._rest, LONGEST_REST)
        self._at = time.monotonic() + self._rest


class Keeper:
    """Looks after one gateway's folder by `seal` and `deliver`, and by `adopt` after those whose processes are gone."""

    def __init__(
        self, seal: Callable[[], object], deliver: Callable[[], object], adopt: Callable[[], object], when: SealWhen
    ) -> None:
        self._seal = seal
        self._when = when
        self._waiting = _Waiting()
        self._is_left_over = True
        self._sealing = _Chore(self._seal_if_due, when.every)
        self._chores = (self._sealing, _Chore(deliver, when.every), _Chore(adopt, ADOPT_EVERY))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decisions-seal", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> HoldfastError | None:
        """What goes wrong now; None where nothing does."""
        return next((chore.error for chore in self._chores if chore.error is not None), None)

    @property
    def broken(self) -> HoldfastError | None:
        """Why nothing can be sealed, where that is so."""
        return self._sealing.error

    def note(self, payloads: Sequence[bytes]) -> None:
        """Count what was committed."""
        self._waiting.add(payloads)

    def stop(self) -> None:
        """End the thread once what it is about is done."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            for chore in self._chores:
                chore.attempt()
            if self._closing.wait(self._when.every):
                return

    def _seal_if_due(self) -> None:
        if self._is_left_over or self._waiting.is_due(self._when):
            self._is_left_over = True  # until it has worked
            self._waiting = _Waiting()
            self._seal()
            self._is_left_over = False
