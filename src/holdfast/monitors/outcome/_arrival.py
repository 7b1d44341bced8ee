"""When labels come: how long after the decision, and from when on a batch can be judged by them.

Labels that come early are not like those that come late: who does not pay back stands out within weeks, and who does
takes years to prove it. A batch judged by what has come so far looks bad while it is young. So every batch is judged by
the labels that came within one time, the horizon, and only once all of its decisions are older than that. What is left
out then is the same for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from holdfast.monitors.contract import Rows, Seen

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

STEPS = np.array([1, 6, 24, 48, 72, 120, 168, 240, 336, 504, 672, 1080, 1440, 2160, 4320, 8760], dtype=np.float64)
"""Hours after the decision. What came within the first is in step 0, what took longer than a year in the last."""

LEAST_BATCHES = 7
"""So many batches must be old enough for a step before anything is said of it."""

_AGE = np.concatenate([[0.0], STEPS[1:]])
"""Hours that a batch must be old to be judged by the labels of a step and all before; the first one does not wait."""


def step_of(rows: Rows) -> Counts:
    """In which step the label of each row came, int64 (n,), -1 for none. One without a time came at once."""
    hours = np.nan_to_num((rows.label_at - rows.at) / 3600, nan=0.0)
    return np.where(np.isnan(rows.label), -1, np.searchsorted(STEPS, hours, side="right"))


def ages(seen: Seen) -> Vector:
    """Hours for which each batch has been over when the latest one ends, float64 (T,)."""
    begun = [datetime.fromisoformat(batch.start).replace(tzinfo=UTC).timestamp() / 3600 for batch in seen.batches]
    return np.array(begun[-1:]) - np.array(begun) if begun else np.zeros(0)


@dataclass(frozen=True, eq=False)
class Arrivals:
    """`rows` (T,) and labels that came in each step, `counts` int64 (T, steps + 1), of batches `age` (T,) hours old."""

    rows: Counts
    counts: Counts
    age: Vector

    def usual(self, seen: Seen) -> Arrivals:
        """Of the decisions that are known to be in order, or of all where those are too few; held-out data tells
        nothing of how long outcomes take.
        """
        enough = seen.ordinary - seen.past >= LEAST_BATCHES
        known = slice(seen.past, seen.ordinary if enough else None)
        return Arrivals(self.rows[known], self.counts[known], self.age[known])

    def old_enough(self, step: int) -> NDArray[np.bool_]:
        """Which batches have had the time for all labels up to a step, bool (T,)."""
        return np.asarray(self.age >= _AGE[step])

    def within(self, step: int) -> Counts:
        """Labels that came up to a step, int64 (T,)."""
        return np.asarray(self.counts[:, : step + 1].sum(axis=1))

    @property
    def run_off(self) -> Vector:
        """The share of rows labelled up to each step that can be judged yet, float64 (steps known,).

        By the growth from step to step in the batches that are old enough for both (chain ladder: Mack 1993).
        """
        shares = list[float]()
        for step in range(len(STEPS)):
            old = self.old_enough(step)
            if old.sum() < LEAST_BATCHES or not self.rows[old].sum():
                break
            here = float(self.within(step)[old].sum())
            before = float(self.within(step - 1)[old].sum()) if step else 0.0
            known = here / float(self.rows[old].sum())
            shares.append(shares[-1] * here / before if step and before else known)
        return np.asarray(np.minimum(np.array(shares), 1.0))

    def horizon(self, whole: float) -> int | None:
        """The first step by which the share `whole` of the labels that ever come has come; None where none did."""
        shares = self.run_off
        if not len(shares) or shares[-1] <= 0:
            return None
        return int(np.argmax(shares >= whole * shares[-1]))


def words(step: int) -> str:
    """How long a step is after the decision: ``6 hours``, ``28 days``."""
    hours = int(STEPS[step])
    return f"{hours} hour{'s' if hours > 1 else ''}" if hours < 24 else f"{hours // 24} day{'s' if hours > 24 else ''}"


def step_within(days: float) -> int:
    """The last step that ends within so many days, the first one at least."""
    return max(0, int(np.searchsorted(STEPS, days * 24, side="right")) - 1)
