from __future__ import annotations

import ast
import time
from dataclasses import replace

import numpy as np
import pytest

from holdfast.canonical import encode
from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.evasion.decision_based import Params, run
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trials.evasion import decision_based as trial

SMALL = Params(rows=30, queries=100, people=300)


def records(case: Case, params: Params = SMALL) -> list[Measurement | Finding]:
    found = list(run.run(case, params))
    assert {m.measure for m in found if isinstance(m, Measurement)} <= {m.id for m in run.measures}
    return found


def findings(found: list) -> list[Finding]:
    return [record for record in found if isinstance(record, Finding)]


def value(found: list, measure: str, **scope: object) -> float:
    wanted = tuple((name, str(part)) for name, part in scope.items())
    (one,) = [m for m in found if isinstance(m, Measurement) and m.measure == measure and m.scope == wanted]
    return one.value


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_planted_flaw_is_found_and_the_clean_twin_is_quiet(seed: int) -> None:
    planted = findings(records(trial.planted(seed), run.params("quick")))
    assert [f.slug for f in planted] == [trial.finds, "nearest-flip"]
    assert planted[0].where == "purpose"
    assert "purpose from" in planted[0].sentence
    assert "to business" in planted[0].sentence
    clean = findings(records(trial.clean(seed), run.params("quick")))
    assert {f.slug for f in clean if f.severity is not Severity.INFO} == set()


def test_a_model_that_reacts_to_noise_is_found() -> None:
    def ripple(X: np.ndarray) -> np.ndarray:
        approved = np.sin(X[:, 0] * 20) > 0
        return np.column_stack([~approved, approved]).astype(float)

    data = credit_rows(600, 1)
    found = records(case_of(None, credit_schema(), None, data, answer=ripple))
    assert findings(found)[0].slug == "cheap-flip"
    assert "income" in findings(found)[0].where
    assert value(found, "evasion.small_change_flip_rate") > 0.9


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert [encode(r) for r in records(trial.clean(1))] == [encode(r) for r in records(trial.clean(1))]
    assert [encode(r) for r in records(trial.clean(1))] != [encode(r) for r in records(replace(trial.clean(1), seed=9))]


def test_the_curve_falls_and_constraints_only_make_flips_harder() -> None:
    found = records(trial.clean(0), Params(rows=40, queries=300, people=400))
    curve = [value(found, "evasion.robust_accuracy", budget=b) for b in (0.02, 0.05, 0.1, 0.2, 0.5)]
    assert curve == sorted(curve, reverse=True)
    assert value(found, "evasion.free_median_distance") <= value(found, "evasion.median_distance")


def test_the_finding_can_be_replayed_from_its_own_words() -> None:
    case = trial.planted(0)
    for finding in findings(records(case)):
        index = int(finding.reproduce.split("iloc[[")[1].split("]]")[0])
        cells = ast.literal_eval(finding.reproduce.split("**")[1].splitlines()[0].removesuffix(")"))
        row = case.test.X[[index]]
        changed = row.copy()
        for name, cell in cells.items():
            feature = case.schema.features[case.schema.index(name)]
            changed[0, case.schema.index(name)] = feature.categories.index(cell) if feature.categories else cell
        assert case.target.predict(row).tolist() == [0]
        assert case.target.predict(changed).tolist() == [1]
        assert ConstraintSet(case.schema).valid(changed, row).all()


def test_prices_are_in_the_schema_s_currency_and_only_priced_features_move() -> None:
    case = trial.clean(0)
    case = replace(case, schema=replace(case.schema, currency="EUR"))
    found = records(case)
    (price,) = [m for m in found if isinstance(m, Measurement) and m.measure == "evasion.price_to_flip"]
    assert price.unit == "EUR"
    assert price.value > 0
    (told,) = findings(found)
    assert "EUR" in told.sentence
    assert {row[1] for row in told.exhibits[0].rows} <= {"income", "debt", "housing"}


def test_without_costs_no_price_is_claimed() -> None:
    case = trial.clean(0)
    free = case.schema.with_features(tuple(replace(f, cost=None) for f in case.schema.features))
    found = records(replace(case, schema=free))
    assert not any("price" in m.measure for m in found if isinstance(m, Measurement))
    assert "at a cost" not in findings(found)[0].sentence


def test_regression_moves_predictions_and_says_so() -> None:
    from sklearn.ensemble import RandomForestRegressor

    schema = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    train, test = credit_rows(400, 1), credit_rows(200, 2)
    y = train.X[:, 0] / 10 - train.X[:, 4]
    model = RandomForestRegressor(10, min_samples_leaf=5, random_state=0).fit(train.X, y)
    labelled = Dataset(test.X, np.where(np.arange(200) < 5, np.nan, test.X[:, 0] / 10 - test.X[:, 4]))
    found = records(case_of(model, schema, Dataset(train.X, y), labelled))
    assert value(found, "evasion.flip_rate") > 0.9
    assert findings(found)[-1].sentence.startswith("A prediction moves from")


