"""Whether stated probabilities come true, from how often they were stated and how often the thing was so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval, Measurement
from holdfast.measures import CALIBRATION_ERROR, CALIBRATION_SLOPE

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Rows grouped by what the model states: rows, stated and observed means, each float64 (bins,)."""

    rows: Vector
    stated: Vector
    observed: Vector

    @property
    def noise(self) -> Vector:
        """Variance of the observed shares; a bin that is all alike keeps that of one row that is not (Laplace)."""
        smooth = (self.observed * self.rows + 1) / (self.rows + 2)
        return np.asarray(smooth * (1 - smooth) / self.rows)


def binned(stated: Vector, true: Vector, most: int) -> Reliability:
    """At most `most` groups of about equal size; rows with equal statements stay together."""
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, most + 1)[1:-1], method="inverted_cdf"))
    index = np.searchsorted(edges, stated, side="left")
    return _summed(index, np.ones(len(stated)), stated, true)


def rebinned(rows: Vector, stated: Vector, true: Vector, most: int) -> Reliability:
    """The same of `rows` in fine bins, in order of what is stated; `stated` and `true` are their sums, all (bins,)."""
    middle = np.cumsum(rows) - rows / 2
    index = np.floor(middle * most / max(1.0, rows.sum())).astype(np.int64)
    return _summed(np.clip(index, 0, most - 1), rows, stated, true)


def _summed(index: NDArray[np.int64], rows: Vector, stated: Vector, true: Vector) -> Reliability:
    n, said, so = (np.bincount(index, weights=values).astype(np.float64) for values in (rows, stated, true))
    full = n > 0
    return Reliability(n[full], said[full] / n[full], so[full] / n[full])


def calibration_error(bins: Reliability) -> Measurement:
    """Root of the debiased mean squared gap (Kumar, Liang and Ma 2019, §4), with the interval of its normal limit."""
    weights = bins.rows / bins.rows.sum()
    squares = (bins.observed - bins.stated) ** 2 - bins.noise
    total = float((weights * squares).sum())
    true_squares = np.maximum(squares, 0)
    variance = float((weights**2 * (2 * bins.noise**2 + 4 * bins.noise * true_squares)).sum())
    low, value, high = (np.sqrt(max(0.0, total + z * np.sqrt(variance))) for z in (-1.96, 0, 1.96))
    return CALIBRATION_ERROR.of(float(value), n=int(bins.rows.sum()), interval=Interval(float(low), float(high)))


def calibration_slope(stated: Vector, true: Vector, rows: Vector | None = None) -> Measurement | None:
    """Logistic regression of the truth on the stated log odds (Cox 1958), by Newton's method; None without a solution.

    `stated` and `true` are (n,): of single rows, or means of so many `rows`.
    """
    weights = np.ones(len(stated)) if rows is None else rows
    p = np.clip(stated, 1e-3, 1 - 1e-3)
    design = np.column_stack([np.ones(len(p)), np.log(p / (1 - p))])
    if not len(p) or np.ptp(design[:, 1]) == 0 or not 0 < weights @ true < weights.sum():
        return None
    beta = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-design @ beta))
        information = design.T @ (design * (weights * fitted * (1 - fitted))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (weights * (true - fitted)))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            half = 1.96 * float(np.sqrt(np.linalg.inv(information)[1, 1]))
            interval = Interval(float(beta[1]) - half, float(beta[1]) + half)
            return CALIBRATION_SLOPE.of(beta[1], n=int(weights.sum()), interval=interval)
    return None
