"""The changes that somebody can make to rows, as offsets in min-max units and as choices to undo."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.search.goal import Mask, Matrix, Vector

WIDE = 64
"""Columns from which work that grows with all of them is replaced by work on those that seem to matter."""


class Space:
    """Rows of `width` columns under constraints.

    `units` are the separate choices: a free column, or a one-hot group. `smooth` (features,) marks the columns that can
    be moved gradually.
    """

    def __init__(self, constraints: ConstraintSet) -> None:
        self.constraints = constraints
        self.width = len(constraints.free)
        self.units = constraints.units()
        self._unit_of = np.full(self.width, len(self.units))
        for k, unit in enumerate(self.units):
            self._unit_of[unit] = k
        self._members = np.concatenate(self.units)
        self._first = np.cumsum([0, *(len(unit) for unit in self.units[:-1])])
        alone = np.isin(np.arange(self.width), [unit[0] for unit in self.units if len(unit) == 1])
        self.smooth: Mask = alone & ~constraints.category

    def offsets(self, rows: Matrix, originals: Matrix) -> Matrix:
        """Signed change in min-max units; 0 in columns that cannot be moved gradually."""
        return np.where(self.smooth, np.nan_to_num((rows - originals) / self.constraints.scale), 0.0)

    def moved(self, rows: Matrix, originals: Matrix, offset: Matrix) -> Matrix:
        """The rows with their gradual columns at these offsets from the originals."""
        movable = self.smooth & np.isfinite(rows) & np.isfinite(originals)
        return np.where(movable, originals + offset * self.constraints.scale, rows)

    def towards(self, rows: Matrix, originals: Matrix, columns: Mask, share: Vector) -> Matrix:
        """The rows with some columns (n, features) kept to a share (n,) of their change only."""
        back = self.constraints.interpolate(originals, rows, share)
        return np.asarray(np.where(columns, back, rows))

    def columns(self, units: Mask) -> Mask:
        """(n, units) → (n, features); columns of no unit (derived, immutable) are never chosen."""
        return np.column_stack([units, np.zeros(len(units), dtype=bool)])[:, self._unit_of]

    def changed(self, rows: Matrix, originals: Matrix) -> Mask:
        """Which units differ from the original, (n, units)."""
        return self.by_unit(~((rows == originals) | (np.isnan(rows) & np.isnan(originals))))

    def by_unit(self, cells: NDArray[Any]) -> NDArray[Any]:
        """The largest cell of each unit, (n, features) → (n, units)."""
        return np.maximum.reduceat(cells[:, self._members], self._first, axis=1)


def unit_length(vectors: Matrix) -> Matrix:
    """Each row of (n, features) over its L2 norm; zero rows stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