def test_multiclass_leaves_the_present_class() -> None:
    from sklearn.linear_model import LogisticRegression

    schema = replace(credit_schema(), task=Task.MULTICLASS, classes=("a", "b", "c"), favourable=None)
    train, test = credit_rows(400, 1), credit_rows(200, 2)
    y = np.digitize(train.X[:, 0], [40, 70])
    model = LogisticRegression(max_iter=300).fit(train.X, y)
    found = records(case_of(model, schema, None, Dataset(test.X, None)))
    assert value(found, "evasion.flip_rate") > 0.9
    assert 'A case decided "' in findings(found)[-1].sentence
    assert not any(m.measure == "evasion.immaterial_feature_flip_rate" for m in found if isinstance(m, Measurement))


def test_missing_values_unlabelled_rows_and_constant_columns_survive() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    data, test = credit_rows(500, 1), credit_rows(300, 2)
    X, Z = data.X.copy(), test.X.copy()
    for table in (X, Z):
        table[rng.random(table.shape) < 0.1] = np.nan
        table[:, 2] = 7
    Z[:5, 5] = -1
    schema = credit_schema()
    schema = schema.with_features(
        tuple(
            replace(f, missing=True, low=7 if j == 2 else f.low, high=7 if j == 2 else f.high)
            for j, f in enumerate(schema.features)
        )
    )
    model = HistGradientBoostingClassifier(max_iter=20).fit(X, data.y)
    y = np.where(np.arange(300) % 3 == 0, -1, test.y)
    found = records(case_of(model, schema, Dataset(X, data.y), Dataset(Z, y)))
    assert value(found, "evasion.flip_rate") > 0.5


@pytest.mark.parametrize("rows", [0, 1, 4, 7, 20])
def test_tiny_tables_give_fewer_records_not_errors(rows: int) -> None:
    test = credit_rows(50, 1).take(np.arange(rows))
    case = trial.clean(0)
    found = records(replace(case, test=test, train=None))
    assert found
    if rows < 5:
        assert [f.slug for f in findings(found)] == ["too-few-rows"]


def test_a_model_that_always_says_no_is_said_to_be_beyond_attack() -> None:
    found = records(
        case_of(None, credit_schema(), None, credit_rows(60, 1), answer=lambda X: np.tile([1.0, 0.0], (len(X), 1)))
    )
    assert [f.slug for f in findings(found)] == ["too-few-rows"]


def test_a_table_that_nobody_can_change_is_said_to_be_so() -> None:
    case = trial.clean(0)
    fixed = case.schema.with_features(tuple(replace(f, immutable=True) for f in case.schema.features))
    assert [f.slug for f in findings(records(replace(case, schema=fixed)))] == ["nothing-to-change"]


def test_one_hot_relations_and_wide_tables() -> None:
    rng = np.random.default_rng(0)
    width = 150
    features = (
        *(Feature(f"x{j}", Kind.NUMBER) for j in range(width)),
        *(Feature(f"h{j}", Kind.INTEGER, low=0, high=1) for j in range(3)),
    )
    schema = Schema(
        Task.BINARY,
        features,
        "y",
        ("no", "yes"),
        favourable=1,
        one_hot=(("h0", "h1", "h2"),),
        relations=("x0 <= x1 + 2",),
    )
    X = np.column_stack([rng.normal(size=(200, width)), np.eye(3)[rng.integers(0, 3, 200)]])
    X[:, 0] = np.minimum(X[:, 0], X[:, 1] + 2)

    def answer(rows: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-(rows[:, 2] + rows[:, 3] - 2 * rows[:, -1])))
        return np.column_stack([1 - p, p])

    found = records(
        case_of(None, schema, None, Dataset(X, None), answer=answer), Params(rows=10, queries=150, people=200)
    )
    assert value(found, "evasion.flip_rate") == 1


def test_thousands_of_columns_take_seconds_and_only_those_that_matter_are_told() -> None:
    width = 10_000
    schema = Schema(
        Task.BINARY, tuple(Feature(f"x{j}", Kind.NUMBER) for j in range(width)), "y", ("no", "yes"), favourable=1
    )
    X = np.random.default_rng(0).normal(size=(60, width))

    def answer(rows: np.ndarray) -> np.ndarray:
        approved = rows[:, :3].sum(axis=1) > 0
        return np.column_stack([~approved, approved]).astype(float)

    case = case_of(None, schema, None, Dataset(X, None), answer=answer)
    begin = time.process_time()
    found = records(case, Params(rows=5, queries=100, people=60))
    assert time.process_time() - begin < 30
    assert value(found, "evasion.flip_rate") == 1
    assert value(found, "evasion.median_shift") < 2
    assert len(findings(found)[-1].reproduce) < 2_000
