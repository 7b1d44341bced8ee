from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.performance.worst_slices import run
from holdfast.targets.direct import DirectTarget

TOWNS = ("Aby", "Bor", "Col", "Dal")


def case(flip, *, seed=0, n=4_000, task=Task.BINARY, gives_scores=True, admit=False, columns=4):
    """The model states .9 for its class and is right that often, save where `flip` rows are more often wrong.

    With `admit` it states what is true there as well.
    """
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n) * 40, rng.integers(0, 4, n), rng.random((n, columns))])
    features = (
        Feature("years", Kind.NUMBER),
        Feature("town", Kind.CATEGORY, categories=TOWNS),
        *(Feature(f"x{k}", Kind.NUMBER) for k in range(columns)),
    )
    wrong = np.where(flip(X), 0.45, 0.1)
    side = rng.integers(0, 2, n)
    y = np.where(rng.random(n) < wrong, 1 - side, side)
    schema = Schema(task=task, features=features, target="y", classes=("no", "yes"), favourable=1)

    def answer(rows):
        sure = np.where(flip(rows), 0.55, 0.9) if admit else np.full(len(rows), 0.9)
        where = np.searchsorted(order_keys, rows[:, 0])
        decided = side[order[where]]
        scores = np.column_stack([np.where(decided == 1, 1 - sure, sure), np.where(decided == 1, sure, 1 - sure)])
        return scores if gives_scores else decided

    order = np.argsort(X[:, 0])
    order_keys = X[order, 0]
    return Case(target=DirectTarget(answer, schema, gives_scores=gives_scores), schema=schema, test=Dataset(X, y))


def records(given):
    found = list(run.run(given, run.params("standard")))
    return [r for r in found if not isinstance(r, Finding)], {r.slug: r for r in found if isinstance(r, Finding)}


def early_in_bor(X):
    return (X[:, 0] <= 10) & (X[:, 1] == 1)


def test_a_slice_of_two_conditions_is_found_and_named():
    _, findings = records(case(early_in_bor, n=8_000))
    assert findings["weak-slice"].severity in (Severity.MEDIUM, Severity.HIGH)
    assert "town = Bor" in findings["weak-slice"].where
    assert "years ≤" in findings["weak-slice"].where
    assert "its scores admit only 10" in findings["weak-slice"].sentence


def test_the_gap_is_measured_on_rows_it_was_not_searched_on():
    measured, _ = records(case(lambda X: X[:, 1] == 2))
    worst = max((m for m in measured if m.measure == "performance.worst_slice_gap"), key=lambda m: m.value)
    assert worst.scope == (("slice", "town = Col"),)
    assert worst.value == pytest.approx(0.35, abs=0.08)
    assert worst.interval.low < 0.35 < worst.interval.high


def test_hard_cases_that_the_scores_admit_are_no_flaw():
    _, findings = records(case(lambda X: X[:, 1] == 2, admit=True))
    assert "weak-slice" not in findings
    assert findings["hard-slice"].severity is Severity.INFO
    assert "its scores say 45" in findings["hard-slice"].sentence


def test_without_scores_a_weak_slice_is_said_with_care():
    _, findings = records(case(lambda X: X[:, 1] == 2, gives_scores=False))
    assert findings["weak-slice"].severity is Severity.LOW


def test_no_slice_is_invented_among_many_columns():
    for seed in range(10):
        _, findings = records(case(lambda X: np.zeros(len(X), bool), seed=seed, n=1_500, columns=30))
        assert "weak-slice" not in findings


def test_intervals_of_slices_found_by_chance_hold_the_truth():
    missed = 0
    for seed in range(40):
        measured, _ = records(case(lambda X: np.zeros(len(X), bool), seed=seed, n=1_000))
        missed += any(not m.interval.low <= 0 <= m.interval.high for m in measured if m.measure.endswith("gap"))
    assert missed <= 6  # 5 % promised


def test_regression_slice_of_larger_errors():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(3_000) * 40, rng.random(3_000)])
    y = X[:, 0] + rng.normal(0, 1, 3_000) * np.where(X[:, 1] > 0.8, 20, 1)
    features = (Feature("years", Kind.NUMBER), Feature("load", Kind.NUMBER))
    schema = Schema(task=Task.REGRESSION, features=features, target="y")
    given = Case(target=DirectTarget(lambda rows: rows[:, 0], schema), schema=schema, test=Dataset(X, y))
    _, findings = records(given)
    assert "load >" in findings["weak-slice"].where
    assert "standard deviations" in findings["weak-slice"].sentence


def test_too_few_rows_are_said():
    measured, findings = records(case(early_in_bor, n=100))
    assert not measured
    assert set(findings) == {"too-few-rows"}
