"""Is the model right often enough, and does it know more than somebody who never looks at the row?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Interval, Measure, Measurement
from holdfast.domain.schema import Task
from holdfast.measures import (
    ACCURACY,
    AUC,
    BALANCED_ACCURACY,
    BRIER,
    BRIER_SKILL,
    GAIN_OVER_MAJORITY,
    LOG_LOSS,
    MAE,
    R2,
)
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.performance._rows import labelled, too_few
from holdfast.statistics import auc, auc_interval, balanced, mean_interval, wilson

LEAST_ROWS = 20
ENOUGH_ROWS = 200


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many labelled test rows are asked about."""

    rows: int = 50_000


@probe(
    title="Discrimination",
    question="How often is the model right, and by how much does it beat an answer that never looks at the row?",
    measures=(AUC, ACCURACY, BALANCED_ACCURACY, GAIN_OVER_MAJORITY, LOG_LOSS, BRIER, BRIER_SKILL, R2, MAE),
    efforts={"quick": Params(rows=5_000), "standard": Params(), "deep": Params(rows=5_000_000)},
    needs={Need.MODEL, Need.LABELS},
    cost="2 queries a row",
    trial="holdfast.testing.trials.performance:discrimination",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Standard figures of merit with 95 % intervals in closed form: DeLong, Wilson, delta method, Student."""
    data = labelled(case, params.rows)
    if len(data) < LEAST_ROWS or data.y is None:
        yield too_few(len(data), LEAST_ROWS, "how good the model is")
        return
    figures = list(_of_values(case, data) if case.target.task is Task.REGRESSION else _of_classes(case, data))
    yield from figures
    finding = _no_better_than_guessing(figures, classes=len(np.unique(data.y)))
    if finding is not None:
        yield finding


def _of_values(case: Case, data: Dataset) -> Iterator[Measurement]:
    labels = np.asarray(data.y, dtype=np.float64)
    errors = case.target.predict(data.X) - labels
    yield MAE.of(float(np.abs(errors).mean()), n=len(data), interval=mean_interval(np.abs(errors)))
    if labels.std() > 0:
        yield _skill(R2, errors**2, (labels - labels.mean()) ** 2)


def _skill(measure: Measure, losses: NDArray[np.float64], baseline: NDArray[np.float64]) -> Measurement:
    """1 - mean loss / mean baseline loss, both (n,), with the delta method's interval."""
    n, ratio, scale = len(losses), losses.mean() / baseline.mean(), baseline.mean()
    half = 1.96 * float(np.std((losses - ratio * baseline) / scale, ddof=1) / np.sqrt(n))
    return measure.of(1 - ratio, n=n, interval=Interval(1 - ratio - half, 1 - ratio + half))


def _of_classes(case: Case, data: Dataset) -> Iterator[Measurement]:
    labels, n = np.asarray(data.y, dtype=np.int64), len(data)
    shares = _class_shares(case, labels)
    right = case.target.predict(data.X) == labels
    majority = labels == np.argmax(shares)
    gain = right.astype(np.float64) - majority
    yield ACCURACY.of(float(right.mean()), n=n, interval=wilson(float(right.sum()), n))
    yield _balanced(right, labels)
    yield GAIN_OVER_MAJORITY.of(float(gain.mean()), n=n, interval=mean_interval(gain))
    if case.target.gives_scores:
        yield from _of_scores(case.target.scores(data.X), labels, shares, case.schema.favourable)


def _class_shares(case: Case, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """What somebody who never looks at the row would state: class shares in training, without it in the test data."""
    seen = labels if case.train is None or case.train.y is None else np.asarray(case.train.y, dtype=np.int64)
    counts = np.bincount(seen[seen >= 0], minlength=len(case.schema.classes))
    return np.asarray(counts / max(counts.sum(), 1))


def _balanced(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> Measurement:
    rows = np.bincount(labels)
    hits = np.bincount(labels, weights=right)[rows > 0]
    rows = rows[rows > 0]
    value, interval = balanced(hits, rows)
    return BALANCED_ACCURACY.of(value, n=len(labels), interval=interval)


def _of_scores(
    scores: NDArray[np.float64], labels: NDArray[np.int64], shares: NDArray[np.float64], favourable: int | None
) -> Iterator[Measurement]:
    n = len(labels)
    yield from _area(scores, labels, favourable)
    at_truth = np.clip(scores[np.arange(n), labels], np.finfo(np.float64).eps, 1)
    surprise = -np.log(at_truth)
    yield LOG_LOSS.of(float(surprise.mean()), n=n, interval=mean_interval(surprise))
    truth = np.eye(scores.shape[1])[labels]
    losses = ((scores - truth) ** 2).sum(axis=1)
    yield BRIER.of(float(losses.mean()), n=n, interval=mean_interval(losses))
    baseline = ((shares - truth) ** 2).sum(axis=1)
    if baseline.mean() > 0:
        yield _skill(BRIER_SKILL, losses, baseline)


def _area(scores: NDArray[np.float64], labels: NDArray[np.int64], favourable: int | None) -> Iterator[Measurement]:
    """AUC of the favourable (else second) of two classes; of several, the mean over those that occur beside others."""
    present = np.unique(labels)
    if len(present) < 2:
        return
    asked = present if scores.shape[1] > 2 else [1 if favourable is None else favourable]
    areas = [auc(scores[:, c], labels == c) for c in asked]
    value = float(np.mean([area for area, _ in areas]))
    influence = np.mean([influence for _, influence in areas], axis=0)
    rarest = int(min(np.sum(labels == c) for c in asked))
    yield AUC.of(value, n=len(labels), interval=auc_interval(value, influence, rarest))


def _no_better_than_guessing(figures: list[Measurement], classes: int) -> Finding | None:
    """By the best figure there is: AUC, else balanced accuracy; R² for values. None where it is beaten.

    Each has a margin above chance within which a model is hardly better, even where it is shown to be better at all.
    """
    by_id = {figure.measure: figure for figure in figures}
    scales = ((AUC, 0.5, 0.1), (BALANCED_ACCURACY, 1 / max(classes, 2), 0.0), (R2, 0.0, 0.02))
    chosen = next(((m, by_id[m.id], chance, margin) for m, chance, margin in scales if m.id in by_id), None)
    if chosen is None:
        return None
    measure, figure, chance, margin = chosen
    interval = figure.interval or Interval(figure.value, figure.value)
    low, high = interval.low, interval.high
    if low > chance and high >= chance + margin:
        return None
    enough = figure.n >= ENOUGH_ROWS
    return Finding(
        slug="no-better-than-guessing",
        title="The model is hardly better than guessing",
        sentence=f"On {figure.n} test rows the model is hardly better than guessing: {measure.title} "
        f"{figure.value:.2f} (95 % interval {low:.2f} to {high:.2f}), and guessing gives {chance:.2f}.",
        severity=Severity.INFO if not enough else Severity.HIGH if low <= chance else Severity.MEDIUM,
        confidence=Confidence.HIGH if enough else Confidence.LOW,
        why="The interval of the figure holds, or lies close to, what an answer without a look at the row reaches.",
        remedy="Check that test data, label column and class order belong to this model; then retrain it.",
        reproduce="Ask the model about every labelled test row and compare its answers with the labels.",
        measures=(figure.measure,),
    )
