"""Intervals from sums and counts, and those that hold at every look."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.statistics import auc, auc_of_counts, confidence_sequence, interval_of_sums, mean_interval


def test_a_mean_from_sums_is_that_of_the_values():
    values = np.random.default_rng(0).lognormal(0, 1, 50)
    told, want = interval_of_sums(50, values.sum(), (values**2).sum()), mean_interval(values)
    assert (told.low, told.high) == pytest.approx((want.low, want.high))
    with pytest.raises(ValueError, match="at least two"):
        interval_of_sums(1, 3.0, 9.0)


def test_the_area_of_counts_is_that_of_rows_with_ties():
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 6, 400), rng.random(400) < 0.4
    pos, neg = (np.bincount(score[which], minlength=6) for which in (positive, ~positive))
    area, variance, hidden = auc_of_counts(pos, neg)
    want, influence = auc(score, positive)
    assert area == pytest.approx(want)
    assert variance == pytest.approx(float(np.mean(influence**2)) / 400, rel=1e-9)
    for order in (1, -1):  # within a bin every positive row above every other, or below
        ideal, _ = auc(score + 0.5 * order * positive, positive)
        assert ideal == pytest.approx(area + order * hidden)


@pytest.mark.parametrize(("kind", "most"), [("normal", 12), ("moving", 12), ("skewed", 18)])
def test_a_confidence_sequence_holds_at_all_looks(kind, most):
    """5 % of 200 streams are 10; of an exponential distribution 28 values are not yet a large number."""
    missed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        level = 0.1 * np.sin(2 * np.pi * np.arange(300) / 90) if kind == "moving" else np.zeros(300)
        noise = rng.exponential(1, 300) - 1 if kind == "skewed" else rng.normal(0, 1, 300)
        values = level + noise
        looks = [(confidence_sequence(values[:t]), level[:t].mean()) for t in range(28, 301)]
        missed += any(not told.low <= mean <= told.high for told, mean in looks)
    assert missed <= most


def test_one_look_at_a_time_holds_one_in_five_streams_less():
    """What somebody gets who looks at Student's interval every day instead."""
    missed = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0, 1, 300)
        missed += any(not told.low <= 0 <= told.high for told in (mean_interval(values[:t]) for t in range(28, 301)))
    assert missed > 40


def test_two_values_at_least():
    with pytest.raises(ValueError, match="at least two"):
        confidence_sequence([1.0])
