"""Shapley values against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.probes.explain._attribution import overlap, top_reasons, walks

RNG = np.random.default_rng(0)
ROWS, BACKGROUND = RNG.standard_normal((20, 5)), RNG.standard_normal((30, 5))


def test_a_linear_score_has_the_values_known_in_closed_form():
    weights = np.array([3.0, -2.0, 0.0, 1.0, 0.5])
    one = BACKGROUND[:1]
    steps = walks(lambda X: X @ weights, ROWS, one, 2, np.random.default_rng(1))
    assert steps.mean(axis=0) == pytest.approx((ROWS - one) * weights)


def test_values_add_up_to_the_difference_of_the_scores():
    def score(X):
        return X[:, 0] * X[:, 1] + np.sin(X[:, 2]) * X[:, 3]

    steps = walks(score, ROWS, BACKGROUND[:1], 8, np.random.default_rng(1))
    expected = score(ROWS) - score(BACKGROUND[:1])
    assert steps.sum(axis=2) == pytest.approx(np.tile(expected, (8, 1)))


def test_a_product_is_shared_equally():
    """For x0·x1 walked from zero, each of the two owns half: exact with one antithetic pair."""
    steps = walks(lambda X: X[:, 0] * X[:, 1], ROWS, np.zeros((1, 5)), 2, np.random.default_rng(3))
    half = ROWS[:, 0] * ROWS[:, 1] / 2
    assert steps.mean(axis=0)[:, 0] == pytest.approx(half)
    assert steps.mean(axis=0)[:, 1] == pytest.approx(half)
    assert steps.mean(axis=0)[:, 2:] == pytest.approx(0)


def test_reasons_are_what_pulls_down_most():
    values = np.array([[0.5, -3.0, -1.0, 0.0]])
    assert top_reasons(values, 2).tolist() == [[1, 2]]


def test_overlap_ignores_order():
    assert overlap(np.array([[1, 2], [1, 2]]), np.array([[2, 1], [3, 4]])).tolist() == [1.0, 0.0]
