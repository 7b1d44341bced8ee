"""Contributions of real models, by structure and by asking: they add up, agree, and find what is planted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.explanations.contributions import ASKED, contributions
from holdfast.explanations.explanation import explain_row
from holdfast.explanations.groups import group_columns
from holdfast.explanations.score import Scale, log_odds
from holdfast.explanations.weights import weigh_features
from holdfast.targets.direct import DirectTarget
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import Additive, Link, TargetSpec
from holdfast.targets.structure import read_structure

NAMES = ("income", "debt", "age", "noise")
SCHEMA = Schema(
    Task.BINARY,
    tuple(Feature(name, Kind.NUMBER, low=-5, high=5) for name in NAMES),
    "paid",
    classes=("no", "yes"),
    favourable=1,
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
Y = (2 * X[:, 0] - X[:, 1] + 0.3 * RNG.logistic(size=600) > 0).astype(int)
ROWS, PEOPLE = X[:5], X[100:200]


class Told(DirectTarget):
    """A model in this process whose structure tells, or lies by a factor."""

    def __init__(self, model, schema=SCHEMA, factor=1.0):
        super().__init__(model.predict_proba, schema)
        self.additive, self._contribute = read_structure(model)
        self.factor = factor

    def contributions(self, rows):
        return self.factor * self._contribute(rows)


@cache
def fitted(kind):
    made = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.005)),
        "boosted": HistGradientBoostingClassifier(max_iter=30, max_depth=3, random_state=0),
        "forest": RandomForestClassifier(40, max_depth=5, random_state=0),
    }
    return made[kind].fit(X, Y)


def of(target, rows=ROWS, *, schema=SCHEMA, outcome=1, **more):
    return contributions(target, schema, rows, PEOPLE, outcome=outcome, rng=np.random.default_rng(1), **more)


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
@pytest.mark.parametrize("outcome", [0, 1])
def test_they_add_up_whichever_way_they_are_found(kind, outcome):
    for target in (Told(fitted(kind)), DirectTarget(fitted(kind).predict_proba, SCHEMA)):
        found = of(target, outcome=outcome)
        assert found.values.sum(axis=1) + found.base == pytest.approx(found.scores, abs=1e-9)
        assert (found.method == ASKED) == (not isinstance(target, Told))
        assert found.asked == target.queries > 0
        assert np.abs(found.values[:, 0]).mean() > 3 * np.abs(found.values[:, 3]).mean()


def test_of_a_linear_model_structure_and_asking_say_the_same():
    told, asked = of(Told(fitted("linear"))), of(DirectTarget(fitted("linear").predict_proba, SCHEMA))
    assert asked.scores == pytest.approx(told.scores)
    assert asked.values == pytest.approx(told.values, abs=1e-6)


def test_of_trees_structure_and_asking_agree_within_their_errors():
    told, asked = of(Told(fitted("boosted"))), of(DirectTarget(fitted("boosted").predict_proba, SCHEMA))
    within = np.abs(told.values - asked.values) < 4 * np.hypot(told.errors, asked.errors) + 0.15
    assert within.mean() > 0.9


def test_standard_errors_of_asking_are_as_large_as_it_varies():
    target = DirectTarget(fitted("boosted").predict_proba, SCHEMA)
    drawn = [RNG.choice(600, 60, replace=False) for _ in range(40)]
    found = [
        contributions(target, SCHEMA, ROWS[:1], X[some], outcome=1, rng=np.random.default_rng(k))
        for k, some in enumerate(drawn)
    ]
    varies = np.std([one.values[0] for one in found], axis=0)
    stated = np.mean([one.errors[0] for one in found], axis=0)
    assert (stated[:3] / varies[:3]) == pytest.approx(1, abs=0.5)


def test_a_structure_that_says_something_else_than_the_model_answers_is_not_believed():
    found = of(Told(fitted("boosted"), factor=1.3))
    assert found.method == ASKED
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.scores)


def test_nan_among_contributions_is_not_believed_either():
    target = Told(fitted("linear"))
    target._contribute = lambda rows: np.full((len(rows), 1, 5), np.nan)
    assert of(target).method == ASKED


def test_one_hot_groups_and_what_follows_from_one_column_are_one_fact():
    schema = Schema(
        Task.BINARY,
        (
            Feature("age", Kind.INTEGER, low=18, high=90),
            Feature("home_own", Kind.INTEGER, low=0, high=1),
            Feature("home_rent", Kind.INTEGER, low=0, high=1),
            Feature("age_squared", Kind.NUMBER),
            Feature("ratio", Kind.NUMBER),
        ),
        "y",
        classes=(0, 1),
        one_hot=(("home_own", "home_rent"),),
        relations=("age_squared == age * age", "ratio == age / home_own"),
    )
    groups = {group.name: group for group in group_columns(schema)}
    assert {name: group.columns for name, group in groups.items()} == {"age": (0, 3), "home": (1, 2), "ratio": (4,)}
    assert groups["home"].labels == ("own", "rent")
    row = np.array([30.0, 0, 1, 900, 1])
    assert (groups["home"].value(row, schema), groups["age"].value(row, schema)) == ("rent", 30)
    assert groups["home"].value(np.array([30.0, 0, 0, 900, 1]), schema) is None

    def score(rows):
        p = 1 / (1 + np.exp(-(0.001 * rows[:, 3] + rows[:, 2] - 1.5)))
        return np.column_stack([1 - p, p])

    ages = np.arange(20.0, 60)
    people = np.column_stack([ages, ages % 2, 1 - ages % 2, ages**2, ages])
    target = DirectTarget(score, schema)
    rng = np.random.default_rng(0)
    found = contributions(target, schema, row[None], people, outcome=1, rng=rng, groups=group_columns(schema))
    assert found.values[0, 1] == pytest.approx(0.5)
    assert found.values[0, 0] == pytest.approx(0.001 * (900 - (ages**2).mean()))
    assert found.values[0, 2] == pytest.approx(0)


def test_a_planted_reason_is_found_in_an_explanation():
    row = np.array([-2.0, 0.1, 0.0, 0.0])
    found = explain_row(Told(fitted("boosted")), SCHEMA, row, X, rng=np.random.default_rng(0))
    assert (found.decided, found.is_adverse, found.pull) == ("no", True, -1)
    worst = found.parts[0]
    assert (worst.feature, worst.above, worst.value) == ("income", False, -2.0)
    assert worst.contribution < -1
    assert found.base + sum(part.contribution for part in found.parts) == pytest.approx(found.score)
    assert (found.threshold, found.scale) == (0.0, Scale.LOG_ODDS)
    assert [part.feature for part in found.parts if part.is_protected] == ["age"]


def test_a_model_that_only_decides_is_explained_by_its_decisions():
    target = DirectTarget(lambda rows: (rows[:, 0] > 0).astype(float), SCHEMA, gives_scores=False)
    found = explain_row(target, SCHEMA, np.array([-1.0, 0, 0, 0]), X, rng=np.random.default_rng(0))
    assert (found.scale, found.score, found.parts[0].feature) == (Scale.DECISION, 0.0, "income")
    assert found.parts[0].contribution == pytest.approx(-found.base)


def test_a_regression_is_explained_by_what_moves_its_value_from_the_mean():
    schema = replace(SCHEMA, task=Task.REGRESSION, classes=(), favourable=None)
    target = DirectTarget(lambda rows: 3 * rows[:, 0] - rows[:, 1], schema)
    found = explain_row(target, schema, np.array([-2.0, 1, 0, 0]), X, rng=np.random.default_rng(0))
    assert (found.decided, found.outcome, found.is_adverse, found.pull) == (-7.0, "", False, -1)
    assert [part.feature for part in found.parts[:2]] == ["income", "debt"]


def test_a_wide_table_is_explained_by_what_moves_it_and_the_rest_together():
    d = 300
    schema = replace(SCHEMA, features=tuple(Feature(f"f{j}", Kind.NUMBER) for j in range(d)))
    people = RNG.normal(size=(100, d))

    def answer(rows):
        p = 1 / (1 + np.exp(-(3 * rows[:, 7] - 2 * rows[:, 200])))
        return np.column_stack([1 - p, p])

    row = np.full(d, 0.1)
    row[[7, 200]] = -2, 2
    found = explain_row(DirectTarget(answer, schema), schema, row, people, rng=np.random.default_rng(0))
    assert {part.feature for part in found.parts[:2]} == {"f7", "f200"}
    assert len(found.parts) == 65


def test_missing_values_and_few_people():
    row = np.array([np.nan, 0, 0, 0])
    found = explain_row(Told(fitted("boosted")), SCHEMA, row, X, rng=np.random.default_rng(0))
    income = next(part for part in found.parts if part.feature == "income")
    assert (income.value, income.above) == (None, None)
    with pytest.raises(FixInput, match="too few"):
        explain_row(Told(fitted("boosted")), SCHEMA, row, X[:9], rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_weights_say_what_the_decisions_rest_on(kind):
    told = weigh_features(Told(fitted(kind)), SCHEMA, X, seed=3)
    asked = weigh_features(DirectTarget(fitted(kind).predict_proba, SCHEMA), SCHEMA, X, seed=3)
    assert told == weigh_features(Told(fitted(kind)), SCHEMA, X, seed=3)
    for weights in (told, asked):
        assert sum(weights) == pytest.approx(1)
        assert weights[0] > weights[1] > 2 * max(weights[2:])
    assert told == pytest.approx(asked, abs=0.12)  # a forest tells on the scale of shares, and is asked on log-odds


def test_weights_of_a_model_that_nothing_moves_are_equal_and_of_no_rows_none():
    flat = DirectTarget(lambda rows: np.full((len(rows), 2), 0.5), SCHEMA)
    assert weigh_features(flat, SCHEMA, X) == (0.25,) * 4
    assert weigh_features(flat, SCHEMA, X[:9]) == ()


def test_in_the_worker_of_an_onnx_model_asking_agrees_with_the_model_it_was_made_from(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    model = fitted("forest")
    options = {id(model): {"zipmap": False}}
    made = skl2onnx.to_onnx(model, X[:1].astype(np.float32), options=options)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    joblib.dump(model, tmp_path / "m.joblib")
    with (
        open_target(TargetSpec("onnx", str(tmp_path / "m.onnx")), SCHEMA) as onnx,
        open_target(TargetSpec("joblib", str(tmp_path / "m.joblib")), SCHEMA) as pickled,
    ):
        asked, told = of(onnx), of(pickled)
    assert (asked.method, told.method) == (ASKED, "TreeSHAP")
    assert asked.scores == pytest.approx(log_odds(told.scores), abs=1e-4)
    assert (np.argmax(np.abs(asked.values), axis=1) == np.argmax(np.abs(told.values), axis=1)).mean() >= 0.8


def test_an_additive_that_lies_about_its_link_is_asked_instead():
    target = Told(fitted("linear"))
    target.additive = Additive("linear", Link.IDENTITY, 1)
    assert of(target).method == ASKED
