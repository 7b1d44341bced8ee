"""Which of many watched streams alarm, so that few of those named are false ones.

One stream that alarms wrongly once in a hundred lives is rare; one of three hundred is not. The e-BH procedure asks
more of a single stream the more there are, and less the more of them changed. Whenever somebody looks, at most that
share of the streams named is named wrongly, on average, however the streams depend on each other.

Source: Wang and Ramdas 2022, "False discovery rate control with e-values" (arXiv 2009.02824).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from holdfast.monitors.residuals import robust
from holdfast.monitors.streams import RICH, Watched

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LEVEL = 1 / RICH
"""The share of false alarms among all, on average: a single stream then alarms where it reaches its threshold."""


def chosen(evidence: Vector, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of n streams are named, bool (n,), by the logarithm of each one's e-value (n,): the e-BH procedure.

    The k streams with most evidence are named, for the greatest k of which each has an e-value of n / (k level).
    """
    n = len(evidence)
    order = np.argsort(-evidence, kind="stable")
    reached = np.flatnonzero(evidence[order] >= np.log(n / (np.arange(1, n + 1) * level)) - 1e-9)
    found = np.zeros(n, dtype=bool)
    found[order[: reached[-1] + 1 if len(reached) else 0]] = True
    return found


def evidence(stream: Watched) -> Vector:
    """The logarithm of a stream's e-value after each batch, (T,): its money, of which a part counts where it was won
    against what had to be estimated; nothing where it wanders.
    """
    if stream.wanders:
        return np.full(len(stream.money), -np.inf)
    return stream.money - (stream.threshold - log(RICH))


def first_alarms(streams: Sequence[Watched], level: float = LEVEL) -> tuple[int | None, ...]:
    """The batch after which each of the streams over the same batches was first named, since its latest regime began;
    None where it never was. That of each batch depends on what came until then alone.
    """
    if not streams:
        return ()
    named = np.array([chosen(now, level) for now in np.array([evidence(each) for each in streams]).T])
    later = [np.flatnonzero(named[each.start :, place]) for place, each in enumerate(streams)]
    return tuple(each.start + int(at[0]) if len(at) else None for each, at in zip(streams, later, strict=True))


def pooled(streams: Sequence[Vector], reference: int) -> Vector:
    """The mean of streams (T,) over the same batches, each by how it varies in the `reference`.

    What moves all of them a little shows there first. Where some had no rows, the mean of the others; NaN where all
    had none.
    """
    standing = np.array([_standard(values, reference) for values in streams])
    has = np.isfinite(standing)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(has, standing, 0.0).sum(axis=0) / has.sum(axis=0))


def _standard(values: Vector, reference: int) -> Vector:
    known = values[:reference][np.isfinite(values[:reference])]
    if not len(known):
        return np.full(len(values), np.nan)
    middle = float(np.median(known))
    spread = robust(known - middle)
    unit = spread if np.isfinite(spread) else float(known.std()) or 1.0
    return np.asarray((values - middle) / unit)
