"""Levels: few of each feature, one for what is missing, and words for each."""

from __future__ import annotations

import numpy as np

from holdfast.monitors.levels import Levels, trained
from holdfast.plugins import find_monitor
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.traffic import baseline_of
from holdfast.testing.trials.feedback import labelled

BASELINE = baseline_of(find_monitor("misuse.evasion"), credit_schema(), credit_rows(2_000, 1).X, labelled(500, 2))


def test_numbers_are_dealt_evenly_and_missing_ones_apart():
    levels, X = Levels(BASELINE, 4), credit_rows(2_000, 1).X
    codes = levels.codes(X)
    assert np.allclose(np.bincount(codes[:, 0]) / len(X), 0.25, atol=0.02)
    X[:3] = np.nan
    assert (levels.codes(X)[:3] == levels.counts - 1).all()


def test_anything_has_a_level():
    levels, width = Levels(BASELINE, 4), len(credit_schema().features)
    for value in (np.inf, -np.inf, 1e300, -1.0):
        X = np.full((2, width), value)
        X[:, 5:] = -1  # categories come as codes
        codes = levels.codes(X)
        assert (codes >= 0).all()
        assert (codes < levels.counts).all()


def test_a_feature_of_which_the_baseline_says_nothing_has_one_level():
    from dataclasses import replace

    from holdfast.domain.profile import Profile

    levels = Levels(replace(BASELINE, training=Profile(0, (), ())), 4)
    assert (levels.codes(credit_rows(5, 1).X) == 0).all()


def test_words():
    levels = Levels(BASELINE, 4)
    assert levels.words(0, 0).startswith("income below ")
    assert levels.words(0, int(levels.counts[0]) - 1) == "income missing"
    assert levels.words(5, 0) in {"housing own", "housing rent", "housing other"}


def test_training_rows_are_counted_by_level():
    levels = Levels(BASELINE, 4)
    codes = levels.codes(credit_rows(2_000, 1).X)
    for j, counts in enumerate(trained(BASELINE, levels)):
        assert np.allclose(counts - 0.5, np.bincount(codes[:, j], minlength=len(counts)))
