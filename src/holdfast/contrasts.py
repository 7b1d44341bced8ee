"""Each group against the best one, or against everyone else, with intervals that hold for all groups at once.

The best group is not known beforehand, and the largest of several noisy rates is too large. So every pair of groups
gets an interval, at Tukey's level for all pairs together, and what is said of "the best" is what holds against each of
them. Such an interval always holds its own point. All of it works on counts and sums, whatever the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval

Array = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Estimates:
    """Point values with simultaneous lower and upper ends, float64 (groups,)."""

    value: Array
    low: Array
    high: Array

    def interval(self, group: int) -> Interval:
        """The interval of one group."""
        return Interval(float(self.low[group]), float(self.high[group]), LEVEL)


@cache
def critical_value(groups: int, families: int = 1) -> float:
    """Standard errors that cover all pairs of `groups` at 95 % (Tukey 1953; unequal sizes: Hayter 1984).

    The error is shared out equally (Bonferroni) over `families` such comparisons.
    """
    from scipy.optimize import brentq

    most = 1 - (1 - LEVEL) / families
    found = brentq(lambda q: _range_within(q, max(groups, 2)) - most, 0.0, 40.0, xtol=1e-10)
    return float(found / np.sqrt(2))


def _range_within(q: float, groups: int) -> float:
    """The chance that the largest and the smallest of so many standard normal values are at most `q` apart.

    The trapezoidal rule is exact to 12 digits for such a function, and a hundred times as fast as scipy's
    `studentized_range` with infinitely many degrees of freedom.
    """
    from scipy.special import ndtr

    z = np.linspace(-9, 9, 361)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return float(groups * (density * (ndtr(z) - ndtr(z - q)) ** (groups - 1)).sum() * (z[1] - z[0]))


def shares(hits: Array, rows: Array, z: float) -> Estimates:
    """Shares with Wilson's (1927) score interval at `z` standard errors; `rows` must be positive."""
    p = hits / rows
    centre = (p + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(p * (1 - p) / rows + z * z / (4 * rows * rows))
    return Estimates(p, np.clip(centre - half, 0, p), np.clip(centre + half, p, 1))


def ratio_to_best(rates: Estimates) -> Estimates:
    """Each rate over the highest one, in [0, 1]; the highest rate must be above 0.

    Pairs by the method of variance estimates recovery (Donner and Zou 2012, eq. 10), which also holds for a rate of 0.
    """
    p, low, high = rates.value, rates.low, rates.high
    below, above = p**2 - (p - low) ** 2, p**2 - (high - p) ** 2
    product = np.outer(p, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = below[:, None] / (product + np.sqrt(np.maximum(product**2 - np.outer(below, above), 0)))
        upper = (product + np.sqrt(np.maximum(product**2 - np.outer(above, below), 0))) / below[None, :]
    lower, upper = np.nan_to_num(lower, nan=0.0), np.nan_to_num(upper, nan=np.inf)
    np.fill_diagonal(lower, 1)
    np.fill_diagonal(upper, 1)
    value = p / p.max()
    return Estimates(value, np.minimum(lower.min(axis=1), value), np.maximum(upper.min(axis=1), value))


def shortfall_from_best(rates: Estimates) -> Estimates:
    """The highest rate minus each rate, 0 or more. Pairs by Newcombe's (1998, method 10) square-and-add interval."""
    p, low, high = rates.value, rates.low, rates.high
    gap = p[None, :] - p[:, None]
    lower = gap - np.hypot((p - low)[None, :], (high - p)[:, None])
    upper = gap + np.hypot((high - p)[None, :], (p - low)[:, None])
    np.fill_diagonal(lower, 0)
    np.fill_diagonal(upper, 0)
    return Estimates(p.max() - p, lower.max(axis=1), upper.max(axis=1))


def against_everyone_else(rows: Array, sums: Array, squares: Array, families: int = 1) -> Estimates:
    """Each group's mean minus the mean of all other groups (Welch 1947, normal quantile, Bonferroni over groups).

    `rows`, `sums` and `squares` are counts, sums and sums of squares by group, float64 (groups,), two groups or more.
    """
    from scipy.stats import norm

    comparisons = families * (len(rows) if len(rows) > 2 else 1)
    z = float(norm.ppf(1 - (1 - LEVEL) / 2 / comparisons))
    others = tuple(total.sum() - total for total in (rows, sums, squares))
    mean, error = _mean_and_variance(rows, sums, squares)
    other_mean, other_error = _mean_and_variance(*others)
    half = z * np.sqrt(error + other_error)
    value = mean - other_mean
    return Estimates(value, value - half, value + half)


def _mean_and_variance(rows: Array, sums: Array, squares: Array) -> tuple[Array, Array]:
    """Means and the variances of those means."""
    mean = sums / rows
    return mean, np.maximum(squares / rows - mean**2, 0) / np.maximum(rows - 1, 1)
