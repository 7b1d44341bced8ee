"""What comes again: batches of the same day of the week, or hour of the day, resemble each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.watch import Span

Places = NDArray[np.int64]
Matrix = NDArray[np.float64]

WEEK, DAY = 7, 24
WEEKEND = 5
"""The first day of the weekend, counted from Monday as 0."""

WHOLE = 4
"""How many periods a reference must have, so that each phase was seen a few times."""


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """In which phase each of T batches is, int64 (T,): the day of the week, for example.

    After `period` batches all of them have come round. A day has `day` batches, which share what is odd about that day.
    """

    phases: Places
    period: int
    day: int = 1

    def __len__(self) -> int:
        return len(self.phases)

    @property
    def fewest(self) -> int:
        """Batches of a reference, at least."""
        return WHOLE * self.period

    def take(self, which: NDArray[np.int64] | slice) -> Season:
        """The season of some of the batches."""
        return Season(self.phases[which], self.period, self.day)

    def columns(self, ordinary: int) -> Matrix:
        """A column for each phase of the first `ordinary` batches; one that comes later is taken for their mean."""
        which = np.unique(self.phases[:ordinary])
        columns: Matrix = (self.phases[:, None] == which).astype(np.float64)
        columns[~columns.any(axis=1)] = 1 / len(which)
        return columns


def daily(days: Places) -> Season:
    """Of batches of a day: the day of the week. `days` (T,) are counted from any Monday."""
    return Season(days % WEEK, WEEK)


def hourly(hours: Places) -> Season:
    """Of batches of an hour: the hour of a working day or of the weekend. `hours` (T,) are counted from any Monday."""
    weekend = hours // DAY % WEEK >= WEEKEND
    return Season(hours % DAY + DAY * weekend, DAY * WEEK, DAY)


def season(starts: Sequence[str], span: Span) -> Season:
    """Of batches by their `start`, as they have it: ``2026-11-28``, or ``2026-11-28T13``, in UTC."""
    seconds = [datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() for start in starts]
    hours = np.array(seconds, dtype=np.float64) // 3600 + 3 * DAY  # 1 January 1970 was a Thursday
    return hourly(hours.astype(np.int64)) if span is Span.HOUR else daily((hours // DAY).astype(np.int64))
