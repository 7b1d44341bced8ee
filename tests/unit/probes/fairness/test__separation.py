from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.domain.schema import Feature, Kind
from holdfast.probes.fairness._separation import binned, separation

NUMBER = (Feature("x", Kind.NUMBER),)


def found(values, codes, features=NUMBER, seed=0):
    half = np.random.default_rng(seed).random(len(codes)) < 0.5
    return separation(binned(values.reshape(len(codes), -1), features), codes, int(codes.max()) + 1, half)


def test_agrees_with_the_auc_of_the_values_themselves():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 4_000)
    values = rng.normal(codes * 0.8, 1)
    result = found(values, codes)
    expected = roc_auc_score(codes, values)
    assert result.auc[1] == pytest.approx(expected, abs=0.015)  # 32 bins, their order learnt
    assert result.error[1] == pytest.approx(0.0075, rel=0.15)  # DeLong's for this many rows


def test_finds_a_middle_group_that_an_ordinary_auc_misses():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 2_000)
    values = np.where(codes == 1, rng.normal(0, 0.3, 2_000), rng.normal(0, 2, 2_000))
    assert abs(roc_auc_score(codes, values) - 0.5) < 0.05
    assert found(values, codes).auc[1] > 0.8


def test_missing_values_tell_too():
    codes = np.arange(1_000) % 2
    values = np.where(codes == 1, np.nan, np.random.default_rng(0).random(1_000))
    assert found(values, codes).auc[1] == 1


def test_chance_gives_one_half_however_many_the_categories():
    areas = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        feature = (Feature("town", Kind.CATEGORY, categories=tuple(range(200))),)
        areas.append(found(rng.integers(0, 200, 600).astype(float), rng.integers(0, 2, 600), feature, seed).auc[1])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.015)


def test_its_standard_error_is_true_under_chance():
    scores = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        result = found(rng.random(500), rng.integers(0, 3, 500), seed=seed)
        scores.append((result.auc[0] - 0.5) / result.error[0])
    assert np.std(scores) == pytest.approx(1, abs=0.2)
