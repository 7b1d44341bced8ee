"""What does it take to turn a decision?

Threat model: somebody who sees decisions only, owns some rows, and changes what the constraints let them change. Every
model has a boundary, so a flip by itself is no flaw. Two things are: that a change too small to matter turns most
decisions, and that one feature turns most decisions although the outcomes do not depend on it.

Method: the batched decision-based attack of `holdfast.search.boundary`, four times: the nearest flip in min-max units
within the constraints, the same without them (what tools that know no constraints report), the smallest percentile
shift, and the cheapest where costs are stated. It shows that a flip exists; it does not show that a smaller one does
not.

The limit for "too small to matter" was set on data: total shifts of up to 2 % of people turned 0 to 25 % of refusals
in ordinary models (logistic regression, two random forests, XGBoost, LightGBM, each on loanapp, German credit, credit
default and Adult); the finding needs half of the refusals, with confidence. A feature counts as one that outcomes do
not depend on when it turns over three quarters of the decisions alone, and fewer than 62 % of the answers that
shuffling it changes were right before, both with confidence. `python -m bench.real_tables` plants such a feature in
models of those tables under four libraries, and shows which are found and which sound twins are accused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Direction, Interval, Measure, Measurement
from holdfast.domain.schema import Kind, Schema, Task
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.evasion._findings import (
    CATALOGUE,
    nearest_flip,
    nothing_free,
    one_feature,
    small_change,
    too_few,
)
from holdfast.probes.evasion._single import Sweep, is_immaterial, sweep
from holdfast.probes.evasion._words import Flip
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Outcome, Owned, Size
from holdfast.search.shift import PercentileShift
from holdfast.statistics import clopper_pearson, quantile_interval

Matrix = NDArray[np.float64]

_BUDGETS = (0.02, 0.05, 0.1, 0.2, 0.5)
_SMALL_SHIFT = 0.02
_MOST = 0.5
_NEARLY_ALL = 0.75
_FEWEST = 5
_FEWEST_WIDE = 10
_WIDE_CELLS = 100_000
_MOST_CASES = 5

LOW, HIGH = Direction.LOWER_IS_BETTER, Direction.HIGHER_IS_BETTER
FLIP_RATE = Measure(
    "evasion.flip_rate",
    "Decisions that can be turned",
    "share",
    LOW,
    "Share of attacked decisions that were turned by a permitted change of any size, within the attack's queries.",
    (0, 1),
)
SMALL_CHANGE = Measure(
    "evasion.small_change_flip_rate",
    "Decisions turned by a change too small to matter",
    "share",
    LOW,
    "Share of attacked decisions turned by permitted changes that pass 2 % of people or fewer, summed over features.",
    (0, 1),
)
ONE_FEATURE = Measure(
    "evasion.one_feature_flip_rate",
    "Decisions turned by a single feature",
    "share",
    LOW,
    "Share of attacked decisions that one feature alone turns, moved to an ordinary value; by feature where scoped.",
    (0, 1),
)
IMMATERIAL = Measure(
    "evasion.immaterial_feature_flip_rate",
    "Decisions turned by a feature that outcomes do not depend on",
    "share",
    LOW,
    "Share of attacked decisions that one feature turns although shuffling it makes answers no worse; 0 without one.",
    (0, 1),
)
ROBUST = Measure(
    "evasion.robust_accuracy",
    "Decisions that hold against permitted changes",
    "share",
    HIGH,
    "Share of attacked decisions that no permitted change up to a size turned; size in min-max units (L2).",
    (0, 1),
)
FREE_ROBUST = Measure(
    "evasion.free_robust_accuracy",
    "Decisions that hold against any change",
    "share",
    HIGH,
    "The same without constraints: every feature is free to move, in fractions too. Lower than what can really happen.",
    (0, 1),
)
DISTANCE = Measure(
    "evasion.median_distance",
    "Size of the change that turns a decision",
    "min-max units",
    HIGH,
    "Median over attacked decisions of the smallest permitted change found that turns them (L2).",
)
FREE_DISTANCE = Measure(
    "evasion.free_median_distance",
    "Size of an unconstrained change that turns a decision",
    "min-max units",
    HIGH,
    "The same without constraints.",
)
SHIFT = Measure(
    "evasion.median_shift",
    "People passed by the change that turns a decision",
    "share",
    HIGH,
    "Median of the smallest total percentile shift found that turns a decision: 0.1 passes a tenth of people.",
)
PRICE = Measure(
    "evasion.price_to_flip",
    "Price of turning a decision",
    "money",
    HIGH,
    "Median cost of the cheapest change found, over the decisions turned by changing only features with a stated cost.",
)
PRICED_FLIP_RATE = Measure(
    "evasion.priced_flip_rate",
    "Decisions that money can turn",
    "share",
    LOW,
    "Share of attacked decisions turned by changing only features with a stated cost.",
    (0, 1),
)
QUERIES = Measure(
    "evasion.queries_per_row",
    "Questions asked to turn a decision",
    "queries",
    Direction.NEUTRAL,
    "Mean number of rows that the constrained attack asked the model about, for each attacked decision.",
)


@dataclass(frozen=True)
class Params:
    """`rows` decisions are attacked with `queries` each; `people` rows serve as the attacker's own and as the public.

    Of tables wider than some hundreds of columns fewer rows are attacked: 100,000 cells, but ten rows at least.
    `tolerance` is what counts as another prediction in regression, in standard deviations of the predictions.
    """

    rows: int = 120
    queries: int = 500
    people: int = 1000
    tolerance: float = 0.5


@dataclass(frozen=True, eq=False)
class _Attacked:
    """What is attacked: `victims` with table rows `row`, the `goal`, and `people`, the rows that the attacker owns."""

    victims: Matrix
    row: NDArray[np.int64]
    goal: Goal
    people: Owned


@probe(
    title="What it takes to turn a decision",
    question="How small, how cheap and how plausible a change turns a decision of this model?",
    measures=(
        FLIP_RATE, SMALL_CHANGE, ONE_FEATURE, IMMATERIAL, ROBUST, FREE_ROBUST, DISTANCE, FREE_DISTANCE, SHIFT, PRICE,
        PRICED_FLIP_RATE, QUERIES,
    ),
    efforts={
        "quick": Params(rows=40, queries=150, people=400),
        "standard": Params(),
        "deep": Params(rows=600, queries=1500, people=4000),
    },
    trial="holdfast.testing.trials.evasion:decision_based",
    needs={Need.MODEL},
    cost="about 2,000 queries for each attacked decision at standard",
    memory_mb=500,
    catalogue=CATALOGUE,
)  # fmt: skip
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Measure flips within the constraints, without them, by percentile shift, by price, and by single feature."""
    attacked = _choose(case, params)
    if attacked is None:
        yield too_few()
        return
    constraints = ConstraintSet(case.schema, attacked.people.rows)
    if not constraints.free.any():
        yield nothing_free()
        return
    nearest = _attack(case, params, attacked, constraints, number=0)
    yield from _sizes(nearest, ROBUST, DISTANCE)
    yield _share(FLIP_RATE, nearest.flipped)
    yield QUERIES.of(nearest.queries.mean(), n=len(nearest.rows))

    loose = ConstraintSet(_unconstrained(case.schema), attacked.people.rows)
    yield from _sizes(_attack(case, params, attacked, loose, number=1), FREE_ROBUST, FREE_DISTANCE)

    smallest = _attack(
        case, params, attacked, constraints, number=2, size=PercentileShift(constraints, attacked.people.rows)
    )
    yield _share(SMALL_CHANGE, smallest.size <= _SMALL_SHIFT)
    yield from _median(SHIFT, smallest.size)

    cheapest = _cheapest(case, params, attacked)
    if cheapest is not None:
        for price in _median(PRICE, cheapest.size[cheapest.flipped]):
            yield replace(price, unit=case.schema.currency)
        yield _share(PRICED_FLIP_RATE, cheapest.flipped)

    case.progress(0.9, "changing one feature at a time")
    sweeps = sweep(case.target, constraints, attacked.victims, attacked.goal, attacked.people.rows)
    culprits = _immaterial(case, params, attacked, sweeps)
    yield from _single_shares(sweeps, culprits, case)
    yield from _findings(case, attacked, constraints, (nearest, smallest, cheapest), culprits)


