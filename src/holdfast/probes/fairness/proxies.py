"""Which columns stand in for a protected attribute, weighed by what the model makes of them.

A column is a proxy where two things hold: it tells the group, and the model decides by it. The first is an AUC; the
second is asked of the model, by giving the group's column the distribution that everyone else has, with as few changes
as possible, and counting the decisions that change. One column is moved at a time, so columns that hold the same thing
cover for each other. Whether a column has a reason of its own is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Cell, Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure, Measurement
from holdfast.domain.schema import Kind, Schema
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.fairness._groups import Grouping, carriers, groupings, units
from holdfast.probes.fairness._separation import Separation, binned, separation
from holdfast.probes.fairness._transport import moved
from holdfast.statistics import auc, auc_interval, wilson

INFERABLE = Measure(
    "fairness.attribute_inferable_auc",
    "How well all columns together tell the group",
    "AUC",
    Direction.LOWER_IS_BETTER,
    "The chance that a model which sees only the other columns ranks a member of the group above somebody else; 0.5 is "
    "guessing, 1 is certainty.",
    (0, 1),
)
STRENGTH = Measure(
    "fairness.proxy_strength",
    "Decisions that a stand-in column changes",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of the group's decisions that would be different (for regression: by more than a tenth of a standard "
    "deviation) if the column were distributed in the group as it is among everyone else.",
    (0, 1),
)
TELLS = 0.6
"""From which AUC a column can stand in for the group at all."""

DECIDES = 0.02
"""From which share of changed decisions it does."""


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many test rows; `features`: for so many telling columns a group the model is asked.

    `reported`: so many of them, the strongest, are reported for each group. `columns`: at most so many go into the
    joint model, the most telling of each fold's own training rows.
    """

    rows: int = 10_000
    features: int = 6
    reported: int = 3
    columns: int = 100
    folds: int = 3


@dataclass(frozen=True)
class Proxy:
    """One column for one group: what it tells, what the model makes of it. `gained` and `lost` are shares of `n`."""

    feature: str
    group: str
    words: str
    auc: float
    auc_low: float
    n: int
    changed: float
    interval: Interval
    gained: float
    lost: float


