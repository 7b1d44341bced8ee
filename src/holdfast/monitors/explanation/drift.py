"""Do decisions still go with the same features as they did?

A monitor cannot ask the model, so it cannot work out contributions. What the log does tell is how much of the score
goes with each feature: the share of the variance of the score's rank that lies between the feature's bins, freed of
what chance adds (epsilon squared, Kelley 1935). Of a model that did not change this changes where the people did, where
a feature no longer reaches the model as it is logged (a stale feed, a default in its place, swapped columns), or where
something else answers under its name. Each feature and the score can look as usual while this happens: their
distributions need not move at all.

It is told of each feature alone: features that are tied share what goes with them, and what only shows in how two
features work together is not seen. Contributions themselves are in the baseline (`weights`), and decide which features
are watched. To watch contributions, decisions would have to carry them: first reasons as reason codes, counted by
batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Direction, Measure
from holdfast.domain.profile import Bins
from holdfast.domain.watch import INPUT, SCORE, Baseline, Batch, coarse
from holdfast.monitors.contract import Asks, Need, Seen, Series, Yielded, monitor

Table = NDArray[np.int64]

STRENGTH = Measure(
    "explain.score_strength",
    "How much of the score goes with a feature",
    "share",
    Direction.NEUTRAL,
    "The share of the differences between people's scores that goes with their differences in one feature.",
    (0, 1),
)
DISTANCE = Measure(
    "explain.share_distance",
    "Distance of what the score goes with from what is usual",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much of what the score goes with has moved from some features to others since the model was checked.",
    (0, 1),
)


@dataclass(frozen=True, slots=True)
class Params:
    """`window`: measurements are of so many of the latest batches. A batch of under `fewest` rows with a score says
    nothing. The `features` that weigh most are watched, in at most `bins` bins each, as is the score.
    """

    window: int = 28
    fewest: int = 100
    features: int = 20
    bins: int = 8


def asks(baseline: Baseline, params: Params) -> Asks:
    """Each watched feature beside the score."""
    return tuple(_pairs(baseline, params).values())


@monitor(
    title="Drift of explanations",
    question="Do decisions still go with the same features as they did?",
    needs={Need.SCORES},
    measures=(STRENGTH, DISTANCE),
    params=Params(),
    asks=asks,
    cost="counts alone: one table of 64 cells for each watched feature",
    catalogue=("OWASP:ML08",),
    trial="holdfast.testing.trials.explanation:drift",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Each feature's strength by batch, and of the latest batches together against the usual ones."""
    latest, usual, now = seen.batches[-params.window :], list[float](), list[float]()
    rows = 0
    for name, by in _pairs(seen.baseline, params).items():
        ranks = _ranks(seen, by)
        tables = [seen.table(batch, by)[:, :-1] for batch in seen.batches]
        sizes = np.array([table.sum() for table in tables], dtype=np.int64)
        told = [
            strength(table, ranks) if n >= params.fewest else np.nan for table, n in zip(tables, sizes, strict=True)
        ]
        yield Series(STRENGTH.id, np.array(told, dtype=np.float64), sizes, (("feature", name),))
        whole = sum(tables[-len(latest) :], np.zeros_like(seen.table(_nobody(seen), by)[:, :-1]))
        if whole.sum() < params.fewest:
            continue
        rows = max(rows, int(whole.sum()))
        now.append(strength(whole, ranks))
        usual.append(strength(seen.table(seen.baseline.usual, by)[:, :-1], ranks))
        yield STRENGTH.of(now[-1], n=int(whole.sum()), feature=name)
    if sum(usual) > 0 and sum(now) > 0:
        apart = np.abs(np.array(now) / sum(now) - np.array(usual) / sum(usual)).sum() / 2
        yield DISTANCE.of(min(1.0, float(apart)), n=rows)


def strength(table: Table, ranks: NDArray[np.float64]) -> float:
    """Epsilon squared of the score's `ranks` (k,) between the rows of a table of counts (levels, k); 0 of no rows."""
    counts, levels = table.sum(axis=0), table.sum(axis=1)
    n, used = int(table.sum()), int((levels > 0).sum())
    if n <= used or used < 2:
        return 0.0
    mean = float(counts @ ranks) / n
    total = float(counts @ (ranks - mean) ** 2)
    if total <= 0:
        return 0.0
    means = (table @ ranks)[levels > 0] / levels[levels > 0]
    between = float(levels[levels > 0] @ (means - mean) ** 2)
    within = (total - between) / (n - used)
    return float(np.clip((between - (used - 1) * within) / total, 0.0, 1.0))


def _pairs(baseline: Baseline, params: Params) -> dict[str, tuple[Bins, Bins]]:
    """The bins of each watched feature, and those of the score, by the feature's name; none without a score."""
    score = _coarse(baseline, SCORE, params.bins)
    if score is None:
        return {}
    names = baseline.schema.names
    weights = np.array(baseline.weights or (1.0,) * len(names))
    chosen = sorted(np.argsort(-weights, kind="stable")[: params.features].tolist())
    found = {names[j]: _coarse(baseline, INPUT + names[j], params.bins) for j in chosen if weights[j] > 0}
    return {name: (bins, score) for name, bins in found.items() if bins is not None}


def _coarse(baseline: Baseline, name: str, most: int) -> Bins | None:
    bins = baseline.bins(name)
    if bins is None:
        return None
    profile = baseline.usual.profile
    return coarse(bins, profile.counts[profile.bins.index(bins)].cells, most)


def _ranks(seen: Seen, by: tuple[Bins, Bins]) -> NDArray[np.float64]:
    """The mid-rank of each of the score's bins among the usual scores, (k,); their places where there are none."""
    counts = seen.table(seen.baseline.usual, by)[:, :-1].sum(axis=0)
    if not counts.sum():
        return np.arange(len(counts), dtype=np.float64)
    return np.asarray((np.cumsum(counts) - counts / 2) / counts.sum())


def _nobody(seen: Seen) -> Batch:
    return Batch("", 0, 0, seen.baseline.usual.profile)
