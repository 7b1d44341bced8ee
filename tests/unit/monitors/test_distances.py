"""Distances from counts agree with those from all values; what they say of chance holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from holdfast.domain.profile import Counts
from holdfast.monitors import distances
from holdfast.monitors.profiling import number_bins, number_counts

RNG = np.random.default_rng(5)
TABLES = {
    "normal": (RNG.normal(0, 1, 20_000), RNG.normal(0.2, 1, 15_000)),
    "heavy": (RNG.standard_t(2, 20_000), 1.3 * RNG.standard_t(2, 15_000)),
    "lognormal": (RNG.lognormal(0, 1, 20_000), RNG.lognormal(0.1, 1, 15_000)),
    "few": (RNG.integers(0, 7, 20_000).astype(float), RNG.integers(0, 8, 15_000).astype(float)),
    "atoms": (
        RNG.normal(size=20_000) * (RNG.random(20_000) < 0.4),
        RNG.normal(size=15_000) * (RNG.random(15_000) < 0.5),
    ),
    "apart": (RNG.random(20_000), 2 + RNG.random(15_000)),
    "one": (np.zeros(20_000), np.r_[np.zeros(10_000), np.ones(5_000)]),
}


def counted(then, now):
    bins = number_bins("x", then)
    return bins, number_counts(bins, then), number_counts(bins, now)


@pytest.mark.parametrize("name", TABLES)
def test_numbers_lie_as_far_apart_as_their_values_do(name):
    then, now = TABLES[name]
    found = distances.number_difference(*counted(then, now), 0.05)
    assert found.distance == pytest.approx(ks_2samp(then, now).statistic, abs=1 / 256)
    moved = wasserstein_distance(then, now)
    assert 0.97 * moved <= found.wasserstein <= moved * (1 + 1e-9)
    if name not in ("heavy", "atoms"):  # where both cross within the wide outer bins, the area there is netted
        assert found.wasserstein == pytest.approx(moved, rel=5e-3)
    assert (found.p_value < 1e-6) is bool(ks_2samp(then, now).pvalue < 1e-6)


def test_few_values_lie_exactly_as_far_apart():
    for name in ("few", "one", "apart"):
        then, now = TABLES[name]
        found = distances.number_difference(*counted(then, now), 0.05)
        assert found.distance == pytest.approx(ks_2samp(then, now).statistic, abs=1e-12)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=12))
def test_labels_lie_as_far_apart_as_their_shares_do(cells):
    then, now = (np.array(side, dtype=float) for side in zip(*cells, strict=True))
    p, q = then / then.sum(), now / now.sum()
    assert distances.jensen_shannon(then, now) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-9)
    assert distances.psi(then, now) == pytest.approx(float(((q - p) * np.log(q / p)).sum()), abs=1e-12)
    if (np.minimum(then.sum(), now.sum()) * (then + now) / (then + now).sum() >= 5).all():
        statistic, freedom = distances.chi_square(then, now)
        expected = chi2_contingency([then, now], correction=False)
        assert (statistic, freedom) == (pytest.approx(expected.statistic), expected.dof)


def test_cells_that_expect_too_little_are_put_together():
    statistic, freedom = distances.chi_square(np.array([500.0, 490, 3, 2, 0]), np.array([480.0, 510, 0, 2, 6]))
    assert freedom == 2
    assert np.isfinite(statistic)
    assert distances.chi_square(np.array([1_000.0, 0]), np.array([900.0, 0])) == (0.0, 0)
    assert distances.chi_square(np.array([1_000.0, 1]), np.array([900.0, 0])) == (0.0, 0)


def test_p_values_are_those_of_chance():
    """Of samples from one distribution, a share of at most p shows a p-value of p or less."""
    rng = np.random.default_rng(1)
    numbers, labels = [], []
    for _ in range(600):
        numbers.append(distances.number_difference(*counted(rng.normal(size=700), rng.normal(size=400)), 0.05).p_value)
        then, now = (Counts(tuple(rng.multinomial(n, [0.5, 0.3, 0.1, 0.05, 0.04, 0.01]).tolist())) for n in (700, 400))
        labels.append(distances.label_difference(then, now, 0.05).p_value)
    for found in (numbers, labels):
        for level in (0.01, 0.05, 0.2):
            assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 600), level
    assert np.mean(np.array(labels) <= 0.2) > 0.1


def test_what_chance_shows_is_what_it_shows():
    rng = np.random.default_rng(2)
    found = [distances.number_difference(*counted(rng.random(2_000), rng.random(3_000)), 0.05) for _ in range(200)]
    assert np.mean([one.distance for one in found]) == pytest.approx(found[0].by_chance, rel=0.1)
    shares = [0.4, 0.3, 0.2, 0.1]
    seen = [
        distances.label_difference(*(Counts(tuple(rng.multinomial(n, shares).tolist())) for n in (2_000, 3_000)), 0.05)
        for _ in range(200)
    ]
    assert np.mean([one.distance for one in seen]) == pytest.approx(seen[0].by_chance, rel=0.1)


def test_a_drift_of_the_detectable_size_is_mostly_told_from_chance():
    rng, told = np.random.default_rng(3), 0
    level = 0.05
    for _ in range(200):
        then = rng.random(1_000)
        edge = distances.number_difference(*counted(then, then), level).detectable
        now = np.where(rng.random(1_000) < 1.5 * edge, rng.random(1_000) * 1e-6, rng.random(1_000))
        told += distances.number_difference(*counted(then, now), level).p_value <= level
    assert told > 180


def test_holm_keeps_order_and_never_says_less():
    assert distances.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert distances.holm([0.9, 0.9]) == [1.0, 1.0]
    assert distances.holm([]) == []
