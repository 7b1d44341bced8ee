"""Where did it drift? Kinds of rows that come much more or less often than ordinarily, or are decided otherwise.

Kinds are the levels of each feature, and of pairs of those that weigh most in the model's decisions. Batches are the
observations: of each kind the latest batches are held against the ordinary ones by Welch's test, and p-values are
adjusted for all kinds (Holm 1979). It says where to look once something changed; nothing alarms on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.profile import Bins
from holdfast.domain.watch import DECISION, Baseline
from holdfast.monitors.contract import Asks, Seen, Yielded, monitor
from holdfast.monitors.distances import holm
from holdfast.monitors.levels import Levels

Array = NDArray[np.float64]

CHANGE = Measure(
    "drift.slice_change",
    "How much more often a kind of row comes",
    "share",
    Direction.NEUTRAL,
    "The share of the latest decisions that are of a kind, less its ordinary share.",
    (-1, 1),
)
TURN = Measure(
    "drift.slice_turn",
    "How much more often a kind of row is decided so",
    "share",
    Direction.NEUTRAL,
    "The share of the latest decisions on rows of a kind that were decided so, less what is ordinary of that kind.",
    (-1, 1),
)


@dataclass(frozen=True, slots=True)
class Params:
    """Features have at most `levels` levels; pairs are of the `paired` that weigh most. The latest `window` batches
    are held against the ordinary ones. Kinds are named whose adjusted p-value is below `level`, `named` at most.
    """

    levels: int = 5
    paired: int = 5
    window: int = 7
    level: float = 0.01
    named: int = 10


def asks(baseline: Baseline, params: Params) -> Asks:
    """Each feature beside the decision, and pairs of the features that weigh most."""
    levels, decision = Levels(baseline, params.levels), baseline.bins(DECISION)
    alone = ((bins,) if decision is None else (bins, decision) for bins in levels.bins)
    return (*alone, *((levels.bins[i], levels.bins[j]) for i, j in _pairs(baseline, params)))


@monitor(
    title="Where it drifted",
    question="Which kinds of rows come more or less often than they did, or are decided otherwise?",
    measures=(CHANGE, TURN),
    params=Params(),
    asks=asks,
    cost="counts alone",
    catalogue=("OWASP:ML08", "NISTAML:02"),
    trial="holdfast.testing.trials.drift:SLICES",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """The kinds that changed most surely, and by how much; one that may be chance where none did."""
    latest = np.arange(len(seen.batches))[max(seen.past, seen.ordinary) :][-params.window :]
    if len(latest) < 2 or seen.ordinary < params.window:
        return
    kinds = [*_alone(seen, params), *_decided(seen, params), *_paired(seen, params)]
    told = [(kind, *_welch(kind.shares[: seen.ordinary], kind.shares[latest])) for kind in kinds]
    adjusted = holm([p for _, _, _, p in told])
    order = sorted(range(len(told)), key=lambda at: (adjusted[at], -abs(told[at][1])))
    sure = [at for at in order if adjusted[at] < params.level][: params.named]
    rows = sum(seen.batches[at].rows for at in latest)
    for at in sure or order[:1]:
        kind, change, half, _ = told[at]
        interval = Interval(change - half, change + half)
        yield (CHANGE if kind.decided is None else TURN).of(change, n=rows, interval=interval, **kind.scope)
    if sure:
        yield _finding([(told[at][0], told[at][1], adjusted[at]) for at in sure], seen, len(kinds))


@dataclass(frozen=True, eq=False)
class _Kind:
    """A kind of row, in words; its share of each batch (T,), or that of it which is `decided` so."""

    words: str
    shares: Array
    decided: str | None = None

    @property
    def scope(self) -> dict[str, str]:
        return {"slice": self.words} | ({} if self.decided is None else {"decided": self.decided})


def _pairs(baseline: Baseline, params: Params) -> Iterator[tuple[int, int]]:
    weights = baseline.weights or (0.0,) * len(baseline.schema.features)
    order = sorted(range(len(weights)), key=lambda j: (-weights[j], j))[: params.paired]
    return combinations(sorted(order), 2)


def _tables(seen: Seen, by: tuple[Bins, ...]) -> Array:
    return np.array([seen.table(batch, by) for batch in seen.batches], dtype=np.float64)


def _alone(seen: Seen, params: Params) -> Iterator[_Kind]:
    levels, decision = Levels(seen.baseline, params.levels), seen.baseline.bins(DECISION)
    for j, bins in enumerate(levels.bins):
        counts = _tables(seen, (bins,) if decision is None else (bins, decision))
        counts = counts if decision is None else counts.sum(axis=2)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        yield from (_Kind(levels.words(j, at), shares[:, at]) for at in range(shares.shape[1]))


def _decided(seen: Seen, params: Params) -> Iterator[_Kind]:
    """Of a binary decision, one of the two is told."""
    levels, decision = Levels(seen.baseline, params.levels), seen.baseline.bins(DECISION)
    if decision is None or not decision.labels:
        return
    words = decision.labels if len(decision.labels) > 2 else decision.labels[:1]
    for j, bins in enumerate(levels.bins):
        counts = _tables(seen, (bins, decision))
        of = counts.sum(axis=2)
        for place, word in enumerate(words):
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = np.where(of >= 10, counts[:, :, place] / of, np.nan)
            yield from (_Kind(levels.words(j, at), shares[:, at], word) for at in range(shares.shape[1]))


def _paired(seen: Seen, params: Params) -> Iterator[_Kind]:
    levels = Levels(seen.baseline, params.levels)
    for i, j in _pairs(seen.baseline, params):
        counts = _tables(seen, (levels.bins[i], levels.bins[j]))
        shares = counts / np.maximum(counts.sum(axis=(1, 2), keepdims=True), 1)
        for a, b in np.ndindex(*shares.shape[1:]):
            yield _Kind(f"{levels.words(i, a)}, {levels.words(j, b)}", shares[:, a, b])


def _welch(before: Array, now: Array) -> tuple[float, float, float]:
    """By how much the mean of the latest batches is higher, half of its 95 % interval, and the p-value (Welch 1947)."""
    from scipy.special import stdtr, stdtrit

    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if len(before) < 5 or len(now) < 2:
        return 0.0, 0.0, 1.0
    parts = [before.var(ddof=1) / len(before), now.var(ddof=1) / len(now)]
    spread, change = float(sum(parts)), float(now.mean() - before.mean())
    if spread <= 0:
        return change, 0.0, 1.0
    freedom = spread**2 / (parts[0] ** 2 / (len(before) - 1) + parts[1] ** 2 / (len(now) - 1))
    error = float(np.sqrt(spread))
    return change, float(stdtrit(freedom, 0.975)) * error, float(2 * stdtr(freedom, -abs(change) / error))


def _finding(sure: Sequence[tuple[_Kind, float, float]], seen: Seen, looked: int) -> Finding:
    kind, change, _ = sure[0]
    way = "more" if change > 0 else "less"
    what = "come" if kind.decided is None else f"are decided {kind.decided}"
    rows = tuple((one.words, one.decided or "", round(by, 4), float(f"{p:.2g}")) for one, by, p in sure)
    return Finding(
        slug="where-it-drifted",
        title="Some kinds of rows changed",
        sentence=f"Rows with {kind.words} {what} {abs(change):.1%} {way} often than ordinarily.",
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        why=f"The latest batches against {seen.ordinary} ordinary ones, of {looked} kinds; adjusted for all (Holm).",
        where=kind.words,
        remedy="Look at decisions on such rows, and ask their source what changed.",
        measures=(CHANGE.id, TURN.id),
        exhibits=(Exhibit("Kinds that changed", ("kind", "decided", "change of share", "adjusted p"), rows),),
    )
