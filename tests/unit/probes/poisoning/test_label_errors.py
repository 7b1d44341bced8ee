from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import TABULAR, Feature, Kind, Schema, Task
from holdfast.probes.contract import Case, Yielded
from holdfast.probes.poisoning.label_errors import ASYMMETRY, ERRORS, EXCESS, VISIBLE, Params, judge, run
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trials.poisoning import flipped
from holdfast.testing.trials.poisoning import label_errors as trial

FAST = Params(folds=3, draws=40, trees=60)


def ask(case: Case, params: Params = FAST) -> list[Yielded]:
    return list(run.run(case, params))


def value(records: list[Yielded], measure: str, **scope: str) -> Measurement:
    return next(
        r
        for r in records
        if isinstance(r, Measurement) and r.measure == measure and r.scope == tuple(sorted(scope.items()))
    )


def findings(records: list[Yielded]) -> dict[str, Finding]:
    return {r.slug: r for r in records if isinstance(r, Finding)}


def of(train: Dataset, schema: Schema | None = None) -> Case:
    return Case(target=None, schema=schema or credit_schema(), test=train, train=train)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_counts_what_was_turned_and_stays_quiet_on_overlap(seed: int):
    case = trial.planted(seed)
    records = ask(case)
    assert findings(records)[trial.finds].severity.rank >= Severity.MEDIUM.rank
    right = np.asarray(credit_rows(len(case.training), 3 * seed + 1, noise=0.3).y)
    true = float((right != case.training.y).mean())
    counted = value(records, ERRORS.id)
    assert 1 / 1.3 <= counted.value / true <= 1.3
    assert counted.interval is not None
    assert counted.interval.low <= true <= counted.interval.high
    assert {f.severity for f in findings(ask(trial.clean(seed))).values()} <= {Severity.INFO}


def test_overlap_is_said_not_to_be_separable():
    records = ask(trial.clean(0))
    assert findings(records)["errors-not-separable"].severity is Severity.INFO
    counted = value(records, ERRORS.id)
    assert counted.interval is not None
    assert counted.interval.low < 0.01
    assert counted.interval.high > 0.03


def test_clean_and_clear_labels_are_counted_as_right():
    records = ask(of(credit_rows(2_000, 5, noise=0.3)))
    assert not findings(records)
    assert value(records, ERRORS.id).value < 0.005


def test_one_sided_errors_are_seen_as_one_sided():
    data = credit_rows(3_000, 5, noise=0.3)
    y = np.array(data.y)
    turned = (np.random.default_rng(0).random(len(y)) < 0.2) & (y == 0)
    records = ask(of(replace(data, y=np.where(turned, 1, y))))
    among_yes = turned.sum() / (y == 1).sum()
    assert 0.12 < value(records, ASYMMETRY.id).value < 0.25
    assert abs(value(records, ERRORS.id, label="yes").value - among_yes / (1 + among_yes)) < 0.05
    assert value(records, ERRORS.id, label="no").value < 0.02
    assert "“yes”" in findings(records)["mislabelled-rows"].sentence


def test_the_wrong_rows_are_ranked_first():
    from sklearn.metrics import roc_auc_score

    data = credit_rows(2_000, 5, noise=0.3)
    noisy = flipped(data, 0.06, 1)
    wrong = np.asarray(data.y) != noisy.y
    assert roc_auc_score(wrong, judge(of(noisy), noisy, FAST).chance) > 0.95
    listed = findings(ask(of(replace(noisy, row=noisy.row + 900))))["mislabelled-rows"].exhibits[0]
    assert len(listed.rows) == 50
    assert wrong[[int(row[0]) - 900 for row in listed.rows]].mean() >= 0.9


def test_a_bad_source_stands_out():
    data = credit_rows(3_000, 5, noise=0.3)
    source = np.array(["north", "south", "west"], dtype=object)[np.arange(3_000) % 3]
    rng = np.random.default_rng(0)
    wrong = rng.random(3_000) < np.where(source == "south", 0.2, 0.01)
    records = ask(of(replace(data, y=np.where(wrong, 1 - np.asarray(data.y), data.y), source=source)))
    shares = {name: value(records, ERRORS.id, source=name) for name in ("north", "south", "west")}
    assert shares["south"].value > 2 * max(shares["north"].value, shares["west"].value)


def test_several_classes():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 4, 2_000)
    X = np.column_stack([np.cos(y * 1.6), np.sin(y * 1.6), y * 0.0]) + rng.normal(0, 0.2, (2_000, 3))
    schema = Schema(
        task=Task.MULTICLASS,
        features=tuple(Feature(name, Kind.NUMBER) for name in "abc"),
        target="kind",
        classes=("n", "e", "s", "w", "never seen"),
    )
    clean = ask(of(Dataset(X=X, y=y), schema))
    assert not findings(clean)
    wrong = rng.random(2_000) < 0.08
    noisy = np.where(wrong, (y + rng.integers(1, 4, 2_000)) % 4, y)
    records = ask(of(Dataset(X=X, y=noisy), schema))
    assert "mislabelled-rows" in findings(records)
    assert 1 / 1.3 <= value(records, ERRORS.id).value / wrong.mean() <= 1.3