def _choose(case: Case, params: Params) -> _Attacked | None:
    """The decisions to attack and the rows that the attacker owns; None where there is too little of either."""
    test = case.test.sample(params.people, case.rng(0))
    others = case.train.sample(params.people, case.rng(1)).X if case.train is not None else test.X[:0]
    people = np.concatenate([test.X, others])
    if len(test) < _FEWEST:
        return None
    answers = case.target.predict(people)
    tolerance = params.tolerance * float(np.std(answers)) if case.schema.task is Task.REGRESSION else 0.0
    wanted = case.schema.favourable
    own = answers[: len(test)]
    candidates = np.flatnonzero(own != wanted) if wanted is not None else np.arange(len(test))
    if len(candidates) < _FEWEST or np.ptp(answers) == 0:
        return None
    most = min(params.rows, max(_FEWEST_WIDE, _WIDE_CELLS // len(case.schema.features)))
    chosen = np.sort(case.rng(2).permutation(candidates)[:most])
    goal = Goal(own[chosen], wanted, tolerance)
    return _Attacked(test.X[chosen], test.row[chosen], goal, Owned(people, answers))


def _attack(
    case: Case,
    params: Params,
    attacked: _Attacked,
    constraints: ConstraintSet,
    *,
    number: int,
    size: Size | None = None,
) -> Outcome:
    names = ("nearest change", "without constraints", "smallest shift", "cheapest change")
    return attack(
        case.target,
        constraints,
        attacked.victims,
        attacked.goal,
        attacked.people,
        rng=case.rng(3, number),
        budget=params.queries,
        size=size,
        progress=lambda share: case.progress((number + share) * 0.22, f"attacking decisions: {names[number]}"),
    )


def _unconstrained(schema: Schema) -> Schema:
    """Every feature free to move within its range, whole numbers in fractions too; categories stay categories."""
    features = tuple(
        replace(f, immutable=False, monotone=None, kind=Kind.NUMBER if f.kind is Kind.INTEGER else f.kind)
        for f in schema.features
    )
    return replace(schema, features=features, relations=(), one_hot=())


def _cheapest(case: Case, params: Params, attacked: _Attacked) -> Outcome | None:
    """The cheapest flips, changing only what has a price; None where nothing has."""
    everything = ConstraintSet(case.schema)
    payable = everything.priced | everything.derived
    features = tuple(f if payable[j] else replace(f, immutable=True) for j, f in enumerate(case.schema.features))
    constraints = ConstraintSet(case.schema.with_features(features), attacked.people.rows)
    if not (everything.priced & constraints.free).any():
        return None

    def price(rows: Matrix, originals: Matrix) -> NDArray[np.float64]:
        cost = constraints.cost(rows, originals)
        return np.zeros(len(rows)) if cost is None else np.where(np.isnan(cost), np.inf, cost)

    return _attack(case, params, attacked, constraints, number=3, size=price)


def _immaterial(case: Case, params: Params, attacked: _Attacked, sweeps: tuple[Sweep, ...]) -> list[Sweep]:
    """Features that turn over three quarters of decisions, with confidence, though the outcomes do not need them."""
    if case.test.y is None:
        return []
    known = case.test.y >= 0 if case.schema.task.is_classification else np.isfinite(case.test.y)
    labelled = case.test.take(np.flatnonzero(known)).sample(4 * params.people, case.rng(4))
    suspects = [(k, one) for k, one in enumerate(sweeps) if _interval(one.flipped).low > _NEARLY_ALL]
    tolerance = attacked.goal.tolerance
    return [
        one
        for k, one in suspects
        if is_immaterial(
            case.target, labelled, one.columns, tolerance=tolerance, rng=case.rng(5, k), candidates=len(suspects)
        )
    ]


def _sizes(outcome: Outcome, curve: Measure, median: Measure) -> Iterator[Measurement]:
    for budget in _BUDGETS:
        yield _share(curve, outcome.size > budget, budget=budget)
    yield from _median(median, outcome.size)


def _single_shares(sweeps: tuple[Sweep, ...], culprits: list[Sweep], case: Case) -> Iterator[Measurement]:
    yield _share(ONE_FEATURE, np.any([one.flipped for one in sweeps], axis=0))
    for one in sweeps[:_MOST_CASES]:
        if one.flipped.any():
            yield _share(ONE_FEATURE, one.flipped, feature=one.name)
    if case.test.y is not None:
        yield _share(IMMATERIAL, culprits[0].flipped if culprits else np.zeros(len(sweeps[0].flipped), dtype=bool))


def _share(measure: Measure, which: NDArray[np.bool_], **scope: object) -> Measurement:
    return measure.of(which.mean(), n=len(which), interval=_interval(which), **scope)


def _interval(which: NDArray[np.bool_]) -> Interval:
    return clopper_pearson(int(which.sum()), len(which))


def _median(measure: Measure, values: NDArray[np.float64]) -> Iterator[Measurement]:
    """The median, where it is finite: a decision that was not turned counts as infinitely far."""
    if not len(values) or not np.isfinite(middle := float(np.quantile(values, 0.5, method="lower"))):
        return
    capped = np.where(np.isfinite(values), values, np.nan_to_num(values, posinf=0).max())
    yield measure.of(middle, n=len(values), interval=quantile_interval(capped, 0.5))


def _findings(
    case: Case,
    attacked: _Attacked,
    constraints: ConstraintSet,
    outcomes: tuple[Outcome, Outcome, Outcome | None],
    culprits: list[Sweep],
) -> Iterator[Finding]:
    nearest, smallest, cheapest = outcomes
    small = replace(smallest, flipped=smallest.size <= _SMALL_SHIFT)
    if _interval(small.flipped).low > _MOST:
        yield small_change(_flips(case, attacked, constraints, small), small.flipped, constraints, case.seed)
    elif culprits:
        one = culprits[0]
        yield one_feature(_flips(case, attacked, constraints, one.outcome), one, constraints, case.seed)
    best = cheapest if cheapest is not None and cheapest.flipped.any() else nearest
    if best.flipped.any():
        yield nearest_flip(_flips(case, attacked, constraints, best), best.flipped, constraints, case.seed)


def _flips(case: Case, attacked: _Attacked, constraints: ConstraintSet, outcome: Outcome) -> list[Flip]:
    """Five examples around the median size, so that what is shown is typical."""
    found = np.flatnonzero(outcome.flipped)
    ordered = found[np.argsort(outcome.size[found], kind="stable")]
    start = max(0, len(ordered) // 2 - _MOST_CASES // 2)
    chosen = ordered[start : start + _MOST_CASES]
    rows = outcome.rows[chosen]
    answers = case.target.predict(rows)
    cost = constraints.cost(rows, attacked.victims[chosen])
    return [
        Flip(
            before=attacked.victims[i],
            after=rows[k],
            answers=(float(attacked.goal.baseline[i]), float(answers[k])),
            cost=None if cost is None or np.isnan(cost[k]) else float(cost[k]),
            row=int(attacked.row[i]),
        )
        for k, i in enumerate(chosen)
    ]
