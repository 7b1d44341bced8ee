from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.fairness.attribute_flips import run
from holdfast.targets.direct import DirectTarget

INCOME = Feature("income", Kind.NUMBER)
SEX = Feature("sex", Kind.CATEGORY, categories=("female", "male"), dtype="str")


def case(answer, features, X, protected, *, task=Task.BINARY, one_hot=()):
    schema = Schema(
        task=task,
        features=features,
        target="approved",
        classes=() if task is Task.REGRESSION else ("no", "yes"),
        favourable=None if task is Task.REGRESSION else 1,
        protected=tuple(protected),
        one_hot=one_hot,
    )
    return Case(
        target=DirectTarget(answer, schema, gives_scores=False),
        schema=schema,
        test=Dataset(X=X, y=None, protected=protected),
    )


def records(given):
    found = list(run.run(given, run.params("standard")))
    return [r for r in found if not isinstance(r, Finding)], [r for r in found if isinstance(r, Finding)]


def test_exactly_those_between_the_two_thresholds_change():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(1_000), rng.integers(0, 2, 1_000)])
    sex = Attribute(X[:, 1].astype(np.int64), ("female", "male"))
    given = case(lambda rows: rows[:, 0] > np.where(rows[:, 1] == 1, 0.4, 0.6), (INCOME, SEX), X, {"sex": sex})
    (rate,), (finding,) = records(given)
    between = ((X[:, 0] > 0.4) & (X[:, 0] <= 0.6)).mean()
    assert rate.value == pytest.approx(between)
    assert rate.interval.low < between < rate.interval.high
    assert finding.severity is Severity.HIGH
    gained = {row[0]: row[3] for row in finding.exhibits[0].rows}
    assert gained["sex = female"] > 15
    assert gained["sex = male"] == 0


def test_a_model_that_is_not_given_the_attribute_changes_nothing_and_is_asked_once():
    X = np.random.default_rng(0).random((500, 1))
    sex = Attribute(np.arange(500) % 2, ("female", "male"))
    given = case(lambda rows: rows[:, 0] > 0.5, (INCOME,), X, {"sex": sex})
    (rate,), findings = records(given)
    assert (rate.value, rate.n, rate.interval) == (0, 500, None)
    assert not findings
    assert given.target.queries == 500


def test_one_hot_columns_change_together():
    rng = np.random.default_rng(0)
    race = rng.integers(0, 3, 600)
    names = ("race_a", "race_b", "race_c")
    seen = []

    def answer(rows):
        seen.append(rows)
        return rows[:, 0] == 1

    features = tuple(Feature(name, Kind.INTEGER) for name in names)
    given = case(answer, features, np.eye(3)[race], {"race": Attribute(race, ("a", "b", "c"))}, one_hot=(names,))
    (rate,), _ = records(given)
    assert rate.value == 1  # to a, or from a
    assert all((rows.sum(axis=1) == 1).all() for rows in seen)


def test_a_number_takes_a_value_that_the_group_has():
    age = np.random.default_rng(0).integers(18, 80, 800)
    seen = []

    def answer(rows):
        seen.append(rows)
        return rows[:, 0] > 40

    groups = Attribute((age >= 40).astype(np.int64), ("young", "old"))
    given = case(answer, (Feature("age", Kind.INTEGER),), age[:, None].astype(float), {"age": groups})
    (rate,), _ = records(given)
    assert set(np.unique(seen[1])) <= set(age)
    assert rate.value > 0.9


def test_regression_counts_moves_of_a_tenth_of_a_standard_deviation():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(0, 1, 500), rng.integers(0, 2, 500)])
    sex = {"sex": Attribute(X[:, 1].astype(np.int64), ("female", "male"))}
    for effect, expected in ((0.05, 0), (0.5, 1)):
        given = case(lambda rows, e=effect: rows[:, 0] + e * rows[:, 1], (INCOME, SEX), X, sex, task=Task.REGRESSION)
        assert records(given)[0][0].value == expected


def test_several_attributes_make_one_finding_with_the_worst_first():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (600, 2)).astype(float)
    protected = {name: Attribute(X[:, k].astype(np.int64), ("a", "b")) for k, name in enumerate(("sex", "faith"))}
    features = (SEX, Feature("faith", Kind.CATEGORY, categories=("a", "b")))
    _, findings = records(case(lambda rows: rows[:, 1], features, X, protected))
    assert [finding.where for finding in findings] == ["faith"]
