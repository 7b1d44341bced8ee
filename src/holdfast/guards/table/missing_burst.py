"""A field that suddenly has no value in many rows: a feed that broke, or somebody who hides something."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.reference import Reference
from holdfast.guards.contract import EVERY, Looked, Prepared, Rows, guard, listed

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Params:
    """`window`: rows that are looked back on; `idle_s`: seconds of silence after which looking back starts anew."""

    window: int = 200
    idle_s: float = 3600.0


@guard(
    title="Bursts of missing values",
    question="Does a field have no value far more often than in training, just now?",
    params=Params(),
    threshold=20.0,
    unit="nats",
    cost="a few operations a cell; 200 bytes a feature are kept",
    remembers=(
        "Which of the last 200 rows lacked which field, of all callers together. Each process counts its own rows: of "
        "a burst that is dealt to many processes, each sees its share, and needs as many rows to be sure."
    ),
    trial="holdfast.testing.trials.guards:missing_burst",
    catalogue=("OWASP:ML02",),
)
def run(reference: Reference, params: Params) -> Prepared:
    """For rows that lack a value: how surprising it is that so many of the last rows lack it too.

    The surprise is the Chernoff bound: if rows lack a value independently, at the rate of training, the chance of so
    many in the window is at most exp(-score). Rows that come sorted by source break that assumption: raise the
    threshold for batches, or shuffle them.
    """
    rate = (np.array(reference.missing) * reference.rows + 1) / (reference.rows + 1)
    memory = _Window(params.window, len(rate))
    names = reference.schema.names
    turn = threading.Lock()

    def look(rows: Rows) -> Looked:
        missing = np.isnan(rows.X)
        with turn:
            memory.start(rows.at, params.idle_s)
            if not memory.any and not missing.any():
                memory.skip(len(missing))
                return Looked(np.zeros(len(missing)), lambda _row: "")
            surprises = [
                memory.surprise(missing[start : start + params.window], rate)
                for start in range(0, len(missing), params.window)
            ]
        found = surprises[0] if len(surprises) == 1 else np.concatenate(surprises)
        return Looked(
            np.maximum.reduce(found, axis=1, initial=0.0),
            lambda i: f"missing far more often than in training: {listed(names, found[i] >= found[i].max())}",
        )

    return Prepared(EVERY, look)


class _Window:
    """Which of the last `size` rows lacked which field."""

    def __init__(self, size: int, fields: int) -> None:
        self._ring = np.zeros((size, fields), dtype=np.int32)
        self._counts = np.zeros(fields, dtype=np.int32)
        self._seen = 0
        self._next = 0
        self._last = -np.inf
        self.any = False

    def start(self, at: float, idle: float) -> None:
        """Begin anew where nothing was heard for too long."""
        if at - self._last > idle:
            self._ring[:] = 0
            self._counts[:] = 0
            self._seen, self._next, self.any = 0, 0, False
        self._last = at

    def skip(self, rows: int) -> None:
        """Take rows that lack nothing, where none in the window does either."""
        self._seen += rows

    def surprise(self, missing: NDArray[np.bool_], rate: Matrix) -> Matrix:
        """Take at most a window of rows, bool (n, fields): for each missing cell the surprise in nats, else 0."""
        size, n = len(self._ring), len(missing)
        places = (self._next + np.arange(n)) % size
        counts = self._counts + np.cumsum(missing - self._ring[places], axis=0)
        self._ring[places] = missing
        self._counts = counts[-1] if n else self._counts
        self.any = bool(self._counts.any())
        seen = np.minimum(self._seen + 1 + np.arange(n), size)
        self._next, self._seen = (self._next + n) % size, self._seen + n
        if not missing.any():
            return np.zeros(missing.shape)
        expected = seen[:, None] * rate
        nats = counts * np.log(np.maximum(counts, 1) / expected) - counts + expected
        return np.where(missing & (counts > expected), nats, 0.0)
