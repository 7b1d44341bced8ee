from __future__ import annotations

import numpy as np
import pytest

from holdfast.probes.poisoning._outliers import outliers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", ["normal", "laplace", "standard_exponential", "standard_cauchy"])
def test_a_tail_of_its_own_is_no_error(noise: str, seed: int):
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0, 100, 3_000)
    found = outliers(predicted + getattr(rng, noise)(size=3_000), predicted)
    assert found.interval.low < 0.001
    assert len(found.rows) <= 6


def test_gross_errors_are_counted_and_the_furthest_comes_first():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(1, 100, 2_000)
    value = predicted + rng.normal(size=2_000) * predicted / 10
    value[:30] = predicted[:30] * 10
    value[30] = -predicted[30] * 90
    found = outliers(value, predicted)
    assert set(found.rows) >= set(range(31))
    assert found.rows[0] == 30
    assert found.above >= 30
    assert found.interval.low <= 31 / 2_000 <= found.interval.high


def test_constant_values_have_no_outliers():
    found = outliers(np.full(200, 4.0), np.full(200, 4.0))
    assert (found.share, len(found.rows)) == (0.0, 0)
