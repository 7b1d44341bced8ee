from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from holdfast.probes.poisoning._excess import by_luck, cells, excess, visible, visible_to_oracle

ROWS = 4_000


def two_tables(seed: int, gained: float = 0.0, lost: float = 0.0, *, rows: int = ROWS, shift: float = 0.0):
    """Log-odds of two classes that overlap throughout, the labels, three rows in five of training, and the wrong ones.

    `shift` moves the training rows along the log-odds: other rows, labelled by the same law.
    """
    rng = np.random.default_rng(seed)
    training = rng.permutation(rows) < rows * 3 // 5
    z = rng.normal(-0.5, 1.2, rows) + shift * training
    true = rng.random(rows) < expit(z)
    wrong = training & (rng.random(rows) < np.where(true, lost, gained))
    return np.column_stack([-z, z]), (true ^ wrong).astype(np.int64), training, wrong


def ask(z, y, training, *, seed: int = 0, draws: int = 20):
    return excess(z, y, training, np.random.default_rng(seed), draws)


def luck(seed: int, gained: float = 0.0, lost: float = 0.0, *, rows: int = 1_000, shift: float = 0.0) -> float:
    z, y, training, _ = two_tables(seed, gained, lost, rows=rows, shift=shift)
    return by_luck(cells(z[:, 1], y == 1, training), np.random.default_rng(seed))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_labels_that_are_alike_are_said_to_differ_no_oftener_than_the_level(shift: float):
    p = np.array([luck(seed, shift=shift) for seed in range(300)])
    assert (p <= 0.01).sum() <= 8  # 3 expected; more than 8 have a chance below 0.4 %
    assert (p <= 0.1).sum() <= 45  # 30 expected


def test_errors_in_both_tables_alike_are_no_excess():
    z, y, training, _ = two_tables(1)
    everywhere = np.random.default_rng(2).random(ROWS) < 0.1
    assert not ask(z, y ^ everywhere, training).shown


@pytest.mark.parametrize(("gained", "lost"), [(0.1, 0.1), (0.15, 0.0), (0.0, 0.25)])
def test_errors_are_counted_where_no_row_is_beyond_doubt(gained: float, lost: float):
    z, y, training, wrong = two_tables(3, gained, lost)
    found = ask(z, y, training, draws=60)
    assert found.shown
    assert found.interval.low > 0.005
    assert found.interval.low <= wrong[training].mean() <= found.interval.high
    assert found.won > found.shift_won
    assert not found.columns_differ
    no, yes = found.found
    assert (yes.gained > yes.lost) == (gained > lost) or gained == lost
    assert (no.gained, no.lost) == (yes.lost, yes.gained)
    assert len(yes.z) == training.sum()


def test_the_interval_holds_the_truth_nine_times_in_ten():
    held = 0
    for seed in range(20):
        z, y, training, wrong = two_tables(seed, 0.08, 0.08)
        interval = ask(z, y, training, draws=40).interval
        held += interval.low <= wrong[training].mean() <= interval.high
    assert held >= 17


def test_without_errors_the_interval_holds_none():
    assert ask(*two_tables(5)[:3]).interval.low == 0


def test_several_classes():
    rng = np.random.default_rng(6)
    score = rng.normal(0, 1.5, (ROWS, 3))
    p = softmax(score, axis=1)
    y = (p.cumsum(axis=1) < rng.random((ROWS, 1))).sum(axis=1)
    training = rng.random(ROWS) < 0.6
    z = np.log(p / (1 - p))
    clean = ask(z, y, training)
    assert not clean.shown
    wrong = training & (rng.random(ROWS) < 0.15)
    found = ask(z, np.where(wrong, (y + rng.integers(1, 3, ROWS)) % 3, y), training)
    assert found.shown
    assert len(found.found) == 3
    assert found.interval.low <= wrong[training].mean() <= found.interval.high


def test_other_odds_are_told_from_errors():
    z, _, training, _ = two_tables(7)
    rng = np.random.default_rng(7)
    oftener = (rng.random(ROWS) < expit(z[:, 1] + 0.8 * training)).astype(np.int64)
    found = ask(z, oftener, training)
    assert found.shown
    assert found.shift_won > found.won + 2
    assert ask(*two_tables(7, shift=0.5)[:3]).columns_differ


def test_what_is_said_to_be_visible_is_found_four_times_in_five():
    z, y, training, _ = two_tables(8, rows=1_000)
    least = visible(cells(z[:, 1], y == 1, training), 2)
    found = np.mean([luck(seed, least, least) <= 0.01 for seed in range(100)])
    assert 0.65 <= found <= 0.92


def test_an_oracle_finds_what_is_visible_to_it_and_more_than_the_comparison():
    z, y, training, _ = two_tables(9, rows=1_000)
    p = expit(z[training])
    least = visible_to_oracle(p)
    assert least < visible(cells(z[:, 1], y == 1, training), 2)
    rng = np.random.default_rng(9)
    weight = np.log((p[:, 1] + least * (1 - 2 * p[:, 1])) / p[:, 1])
    other = np.log((p[:, 0] + least * (1 - 2 * p[:, 0])) / p[:, 0])

    def ratio(rate: float) -> float:
        yes = rng.random(len(p)) < p[:, 1] + rate * (1 - 2 * p[:, 1])
        return float(np.where(yes, weight, other).sum())

    threshold = np.quantile([ratio(0.0) for _ in range(1_000)], 0.99)
    assert 0.7 <= np.mean([ratio(least) > threshold for _ in range(300)]) <= 0.9


def test_where_nothing_could_be_seen_the_share_is_one():
    assert visible_to_oracle(np.full((50, 2), 0.5)) == 1.0