@probe(
    title="Proxies",
    question="Which columns stand in for a protected attribute, and does the model decide by them?",
    measures=(INFERABLE, STRENGTH),
    efforts={
        "quick": Params(rows=2_000, features=3, columns=30, folds=2),
        "standard": Params(),
        "deep": Params(rows=100_000, features=20),
    },
    needs={Need.MODEL, Need.PROTECTED},
    cost="1 query a row, and 1 a row of each group for each telling column",
    trial="holdfast.testing.trials.fairness:proxies",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Rank columns by what they tell of each group, then ask the model about the top ones.

    Columns that record the attribute itself are left out: `fairness.attribute_flips` asks about those.
    """
    data = case.test.sample(params.rows, case.rng(0))
    compared = [g for g in groupings(data) if g.order == 1 and g.judged.sum() > 1]
    if not compared:
        return
    before = case.target.predict(data.X).astype(np.float64)
    proxies: list[Proxy] = []
    for done, grouping in enumerate(compared):
        case.progress(done / len(compared), f"looking for stand-ins for {grouping.name}")
        study = Study(case, params, data, grouping, key=done)
        if not study.candidates:
            continue
        yield from study.inferable()
        found = study.proxies(before)
        yield from _strongest(found, params.reported)
        proxies += found
    strong = [p for p in proxies if p.auc_low >= TELLS and p.interval.low >= DECIDES]
    if strong:
        yield _finding(sorted(strong, key=lambda p: (-p.interval.low, p.group, p.feature)), case.schema)


def _strongest(found: list[Proxy], most: int) -> Iterator[Measurement]:
    for group in dict.fromkeys(proxy.group for proxy in found):
        here = sorted((p for p in found if p.group == group), key=lambda p: (-p.changed, p.feature))
        for p in here[:most]:
            yield STRENGTH.of(p.changed, n=p.n, interval=p.interval, group=p.group, feature=p.feature)


class Study:
    """One protected attribute: the rows whose group is known, and the columns that do not record the group itself."""

    def __init__(self, case: Case, params: Params, data: Dataset, grouping: Grouping, *, key: int) -> None:
        self._case, self._params, self._grouping, self._key = case, params, grouping, key
        self._known = np.flatnonzero(grouping.codes >= 0)
        self._X, self._codes = data.X[self._known], grouping.codes[self._known]
        own = set(carriers(data.X, data.protected[grouping.name], grouping.name, case.schema))
        self.candidates = [unit for unit in units(case.schema) if not own & set(unit)]
        self._bins = [
            binned(self._X[:, unit], tuple(case.schema.features[j] for j in unit)) for unit in self.candidates
        ]
        judged = np.flatnonzero(grouping.judged)
        # of two groups each is the other's mirror image: the smaller one says it all
        self._asked = judged if len(judged) > 2 else judged[[np.argmin(grouping.sizes[judged])]]

    @property
    def n(self) -> int:
        """Rows whose group is known."""
        return len(self._known)

    def inferable(self) -> Iterator[Measurement]:
        """How well all candidate columns together tell each group, out of fold."""
        shares = self._out_of_fold()
        for group in self._asked:
            member = self._codes == group
            area, influence = auc(shares[:, group], member)
            yield INFERABLE.of(
                area,
                n=self.n,
                interval=auc_interval(area, influence, int(member.sum())),
                group=self._grouping.groups[group],
            )

    def _out_of_fold(self) -> NDArray[np.float64]:
        """Probabilities of each group, (n, groups), by boosted trees (1 thread: the same on every machine)."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import KFold
        from threadpoolctl import threadpool_limits

        shares = np.zeros((self.n, len(self._grouping.groups)))
        folds = KFold(self._params.folds, shuffle=True, random_state=int(self._rng(0).integers(2**31)))
        for learn, test in folds.split(self._X):
            columns = [j for j in self._most_telling(learn) if _varies(self._X[learn, j])]
            if not columns:
                continue
            model = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=0)
            with threadpool_limits(1):
                model.fit(self._X[learn][:, columns], self._codes[learn])
                shares[np.ix_(test, model.classes_)] = model.predict_proba(self._X[test][:, columns])
        return shares

    def _most_telling(self, rows: NDArray[np.int64]) -> list[int]:
        """All candidate columns, or the best of them by these `rows` alone where there are too many."""
        if len(self.candidates) > self._params.columns:
            best = [self._separation(bins, rows).auc[self._asked].max() for bins in self._bins]
            chosen = np.sort(np.argsort(-np.array(best), kind="stable")[: self._params.columns])
        else:
            chosen = np.arange(len(self.candidates))
        return [j for place in chosen for j in self.candidates[place]]

    def _separation(self, bins: NDArray[np.int64], rows: NDArray[np.int64]) -> Separation:
        half = np.zeros(len(rows), dtype=bool)
        half[self._rng(1).permutation(len(rows))[: len(rows) // 2]] = True
        return separation(bins[rows], self._codes[rows], len(self._grouping.groups), half)

    def proxies(self, before: NDArray[np.float64]) -> list[Proxy]:
        """The columns that are shown to tell a group, with what the model makes of the most telling ones.

        The lower ends of their AUCs hold for all columns and groups together (Bonferroni).
        """
        from scipy.stats import norm

        found = [self._separation(bins, np.arange(self.n)) for bins in self._bins]
        z = float(norm.ppf(1 - 0.025 / (len(found) * len(self._asked))))
        proxies = []
        for group in self._asked:
            areas = np.array([each.auc[group] for each in found])
            lows = areas - z * np.array([each.error[group] for each in found])
            best = np.argsort(-lows, kind="stable")[: self._params.features]
            for place in best[lows[best] > 0.5]:
                proxies.append(self._ask(int(group), int(place), float(areas[place]), float(lows[place]), before))
        return proxies

    def _ask(self, group: int, place: int, area: float, low: float, before: NDArray[np.float64]) -> Proxy:
        """Decisions of the group's rows with the column distributed as among everyone else."""
        unit, features = self.candidates[place], self._case.schema.features
        inside = self._codes == group
        rows = self._X[inside].copy()
        ordered = len(unit) == 1 and features[unit[0]].kind is not Kind.CATEGORY
        others = self._X[~inside][:, unit]
        rows[:, unit] = moved(rows[:, unit], others, ordered=ordered, rng=self._rng(2, group, place))
        gained, lost = _changes(before, self._known[inside], self._case.target.predict(rows), self._case.schema)
        changed = gained + lost
        return Proxy(
            feature=" + ".join(features[j].name for j in unit),
            group=self._grouping.groups[group],
            words=self._grouping.words[group],
            auc=area,
            auc_low=low,
            n=len(rows),
            changed=changed,
            interval=wilson(changed * len(rows), len(rows)),
            gained=gained,
            lost=lost,
        )

    def _rng(self, *key: int) -> np.random.Generator:
        return self._case.rng(1, self._key, *key)


def _varies(values: NDArray[np.float64]) -> bool:
    present = values[np.isfinite(values)]
    return len(present) > 0 and bool(np.ptp(present) > 0)


def _changes(
    before: NDArray[np.float64], rows: NDArray[np.int64], after: NDArray[np.generic], schema: Schema
) -> tuple[float, float]:
    """Shares of `rows` whose answer goes up (to the favourable class, to a higher value) and otherwise changes."""
    change = after.astype(np.float64) - before[rows]
    changed = change != 0 if schema.task.is_classification else np.abs(change) > 0.1 * before.std()
    up = after == schema.favourable if schema.favourable is not None else change > 0
    return float(np.mean(changed & up)), float(np.mean(changed & ~up))


def _finding(strong: list[Proxy], schema: Schema) -> Finding:
    worst = strong[0]
    severity = Severity.HIGH if worst.interval.low >= 0.2 and worst.auc_low >= 0.8 else Severity.MEDIUM
    return Finding(
        slug="proxy",
        title="A column stands in for a protected attribute",
        sentence=f"{worst.feature} tells {worst.words} apart, and {100 * worst.changed:.0f} % of that group's answers "
        f"would be different if it were distributed as among everyone else ({_direction(worst, schema)}).",
        severity=severity if worst.interval.low >= 0.05 else Severity.LOW,
        confidence=Confidence.MEDIUM,
        why=f"The column alone ranks a member of the group above somebody else in {100 * worst.auc:.0f} of 100 pairs. "
        "The model was asked again with the group's values moved, changing as few as possible, to where everyone "
        "else's lie; all other columns stayed as they were.",
        remedy="Decide whether the column has a reason of its own that you can defend. If not, drop it, or train "
        "without what it tells of the group, and compare accuracy and impact ratio.",
        reproduce=f"Give {worst.feature} the other groups' distribution in the rows with {worst.words} and ask again.",
        where=worst.feature,
        measures=(STRENGTH.id,),
        exhibits=(_exhibit(strong, schema),),
    )


def _direction(proxy: Proxy, schema: Schema) -> str:
    ways = ("for the better", "for the worse") if schema.favourable is not None else ("up", "down")
    return f"{100 * proxy.gained:.0f} % {ways[0]}, {100 * proxy.lost:.0f} % {ways[1]}"


def _exhibit(strong: list[Proxy], schema: Schema) -> Exhibit:
    ways = ("% better", "% worse") if schema.favourable is not None else ("% up", "% down")
    rows: list[tuple[Cell, ...]] = [
        (p.feature, p.words, p.n, round(p.auc, 3), *(round(100 * share, 1) for share in (p.changed, p.gained, p.lost)))
        for p in strong[:20]
    ]
    columns = ("column", "group", "rows", "AUC", "% changed", *ways)
    return Exhibit("Columns that tell a group and that the model decides by", columns, tuple(rows))
