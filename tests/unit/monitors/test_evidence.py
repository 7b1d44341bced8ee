"""Bets on shares: rarely won where the claim is true, however long; won soon where it is not."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from holdfast.monitors.evidence import bet, raised, stakes, threshold


def played(shares, T, rows, limit):
    rng = np.random.default_rng(0)
    asked = np.full((T, len(shares)), float(rows))
    hits = rng.binomial(rows, np.broadcast_to(shares, (T, len(shares)))).astype(float)
    return bet(stakes(hits, asked, np.full_like(asked, limit)), log(100))


@pytest.mark.parametrize("share", [0.1, 0.06])
def test_who_keeps_the_limit_is_hardly_ever_accused(share):
    assert (played(np.full(600, share), 400, 40, 0.1).alarm >= 0).sum() <= 6


def test_who_is_far_beyond_is_seen_soon_and_since_when():
    T, rng = 60, np.random.default_rng(3)
    hits = rng.binomial(40, np.where(np.arange(T) < 30, 0.05, 0.5))[:, None].astype(float)
    found = bet(stakes(hits, np.full((T, 1), 40.0), np.full((T, 1), 0.1)), log(100))
    assert found.since[0] == 30
    assert 30 <= found.alarm[0] <= 31


def test_batches_without_rows_change_nothing():
    found = bet(stakes(np.zeros((50, 2)), np.zeros((50, 2)), np.full((50, 2), 0.1)), log(100))
    assert np.allclose(found.money, 0)
    assert (found.alarm == -1).all()


def test_one_batch_of_a_hundred_thousand_rows_counts_for_two_hundred():
    def money(n):
        return bet(stakes(np.array([[0.2 * n]]), np.array([[n]]), np.array([[0.1]])), 1e9).money[0, 0]

    assert money(1e5) == pytest.approx(money(1e8), rel=0.01)
    assert money(20.0) < money(200.0) < money(1e5)


def test_a_limit_of_nothing_or_all_stays_finite():
    for limit in (0.0, 1.0):
        assert np.isfinite(stakes(np.array([[3.0]]), np.array([[5.0]]), np.array([[limit]]))).all()


def test_odds():
    assert raised(np.array([0.1]), 4.0)[0] == pytest.approx(0.4 / 1.3)
    assert threshold(50) == pytest.approx(log(5_000))
