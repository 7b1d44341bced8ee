"""How far a change moves somebody among the other people in the table.

Distances in min-max units say little where one outlier stretches the range. The percentile shift of a change (Ustun,
Spangher and Liu 2019, arXiv 1809.06514 §2.2) is the share of people whom the new value passes, summed over features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet

Matrix = NDArray[np.float64]


class PercentileShift:
    """Total percentile shift over the free columns, against the `people` (k, features) of a table.

    A changed category, one-hot group, or value gone missing or filled in counts 1; derived columns count nothing.
    """

    def __init__(self, constraints: ConstraintSet, people: Matrix) -> None:
        self._constraints = constraints
        self._sorted = [np.sort(column[np.isfinite(column)]) for column in people.T]
        grouped = [int(j) for group in constraints.groups for j in group]
        self._whole = constraints.category | np.isin(np.arange(people.shape[1]), grouped)
        self._counted = np.flatnonzero(constraints.free)

    def __call__(self, rows: Matrix, originals: Matrix) -> NDArray[np.float64]:
        """Total shift of each row, (n,), 0 for no change; 0.02 passes 2 % of people."""
        steps = self._constraints.steps(rows, originals)
        for j in self._counted:
            if not self._whole[j] and (moved := steps[:, j] > 0).any():
                moved &= np.isfinite(rows[:, j]) & np.isfinite(originals[:, j])
                after, before = self._percentiles(np.stack([rows[moved, j], originals[moved, j]]), int(j))
                steps[moved, j] = np.abs(after - before)
        return np.asarray(steps[:, self._counted].sum(axis=1))

    def _percentiles(self, values: NDArray[np.float64], column: int) -> NDArray[np.float64]:
        """Mid-ranks in [0, 1]: the share below plus half the share equal."""
        others = self._sorted[column]
        below, upto = np.searchsorted(others, values, "left"), np.searchsorted(others, values, "right")
        return np.asarray((below + upto) / (2 * max(1, len(others))))
