"""Are groups of people treated alike, where nobody may write down who belongs to which?

The held-out data says how often somebody with such an address and age belongs to a group; today's decisions say how
often somebody with such an address and age is approved. The point estimate weighs one by the other (Chen, Kallus, Mao,
Svacha and Udell 2019, "Fairness under unawareness"): right if people who are alike in these features are approved alike
whatever their group, and wrong, towards equality, where they are not. Nothing but the group itself could tell. So every
figure comes with all that the two tables allow (the Fréchet bounds of Kallus, Mao and Zhou 2022, "Assessing algorithmic
fairness with unobserved protected class using data combination", section 4), and with the uncertainty of both. Bounds
are wide where the features tell little of the group or of the decision. It is assumed that who lives where, so to say,
is as it was in the held-out data.

**What the maker of the baseline provides**: for each protected attribute that is known of the held-out rows and is no
feature, the table that `proxy_table` makes, among the crosses of `Baseline.usual`, before it calls `asks`. Its first
column is called ``protected_NAME``; the others are features. It holds counts, never a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Attribute
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.profile import Bins, Cross
from holdfast.domain.schema import Task
from holdfast.domain.watch import DECISION, INPUT, Baseline, coarse
from holdfast.groups import MINIMUM_ROWS, MINIMUM_SHARE
from holdfast.monitors.contract import Asks, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.counting import places
from holdfast.monitors.fairness._tables import outcomes, place_of

Array = NDArray[np.float64]

PROTECTED = "protected_"
RATE = Measure(
    "fairness.proxy_selection_rate",
    "Selection rate, by stand-ins for the group",
    "share",
    Direction.NEUTRAL,
    "The share of a group that is given the favourable outcome, told from features that tell the group; the interval "
    "holds all that these features allow.",
    (0, 1),
)
GAP = Measure(
    "fairness.proxy_selection_gap",
    "Gap in selection rate, by stand-ins for the group",
    "share",
    Direction.NEUTRAL,
    "How often a group is given the favourable outcome, minus how often everyone else is, told from features that tell "
    "the group; the interval holds all that these features allow.",
    (-1, 1),
)
SUPPORT = 20
"""Held-out rows with the same features from which on they say who belongs to which group."""

DRAWS, LEVEL = 400, 0.95
BLIND = 0.1
"""Share of decisions that no held-out rows speak of, above which that is said."""


@dataclass(frozen=True)
class Params:
    """`window`: figures are of so many batches, the latest. A batch with fewer than `fewest` decisions says nothing of
    its own. A table has at most `features` features in at most `bins` bins each.
    """

    window: int = 28
    fewest: int = 100
    features: int = 3
    bins: int = 6


def proxy_table(baseline: Baseline, rows: Rows, name: str, attribute: Attribute, params: Params) -> Cross:
    """The table of the protected attribute `name` and the features that tell it best, to go among the crosses of
    `baseline.usual`.

    `rows` (n) are the held-out rows, of which `attribute` says the groups. Features are taken one by one while they add
    to what is known of the group (mutual information, freed of what chance adds: Miller 1955).
    """
    who = Bins(PROTECTED + name, labels=attribute.labels)
    known = attribute.codes >= 0
    codes = attribute.codes[known]
    left = {bins: places(baseline.schema, rows.X[known, place], bins) for place, bins in _features(baseline, params)}
    chosen, cell, told = list[Bins](), np.zeros(int(known.sum()), dtype=np.int64), 0.0
    while left and len(chosen) < params.features:
        tried = {bins: cell * (bins.count + 1) + found for bins, found in left.items()}
        best = max(tried, key=lambda bins: _information(tried[bins], codes))
        more = _information(tried[best], codes)
        if more <= told:
            break
        chosen, cell, told = [*chosen, best], tried[best], more
        del left[best]
    by = (who, *chosen)
    shape = [bins.count + 1 for bins in by]
    flat, times = np.unique(codes * int(np.prod(shape[1:])) + cell, return_counts=True)
    cells = zip(*(part.tolist() for part in (*np.unravel_index(flat, shape), times)), strict=True)
    return Cross(by, tuple(tuple(one) for one in cells))


def _features(baseline: Baseline, params: Params) -> Iterator[tuple[int, Bins]]:
    for place, name in enumerate(baseline.schema.names):
        bins = baseline.bins(INPUT + name)
        if bins is not None:
            counts = baseline.usual.profile.counts[baseline.usual.profile.bins.index(bins)]
            yield place, coarse(bins, counts.cells, params.bins)


def _information(cell: NDArray[np.int64], codes: NDArray[np.int64]) -> float:
    """What the cell tells of the group, in nats a row."""
    groups = int(codes.max(initial=0)) + 1
    found, index = np.unique(cell, return_inverse=True)
    table = np.bincount(index * groups + codes, minlength=len(found) * groups).reshape(-1, groups).astype(np.float64)
    n = max(1.0, table.sum())
    joint, apart = table / n, np.outer(table.sum(axis=1), table.sum(axis=0)) / n**2
    has = joint > 0
    free = (table.shape[0] - 1) * (groups - 1)
    return float((joint[has] * np.log(joint[has] / apart[has])).sum() - free / (2 * n))


def _tables(baseline: Baseline) -> list[Cross]:
    return [cross for cross in baseline.usual.crosses if cross.by and cross.by[0].name.startswith(PROTECTED)]


def asks(baseline: Baseline, _params: Params) -> Asks:
    """For each table of a protected attribute in the baseline, its features and the decision."""
    decision = baseline.bins(DECISION)
    if decision is None or decision.labels is None:
        return ()
    return tuple((*cross.by[1:], decision) for cross in _tables(baseline))


@dataclass(frozen=True, eq=False)
class Told:
    """By what people are alike in, (cells,): held-out rows of each `group`, float64 (groups, cells)."""

    name: str
    groups: tuple[str, ...]
    group: Array

    @property
    def has(self) -> NDArray[np.bool_]:
        """Which cells say something, bool (cells,)."""
        return np.asarray(self.group.sum(axis=0) >= SUPPORT)


@monitor(
    title="Outcomes by group, through stand-ins",
    question="Are groups of people treated alike, as far as features tell who belongs to them?",
    measures=(RATE, GAP),
    params=Params(),
    tasks={Task.BINARY, Task.MULTICLASS},
    asks=asks,
    cost="counts alone",
    trial="holdfast.testing.trials.watched_fairness:proxies",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Weighted rates with bounds, for all groups of an attribute together (Bonferroni), and gaps as series."""
    schema = seen.baseline.schema
    for place, (cross, by) in enumerate(zip(_tables(seen.baseline), asks(seen.baseline, params), strict=False)):
        told = _told(seen, cross)
        decided = np.array([seen.table(batch, by).reshape(-1, by[-1].count + 1)[:, :-2] for batch in seen.batches])
        if not told.has.any() or not decided.size:
            continue
        latest = [counts for counts in decided[seen.past :] if counts.sum()][-params.window :]
        for outcome in outcomes(seen.baseline):
            given = place_of(by[-1], str(schema.classes[outcome]))
            other = {} if outcome == schema.favourable else {"outcome": str(schema.classes[outcome])}
            if latest:
                whole = np.sum(latest, axis=0).astype(np.float64)
                scope, rng = {"batches": str(len(latest)), **other}, seen.rng(place, outcome)
                yield from _figures(told, whole.sum(axis=1), whole[:, given], scope, rng)
            yield from _series(told, decided.sum(axis=2), decided[:, :, given], other, params.fewest)
        if latest:
            yield from _blind(told, np.sum(latest, axis=0).sum(axis=1))


