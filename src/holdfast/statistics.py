"""Intervals for measured shares, means and quantiles. Every probe and monitor takes them from here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.domain.measure import Interval


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Exact binomial interval of a share (Clopper and Pearson 1934); [0, 1] for n = 0."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return Interval(low, high, level)


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """Score interval of a share (Wilson 1927); [0, 1] for n = 0."""
    from scipy.special import ndtri

    if n == 0:
        return Interval(0.0, 1.0, level)
    z = float(ndtri((1 + level) / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, float(centre - half)), min(1.0, float(centre + half)), level)


def difference(first: int, n_first: int, second: int, n_second: int, level: float = 0.95) -> Interval:
    """Interval of the first share less the second, of independent samples (Newcombe 1998, method 10)."""
    p, q = first / max(n_first, 1), second / max(n_second, 1)
    one, two = wilson(first, n_first, level), wilson(second, n_second, level)
    low = p - q - float(np.hypot(p - one.low, two.high - q))
    high = p - q + float(np.hypot(one.high - p, q - two.low))
    return Interval(max(low, -1.0), min(high, 1.0), level)


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    n: int,
    rng: np.random.Generator,
    *,
    draws: int = 200,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap (Efron 1979) of `statistic`, which takes an index array of shape (n,) into the sample.

    Draws on which the statistic is not finite are left out; ValueError if none remains. The interval always holds the
    estimate on the whole sample.
    """
    whole = float(statistic(np.arange(n)))
    values = np.array([statistic(rng.integers(0, n, n)) for _ in range(draws)], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError("the statistic is not finite on any resample")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(min(float(low), whole), max(float(high), whole), level)


def quantile_interval(values: ArrayLike, q: float, level: float = 0.95) -> Interval:
    """Distribution-free interval of the `q` quantile from order statistics (David and Nagaraja 2003, §7.1)."""
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n == 0:
        raise ValueError("a quantile needs at least one value")
    low = int(np.clip(binom.ppf((1 - level) / 2, n, q) - 1, 0, n - 1))
    high = int(np.clip(binom.ppf((1 + level) / 2, n, q), 0, n - 1))
    return Interval(float(ordered[low]), float(ordered[high]), level)


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval of a mean (Student 1908); ValueError for fewer than two values."""
    from scipy.stats import t

    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        raise ValueError("the interval of a mean needs at least two values")
    centre = float(sample.mean())
    half = float(t.ppf((1 + level) / 2, len(sample) - 1) * sample.std(ddof=1) / np.sqrt(len(sample)))
    return Interval(centre - half, centre + half, level)


def share_interval(estimate: float, variance: float, most: float, level: float = 0.95) -> Interval:
    """Wilson's interval of anything between 0 and 1, on the binomial sample that would have the same `variance`.

    At most `most` rows are counted, so that an estimate of 0 or 1, whose variance is 0, keeps a width; it must be
    finite where the variance is 0.
    """
    spread = estimate * (1 - estimate)
    rows = min(most, spread / variance) if variance > 0 and spread > 0 else most
    whole = max(1, round(rows))
    return wilson(estimate * whole, whole, level)


def auc(scores: ArrayLike, positive: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    """Area under the ROC curve and each row's influence on it, float64 (n,); both classes must be present.

    `scores` (n,) are high for the rows where `positive` (n,) is True; ties count half. The influences' mean square
    divided by n is the variance of DeLong, DeLong and Clarke-Pearson (1988), by ranks as Sun and Xu (2014) have it.
    """
    from scipy.stats import rankdata

    values, is_positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    pos, neg = int(is_positive.sum()), int((~is_positive).sum())
    ranks = rankdata(values)
    above = np.empty(len(values))
    above[is_positive] = (ranks[is_positive] - rankdata(values[is_positive])) / neg
    above[~is_positive] = 1 - (ranks[~is_positive] - rankdata(values[~is_positive])) / pos
    area = float(above[is_positive].mean())
    weight = np.where(is_positive, len(values) / pos, len(values) / neg)
    return area, (above - area) * weight


def auc_interval(area: float, influence: NDArray[np.float64], positives: int, level: float = 0.95) -> Interval:
    """Interval of an `auc` that rests on `positives` positive rows among len(influence)."""
    n = len(influence)
    most = 4 * positives * (n - positives) / n
    return share_interval(area, float(np.mean(influence**2) / n), most, level)


def auc_of_counts(positive: ArrayLike, negative: ArrayLike) -> tuple[float, float, float]:
    """Area under the ROC curve of rows that are known by bins alone, its variance, and what the bins may hide of it.

    `positive` and `negative` (bins,) are counts in order of the score, both with a row at least. Rows of one bin count
    as ties, as in `auc`; were all of them in order, or none, the area would be larger or smaller by the third figure.
    """
    pos, neg = np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)
    P, N = pos.sum(), neg.sum()
    above = (np.cumsum(neg) - neg / 2) / N  # of a positive row: the share of negative ones below it
    below = 1 - (np.cumsum(pos) - pos / 2) / P
    area = float(pos @ above / P)
    variance = float((pos @ (above - area) ** 2 / P) / P + (neg @ (below - area) ** 2 / N) / N)
    return area, variance, float(pos @ neg / (2 * P * N))


def balanced(hits: ArrayLike, rows: ArrayLike) -> tuple[float, Interval]:
    """The mean of shares that are each as important, such as recalls by class, and its interval.

    `hits` and `rows` are counts by class (classes,), with a row at least in each.
    """
    right, n = np.asarray(hits, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    value = float((right / n).mean())
    smooth = (right + 1) / (n + 2)  # Laplace: a class that is always right is not surely so
    variance = float((smooth * (1 - smooth) / n).sum() / len(n) ** 2)
    most = float(n.min() * len(n)) if value in (0, 1) else np.inf
    return value, share_interval(value, variance, most)


def interval_of_sums(n: float, total: float, squares: float, level: float = 0.95) -> Interval:
    """Student's interval of a mean (Student 1908) from sums; ValueError for fewer than two values."""
    from scipy.stats import t

    if n < 2:
        raise ValueError("the interval of a mean needs at least two values")
    centre = float(total / n)
    spread = max(0.0, float(squares - total * centre)) / (n - 1)
    half = float(t.ppf((1 + level) / 2, n - 1) * np.sqrt(spread / n))
    return Interval(centre - half, centre + half, level)


def confidence_sequence(values: ArrayLike, level: float = 0.95, tuned: int = 100) -> Interval:
    """Interval of the mean of values that come one by one, that holds at every look and not only at this one.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024 ("Time-uniform central
    limit theory", theorem 2.2), narrowest around `tuned` values; where the mean itself moves it is of the mean so far.
    ValueError for fewer than two values. A sequence by bets (Waudby-Smith and Ramdas 2024) needs no limit, but bounds.
    Those of a difference of rates are -1 and 1: of gaps that differ by 0.05 from day to day it is four times as wide
    after 56 days, and twice after 200.
    """
    x = np.asarray(values, dtype=np.float64)
    t = len(x)
    if t < 2:
        raise ValueError("a confidence sequence needs at least two values")
    alpha = 1 - level
    rho = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1) / tuned
    half = float(x.std(ddof=1) * np.sqrt(2 * (t * rho + 1) / (t**2 * rho) * np.log(np.sqrt(t * rho + 1) / alpha)))
    return Interval(float(x.mean()) - half, float(x.mean()) + half, level)
