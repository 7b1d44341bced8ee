"""What a prediction from older batches missed: as one regression for each batch says."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.monitors.residuals import recursive, robust

T, DELAY, START = 120, 10, 25


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(T), rng.normal(0, 1, (T, 2))])
    return X @ np.array([1.0, 0.5, -2.0]) + rng.normal(0, 0.3, T), X


def test_each_batch_is_predicted_by_the_regression_on_those_long_before_it():
    y, X = made()
    found = recursive(y, X, DELAY, [(0, START)], np.zeros(T, dtype=bool))
    assert np.isnan(found.missed[:START]).all()
    for t in range(START, T):
        older = slice(0, max(t - DELAY + 1, START))
        b = np.linalg.lstsq(X[older], y[older], rcond=None)[0]
        leverage = X[t] @ np.linalg.solve(X[older].T @ X[older], X[t])
        assert found.missed[t] == pytest.approx((y[t] - X[t] @ b) / (1 + leverage) ** 0.5, abs=1e-6)
        assert found.coefficients[t] == pytest.approx(b, abs=1e-6)


def test_what_lies_far_off_or_is_skipped_teaches_nothing():
    y, X = made()
    odd, skip = y.copy(), np.zeros(T, dtype=bool)
    odd[[5, 60]] += 50.0
    skip[70:80] = True
    odd[70:80] += 50.0
    found = recursive(odd, X, DELAY, [(0, START)], skip)
    assert np.flatnonzero(~found.teaches).tolist() == [5, 60, *range(70, 80)]
    kept = np.delete(np.arange(T - DELAY), [5, 60, *range(70, 80)])
    b = np.linalg.lstsq(X[kept], y[kept], rcond=None)[0]
    assert found.coefficients[-1] == pytest.approx(b, abs=1e-6)


def test_a_pause_predicts_nothing_and_teaches_all_that_comes_after_it():
    y, X = made()
    y[60:] += 5.0
    X = np.column_stack([X, np.arange(T) >= 60])
    found = recursive(y, X, DELAY, [(0, START), (60, 70)], np.zeros(T, dtype=bool))
    assert np.isnan(found.missed[60:70]).all()
    assert np.isfinite(found.missed[70:]).all()
    b = np.linalg.lstsq(X[:70], y[:70], rcond=None)[0]
    assert found.coefficients[70] == pytest.approx(b, abs=1e-6)
    assert found.missed[70:].std() == pytest.approx(0.3, rel=0.4)


def test_single_values_do_not_spoil_a_standard_deviation():
    values = np.random.default_rng(0).normal(0, 2.0, 2_000)
    values[:100] = 1e9
    assert robust(values) == pytest.approx(2.0, rel=0.15)
    assert robust(np.array([0.0, 0.0, 0.0, 1.0])) == np.inf
    assert robust(np.array([])) == np.inf
