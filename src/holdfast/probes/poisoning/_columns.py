"""The ways in which a feature is read when cells of values are looked for: exact values, and quantile bins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]

QUANTILE_BINS = 8


@dataclass(frozen=True, eq=False)
class Column:
    """One way to read a feature: exact values, or quantile bins.

    `marks` are the sorted values (infinite for a missing one), or the edges between bins. `code` int64 (n,) is 0 where
    the row has no usable value here, and runs below `width`.
    """

    feature: int
    exact: bool
    marks: Matrix
    code: Codes

    @classmethod
    def read(cls, feature: int, exact: bool, marks: Matrix, X: Matrix) -> Column:
        """The column as it reads rows `X` (n, features)."""
        # A missing value is a value like any other: it can be a trigger.
        value = np.where(np.isnan(X[:, feature]), np.inf, X[:, feature])
        if exact:
            place = np.minimum(np.searchsorted(marks, value), len(marks) - 1)
            return cls(feature, exact, marks, np.where(marks[place] == value, place + 1, 0))
        bins = np.searchsorted(marks, value, side="right") + 1
        return cls(feature, exact, marks, np.where(np.isfinite(value), bins, 0))

    @cached_property
    def count(self) -> Codes:
        """Rows that have each code, int64 (width,)."""
        return np.bincount(self.code, minlength=self.width)

    @property
    def width(self) -> int:
        """Codes run below this."""
        return len(self.marks) + (1 if self.exact else 2)


def columns_of(X: Matrix, schema: Schema, least: int) -> list[Column]:
    """Every feature as exact values that at least `least` rows share, and numbers as quantile bins too."""
    found = []
    for j, feature in enumerate(schema.features):
        value = np.where(np.isnan(X[:, j]), np.inf, X[:, j])
        distinct, count = np.unique(value, return_counts=True)
        kept = count >= least
        if kept.any() and len(distinct) > 1:
            found.append(Column.read(j, True, distinct[kept], X))
        if feature.kind is not Kind.CATEGORY and len(distinct) > 2 * QUANTILE_BINS:
            edges = np.unique(np.quantile(value[np.isfinite(value)], np.arange(1, QUANTILE_BINS) / QUANTILE_BINS))
            found.append(Column.read(j, False, edges, X))
    return found
