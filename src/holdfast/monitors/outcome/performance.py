"""Is the model still as good on what it decides as it was on test data, by the outcomes that came back?

Figures are of decisions whose outcome is known, by the time of the decision. Outcomes that come early are not like
those that come late, so every batch is judged by what came within the same time and only once it is that old; see
`holdfast.monitors.outcome._arrival`. What never comes back (the loan that was refused) is judged by nobody.

From sums everything is exact but the area under the ROC curve, which takes scores of one of 128 bins for equal: its
interval is wider by all that may hide in them. Log loss and Brier score need scores that are probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval, Measure
from holdfast.domain.schema import Task
from holdfast.domain.watch import LABEL, Baseline
from holdfast.measures import (
    ACCURACY,
    AUC,
    BALANCED_ACCURACY,
    BRIER,
    FPR,
    GAIN_OVER_MAJORITY,
    LOG_LOSS,
    MAE,
    MEAN_ERROR,
    R2,
    RMSE,
    TPR,
)
from holdfast.monitors.contract import Need, Seen, Series, Yielded, monitor
from holdfast.monitors.outcome._judged import FOLD, History, Judged, asked_class, history, states_chances, total
from holdfast.statistics import auc_of_counts, balanced, interval_of_sums, share_interval, wilson

FEW_OF_A_CLASS = 10
"""Rows of a class that a batch must have before its order of scores says anything."""


@dataclass(frozen=True)
class Params:
    """`window`: figures are of so many batches, the latest that can be judged. A batch with fewer than `fewest`
    outcomes says nothing of its own. `within_days` after the decision an outcome must have come to count; 0: learned,
    so that the share `whole` of all that ever come is in.
    """

    window: int = 28
    fewest: int = 50
    within_days: float = 0.0
    whole: float = 0.98


@monitor(
    title="Performance",
    question="By the outcomes that came back, is the model still as good as it was?",
    measures=(
        ACCURACY,
        BALANCED_ACCURACY,
        GAIN_OVER_MAJORITY,
        TPR,
        FPR,
        AUC,
        BRIER,
        LOG_LOSS,
        MAE,
        RMSE,
        MEAN_ERROR,
        R2,
    ),
    params=Params(),
    needs={Need.LABELS},
    fold=FOLD,
    cost="reads the rows whose outcome came",
    trial="holdfast.testing.trials.outcomes:performance",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Figures of the latest batches with 95 % intervals in closed form, and series by the time of decision."""
    known = history(seen, "outcome.performance", within_days=params.within_days, whole=params.whole)
    latest = known.latest(params.window)
    if latest and sum(judged.rows for judged in latest) >= params.fewest:
        for found in _figures(seen.baseline, latest):
            yield found.measure.of(found.value, n=found.n, interval=found.interval, batches=len(latest))
    if any(known.each):
        yield from _series(seen.baseline, known, params.fewest)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure before it is told of how many batches it is."""

    measure: Measure
    value: float
    n: int
    interval: Interval | None


def _figures(baseline: Baseline, latest: list[Judged]) -> Iterator[Figure]:
    judged = total(latest)
    if baseline.schema.task is Task.REGRESSION:
        yield from _of_values(judged)
        yield from _skill(judged, latest)
        return
    yield from _of_decisions(baseline, judged)
    if len(baseline.schema.classes) == 2:
        yield from _of_two_classes(baseline, judged)
    if states_chances(baseline):
        n, brier, brier_squares, log, log_squares = judged.losses[:5]
        yield Figure(BRIER, brier / n, int(n), interval_of_sums(n, brier, brier_squares))
        yield Figure(LOG_LOSS, log / n, int(n), interval_of_sums(n, log, log_squares))


def _of_decisions(baseline: Baseline, judged: Judged) -> Iterator[Figure]:
    table, n = judged.counts.sum(axis=0), judged.rows
    right = float(np.trace(table))
    yield Figure(ACCURACY, right / n, n, wilson(right, n))
    rows = table.sum(axis=0)
    value, interval = balanced(np.diag(table)[rows > 0], rows[rows > 0])
    yield Figure(BALANCED_ACCURACY, value, n, interval)
    commonest = _commonest(baseline, rows)
    gained = right - float(table[commonest, commonest])
    lost = float(rows[commonest] - table[commonest, commonest])
    yield Figure(GAIN_OVER_MAJORITY, (gained - lost) / n, n, interval_of_sums(n, gained - lost, gained + lost))


def _commonest(baseline: Baseline, rows: NDArray[np.float64]) -> int:
    """The class that is commonest in the test data; where its labels are not known, here."""
    bins = baseline.bins(LABEL)
    if bins is None or bins.labels is None:
        return int(np.argmax(rows))
    cells = baseline.usual.profile.counts[baseline.usual.profile.bins.index(bins)].cells
    by_label = dict(zip(bins.labels, cells, strict=False))
    usual = [by_label.get(str(name), 0) for name in baseline.schema.classes]
    return int(np.argmax(usual)) if any(usual) else int(np.argmax(rows))


def _of_two_classes(baseline: Baseline, judged: Judged) -> Iterator[Figure]:
    table, asked = judged.counts.sum(axis=0), asked_class(baseline)
    for measure, label in ((TPR, asked), (FPR, 1 - asked)):
        rows, given = float(table[:, label].sum()), float(table[asked, label])
        if rows:
            yield Figure(measure, given / rows, int(rows), wilson(given, int(rows)))
    rows_of, _, positive = judged.positive(asked)
    pos, neg = float(positive.sum()), float((rows_of - positive).sum())
    if pos and neg:
        area, variance, hidden = auc_of_counts(positive, rows_of - positive)
        narrow = share_interval(area, variance, 4 * pos * neg / (pos + neg))
        wide = Interval(max(0.0, narrow.low - hidden), min(1.0, narrow.high + hidden))
        yield Figure(AUC, area, int(pos + neg), wide)


def _of_values(judged: Judged) -> Iterator[Figure]:
    n, absolute, plain, squares, fourth = judged.losses[:5]
    yield Figure(MAE, absolute / n, int(n), interval_of_sums(n, absolute, squares))
    yield Figure(MEAN_ERROR, plain / n, int(n), interval_of_sums(n, plain, squares))
    around = interval_of_sums(n, squares, fourth)
    ends = Interval(float(np.sqrt(max(0.0, around.low))), float(np.sqrt(around.high)))
    yield Figure(RMSE, float(np.sqrt(squares / n)), int(n), ends)


def _skill(judged: Judged, batches: list[Judged]) -> Iterator[Figure]:
    """R², its interval by leaving out one batch at a time (jackknife: Tukey 1958); none of fewer than eight."""
    whole = _r2(judged.losses)
    if whole is None:
        return
    left_out = [_r2(judged.losses - batch.losses) for batch in batches] if len(batches) >= 8 else []
    parts = np.array([part for part in left_out if part is not None])
    interval = None
    if len(parts) >= 8:
        half = 1.96 * float(np.sqrt((len(parts) - 1) * parts.var()))
        interval = Interval(whole - half, whole + half)
    yield Figure(R2, whole, judged.rows, interval)


def _r2(losses: NDArray[np.float64]) -> float | None:
    n, squares, y, y_squares = losses[0], losses[3], losses[5], losses[6]
    spread = y_squares - y**2 / n if n > 1 else 0.0
    return float(1 - squares / spread) if spread > 0 else None


def _series(baseline: Baseline, known: History, fewest: int) -> Iterator[Series]:
    rows = np.array([0 if each is None else each.rows for each in known.each], dtype=np.int64)
    for measure, of in _numbers(baseline):
        values = [np.nan if each is None or each.rows < fewest else of(each) for each in known.each]
        yield Series(measure.id, np.array(values, dtype=np.float64), rows)


def _numbers(baseline: Baseline) -> Iterator[tuple[Measure, Callable[[Judged], float]]]:
    """What is watched, each as one number of a batch."""
    if baseline.schema.task is Task.REGRESSION:
        yield MAE, lambda judged: float(judged.losses[1] / judged.losses[0])
        yield MEAN_ERROR, lambda judged: float(judged.losses[2] / judged.losses[0])
        return
    yield ACCURACY, lambda judged: float(np.trace(judged.counts.sum(axis=0)) / judged.rows)
    if states_chances(baseline):
        yield BRIER, lambda judged: float(judged.losses[1] / judged.losses[0])
    if len(baseline.schema.classes) == 2:
        yield AUC, lambda judged: _area(judged, asked_class(baseline))


def _area(judged: Judged, asked: int) -> float:
    rows, _, positive = judged.positive(asked)
    if min(positive.sum(), (rows - positive).sum()) < FEW_OF_A_CLASS:
        return float("nan")
    return auc_of_counts(positive, rows - positive)[0]
