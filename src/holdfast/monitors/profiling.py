"""Profiles made of tables: bins at the reference's own order statistics, and the counts of any table in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins, Counts

Vector = NDArray[np.float64]

MOST_BINS = 256
MOST_LABELS = 255
"""Labels of a category that have a bin of their own, the most frequent ones; all others share one."""


def number_bins(name: str, values: Vector) -> Bins:
    """Bins that hold about equally many of these values (n,); each distinct value its own where there are few.

    A value that is as frequent as a whole bin has one of its own, so that gaps between distributions of few or of
    frequent values are exact. What is below all of these values, or above them, falls into the outer bins.
    """
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return Bins(name, (0.0,))
    above = np.nextafter(ordered[-1], np.inf)
    places = np.linspace(0, len(ordered) - 1, MOST_BINS).astype(np.int64)
    cuts, times = np.unique(ordered[places], return_counts=True)
    distinct = cuts if len(places) >= len(ordered) else _distinct(ordered)
    if len(distinct) <= MOST_BINS:
        return Bins(name, (*distinct.tolist(), float(above)))
    behind = np.nextafter(cuts[times > 1], np.inf)
    return Bins(name, tuple(np.unique(np.concatenate([cuts, behind, [above]])).tolist()))


def _distinct(ordered: Vector) -> Vector:
    """The distinct values of sorted ones, or too many to have a bin each."""
    is_new = ordered[1:] != ordered[:-1]
    return ordered[:1] if not is_new.any() else np.concatenate([ordered[:1], ordered[1:][is_new]])


def number_counts(bins: Bins, values: Vector) -> Counts:
    """How these values (n,) lie in a number's bins; NaN counts as missing.

    Sorting them and looking the edges up is several times faster than looking up each value among the edges.
    """
    ordered = np.sort(values)  # NaN last
    known = len(ordered) - int(np.count_nonzero(np.isnan(values)))
    starts = np.concatenate([[0], np.searchsorted(ordered[:known], np.array(bins.edges), side="left")])
    cells = np.diff(starts, append=known)
    infinite = int(np.count_nonzero(np.isinf(values)))
    finite = np.where(np.isinf(ordered), 0.0, ordered) if infinite else ordered
    sums, has = np.zeros(bins.count), cells > 0
    with np.errstate(over="ignore"):
        sums[has] = np.nan_to_num(np.add.reduceat(finite[:known], starts[has])) if known else 0.0
    return Counts(tuple(cells.tolist()), tuple(sums.tolist()), len(values) - known, infinite)


def label_bins(name: str, seen: Mapping[str, int]) -> Bins:
    """A bin for each of the labels that are seen most often."""
    ordered = sorted(seen, key=lambda label: (-seen[label], label))
    return Bins(name, labels=tuple(ordered[:MOST_LABELS]))


def label_counts(bins: Bins, seen: Mapping[str, int], missing: int) -> Counts:
    """How labels, by how often each is seen, lie in a category's bins."""
    own = [seen.get(label, 0) for label in bins.labels or ()]
    return Counts((*own, sum(seen.values()) - sum(own)), missing=missing)


def quantile(bins: Bins, counts: Counts, q: float) -> float:
    """About the q-quantile of a number, as if its values were evenly spread within a bin."""
    places, function = _function(bins, counts)
    return float(np.interp(q, function, places))


def shares(bins: Bins, counts: Counts, grid: Vector) -> Vector:
    """About the share of a number's values between the points of a grid, (len(grid) - 1,)."""
    places, function = _function(bins, counts)
    return np.diff(np.interp(grid, places, function))


def _function(bins: Bins, counts: Counts) -> tuple[Vector, Vector]:
    """Where the distribution function is known, and its values there; outer bins reach as far as their means tell."""
    edges = np.array(bins.edges)
    cells, sums = np.array(counts.cells, dtype=np.float64), np.array(counts.sums)
    low = edges[0] - 2 * max(0.0, edges[0] - sums[0] / cells[0]) if cells[0] else edges[0]
    high = edges[-1] + 2 * max(0.0, sums[-1] / cells[-1] - edges[-1]) if cells[-1] else edges[-1]
    return np.concatenate([[low], edges, [high]]), np.concatenate([[0.0], np.cumsum(cells) / cells.sum()])