@pytest.mark.parametrize("tail", ["normal", "heavy", "skewed"])
def test_values_far_off_are_found_and_tails_are_not(tail: str):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1_500, 3))
    noise = {"normal": rng.normal, "heavy": lambda size: rng.standard_t(3, size), "skewed": rng.exponential}[tail]
    y = 10 + 3 * X[:, 0] - X[:, 1] + (noise(size=1_500) if tail != "heavy" else noise(1_500))
    schema = Schema(
        task=Task.REGRESSION, features=tuple(Feature(n, Kind.NUMBER) for n in "abc"), target="price", currency="EUR"
    )
    assert not findings(ask(of(Dataset(X=X, y=y), schema)))
    wrong = rng.random(1_500) < 0.02
    records = ask(of(Dataset(X=X, y=np.where(wrong, y + 300, y)), schema))
    found = findings(records)["mislabelled-rows"]
    assert wrong[[int(row[0]) for row in found.exhibits[0].rows]].mean() > 0.8
    assert abs(value(records, ERRORS.id).value - wrong.mean()) < 0.005
    assert value(records, ASYMMETRY.id).value > 0.01


def beside(train: Dataset, test: Dataset) -> Case:
    return replace(of(train), test=test)


def test_errors_beyond_those_in_the_test_data_are_found_where_classes_overlap():
    right, test = credit_rows(3_000, 5, noise=1.5), credit_rows(2_000, 6, noise=1.5)
    clean = ask(beside(right, test))
    assert set(findings(clean)) <= {"errors-not-separable"}
    noisy = flipped(right, 0.12, 1)
    records = ask(beside(noisy, test))
    true = float((np.asarray(right.y) != noisy.y).mean())
    counted = value(records, EXCESS.id)
    assert counted.interval is not None
    assert counted.interval.low <= true <= counted.interval.high
    found = findings(records)["mislabelled-rows"]
    assert "beyond what the test data has" in found.sentence
    assert "outcome that changed" in found.why
    assert len(found.exhibits[0].rows) == 50
    assert value(clean, VISIBLE.id).value < true
    assert value(clean, VISIBLE.id, knowing="every row's true chances").value < value(clean, VISIBLE.id).value


def test_without_test_labels_there_is_no_comparison():
    train = flipped(credit_rows(2_000, 5), 0.1, 1)
    unlabelled = replace(credit_rows(500, 6), y=None)
    for test in (unlabelled, credit_rows(50, 6)):
        records = ask(beside(train, test))
        assert EXCESS.id not in {r.measure for r in records if isinstance(r, Measurement)}
        assert "With labelled test data" in findings(records)["errors-not-separable"].why


def test_copies_of_the_training_rows_show_no_excess():
    train = flipped(credit_rows(1_500, 5), 0.1, 1)
    assert value(ask(of(train)), EXCESS.id).value < 0.01


def test_the_same_seed_gives_the_same_records_and_all_are_declared():
    first, second = ask(trial.planted(0)), ask(trial.planted(0))
    assert first == second
    assert {r.measure for r in first if isinstance(r, Measurement)} <= {m.id for m in run.measures}


@pytest.mark.parametrize("rows", [0, 1, 7, 99])
@pytest.mark.parametrize("task", list(TABULAR))
def test_too_few_rows_are_said_to_be_too_few(rows: int, task: Task):
    data = credit_rows(rows, 1)
    y = np.asarray(data.y, dtype=np.float64 if task is Task.REGRESSION else np.int64)
    records = ask(of(replace(data, y=y), replace(credit_schema(), task=task)))
    assert [f.slug for f in findings(records).values()] == ["too-few-rows"]


def test_odd_tables_do_not_crash():
    data = credit_rows(600, 1)
    X, y = data.X.copy(), np.array(data.y)
    X[:, 0], X[:, 2] = np.nan, 5
    X[::3, 1], X[::4, 5] = np.nan, -1
    y[:20] = -1
    schema = replace(credit_schema(), task=Task.MULTICLASS, classes=("no", "yes", "rare", "never"), favourable=None)
    y[20:25] = 2
    assert value(ask(of(replace(data, X=X, y=y), schema)), ERRORS.id).n == 575
    one_class = replace(data, y=np.zeros(600, np.int64))
    assert findings(ask(of(one_class)))["too-few-rows"].severity is Severity.INFO
    constant = replace(data, y=np.full(600, 3.5))
    of_values = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    assert value(ask(of(constant, of_values)), ERRORS.id).value == 0
