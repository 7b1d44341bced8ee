"""Shapley values against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.explanations.walks import overlap, players, top_reasons, walks

RNG = np.random.default_rng(0)
ROWS, BACKGROUND = RNG.standard_normal((20, 5)), RNG.standard_normal((30, 5))
ALONE = tuple(np.array([j]) for j in range(5))


def test_a_linear_score_has_the_values_known_in_closed_form():
    weights = np.array([3.0, -2.0, 0.0, 1.0, 0.5])
    one = BACKGROUND[:1]
    steps = walks(lambda X: X @ weights, ROWS, one, ALONE, permutations=2, rng=np.random.default_rng(1))
    assert steps.mean(axis=0) == pytest.approx((ROWS - one) * weights)


def test_values_add_up_to_the_difference_of_the_scores():
    def score(X):
        return X[:, 0] * X[:, 1] + np.sin(X[:, 2]) * X[:, 3]

    steps = walks(score, ROWS, BACKGROUND[:1], ALONE, permutations=8, rng=np.random.default_rng(1))
    expected = score(ROWS) - score(BACKGROUND[:1])
    assert steps.sum(axis=2) == pytest.approx(np.tile(expected, (8, 1)))


def test_a_product_is_shared_equally():
    """For x0·x1 walked from zero, each of the two owns half: exact with one antithetic pair."""
    rng = np.random.default_rng(3)
    steps = walks(lambda X: X[:, 0] * X[:, 1], ROWS, np.zeros((1, 5)), ALONE, permutations=2, rng=rng)
    half = ROWS[:, 0] * ROWS[:, 1] / 2
    assert steps.mean(axis=0)[:, 0] == pytest.approx(half)
    assert steps.mean(axis=0)[:, 1] == pytest.approx(half)
    assert steps.mean(axis=0)[:, 2:] == pytest.approx(0)


def test_reasons_are_what_pulls_down_most():
    values = np.array([[0.5, -3.0, -1.0, 0.0]])
    assert top_reasons(values, 2).tolist() == [[1, 2]]


def test_overlap_ignores_order():
    assert overlap(np.array([[1, 2], [1, 2]]), np.array([[2, 1], [3, 4]])).tolist() == [1.0, 0.0]


def test_of_many_columns_those_that_decide_are_found_and_the_others_stay_together():
    rng = np.random.default_rng(4)
    rows, donors, weights = rng.standard_normal((16, 3_000)), rng.standard_normal((16, 3_000)), np.full(3_000, 0.01)
    weights[deciding := [7, 8, 1_234, 2_999]] = 1.0
    asked = []

    def score(X):
        asked.append(len(X))
        return X @ weights

    turns = players(score, rows, donors, 10)
    assert set(deciding) <= {int(turn[0]) for turn in turns[:-1]}
    assert sorted(np.concatenate(turns)) == list(range(3_000))
    assert sum(asked) < 3_000
    steps = walks(score, rows, donors[:1], turns, permutations=2, rng=rng).mean(axis=0)
    assert steps == pytest.approx(np.column_stack([((rows - donors[0]) * weights)[:, t].sum(axis=1) for t in turns]))


def test_few_columns_are_all_walked_alone():
    assert [turn.tolist() for turn in players(lambda X: X[:, 0], ROWS, ROWS, 3)] == [[0], [1], [2], [3], [4]]
