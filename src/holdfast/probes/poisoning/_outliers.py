"""Values further from what the other columns say than the rest of the values, heavy tails included, explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval
from holdfast.statistics import clopper_pearson, quantile_interval

Vector = NDArray[np.float64]

LEVELS = 20
ROWS_A_LEVEL = 50
EXPECTED = 0.5
FREEDOM = np.geomspace(1.0, 200.0, 60)


@dataclass(frozen=True, eq=False)
class Outliers:
    """`rows` int64: those beyond the tail, the furthest first; `above` of them too high. `distance` (n,) is each row's
    residual in typical residuals of rows alike; `share` is their excess over the tail's own, with its interval.
    """

    rows: NDArray[np.int64]
    above: int
    distance: Vector
    share: float
    interval: Interval


def outliers(value: Vector, predicted: Vector) -> Outliers:
    """Values beyond the point where the tail that the middle implies would hold half a row on each side.

    The tail is Student's, its degrees of freedom fitted on each side to the ratio of the 90 % to the 50 % quantile of
    the residuals there (taken at the upper end of its interval), so that skewed and heavy tails widen it. Residuals are
    scaled by the median size of those of rows with a like prediction.
    """
    distance = (value - predicted) / _typical(np.abs(value - predicted), predicted)
    beyond = np.zeros(len(value), dtype=bool)
    for side in (distance > 0, distance < 0):
        if side.sum() >= ROWS_A_LEVEL:
            beyond |= side & (np.abs(distance) > _end_of_tail(np.abs(distance[side])))
    n, found = len(value), int(beyond.sum())
    bounds = clopper_pearson(found, n)
    rows = np.flatnonzero(beyond)
    rows = rows[np.argsort(-np.abs(distance[rows]), kind="stable")]
    share = max(0.0, found - 2 * EXPECTED) / n
    interval = Interval(min(share, max(0.0, bounds.low - 2 * EXPECTED / n)), max(share, bounds.high))
    return Outliers(rows, int((distance[rows] > 0).sum()), distance, share, interval)


def _typical(size: Vector, predicted: Vector) -> Vector:
    """Median residual size among rows with a like prediction, (n,); never 0."""
    n = len(size)
    levels = max(1, min(LEVELS, n // ROWS_A_LEVEL))
    level = np.empty(n, np.int64)
    level[np.argsort(predicted, kind="stable")] = np.arange(n) * levels // n
    middle = np.array([np.median(size[level == i]) for i in range(levels)])
    least = max(float(np.median(size)) / 10, 1e-12)
    return np.asarray(np.maximum(middle, least)[level])


def _end_of_tail(size: Vector) -> float:
    from scipy.stats import t

    half = float(np.median(size))
    ratio = quantile_interval(size, 0.9).high / max(half, 1e-12)
    # |T| has its median at T's 75 % point and its 90 % point at T's 95 % point.
    heavier = t.ppf(0.95, FREEDOM) / t.ppf(0.75, FREEDOM) >= ratio
    freedom = float(FREEDOM[heavier].max(initial=1.0))
    return half * float(t.isf(EXPECTED / len(size) / 2, freedom) / t.ppf(0.75, freedom))
