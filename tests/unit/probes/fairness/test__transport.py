from __future__ import annotations

import numpy as np
import pytest

from holdfast.probes.fairness._transport import moved


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("ordered", [True, False])
def test_equal_distributions_change_nothing(rng, ordered):
    own = rng.integers(0, 5, (300, 1)).astype(float)
    assert (moved(own, own, ordered=ordered, rng=rng) == own).all()


def test_ordered_values_keep_their_rank_and_take_the_other_distribution(rng):
    own, others = rng.normal(0, 1, (500, 1)), rng.normal(5, 2, (2_000, 1))
    result = moved(own, others, ordered=True, rng=rng)
    assert (np.argsort(result[:, 0], kind="stable") == np.argsort(own[:, 0], kind="stable")).all()
    assert np.isin(result, others).all()
    assert result.mean() == pytest.approx(others.mean(), abs=0.05)


def test_categories_change_no_more_than_they_must(rng):
    own = np.repeat([0.0, 1.0, 2.0], [60, 30, 10])[:, None]
    others = np.repeat([0.0, 1.0, 3.0], [200, 500, 300])[:, None]
    result = moved(own, others, ordered=False, rng=rng)
    assert np.unique(result, return_counts=True)[1].tolist() == [20, 50, 30]
    assert (result != own).sum() == 50  # total variation distance of the two distributions


def test_missing_values_are_transported_like_any_other(rng):
    own = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    others = np.array([[5.0], [6.0], [7.0], [np.nan]])
    for ordered in (True, False):
        assert np.isnan(moved(own, others, ordered=ordered, rng=rng)).sum() == 1


def test_one_hot_rows_stay_one_hot(rng):
    own, others = np.eye(3)[rng.integers(0, 2, 100)], np.eye(3)[rng.integers(1, 3, 400)]
    result = moved(own, others, ordered=False, rng=rng)
    assert (result.sum(axis=1) == 1).all()
    assert result[:, 0].sum() == 0
