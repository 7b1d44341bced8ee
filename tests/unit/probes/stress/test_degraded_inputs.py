"""Bad values that buy a decision, and models that refuse them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.probes.stress.degraded_inputs import BOUGHT, NOISE, REFUSED, Params, run
from holdfast.testing.tables import case_of, credit_rows, credit_schema

TRAIN, TEST = credit_rows(1_000, 1), credit_rows(500, 2)


def records(case, **params):
    found = list(run.run(case, Params(**({"rows": 300, "draws": 1} | params))))
    return [r for r in found if isinstance(r, Measurement)], [r for r in found if isinstance(r, Finding)]


def of(measurements, measure, **scope):
    wanted = {(name, str(value)) for name, value in scope.items()}
    return [m for m in measurements if m.measure == measure.id and wanted <= set(m.scope)]


def careless(X):
    """Approves whoever leaves the late payments empty."""
    score = LogisticRegression(max_iter=2_000).fit(TRAIN.X, TRAIN.y).predict_proba(np.nan_to_num(X))
    score[np.isnan(X[:, 4])] = [0.0, 1.0]
    return score


def test_an_empty_field_that_approves_is_found_and_named():
    measurements, findings = records(case_of(None, credit_schema(), TRAIN, TEST, answer=careless))
    assert [f.slug for f in findings] == ["missing-value-approves"]
    assert findings[0].where == "late_payments"
    assert "by leaving late_payments empty" in findings[0].sentence
    (gain,) = of(measurements, BOUGHT, kind="missing")
    assert gain.value == 1.0
    assert (
        gain.n
        == (
            careless(TEST.sample(300, case_of(None, credit_schema(), None, TEST, answer=careless).rng(0)).X)[:, 1] < 0.5
        ).sum()
    )


def test_a_model_that_rejects_bad_values_is_said_to_do_so():
    model = LogisticRegression(max_iter=2_000).fit(TRAIN.X, TRAIN.y)
    measurements, findings = records(case_of(model, credit_schema(), TRAIN, TEST))
    (missing,) = of(measurements, REFUSED, kind="missing")
    assert missing.value == 1.0
    assert not of(measurements, BOUGHT, kind="missing")
    assert not [f for f in findings if f.slug.startswith("missing")]


def test_more_noise_changes_more():
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(TRAIN.X, TRAIN.y)
    measurements, _ = records(case_of(model, credit_schema(), TRAIN, TEST), rows=500, draws=3)
    shares = [m.value for m in of(measurements, NOISE)]
    assert len(shares) == 5
    assert shares[-1] > shares[0]
    assert all(m.interval.low <= m.value <= m.interval.high for m in of(measurements, NOISE))


def test_regression_and_rows_without_labels():
    from dataclasses import replace

    from holdfast.domain.schema import Task

    schema = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(TRAIN.X, TRAIN.X[:, 0])
    case = case_of(model, schema, None, replace(TEST, y=None))
    measurements, _ = records(case)
    assert of(measurements, NOISE, noise=0.05)
    assert not of(measurements, BOUGHT)


@pytest.mark.parametrize("columns", [1, 3])
def test_the_effort_bounds_the_columns(columns):
    model = HistGradientBoostingClassifier(max_iter=5).fit(TRAIN.X, TRAIN.y)
    measurements, _ = records(case_of(model, credit_schema(), TRAIN, TEST), columns=columns)
    (missing,) = of(measurements, REFUSED, kind="missing")
    assert missing.n == columns
