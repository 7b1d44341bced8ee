"""How good is the model on what it decides now, before any outcome is known?

Test data says how often a decision is right at each score. If that still holds, the scores of today's decisions say
how often those are right: confidence-based performance estimation, as NannyML has it, with the uncertainty of the test
data and of chance in today's outcomes. A change of the population that shows in the scores is seen at once.

**It cannot see concept drift.** When people with the same score come to behave differently, nothing here moves;
only outcomes show that (`outcome.performance`, `outcome.calibration`).

The lower bound of accuracy assumes no more than the same: that within a bin of the score and a decision the share of
right ones is that of the test data, whose rows were drawn independently. It counts decisions at scores that the test
data never had as wrong. Hoeffding 1963, theorem 2, over the rows of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Task
from holdfast.domain.watch import DECISION, LABEL, SCORE, Baseline, Batch, coarse
from holdfast.monitors.contract import Asks, Need, Seen, Series, Yielded, monitor

Array = NDArray[np.float64]

ACCURACY = Measure(
    "performance.estimated_accuracy",
    "Estimated accuracy",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The share of decisions that will turn out to be right, if scores still mean what they meant on test data.",
    (0, 1),
)
AT_LEAST = Measure(
    "performance.estimated_accuracy_at_least",
    "Accuracy, at least",
    "share",
    Direction.HIGHER_IS_BETTER,
    "Accuracy is not below this in 95 of 100 cases, if scores still mean what they meant on test data.",
    (0, 1),
)
AUC = Measure(
    "performance.estimated_auc",
    "Estimated area under the ROC curve",
    "AUC",
    Direction.HIGHER_IS_BETTER,
    "The chance that a row of the class is scored above another, if scores still mean what they meant on test data.",
    (0, 1),
)
UNKNOWN = Measure(
    "performance.estimate_without_support",
    "Decisions at scores that the test data hardly had",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of decisions of which the estimate says nothing.",
    (0, 1),
)
LEVEL, Z = 0.95, 1.959964
LEAST_BINS, ROWS_PER_BIN = 10, 50
SUPPORT = 10
"""Labelled rows of the test data that a bin needs, alone or with all decisions at that score."""


@dataclass(frozen=True)
class Params:
    """`window`: figures are of so many batches, the latest. A batch with fewer than `fewest` decisions says nothing of
    its own. `bins`: at most so many of the score, of fifty labelled rows of the test data each; `blind`: a finding
    where a larger share of decisions has no support.
    """

    window: int = 7
    fewest: int = 50
    bins: int = 100
    blind: float = 0.1


def asks(baseline: Baseline, params: Params) -> Asks:
    """Score, decision and label together; nothing where the model gives no scores."""
    bins = [baseline.bins(name) for name in (SCORE, DECISION, LABEL)]
    score, decision, label = bins
    if score is None or decision is None or label is None or not score.is_number or decision.labels is None:
        return ()
    counts = baseline.usual.profile.counts[baseline.usual.profile.bins.index(score)]
    most = min(params.bins, max(LEAST_BINS, baseline.usual.labelled // ROWS_PER_BIN))
    return ((coarse(score, counts.cells, most), decision, label),)


@dataclass(frozen=True, eq=False)
class Known:
    """What the test data says by bin of the score and decision, float64 (bins, decisions): its labelled `rows` and the
    share `right`, of all rows of a bin where `pooled`; and by bin alone the share of the class that the score speaks
    of, `positive` (bins,). Shares are NaN without support.
    """

    rows: Array
    right: Array
    positive: Array
    pooled: NDArray[np.bool_]

    @property
    def has(self) -> NDArray[np.bool_]:
        """Which cells say something."""
        return np.isfinite(self.right)

    def influence(self, weight: Array) -> Array:
        """How much one row of the test data moves a mean with these weights at most, (bins, decisions)."""
        alone = np.where(self.pooled, 0.0, weight) / np.maximum(1, self.rows)
        shared = np.where(self.pooled, weight, 0.0).sum(axis=1) / np.maximum(1, self.rows.sum(axis=1))
        return np.asarray(alone + shared[:, None])


@monitor(
    title="Estimated performance",
    question="Before any outcome is known, how good are today's decisions?",
    measures=(ACCURACY, AT_LEAST, AUC, UNKNOWN),
    params=Params(),
    needs={Need.SCORES},
    tasks={Task.BINARY, Task.MULTICLASS},
    asks=asks,
    cost="counts alone",
    trial="holdfast.testing.trials.outcomes:estimated",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Of the latest batches with an interval for what outcomes will show, and as series."""
    asked = asks(seen.baseline, params)
    if not asked:
        return
    (by,) = asked
    known = _known(seen.baseline, seen.table(seen.baseline.usual, by).astype(np.float64), by)
    if not known.has.any():
        return
    decided = np.array([_decided(seen, batch, by) for batch in seen.batches]).reshape(-1, *known.rows.shape)
    latest = [counts for counts in decided[seen.past :] if counts.sum()][-params.window :]
    if latest and np.sum(latest) >= params.fewest:
        yield from _figures(known, np.sum(latest, axis=0), len(latest), seen.baseline, params)
    rows = decided.sum(axis=(1, 2)).astype(np.int64)
    yield Series(ACCURACY.id, np.array([_accuracy(known, each, params.fewest) for each in decided]), rows)
    if len(seen.baseline.schema.classes) == 2:
        yield Series(AUC.id, np.array([_area_alone(known, each, params.fewest) for each in decided]), rows)


