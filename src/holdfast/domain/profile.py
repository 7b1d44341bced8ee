"""Profiles: how the columns of a table are spread, as counts that add up. Edges, labels and counts, never a row."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import isnan

Numbers = tuple[float, ...]

_MOST = sys.float_info.max


def bounded(total: float) -> float:
    """A sum that ran out of what a float can hold, as the largest one; 0 where it ran out both ways. Sums are written
    down, and JSON has no infinity.
    """
    return 0.0 if isnan(total) else min(max(total, -_MOST), _MOST)


@dataclass(frozen=True, slots=True)
class Bins:
    """How the values of the column `name` are told apart.

    Of a number, bin 0 holds what is below ``edges[0]``, bin k what is at least ``edges[k - 1]`` and below
    ``edges[k]``. Of a category, whose `labels` are not None, bin k holds ``labels[k]`` and the last bin all others.
    """

    name: str
    edges: Numbers = ()
    labels: tuple[str, ...] | None = None

    @property
    def is_number(self) -> bool:
        """Whether the values lie in an order."""
        return self.labels is None

    @property
    def count(self) -> int:
        """How many bins there are."""
        return 1 + (len(self.edges) if self.labels is None else len(self.labels))


@dataclass(frozen=True, slots=True)
class Counts:
    """What one column held: values by bin, and the `missing` (null or NaN), which are in none.

    `sums` are those of a number's finite values by bin; the `infinite` are counted in the outer bins, and in no sum.
    """

    cells: tuple[int, ...]
    sums: Numbers = ()
    missing: int = 0
    infinite: int = 0

    @property
    def known(self) -> int:
        """How many values there are."""
        return sum(self.cells)

    @property
    def missing_share(self) -> float:
        """The share of rows without a value; 0 of no rows."""
        return self.missing / max(1, self.known + self.missing)

    def __add__(self, other: Counts) -> Counts:
        """Of both together; they have the same bins."""
        cells = tuple(a + b for a, b in zip(self.cells, other.cells, strict=True))
        sums = tuple(bounded(a + b) for a, b in zip(self.sums, other.sums, strict=True))
        return Counts(cells, sums, self.missing + other.missing, self.infinite + other.infinite)


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of `rows` rows of the table with digest `data`, each with its bins and counts."""

    rows: int
    bins: tuple[Bins, ...]
    counts: tuple[Counts, ...]
    data: str = ""
    format: str = "holdfast-profile/1"

    def __add__(self, other: Profile) -> Profile:
        """Of both tables together; ValueError where they do not have the same bins."""
        if self.bins != other.bins:
            raise ValueError("profiles add up over the same bins")
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Profile(self.rows + other.rows, self.bins, counts, self.data)


@dataclass(frozen=True, slots=True)
class Cross:
    """How many rows fall into each combination of bins of several columns.

    A cell is its place in the bins of each column `by`, then how many rows it has; a missing value's place is the
    column's `count`. Cells without rows are left out, the others are in order.
    """

    by: tuple[Bins, ...]
    cells: tuple[tuple[int, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, by name."""
        return tuple(bins.name for bins in self.by)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(cell[-1] for cell in self.cells)

    def __add__(self, other: Cross) -> Cross:
        """Of both together; ValueError where they do not have the same bins."""
        if self.by != other.by:
            raise ValueError("cross tables add up over the same bins")
        counts = {cell[:-1]: cell[-1] for cell in self.cells}
        for *place, count in other.cells:
            counts[tuple(place)] = counts.get(tuple(place), 0) + count
        return Cross(self.by, tuple((*place, counts[place]) for place in sorted(counts)))
