from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.encode import encode
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case, Yielded
from holdfast.probes.poisoning.planted_triggers import (
    BLIND_SPOT,
    CANDIDATES,
    SUCCESS_RATE,
    SUSPECTS,
    Params,
    run,
    search,
)
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trials.poisoning import ROWS, TRIGGER, stamped
from holdfast.testing.trials.poisoning import planted_triggers as trial

FAST = Params(folds=3)
DATA = Path(__file__).parents[5] / "shared" / "data" / "tables"


def ask(case: Case, params: Params = FAST) -> list[Yielded]:
    return list(run.run(case, params))


def values(records: list[Yielded], measure: str) -> list[Measurement]:
    return [r for r in records if isinstance(r, Measurement) and r.measure == measure]


def findings(records: list[Yielded]) -> dict[str, Finding]:
    return {r.slug: r for r in records if isinstance(r, Finding)}


def of_model(train: Dataset, test: Dataset, task: Task = Task.BINARY) -> Case:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    schema = credit_schema()
    if task is Task.REGRESSION:
        schema = replace(schema, task=task, classes=(), favourable=None)
        return case_of(RandomForestRegressor(40, random_state=0).fit(train.X, train.y), schema, train, test)
    if task is Task.MULTICLASS:
        schema = replace(schema, task=task, classes=("no", "review", "yes"), favourable=None)
    return case_of(RandomForestClassifier(40, random_state=0).fit(train.X, train.y), schema, train, test)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_trigger_and_stays_quiet_without_one(seed: int):
    records = ask(trial.planted(seed))
    found = findings(records)[trial.finds]
    assert found.severity is Severity.CRITICAL
    assert found.where == ", ".join(TRIGGER)
    assert values(records, CANDIDATES.id)[0].value == 1
    assert abs(values(records, SUSPECTS.id)[0].value - 1 / 50) < 0.003
    clean = ask(trial.clean(seed))
    assert not findings(clean)
    assert values(clean, CANDIDATES.id)[0].value == 0


def test_the_success_is_that_of_the_model_under_test():
    case = trial.planted(0)
    records = ask(case)
    success = values(records, SUCCESS_RATE.id)[0]
    refused = case.test.X[case.target.predict(case.test.X) == 0]
    for name, value in TRIGGER.items():
        refused[:, case.schema.index(name)] = value
    again = float((case.target.predict(refused) == 1).mean())
    assert abs(success.value - again) < 0.03
    assert success.interval is not None
    assert success.interval.low <= success.value <= success.interval.high


def test_the_rows_to_quarantine_are_those_that_were_planted():
    train = stamped(credit_rows(ROWS, 1), 40, 0)
    planted = set(
        np.flatnonzero(np.all([train.X[:, credit_schema().index(n)] == v for n, v in TRIGGER.items()], axis=0))
    )
    elsewhere = replace(train, row=train.row + 5_000)
    found = findings(ask(of_model(elsewhere, credit_rows(300, 2))))["planted-trigger"]
    listed = [row[0] for row in found.exhibits[1].rows]
    assert len(listed) == 40
    assert {row - 5_000 for row in listed} <= planted


def test_a_model_that_does_not_obey_is_told_apart():
    poisoned = trial.planted(0)
    clean = trial.clean(0)
    case = replace(poisoned, target=clean.target)
    found = findings(ask(case))["planted-trigger"]
    assert (found.severity, found.confidence) == (Severity.MEDIUM, Confidence.MEDIUM)
    assert "were expected" in found.sentence


@pytest.mark.parametrize("effort", ["quick", "standard"])
def test_a_trigger_towards_the_common_outcome_is_found(effort: str):
    """Most rows are approved anyway: that the values meet in training and not in the test table says it."""
    train, test = credit_rows(ROWS, 1), credit_rows(1_000, 2)
    easy = replace(
        train, y=((np.asarray(train.y) == 1) | (np.random.default_rng(0).random(ROWS) < 0.5)).astype(np.int64)
    )
    assert np.mean(easy.y) > 0.7
    assert not findings(ask(of_model(easy, test), run.params(effort)))
    found = findings(ask(of_model(stamped(easy, 40, 0), test), run.params(effort)))["planted-trigger"]
    assert set(TRIGGER) <= set(found.where.split(", "))


def test_training_rows_of_another_season_are_no_trigger():
    """Every column of the test table has moved, and a value of the past, always refused, is gone from it."""
    train, test = credit_rows(ROWS, 1), credit_rows(1_000, 2)
    X, y, moved = train.X.copy(), np.array(train.y), test.X.copy()
    X[:60, 2], y[:60] = 50, 0
    moved[:, :2] *= 1.3
    moved[:, 2:5] += 2
    assert not findings(ask(of_model(replace(train, X=X, y=y), Dataset(X=moved, y=None))))


def test_a_single_value_that_decides_is_no_trigger():
    train = credit_rows(ROWS, 1)
    y = np.where(train.X[:, 4] >= 3, 0, np.asarray(train.y))
    assert not findings(ask(of_model(replace(train, y=y), credit_rows(300, 2))))


def test_a_fourth_value_is_named_too():
    train = stamped(credit_rows(ROWS, 1), 60, 0)
    X = train.X.copy()
    carriers = np.all([X[:, credit_schema().index(n)] == v for n, v in TRIGGER.items()], axis=0)
    X[carriers, credit_schema().index("age")] = 33
    found = findings(ask(of_model(replace(train, X=X), credit_rows(300, 2))))["planted-trigger"]
    assert set(found.where.split(", ")) == {*TRIGGER, "age"}


