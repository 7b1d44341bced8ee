"""What would have changed a decision: verified by the model, within every constraint, few and different ways."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.schema import Feature, Kind, Monotone, Schema, Task
from holdfast.explanations.counterfactuals import _away, find_ways
from holdfast.guards.contract import Ground
from holdfast.guards.learn import learn_reference
from holdfast.targets.direct import DirectTarget, Metered
from holdfast.testing.tables import credit_rows, credit_schema

DATA = credit_rows(1_000, 3)
SCHEMA = credit_schema()


@cache
def target_of(kind):
    made = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression()),
        "boosted": GradientBoostingClassifier(n_estimators=30, random_state=0),
        "forest": RandomForestClassifier(30, min_samples_leaf=5, random_state=0),
    }
    return DirectTarget(made[kind].fit(DATA.X, DATA.y).predict_proba, SCHEMA)


def refused(kind, most=4):
    answers = target_of(kind).predict(DATA.X)
    return DATA.X[np.flatnonzero(answers == 0)[5 : 5 + most]]


def ways(kind, row, schema=SCHEMA, **more):
    return find_ways(target_of(kind), schema, row, DATA.X, wanted=1, rng=np.random.default_rng(0), **more)


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_every_way_holds_keeps_every_constraint_and_differs_from_the_others(kind):
    schema = SCHEMA.with_features(
        tuple(replace(f, monotone=Monotone.DECREASE) if f.name == "late_payments" else f for f in SCHEMA.features)
    )
    constraints, some = ConstraintSet(schema, DATA.X), 0
    for row in refused(kind):
        found = ways(kind, row, schema)
        rows = np.array([way.row for way in found.found]).reshape(-1, len(row))
        assert (target_of(kind).predict(rows) == 1).all()
        assert constraints.valid(rows, np.tile(row, (len(rows), 1))).all()
        assert (rows[:, SCHEMA.index("age")] == row[SCHEMA.index("age")]).all(), "nobody can change their age"
        assert [len(way.changes) > 0 for way in found.found] == [True] * len(rows)
        leads = [way.changes[0].feature for way in found.found]
        assert len(set(leads)) == len(leads), "each rests on something else"
        assert found.wanted == "yes"
        some += len(rows)
    assert some >= 4


def test_few_features_change_and_the_cost_is_told_where_it_is_known():
    found = [way for row in refused("linear") for way in ways("linear", row).found]
    assert np.mean([len(way.changes) for way in found]) < 2.5
    income = next(way for way in found if [change.feature for change in way.changes] == ["income"])
    change = income.changes[0]
    assert income.cost == pytest.approx(1_000 * (change.after - change.before))
    assert all(way.cost is None for way in found if "late_payments" in {change.feature for change in way.changes})


def test_ways_are_no_odder_than_ordinary_rows():
    ground = Ground(learn_reference(DATA, SCHEMA))

    def odd(rows):
        return ground.oddity.share_less_odd(rows, ground.bins.codes(rows))

    for row in refused("boosted"):
        found = ways("boosted", row, odd=odd)
        assert all(way.oddity <= max(0.99, odd(row[None])[0]) for way in found.found)
        assert found.found


def test_protected_attributes_stay_as_they_are_even_where_a_schema_lets_them_change():
    free = SCHEMA.with_features(tuple(replace(f, immutable=False) for f in SCHEMA.features))
    for row in refused("forest"):
        for way in ways("forest", row, free).found:
            assert "age" not in {change.feature for change in way.changes}


def test_one_hot_groups_and_relations_hold_in_every_way():
    schema = Schema(
        Task.BINARY,
        (
            Feature("income", Kind.NUMBER, low=0, high=100),
            Feature("debt", Kind.NUMBER, low=0, high=100),
            Feature("rest", Kind.NUMBER),
            Feature("home_own", Kind.INTEGER, low=0, high=1),
            Feature("home_rent", Kind.INTEGER, low=0, high=1),
        ),
        "y",
        classes=("no", "yes"),
        favourable=1,
        one_hot=(("home_own", "home_rent"),),
        relations=("rest == income - debt", "debt <= income"),
    )
    rng = np.random.default_rng(0)
    income = rng.uniform(20, 100, 400)
    debt, own = income * rng.uniform(0, 1, 400), rng.integers(0, 2, 400)
    people = np.column_stack([income, debt, income - debt, own, 1 - own]).astype(float)

    def answer(rows):
        p = 1 / (1 + np.exp(-(0.1 * rows[:, 2] + 2 * rows[:, 3] - 5)))
        return np.column_stack([1 - p, p])

    target = DirectTarget(answer, schema)
    row = np.array([50.0, 30, 20, 0, 1])
    found = find_ways(target, schema, row, people, wanted=1, rng=rng)
    assert found.found
    for way in found.found:
        made = np.array(way.row)
        assert made[2] == pytest.approx(made[0] - made[1])
        assert made[1] <= made[0]
        assert made[3] + made[4] == 1
        assert "rest" not in {change.feature for change in way.changes}, "what follows is not what somebody changes"


def test_what_cannot_be_found_is_said():
    row = refused("linear")[0]
    fixed = SCHEMA.with_features(tuple(replace(f, immutable=True) for f in SCHEMA.features))
    assert "fixed" in ways("linear", row, fixed).note
    never = DirectTarget(lambda rows: np.tile([0.9, 0.1], (len(rows), 1)), SCHEMA)
    found = find_ways(never, SCHEMA, row, DATA.X, wanted=1, rng=np.random.default_rng(0))
    assert (found.found, found.asked) == ((), len(DATA.X))
    assert "None of the 1000 people" in found.note
    odd = find_ways(target_of("linear"), SCHEMA, row, DATA.X, wanted=1, rng=np.random.default_rng(0), odd=_all_odd(row))
    assert odd.found == ()
    assert "no ordinary person resembles" in odd.note


def _all_odd(row):
    return lambda rows: np.where((rows == row).all(axis=1), 0.5, 1.0)


def test_questions_stay_within_the_budget_and_the_same_seed_finds_the_same():
    meter = Metered(target_of("boosted"), 10**9)
    row = refused("boosted")[0]
    one, two = (
        find_ways(meter, SCHEMA, row, DATA.X, wanted=1, rng=np.random.default_rng(7), queries=120, count=2)
        for _ in range(2)
    )
    assert one == two
    assert one.asked <= len(DATA.X) + 2 * (6 * 120 + 60)


def test_numbers_are_rounded_away_from_where_they_were():
    assert [_away(51_237.42, 40_000, digits) for digits in (1, 2, 3)] == [60_000, 52_000, 51_300]
    assert [_away(0.0123, 0.5, digits) for digits in (1, 2)] == [0.01, 0.012]
    assert (_away(-5.21, -1, 2), _away(0.0, 1, 2)) == (-5.3, 0.0)


def test_missing_values_in_a_row_do_not_stop_the_search():
    schema = SCHEMA.with_features(tuple(replace(f, missing=f.name == "debt") for f in SCHEMA.features))
    target = DirectTarget(lambda rows: target_of("linear").scores(np.nan_to_num(rows)), schema)
    row = refused("linear")[0].copy()
    row[1] = np.nan
    found = find_ways(target, schema, row, DATA.X, wanted=1, rng=np.random.default_rng(0))
    assert all(target.predict(np.array([way.row]))[0] == 1 for way in found.found)
    assert found.found
