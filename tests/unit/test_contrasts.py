"""Intervals that hold for all groups at once, whichever turns out best."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.contrasts import (
    against_everyone_else,
    critical_value,
    ratio_to_best,
    shares,
    shortfall_from_best,
)


def test_critical_value_of_two_groups_is_the_normal_quantile():
    assert critical_value(2) == pytest.approx(1.959964, abs=1e-5)


def test_critical_value_is_the_tabled_studentized_range():
    # q(0.95; 3, infinity) = 3.314, q(0.95; 10, infinity) = 4.474 (standard tables)
    assert critical_value(3) * np.sqrt(2) == pytest.approx(3.314, abs=1e-3)
    assert critical_value(10) * np.sqrt(2) == pytest.approx(4.474, abs=1e-3)


@pytest.mark.parametrize(("groups", "families"), [(2, 1), (5, 3), (20, 1), (60, 10)])
def test_critical_value_is_scipys(groups, families):
    from scipy.stats import studentized_range

    want = studentized_range.ppf(1 - 0.05 / families, groups, np.inf) / np.sqrt(2)
    assert critical_value(groups, families) == pytest.approx(want, abs=1e-6)


def test_more_families_ask_for_more():
    assert critical_value(3, families=4) > critical_value(3)


def test_shares_are_wilsons():
    from holdfast.statistics import wilson

    found = shares(np.array([3.0, 0.0, 50.0]), np.array([10.0, 20.0, 50.0]), 1.959964)
    for k, (hits, rows) in enumerate(((3, 10), (0, 20), (50, 50))):
        expected = wilson(hits, rows)
        assert found.interval(k).low == pytest.approx(expected.low, abs=1e-6)
        assert found.interval(k).high == pytest.approx(expected.high, abs=1e-6)


def test_ratio_agrees_with_katz_on_large_samples():
    rates = shares(np.array([3_000.0, 2_000.0]), np.array([10_000.0, 10_000.0]), 1.959964)
    found = ratio_to_best(rates)
    error = np.sqrt(0.7 / 3_000 + 0.8 / 2_000)
    assert found.value == pytest.approx([1, 2 / 3])
    assert found.low[1] == pytest.approx(2 / 3 * np.exp(-1.96 * error), rel=5e-3)
    assert found.high[1] == pytest.approx(2 / 3 * np.exp(1.96 * error), rel=5e-3)


def test_group_that_is_never_selected_has_a_bounded_ratio():
    found = ratio_to_best(shares(np.array([50.0, 0.0]), np.array([100.0, 100.0]), 1.96))
    assert found.value[1] == 0
    assert found.low[1] == 0
    assert 0 < found.high[1] < 0.15


@pytest.mark.parametrize("contrast", [ratio_to_best, shortfall_from_best])
def test_the_interval_always_holds_its_own_point(contrast):
    rng = np.random.default_rng(0)
    for _ in range(300):
        groups = rng.integers(2, 9)
        rows = rng.integers(1, 400, groups).astype(float)
        hits = rng.binomial(rows.astype(int), rng.random(groups)).astype(float)
        hits[0] = max(hits[0], 1)
        found = contrast(shares(hits, rows, critical_value(groups)))
        assert (found.low <= found.value + 1e-12).all()
        assert (found.value <= found.high + 1e-12).all()


@pytest.mark.parametrize(
    ("rates", "rows"),
    [
        ([0.3, 0.3, 0.3, 0.3], [50, 200, 400, 800]),
        ([0.9, 0.67], [900, 100]),
        ([0.8, 0.6, 0.7, 0.8], [40, 40, 200, 500]),
        ([0.5] * 8, [80] * 8),
    ],
)
def test_all_ratios_and_shortfalls_are_covered_at_once(rates, rows):
    rng = np.random.default_rng(1)
    p, n = np.array(rates), np.array(rows, dtype=float)
    z = critical_value(len(p))
    missed = np.zeros(2)
    for _ in range(500):
        found = shares(rng.binomial(n.astype(int), p).astype(float), n, z)
        for k, (contrast, truth) in enumerate(((ratio_to_best, p / p.max()), (shortfall_from_best, p.max() - p))):
            interval = contrast(found)
            missed[k] += ((truth < interval.low - 1e-12) | (truth > interval.high + 1e-12)).any()
    assert (missed / 500 <= 0.08).all()  # 5 % promised; 8 % is three standard errors more


def test_two_groups_against_everyone_else_are_mirror_images():
    a, b = np.array([1.0, 2.0, 3.0, 2.0]), np.array([2.0, 4.0, 6.0])
    rows = np.array([4.0, 3.0])
    found = against_everyone_else(rows, np.array([a.sum(), b.sum()]), np.array([(a**2).sum(), (b**2).sum()]))
    assert found.value == pytest.approx([-2, 2])
    assert found.low[0] == pytest.approx(-found.high[1])
    error = np.sqrt(a.var(ddof=1) / 4 + b.var(ddof=1) / 3)
    assert found.high[1] - found.value[1] == pytest.approx(1.959964 * error, rel=1e-5)
