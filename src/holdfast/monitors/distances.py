"""How far two distributions lie apart, from their counts in the same bins.

Sources: the two-sample Kolmogorov-Smirnov and chi-square tests; Endres and Schindelin 2003, "A new metric for
probability distributions" (Jensen-Shannon distance); Siddiqi 2006, "Credit risk scorecards" (population stability
index); Vallender 1974, "Calculation of the Wasserstein distance between probability distributions on the line".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.drift import Difference
from holdfast.domain.profile import Bins, Counts
from holdfast.statistics import difference

Vector = NDArray[np.float64]

TENTHS = 10
LEAST_EXPECTED = 5.0
"""Rows that a cell of a chi-square test is to expect; cells with fewer are put together (Cochran 1954)."""

_KS_MEAN = sqrt(pi / 2) * log(2)
"""The mean of Kolmogorov's distribution."""


def number_difference(bins: Bins, reference: Counts, current: Counts, level: float) -> Difference:
    """Of two samples of a number, each with a value at least; `level` is that of one test among several."""
    from scipy.special import kolmogi, kolmogorov

    r, c = _cells(reference), _cells(current)
    p, q = r / r.sum(), c / c.sum()
    gaps = np.cumsum(p - q)[:-1]
    distance = float(np.abs(gaps).max()) if len(gaps) else 0.0
    rows = sqrt(_together(r, c))
    coarse_r, coarse_c = _coarse(r, c)
    moved = None if reference.infinite or current.infinite else _wasserstein(bins, reference, current)
    spread = _spread(reference)
    return Difference(
        distance=distance,
        by_chance=_KS_MEAN / rows,
        p_value=float(kolmogorov(distance * rows)),
        detectable=float(kolmogi(level)) / rows,
        psi=psi(coarse_r, coarse_c),
        jensen_shannon=jensen_shannon(coarse_r, coarse_c),
        wasserstein=moved,
        in_sd=moved / spread if moved is not None and spread > 0 else None,
    )


def label_difference(reference: Counts, current: Counts, level: float) -> Difference:
    """Of two samples of a category, each with a value at least; `level` is that of one test among several."""
    from scipy.special import chdtrc, chdtri

    r, c = _cells(reference), _cells(current)
    seen = (r + c) > 0
    r, c = r[seen], c[seen]
    p, q = r / r.sum(), c / c.sum()
    rows = _together(r, c)
    share = (r + c) / (r + c).sum()
    statistic, freedom = chi_square(r, c)
    return Difference(
        distance=float(np.abs(p - q).sum() / 2),
        by_chance=float(np.sqrt(2 / pi * share * (1 - share) / rows).sum() / 2),
        p_value=float(chdtrc(freedom, statistic)) if freedom else 1.0,
        detectable=sqrt(float(chdtri(freedom, level)) / (4 * rows)) if freedom else 0.0,
        psi=psi(r, c),
        jensen_shannon=jensen_shannon(r, c),
    )


def missing_p_value(reference: Counts, current: Counts) -> float:
    """How often two samples whose values are missing equally often differ by as much."""
    from scipy.special import chdtrc

    statistic, freedom = chi_square(*_held(reference, current), correct=True)
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def _held(reference: Counts, current: Counts) -> tuple[Vector, Vector]:
    both = (reference, current)
    first, second = (np.array([one.missing, one.known], dtype=np.float64) for one in both)
    return first, second


def chi_square(reference: Vector, current: Vector, *, correct: bool = False) -> tuple[float, int]:
    """The two-sample statistic and its degrees of freedom; `correct` is Yates's continuity, for two cells.

    Both samples vary: a reference that is taken for exact accuses columns that did not change.
    """
    r, c = _pooled(reference, current)
    if len(r) < 2:
        return 0.0, 0
    total = r.sum() + c.sum()
    share = (r + c) / total
    statistic = 0.0
    for found in (r, c):
        expected = found.sum() * share
        off = np.abs(found - expected)
        off = np.maximum(off - 0.5, 0.0) if correct and len(r) == 2 else off
        statistic += float((off**2 / expected).sum())
    return statistic, len(r) - 1


def _pooled(reference: Vector, current: Vector) -> tuple[Vector, Vector]:
    """With the cells put together that expect too few rows in the smaller sample."""
    both = reference + current
    expected = both / both.sum() * min(reference.sum(), current.sum())
    order = np.argsort(expected, kind="stable")
    together = np.cumsum(expected[order])
    pooled = int((expected < LEAST_EXPECTED).sum())
    while 0 < pooled < len(order) and together[pooled - 1] < LEAST_EXPECTED:
        pooled += 1
    few, rest = order[:pooled], order[pooled:]
    if not pooled:
        return reference, current
    return np.append(reference[rest], reference[few].sum()), np.append(current[rest], current[few].sum())


def psi(reference: Vector, current: Vector) -> float:
    """Population stability index, in nats. Where a cell is empty on one side, each cell gets half a row more."""
    p, q = _shares(reference, current)
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon(reference: Vector, current: Vector) -> float:
    """The square root of the Jensen-Shannon divergence in bits, between 0 and 1."""
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0).sum() / 2 for one in (p, q)]
    return sqrt(max(0.0, float(sum(parts))))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that each can be held to the level of all (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = worst
    return adjusted


def missing_interval(reference: Counts, current: Counts) -> tuple[float, float]:
    """Ends of the 95 % interval of the current share of missing values less the reference's."""
    rows = [one.known + one.missing for one in (current, reference)]
    span = difference(current.missing, rows[0], reference.missing, rows[1])
    return span.low, span.high


def _cells(counts: Counts) -> Vector:
    return np.array(counts.cells, dtype=np.float64)


def _together(r: Vector, c: Vector) -> float:
    """Rows of one sample that would vary as much as the difference of both."""
    return float(r.sum() * c.sum() / (r.sum() + c.sum()))


def _shares(reference: Vector, current: Vector) -> tuple[Vector, Vector]:
    if (reference == 0).any() or (current == 0).any():
        seen = (reference + current) > 0
        reference, current = reference[seen] + 0.5, current[seen] + 0.5
    return reference / reference.sum(), current / current.sum()


def _coarse(reference: Vector, current: Vector) -> tuple[Vector, Vector]:
    """Both in at most ten groups of neighbouring bins, with about equally many reference rows each."""
    before = np.concatenate([[0.0], np.cumsum(reference)[:-1]])
    group = np.minimum((TENTHS * before / reference.sum()).astype(np.int64), TENTHS - 1)
    first = np.unique(group, return_index=True)[1]
    return np.add.reduceat(reference, first), np.add.reduceat(current, first)


def _wasserstein(bins: Bins, reference: Counts, current: Counts) -> float:
    """The area between both distribution functions; where they cross within a bin, a little less."""
    p, q = _cells(reference), _cells(current)
    gap = np.cumsum(p / p.sum() - q / q.sum())
    edges = np.array(bins.edges)
    moved = np.array(reference.sums) / p.sum() - np.array(current.sums) / q.sum()
    right = np.append(edges * gap[:-1], 0.0)
    left = np.concatenate([[0.0], edges * gap[:-1]])
    return float(np.abs(right - left - moved).sum())


def _spread(reference: Counts) -> float:
    """The standard deviation of the reference's values, each taken for the mean of its bin."""
    cells = _cells(reference)
    has = cells > 0
    means = np.array(reference.sums)[has] / cells[has]
    share = cells[has] / cells.sum()
    centre = float((share * means).sum())
    return sqrt(float((share * (means - centre) ** 2).sum()))
