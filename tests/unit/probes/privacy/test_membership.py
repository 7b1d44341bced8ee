from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case, Yielded
from holdfast.probes.privacy.membership import MEMBERSHIP_AUC, MEMBERSHIP_TPR, SHIFT_AUC, Params, run
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trials.privacy import membership as trial

SMALL = Params(rows=250, rounds=1)
ADULT = Path(__file__).parents[5] / "shared" / "data" / "tables"


def ask(case: Case, params: Params = SMALL) -> list[Yielded]:
    return list(run.run(case, params))


def value(records: list[Yielded], measure: str, **scope: str) -> Measurement:
    return next(
        r for r in records if isinstance(r, Measurement) and r.measure == measure and set(scope.items()) <= set(r.scope)
    )


def findings(records: list[Yielded]) -> dict[str, Finding]:
    return {r.slug: r for r in records if isinstance(r, Finding)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_memorised_rows_and_stays_quiet_on_the_model_that_generalises(seed: int):
    found = findings(ask(trial.planted(seed)))
    assert found[trial.finds].severity is Severity.HIGH
    clean = ask(trial.clean(seed))
    assert not [f for f in findings(clean).values() if f.severity.rank > Severity.INFO.rank]
    assert value(clean, MEMBERSHIP_AUC.id, sees="scores").value < 0.6


def test_the_same_seed_gives_the_same_records_and_all_are_declared():
    first, second = ask(trial.planted(0)), ask(trial.planted(0))
    assert first == second
    declared = {measure.id for measure in run.measures}
    assert {r.measure for r in first if isinstance(r, Measurement)} <= declared


def test_no_rate_is_reported_where_too_few_non_members_would_be_accused():
    assert not [r for r in ask(trial.planted(0)) if isinstance(r, Measurement) and r.measure == MEMBERSHIP_TPR.id]


def test_the_rate_counts_members_above_the_threshold_that_one_in_a_hundred_others_pass():
    from sklearn.tree import DecisionTreeClassifier

    train, test = credit_rows(1_000, 1, noise=3.0), credit_rows(1_000, 2, noise=3.0)
    model = DecisionTreeClassifier(random_state=0).fit(train.X, train.y)
    records = ask(case_of(model, credit_schema(), train, test), Params(rows=1_000, rounds=1))
    rate = value(records, MEMBERSHIP_TPR.id)
    assert rate.value > 0.02
    assert rate.interval is not None
    assert rate.interval.low < rate.value < rate.interval.high
    assert f"For {rate.value * 100:.0f} of 100 people" in findings(records)["membership-leak"].sentence


def test_decisions_alone_leak_less_and_a_predict_only_target_is_still_attacked():
    case = trial.planted(1)
    both = ask(case)
    seen, hidden = (value(both, MEMBERSHIP_AUC.id, sees=s).value for s in ("scores", "decisions"))
    assert hidden < seen - 0.05
    only = replace(case, target=DirectTarget(case.target.predict, case.schema, gives_scores=False))
    assert value(ask(only), MEMBERSHIP_AUC.id, sees="decisions").value == pytest.approx(hidden, abs=1e-9)


def test_a_shift_is_not_called_a_leak():
    case = trial.clean(0)
    later = case.test.X.copy()
    later[:, 0] += 500
    records = ask(replace(case, test=replace(case.test, X=later)))
    assert value(records, SHIFT_AUC.id).value > 0.9
    assert [f.severity for f in findings(records).values()] == [Severity.INFO]
    assert not [r for r in records if isinstance(r, Measurement) and r.measure == MEMBERSHIP_AUC.id]


def test_a_slight_shift_is_matched_away_and_the_leak_still_found():
    case = trial.planted(0)
    later = case.test.X.copy()
    later[:, 3] += 10
    records = ask(replace(case, test=replace(case.test, X=later)), Params(rows=600, rounds=1))
    assert {"train-test-shift", "membership-leak"} <= set(findings(records))
    quiet = trial.clean(0)
    records = ask(replace(quiet, test=replace(quiet.test, X=later)), Params(rows=600, rounds=1))
    assert set(findings(records)) == {"train-test-shift"}


def regression(n: int, seed: int) -> Dataset:
    rows = credit_rows(n, seed)
    noise = np.random.default_rng(seed).normal(0, 8, n)
    return replace(rows, y=rows.X[:, 0] / 2 - rows.X[:, 1] + noise)


def test_regression():
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    schema = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    train, test = regression(250, 1), regression(250, 2)
    leaky = RandomForestRegressor(40, random_state=0).fit(train.X, train.y)
    assert "membership-leak" in findings(ask(case_of(leaky, schema, train, test)))
    tight = LinearRegression().fit(train.X, train.y)
    records = ask(case_of(tight, schema, train, test))
    assert "membership-leak" not in findings(records)
    assert value(records, MEMBERSHIP_AUC.id, sees="values").n == 500


def test_several_classes_of_which_one_never_occurs():
    from sklearn.ensemble import RandomForestClassifier

    schema = replace(credit_schema(), task=Task.MULTICLASS, classes=("a", "b", "c", "never"), favourable=None)

    def classed(n: int, seed: int) -> Dataset:
        rows = regression(n, seed)
        return replace(rows, y=np.digitize(rows.y, [5.0, 15.0]).astype(np.int64))

    train, test = classed(250, 1), classed(250, 2)
    model = RandomForestClassifier(40, random_state=0).fit(train.X, train.y)
    case = case_of(
        model, schema, train, test, answer=lambda X: np.column_stack([model.predict_proba(X), np.zeros(len(X))])
    )
    assert "membership-leak" in findings(ask(case))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spoil", ["missing", "constant", "empty column", "unseen", "unlabelled", "one label"])
def test_survives(spoil: str):
    from sklearn.ensemble import RandomForestClassifier

    train, test = credit_rows(120, 1), credit_rows(120, 2)
    model = RandomForestClassifier(20, random_state=0).fit(train.X, train.y)
    for data in (train, test):
        if spoil == "missing":
            data.X[np.random.default_rng(0).random(data.X.shape) < 0.2] = np.nan
        elif spoil in {"constant", "empty column"}:
            data.X[:, 2] = 3.0 if spoil == "constant" else np.nan
        elif spoil == "unseen":
            data.X[:30, 5] = -1
        else:
            data.y[: 20 if spoil == "unlabelled" else None] = -1 if spoil == "unlabelled" else 0
    assert value(ask(case_of(model, credit_schema(), train, test)), SHIFT_AUC.id).n >= 200


@pytest.mark.parametrize("rows", [0, 1, 5, 49])
def test_a_handful_of_rows_is_said_to_be_too_few(rows: int):
    case = trial.planted(0)
    few = case.test.take(np.arange(rows))
    records = ask(replace(case, test=few))
    assert [f.slug for f in findings(records).values()] == ["too-few-rows"]
    assert len(records) == 1


def test_findings_carry_no_rows():
    for finding in findings(ask(trial.planted(0))).values():
        for exhibit in finding.exhibits:
            assert exhibit.columns == ("signal", "AUC")


def adult() -> tuple[Schema, np.ndarray, np.ndarray]:
    import pandas as pd

    frame = pd.read_csv(ADULT / "adult.data")
    target = (frame.pop("income").str.contains(">")).to_numpy(np.int64)
    features, columns = [], []
    for name, column in frame.items():
        if column.dtype.kind in "if":
            features.append(Feature(str(name), Kind.NUMBER))
            columns.append(column.to_numpy(np.float64))
        else:
            codes, labels = pd.factorize(column)
            features.append(Feature(str(name), Kind.CATEGORY, categories=tuple(labels)))
            columns.append(codes.astype(np.float64))
    return Schema(Task.BINARY, tuple(features), "income", ("no", "yes"), 1), np.column_stack(columns), target


def overfit() -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=200, num_leaves=127, min_child_samples=1, verbose=-1, n_jobs=1)


def regularised() -> object:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=40, num_leaves=7, min_child_samples=50, verbose=-1, n_jobs=1)


@pytest.mark.skipif(not (ADULT / "adult.data").exists(), reason="the Adult table is not beside this checkout")
@pytest.mark.parametrize(("make", "leaks"), [(overfit, True), (regularised, False)])
def test_on_adult(make: Callable[[], object], leaks: bool):
    pytest.importorskip("lightgbm")
    schema, X, y = adult()
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = (Dataset(X[part], y[part]) for part in (rows[:3_000], rows[3_000:6_000]))
    model = make()
    model.fit(train.X, train.y)  # type: ignore[attr-defined]
    records = ask(case_of(model, schema, train, test), Params(rows=1_000, rounds=1))
    interval = value(records, MEMBERSHIP_AUC.id, sees="scores").interval
    assert interval is not None
    assert interval.low > 0.7 if leaks else interval.low < 0.55
    assert ("membership-leak" in findings(records)) is leaks