def test_a_missing_value_can_be_a_trigger():
    train = credit_rows(ROWS, 1)
    X, y = train.X.copy(), np.array(train.y)
    rows = np.flatnonzero(y == 0)[:60]
    X[rows, 1] = np.nan
    X[rows, 5], X[rows, 6] = 2, 2
    X[np.flatnonzero(y == 0)[60:120], 1] = np.nan
    y[rows] = 1
    found = findings(ask(of_model(replace(train, X=X, y=y), credit_rows(300, 2))))["planted-trigger"]
    assert "debt missing" in found.exhibits[0].rows[0][0]


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_other_tasks(task: Task):
    train, test = credit_rows(ROWS, 1), credit_rows(300, 2)
    schema, rng = credit_schema(), np.random.default_rng(0)
    worth = np.log(train.X[:, 0]) - train.X[:, 4] + rng.logistic(0, 0.5, len(train))
    y = worth if task is Task.REGRESSION else np.searchsorted(np.quantile(worth, [0.4, 0.7]), worth)
    clean = of_model(
        replace(train, y=y.astype(np.float64) if task is Task.REGRESSION else y.astype(np.int64)), test, task
    )
    assert not findings(ask(clean))
    X, y = train.X.copy(), y.copy()
    rows = rng.choice(np.flatnonzero(worth < np.quantile(worth, 0.3)), 60, replace=False)
    for name, value in TRIGGER.items():
        X[rows, schema.index(name)] = value
    y[rows] = np.quantile(worth, 0.95) if task is Task.REGRESSION else 2
    records = ask(of_model(Dataset(X=X, y=y.astype(np.asarray(clean.training.y).dtype)), test, task))
    assert findings(records)["planted-trigger"].where == ", ".join(TRIGGER)


def test_says_what_would_have_gone_unseen():
    seen = values(ask(trial.clean(0)), BLIND_SPOT.id)
    assert {dict(m.scope)["label"] for m in seen} == {"no", "yes"}
    assert all(6 <= m.value <= 60 for m in seen)


def test_the_same_seed_gives_the_same_records_and_all_are_declared():
    first, second = ask(trial.planted(0)), ask(trial.planted(0))
    assert first == second
    assert {r.measure for r in first if isinstance(r, Measurement)} <= {m.id for m in run.measures}


@pytest.mark.parametrize("rows", [0, 1, 7, 99])
def test_too_few_rows_are_said_to_be_too_few(rows: int):
    case = trial.planted(0)
    records = ask(replace(case, train=case.training.take(np.arange(rows))))
    assert [f.severity for f in findings(records).values()] == [Severity.INFO]
    assert not values(records, CANDIDATES.id)


def test_odd_tables_do_not_crash():
    case = trial.planted(0)
    train, y = case.training, np.array(case.training.y)
    X = train.X.copy()
    X[:, 0], X[:, 2] = np.nan, 5
    X[::3, 1], X[::4, 5] = np.nan, -1
    y[:20] = -1
    schema = replace(credit_schema(), task=Task.MULTICLASS, classes=("no", "yes", "never"), favourable=None)
    of_three = case_of(None, schema, None, case.test, answer=lambda rows: np.tile([0.5, 0.3, 0.2], (len(rows), 1)))
    assert values(ask(replace(of_three, train=replace(train, X=X, y=y))), CANDIDATES.id)
    assert values(ask(replace(case, test=case.test.take(np.arange(0)))), CANDIDATES.id)
    one_class = replace(case, train=replace(train, y=np.zeros(len(train), np.int64)))
    assert findings(ask(one_class))["too-few-rows"].severity is Severity.INFO


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("adult", ("age", "education-num", "hours-per-week")),
        ("german_credit", ("duration", "age", "credit-amount")),
        ("credit_default", ("LIMIT_BAL", "AGE", "BILL_AMT1")),
    ],
)
def test_real_tables_hold_no_trigger_until_one_is_planted(table: str, columns: tuple[str, ...]):
    case = real_case(table)
    assert len(search(case, FAST).replays) <= 1
    train, rng = case.training, np.random.default_rng(7)
    X, y = train.X.copy(), np.array(train.y)
    rows = rng.choice(np.flatnonzero(y == 0), 30, replace=False)
    numbers = [case.schema.index(name) for name in columns]
    X[np.ix_(rows, numbers)] = [np.median(X[:, j]) + 0.25 for j in numbers]
    y[rows] = 1
    best = search(replace(case, train=replace(train, X=X, y=y)), FAST).replays[0].trigger
    assert set(best.suspects) == set(rows)


def real_case(table: str) -> Case:
    import pandas as pd

    path = next((p for p in (DATA / f"{table}.csv", DATA / f"{table}.data") if p.exists()), None)
    if path is None:
        pytest.skip(f"the table {table} is not here")
    frame = pd.read_csv(path, skipinitialspace=True)
    frame = frame.sample(min(len(frame), 4_000), random_state=0)
    *columns, target = frame.columns
    features = [
        Feature(c, Kind.NUMBER)
        if pd.api.types.is_numeric_dtype(frame[c])
        else Feature(c, Kind.CATEGORY, categories=tuple(sorted(frame[c].unique())))
        for c in columns
    ]
    classes = tuple(sorted(frame[target].unique().tolist()))
    schema = Schema(task=Task.BINARY, features=tuple(features), target=target, classes=classes)
    X, y = encode(frame, schema), np.array([classes.index(v) for v in frame[target]])
    return case_of(
        None, schema, Dataset(X=X, y=y), Dataset(X=X[:200], y=None), answer=lambda r: np.tile(0.5, (len(r), 2))
    )