def _told(seen: Seen, cross: Cross) -> Told:
    who = cross.by[0]
    table = seen.table(seen.baseline.usual, cross.by).astype(np.float64)
    group = table[: len(who.labels or ())].reshape(len(who.labels or ()), -1)
    name = who.name.removeprefix(PROTECTED)
    return Told(name, tuple(f"{name}={label}" for label in who.labels or ()), group)


def _judged(told: Told, member: Array, rows: Array) -> NDArray[np.int64]:
    """The groups that are large enough; of two the one that is smaller in the held-out data: the other mirrors it."""
    sizes = member @ rows
    large = np.flatnonzero(sizes >= max(MINIMUM_ROWS, MINIMUM_SHARE * sizes.sum()))
    if len(large) < 2:
        return np.zeros(0, dtype=np.int64)
    return large[[np.argmin(told.group.sum(axis=1))]] if len(member) == 2 else large


def _figures(
    told: Told, rows: Array, given: Array, scope: dict[str, str], rng: np.random.Generator
) -> Iterator[Yielded]:
    """`rows` and `given` (cells,) are decisions, and those with the outcome."""
    has = told.has & (rows > 0)
    if not has.any():
        return
    known, n, d = told.group[:, has], rows[has], given[has]
    member = known / known.sum(axis=0)
    drawn = [_drawn(known, n, d, rng) for _ in range(DRAWS)]
    judged = _judged(told, member, n)
    tail = (1 - LEVEL) / 2 / max(1, len(judged))
    for group in judged:
        point = _ends(member[group] * d / n, member[group], n, d)
        ends = _all_that_may_be(member[group], n, d)
        again = np.array([_all_that_may_be(one[group], n, hits) for one, hits in drawn])
        low = 2 * ends[0] - np.quantile(again[:, 0], 1 - tail, axis=0)  # noise makes bounds too narrow: move them back
        high = 2 * ends[1] - np.quantile(again[:, 1], tail, axis=0)
        size = round(float(member[group] @ n))
        for measure, least, place in ((RATE, 0.0, 0), (GAP, -1.0, 1)):
            value = float(point[place])
            around = Interval(max(least, min(value, float(low[place]))), min(1.0, max(value, float(high[place]))))
            yield measure.of(value, n=size, interval=around, group=told.groups[group], **scope)


