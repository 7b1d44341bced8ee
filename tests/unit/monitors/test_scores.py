"""Scores of a batch: bounded means over rows, 0 of the reference, and different where the column changed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.profile import Bins, Counts
from holdfast.monitors.profiling import number_bins, number_counts
from holdfast.monitors.scores import commonness, label_shares, missing, place, scores, unseen, watched_labels, width
from holdfast.monitors.seasons import daily
from holdfast.monitors.streams import watch

NUMBER = Bins("number", (1.0, 2.0, 3.0, 4.0))
KIND = Bins("kind", labels=("a", "b", "c", "d"))
cells = st.lists(st.integers(0, 400), min_size=5, max_size=5)


def counted(cells: list[int], missing: int = 0) -> Counts:
    return Counts(tuple(cells), missing=missing)


@given(reference=cells, first=cells, second=cells, lost=st.integers(0, 50))
def test_scores_of_two_batches_together_are_their_mean_weighted_by_rows(reference, first, second, lost):
    usual, a, b = counted(reference), counted(first, missing=lost), counted(second)
    for bins in (NUMBER, KIND):
        together, apart = scores(bins, usual, a + b), (scores(bins, usual, a), scores(bins, usual, b))
        for (name, whole), (_, one), (_, other) in zip(together, *apart, strict=True):
            rows = (a.known + lost, b.known) if name == "missing" else (a.known, b.known)
            parts = [value * count for value, count in zip((one, other), rows, strict=True) if count]
            if sum(rows):
                assert whole == pytest.approx(sum(parts) / sum(rows), abs=1e-9)
            else:
                assert np.isnan(whole)


@given(reference=cells, batch=cells)
def test_scores_are_bounded_whatever_the_batch(reference, batch):
    usual, now = counted(reference), counted(batch)
    rarest = min((count for count in reference if count), default=1)
    bound = (max(1, usual.known) / rarest) ** 0.5 * 2 + 3
    for bins in (NUMBER, KIND):
        values = np.array([value for _, value in scores(bins, usual, now)])
        assert (np.abs(values[np.isfinite(values)]) <= bound).all()
        assert np.isfinite(values).all() or not now.known


@given(reference=cells)
def test_the_reference_scores_nothing(reference):
    usual = counted(reference, missing=7)
    for bins in (NUMBER, KIND):
        values = np.array([value for _, value in scores(bins, usual, usual)])
        assert values[np.isfinite(values)] == pytest.approx(0.0, abs=1e-9)


def test_rows_of_the_reference_have_a_standard_deviation_of_one():
    usual = counted([100, 250, 10, 300, 40])
    for score in (place, width, commonness):
        each = np.array([score(usual, counted(row)) for row in np.eye(5, dtype=int).tolist()])
        weights = np.array(usual.cells) / usual.known
        assert weights @ each**2 == pytest.approx(1.0)


def test_a_shift_moves_the_place_and_a_spread_the_width():
    rng = np.random.default_rng(0)
    bins = number_bins("x", rng.normal(0, 1, 20_000))
    usual = number_counts(bins, rng.normal(0, 1, 20_000))
    shifted, spread = (number_counts(bins, rng.normal(*each, 200_000)) for each in ((0.2, 1), (0, 1.2)))
    assert place(usual, shifted) == pytest.approx(0.2, abs=0.03)
    assert abs(width(usual, shifted)) < 0.05
    assert abs(place(usual, spread)) < 0.03
    assert width(usual, spread) > 0.2


def test_a_column_of_one_value_scores_nothing_until_others_come():
    bins = Bins("kind", labels=("only",))
    usual = Counts((500, 0))
    assert [value for _, value in scores(bins, usual, Counts((300, 0)))] == [0.0] * 4
    assert unseen(usual, Counts((250, 50))) == pytest.approx(1 / 6)
    assert label_shares(usual, Counts((250, 50))) == pytest.approx((-1 / 6,))
    bins = number_bins("x", np.full(100, 3.0))
    usual, above = (number_counts(bins, np.full(100, value)) for value in (3.0, 4.0))
    assert (place(usual, usual), width(usual, usual)) == (0.0, 0.0)
    assert place(usual, above) > 0.4
    assert width(usual, above) > 1


def test_missing_values_have_a_score_of_their_own():
    usual = counted([10, 10, 10, 10, 10], missing=50)
    assert missing(usual, counted([10, 10, 10, 10, 10])) == pytest.approx(-0.5)
    assert missing(usual, counted([0, 0, 0, 0, 0], missing=3)) == pytest.approx(0.5)
    assert np.isnan(missing(usual, counted([0, 0, 0, 0, 0])))
    assert np.isnan(place(usual, counted([0, 0, 0, 0, 0], missing=3)))


def test_the_most_frequent_labels_are_watched_and_none_that_never_came():
    bins = Bins("kind", labels=tuple("abcdefghij"))
    usual = Counts((5, 9, 0, 80, 70, 60, 50, 40, 30, 20, 10))
    assert watched_labels(usual) == (3, 4, 5, 6, 7, 8, 9)
    assert len(label_shares(usual, usual)) == 7
    names = [name for name, _ in scores(bins, usual, usual)]
    assert names[0] == "share of d"
    assert names[-3:] == ["commonness", "unseen", "missing"]


def test_rarer_labels_make_a_batch_less_common_though_no_watched_one_changes():
    usual = Counts((*[100] * 7, *[20] * 7, *[2] * 6, 0))
    rarer = Counts((*[100] * 7, *[11] * 7, *[12] * 6, 3))
    assert label_shares(usual, rarer) == pytest.approx([0.0] * 7, abs=1e-9)
    assert commonness(usual, rarer) < -0.02
    assert unseen(usual, rarer) > 0


def batches(weights: np.ndarray, swap: tuple[int, int], seed: int) -> list[Counts]:
    rng = np.random.default_rng(seed)
    then = weights.copy()
    then[list(swap)] = then[list(swap)[::-1]]
    drawn = [rng.multinomial(500, weights if day < 130 else then) for day in range(180)]
    return [Counts((*cells.tolist(), 0)) for cells in drawn]


def test_a_swap_of_two_of_eight_labels_is_seen():
    bins = Bins("kind", labels=tuple("abcdefgh"))
    weights = np.arange(8, 0, -1) / 36
    usual = Counts((*np.random.default_rng(9).multinomial(20_000, weights).tolist(), 0))
    delays = []
    for seed, swap in enumerate(pair for pair in combinations(range(8), 2) if pair[1] - pair[0] > 1):
        table = np.array([[value for _, value in scores(bins, usual, each)] for each in batches(weights, swap, seed)])
        found = [watch(column, daily(np.arange(180)), 84).alarm for column in table.T]
        assert all(at is None or at >= 130 for at in found)
        delays.append(min(np.inf if at is None else at - 130 + 1 for at in found))
    assert np.median(delays) <= 10
    assert max(delays) <= 20


def test_a_wider_number_is_seen():
    rng = np.random.default_rng(4)
    bins = number_bins("x", rng.normal(0, 1, 5_000))
    usual = number_counts(bins, rng.normal(0, 1, 5_000))
    drawn = [number_counts(bins, rng.normal(0, 1 if day < 130 else 1.2, 500)) for day in range(180)]
    widths = np.array([width(usual, each) for each in drawn])
    found = watch(widths, daily(np.arange(180)), 84)
    assert 130 <= found.alarm <= 142
