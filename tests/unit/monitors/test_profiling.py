"""Profiles: bins at the reference's own values, counts that add up, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.domain.profile import Bins, Profile
from holdfast.monitors.profiling import (
    MOST_BINS,
    label_bins,
    label_counts,
    number_bins,
    number_counts,
    quantile,
    shares,
)

ANY = st.floats(allow_nan=True, allow_infinity=True, width=32)
VALUES = arrays(np.float64, st.integers(0, 60), elements=ANY)


@given(VALUES, VALUES, VALUES)
def test_counts_of_parts_add_up_to_those_of_the_whole(reference, first, second):
    bins = number_bins("x", reference)
    whole = number_counts(bins, np.concatenate([first, second]))
    parts = number_counts(bins, first) + number_counts(bins, second)
    assert (parts.cells, parts.missing, parts.infinite) == (whole.cells, whole.missing, whole.infinite)
    assert parts.sums == pytest.approx(whole.sums, rel=1e-6, abs=1e-6)
    assert whole.known + whole.missing == len(first) + len(second)
    assert len(whole.cells) == bins.count == len(bins.edges) + 1
    assert list(bins.edges) == sorted(set(bins.edges))


@given(arrays(np.float64, st.integers(1, 200), elements=st.integers(-40, 40).map(float)))
def test_each_of_few_values_has_a_bin_of_its_own(values):
    bins = number_bins("x", values)
    counts = number_counts(bins, values)
    assert sorted(count for count in counts.cells if count) == sorted(np.unique(values, return_counts=True)[1])


def test_many_values_share_bins_evenly_and_a_frequent_one_stands_alone():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=50_000), np.zeros(20_000)])
    bins = number_bins("x", values)
    counts = number_counts(bins, values)
    assert bins.count <= 2 * MOST_BINS
    assert 20_000 in counts.cells
    assert max(count for count in counts.cells if count != 20_000) < 3 * len(values) / MOST_BINS
    assert quantile(bins, counts, 0.5) == pytest.approx(np.median(values), abs=1e-6)
    assert shares(bins, counts, np.array([-9.0, -1.0, 1.0, 9.0])) == pytest.approx(
        [np.mean(values < -1), np.mean(np.abs(values) < 1), np.mean(values > 1)], abs=2e-3
    )


def test_labels_beyond_the_most_frequent_share_a_bin():
    seen = {f"l{n}": 1_000 - n for n in range(400)}
    bins = label_bins("x", seen)
    counts = label_counts(bins, seen, missing=7)
    assert bins.labels[0] == "l0"
    assert counts.known == sum(seen.values())
    assert counts.cells[-1] == sum(1_000 - n for n in range(255, 400))
    assert label_counts(bins, {"new": 3}, 0).cells[-1] == 3


def test_profiles_of_other_bins_do_not_add_up():
    one = Profile(1, (Bins("x", (0.0,)),), (number_counts(Bins("x", (0.0,)), np.array([1.0])),))
    assert (one + one).rows == 2
    with pytest.raises(ValueError, match="same bins"):
        one + Profile(1, (Bins("x", (1.0,)),), one.counts)