def _drawn(known: Array, n: Array, d: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Both tables as they might have been: shares of groups (groups, cells), decisions with the outcome (cells,)."""
    shares = rng.gamma(known + 0.5 / len(known))
    return shares / shares.sum(axis=0), rng.binomial(n.astype(np.int64), d / n).astype(np.float64)


def _all_that_may_be(member: Array, n: Array, d: Array) -> Array:
    """The lowest and the highest rate of a group and gap to everyone else, (2, 2), given only the shares of the group
    and of the outcome in each cell (Fréchet).
    """
    share = d / n
    low, high = np.maximum(0.0, member + share - 1), np.minimum(member, share)
    return np.array([_ends(both, member, n, d) for both in (low, high)])


def _ends(both: Array, member: Array, n: Array, d: Array) -> tuple[float, float]:
    """Rate and gap where such shares of each cell, (cells,), are in the group and have the outcome."""
    mine, hits = float(member @ n), float(both @ n)
    rate = hits / mine if mine > 0 else 0.0
    others = float(n.sum()) - mine
    return rate, rate - ((float(d.sum()) - hits) / others if others > 0 else 0.0)


def _series(
    told: Told, rows: NDArray[np.int64], given: NDArray[np.int64], other: dict[str, str], fewest: int
) -> Iterator[Series]:
    """`rows` and `given` are (T, cells)."""
    has = told.has
    member = told.group[:, has] / told.group[:, has].sum(axis=0)
    n, d = rows[:, has].astype(np.float64), given[:, has].astype(np.float64)
    count = n.sum(axis=1)
    for group in _judged(told, member, n.sum(axis=0)):
        mine, others = n @ member[group], n @ (1 - member[group])
        enough = (count >= max(1, fewest)) & (np.minimum(mine, others) > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = d @ member[group] / mine - d @ (1 - member[group]) / others
        scope = tuple(sorted({"group": told.groups[group], **other}.items()))
        yield Series(GAP.id, np.where(enough, gap, np.nan), count.astype(np.int64), scope)


def _blind(told: Told, rows: NDArray[np.int64]) -> Iterator[Finding]:
    share = float(rows[~told.has].sum() / max(1, rows.sum()))
    if share > BLIND:
        yield Finding(
            slug="unlike-held-out-people",
            title="Many decisions are about people of whom the held-out data says little",
            sentence=f"Of {100 * share:.0f} % of the latest decisions nothing can be told about {told.name}.",
            severity=Severity.INFO,
            confidence=Confidence.HIGH,
            why=f"Fewer than {SUPPORT} held-out rows are like them in the features that tell the group.",
            remedy="Make the baseline from more, or newer, held-out data.",
            where=told.name,
            measures=(RATE.id, GAP.id),
        )