def _decided(seen: Seen, batch: Batch, by: tuple[Bins, ...]) -> Array:
    """Rows of a batch by bin of the score and decision, where both are known."""
    return np.asarray(seen.table(batch, by).sum(axis=2)[:-1, :-1], dtype=np.float64)


def _known(baseline: Baseline, table: Array, by: tuple[Bins, ...]) -> Known:
    """`table` is (bins + 1, decisions + 1, labels + 1): the last place of each is for missing values."""
    _, decision, label = by
    cells = table[:-1, :-1, :-1]
    classes = baseline.schema.classes
    favoured = str(classes[-1 if baseline.schema.favourable is None else baseline.schema.favourable])
    names, decisions = label.labels or (), decision.labels or ()
    at = names.index(favoured) if favoured in names else None
    rows, together = cells.sum(axis=2), cells.sum(axis=(1, 2))
    true = cells[:, :, at].sum(axis=1) if at is not None else np.zeros_like(together)
    right, of, pooled = np.zeros_like(rows), rows.copy(), np.zeros(rows.shape, dtype=bool)
    for place, name in enumerate(decisions):
        right[:, place] = cells[:, place, names.index(name)] if name in names else 0.0
        if len(classes) == 2:  # what is true at a score does not hang on the decision: a moved threshold is no riddle
            pooled[:, place] = few = rows[:, place] < SUPPORT
            right[few, place] = (true if name == favoured else together - true)[few]
            of[few, place] = together[few]
    of[:, len(decisions) :] = 0.0  # what is no class, or was never decided, is without support
    with np.errstate(invalid="ignore", divide="ignore"):
        return Known(
            rows=rows,
            right=np.where(of >= SUPPORT, right / of, np.nan),
            positive=np.where(together >= SUPPORT, true / together, np.nan),
            pooled=pooled,
        )


def _figures(known: Known, counts: Array, batches: int, baseline: Baseline, params: Params) -> Iterator[Yielded]:
    n = float(counts.sum())
    supported = np.where(known.has, counts, 0.0)
    covered = float(supported.sum())
    blind = 1 - covered / n
    yield UNKNOWN.of(blind, n=int(n), batches=batches)
    if blind > params.blind:
        yield _unsupported(blind)
    if not covered:
        return
    right, share = np.nan_to_num(known.right), supported / covered
    value = float((share * right).sum())
    noise = (known.rows * known.influence(share) ** 2 + share / covered) * _chance(right, known.rows)
    yield ACCURACY.of(value, n=int(covered), interval=_around(value, Z * sqrt(float(noise.sum()))), batches=batches)
    weight = supported / n
    ranges = float((known.rows * known.influence(weight) ** 2).sum()) + covered / n**2
    sure = float((weight * right).sum()) - sqrt(-log(1 - LEVEL) / 2 * ranges)
    yield AT_LEAST.of(max(0.0, sure), n=int(n), batches=batches)
    if len(baseline.schema.classes) == 2:
        area = _area(known, counts)
        if area is not None:
            value, variance, hidden = area
            yield AUC.of(value, n=int(covered), interval=_around(value, Z * sqrt(variance) + hidden), batches=batches)


def _around(value: float, half: float) -> Interval:
    return Interval(max(0.0, value - half), min(1.0, value + half))


def _chance(share: Array, rows: Array) -> Array:
    """The variance of one outcome; a bin that is all alike keeps that of half a row that is not (Jeffreys)."""
    smooth = (share * rows + 0.5) / (rows + 1)
    return np.asarray(smooth * (1 - smooth))


def _accuracy(known: Known, counts: Array, fewest: int) -> float:
    counts = np.where(known.has, counts, 0.0)
    n = counts.sum()
    return float((counts * np.nan_to_num(known.right)).sum() / n) if n >= max(1, fewest) else float("nan")


def _area_alone(known: Known, counts: Array, fewest: int) -> float:
    area = _area(known, counts) if counts.sum() >= max(1, fewest) else None
    return float("nan") if area is None else area[0]


def _area(known: Known, counts: Array) -> tuple[float, float, float] | None:
    """The expected area, its variance by the delta method, and what the bins may hide; None without both classes."""
    has = np.isfinite(known.positive)
    n, of = np.where(has, counts.sum(axis=1), 0.0), known.rows.sum(axis=1)
    share = np.nan_to_num(known.positive)
    pos, neg = n * share, n * (1 - share)
    P, N = pos.sum(), neg.sum()
    if P < 1 or N < 1:
        return None
    below, above = np.cumsum(neg) - neg / 2, P - np.cumsum(pos) + pos / 2
    area = float(pos @ below / (P * N))
    slope = n * (below - above - area * (N - P)) / (P * N)
    noise = slope**2 * _chance(share, of) * (1 / np.maximum(1, of) + 1 / np.maximum(1, n))
    return area, float(noise.sum()), float(pos @ neg / (2 * P * N))


def _unsupported(blind: float) -> Finding:
    return Finding(
        slug="scores-outside-test-data",
        title="Scores are where the test data hardly had any",
        sentence=f"{100 * blind:.0f} % of the latest decisions have scores of which the test data says nothing.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why=f"A bin of the score says something from {SUPPORT} labelled rows on.",
        remedy="Wait for outcomes, and test the model on rows like these.",
        measures=(UNKNOWN.id,),
    )
