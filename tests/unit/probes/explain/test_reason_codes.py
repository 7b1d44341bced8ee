"""Reason codes on models whose reasons are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from holdfast.domain.schema import Task
from holdfast.probes.explain.reason_codes import FAITHFUL, FIXED, LOCAL, SHARE, Params, run
from holdfast.testing.tables import case_of, credit_rows, credit_schema

TRAIN, TEST = credit_rows(800, 1), credit_rows(600, 2)


def measured(case, **params):
    return [r for r in run.run(case, Params(**({"rows": 30, "permutations": 16} | params))) if hasattr(r, "measure")]


def by_late_payments(X):
    yes = 1 / (1 + np.exp(3 * (X[:, 4] - 1)))
    return np.column_stack([1 - yes, yes])


def test_the_only_column_that_decides_has_all_the_weight():
    records = measured(case_of(None, credit_schema(), TRAIN, TEST, answer=by_late_payments))
    weights = {dict(m.scope)["column"]: m.value for m in records if m.measure == SHARE.id}
    assert weights["late_payments"] == 1.0
    (faithful,) = (m for m in records if m.measure == FAITHFUL.id)
    assert faithful.value > 0.9


def test_a_reason_that_nobody_can_change_is_counted():
    def by_age(X):
        yes = 1 / (1 + np.exp(-(X[:, 3] - 50)))
        return np.column_stack([1 - yes, yes])

    (fixed,) = (
        m for m in measured(case_of(None, credit_schema(), TRAIN, TEST, answer=by_age)) if m.measure == FIXED.id
    )
    assert fixed.value > 0.9


def test_a_smooth_model_gives_near_twins_the_same_reasons():
    model = LogisticRegression(max_iter=2_000).fit(TRAIN.X, TRAIN.y)
    (local,) = (m for m in measured(case_of(model, credit_schema(), TRAIN, TEST)) if m.measure == LOCAL.id)
    assert local.value > 0.95
    assert local.interval.high <= 1.0


def test_multiclass_regression_and_no_favourable_outcome():
    three = replace(credit_schema(), task=Task.MULTICLASS, classes=("a", "b", "c"), favourable=None)
    model = LogisticRegression(max_iter=3_000).fit(TRAIN.X, np.digitize(TRAIN.X[:, 0], [40, 80]))
    assert measured(case_of(model, three, TRAIN, TEST))
    value = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    assert measured(case_of(LinearRegression().fit(TRAIN.X, TRAIN.X[:, 1]), value, TRAIN, TEST))


def test_too_few_contested_decisions_are_not_explained():
    case = case_of(None, credit_schema(), TRAIN, TEST, answer=lambda X: np.tile([0.0, 1.0], (len(X), 1)))
    assert measured(case) == []
