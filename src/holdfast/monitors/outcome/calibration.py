"""When the model says 80 %, is it still so in 80 of 100 cases?

The same figures as `performance.calibration` before the release, of decisions whose outcome came back. Calibration is
what a change of the world ruins first: the order of scores may stay as it was while every one of them is wrong.
Outcomes that come early are treated as in `outcome.performance`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.schema import Task
from holdfast.measures import CALIBRATION_BIAS, CALIBRATION_ERROR, CALIBRATION_SLOPE
from holdfast.monitors.contract import Need, Seen, Series, Yielded, monitor
from holdfast.monitors.outcome._judged import FOLD, Judged, asked_class, history, states_chances, total
from holdfast.reliability import calibration_error, calibration_slope, rebinned
from holdfast.statistics import interval_of_sums

ROWS_PER_BIN = 50
FEW_OF_A_CLASS = 10
"""Rows of a class that a batch must have before the slope says anything."""


@dataclass(frozen=True)
class Params:
    """`window`, `fewest`, `within_days` and `whole` as of `outcome.performance`; `bins`: at most so many groups of
    about equal size.
    """

    window: int = 28
    fewest: int = 100
    within_days: float = 0.0
    whole: float = 0.98
    bins: int = 15


@monitor(
    title="Calibration",
    question="When the model says 80 %, is it still so in 80 of 100 cases?",
    measures=(CALIBRATION_ERROR, CALIBRATION_BIAS, CALIBRATION_SLOPE),
    params=Params(),
    needs={Need.SCORES, Need.LABELS},
    tasks={Task.BINARY},
    fold=FOLD,
    cost="reads the rows whose outcome came",
    trial="holdfast.testing.trials.outcomes:calibration",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Of the latest batches with 95 % intervals, and as series by the time of decision."""
    if not states_chances(seen.baseline):
        return
    asked = asked_class(seen.baseline)
    known = history(seen, "outcome.calibration", within_days=params.within_days, whole=params.whole)
    latest = known.latest(params.window)
    if latest and sum(judged.rows for judged in latest) >= params.fewest:
        judged = total(latest)
        for found in (_error(judged, asked, params.bins), _bias(judged, asked), _slope(judged, asked)):
            if found is not None:
                yield replace(found, scope=(("batches", str(len(latest))),))
    rows = np.array([0 if each is None else each.rows for each in known.each], dtype=np.int64)
    for measure, of in _numbers(asked, params.bins):
        figures = [None if each is None or each.rows < params.fewest else of(each) for each in known.each]
        values = np.array([np.nan if figure is None else figure.value for figure in figures], dtype=np.float64)
        yield Series(measure.id, values, rows)


def _numbers(asked: int, bins: int) -> Iterator[tuple[Measure, Callable[[Judged], Measurement | None]]]:
    """What is watched, each as one number of a batch."""
    yield CALIBRATION_BIAS, lambda judged: _bias(judged, asked)
    yield CALIBRATION_SLOPE, lambda judged: _slope(judged, asked)
    yield CALIBRATION_ERROR, lambda judged: _error(judged, asked, bins)


def _error(judged: Judged, asked: int, bins: int) -> Measurement | None:
    rows, stated, true = judged.positive(asked)
    groups = min(bins, max(2, int(rows.sum()) // ROWS_PER_BIN))
    return calibration_error(rebinned(rows, stated, true, groups)) if rows.sum() else None


def _bias(judged: Judged, asked: int) -> Measurement | None:
    rows, stated, true = (float(part.sum()) for part in judged.positive(asked))
    if rows < 2:
        return None
    interval = interval_of_sums(rows, true - stated, judged.losses[1] / 2)  # Brier's loss is twice the square
    return CALIBRATION_BIAS.of((true - stated) / rows, n=int(rows), interval=interval)


def _slope(judged: Judged, asked: int) -> Measurement | None:
    """With the scores of a bin at their mean: 128 bins change the slope by less than a hundredth."""
    rows, stated, true = judged.positive(asked)
    if min(true.sum(), (rows - true).sum()) < FEW_OF_A_CLASS:
        return None
    has = rows > 0
    return calibration_slope(stated[has] / rows[has], true[has] / rows[has], rows[has])
