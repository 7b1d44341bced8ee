"""Bets on ranks are fair, and what they are worth is what gamblers have who begin one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.monitors.betting import ANY_SIDE, UPWARDS, bet, rank, ranks, ranks_among

some = st.lists(st.integers(0, 6), min_size=1, max_size=30)


@pytest.mark.parametrize("stakes", [ANY_SIDE, UPWARDS])
def test_a_bet_on_a_fair_rank_is_worth_what_it_costs(stakes):
    places = (np.arange(20_000) + 0.5) / 20_000
    worth = np.array([np.exp(bet(np.array([place]), stakes)[0][0]) for place in places[::10]])
    assert worth.mean() == pytest.approx(1.0, abs=1e-3)


def test_money_on_fair_ranks_rarely_grows_a_hundredfold():
    rng = np.random.default_rng(0)
    rich = [bet(rng.random(300), ANY_SIDE)[0].max() >= np.log(20) for _ in range(400)]
    assert np.mean(rich) <= 0.05 + 0.03


def test_the_money_is_that_of_all_who_began_and_what_nobody_has_spent():
    ranked = np.random.default_rng(1).beta(2, 1, 40)
    ranked[[5, 6, 20]] = np.nan
    path, begun = bet(ranked, UPWARDS)
    x = 3**0.5 * UPWARDS
    prices = np.log(np.sinh(x) / x)
    left = 1 / np.sqrt(1 + np.arange(41) / 30)
    money, n = np.zeros(len(UPWARDS)), 0
    for t, place in enumerate(ranked):
        if np.isfinite(place):
            money = (money + (left[n] - left[n + 1]) / len(UPWARDS)) * np.exp(2 * x * (place - 0.5) - prices)
            n += 1
        assert np.exp(path[t]) == pytest.approx(money.sum() + left[n])
        assert begun[t] <= t
    assert (path[5], path[6]) == (path[4], path[4])


def test_who_is_richest_began_when_ranks_became_high():
    ranked = np.concatenate([np.random.default_rng(2).random(100), np.full(20, 0.97)])
    path, begun = bet(ranked, ANY_SIDE)
    assert abs(int(begun[-1]) - 100) <= 2
    assert path[-1] > np.log(400)


def test_dearer_bets_win_less():
    ranked = np.random.default_rng(3).beta(2, 1, 60)
    assert (bet(ranked, ANY_SIDE, 2.0)[0][1:] < bet(ranked, ANY_SIDE)[0][1:]).all()


@given(past=some, value=st.integers(0, 6), tie=st.floats(0, 1))
def test_a_rank_lies_among_those_that_are_the_same(past, value, tie):
    found = rank(float(value), sorted(map(float, past)), tie)
    below, same = sum(each < value for each in past), sum(each == value for each in past)
    assert below / (len(past) + 1) <= found <= (below + same + 1) / (len(past) + 1)


@given(values=some, seed=st.integers(0, 5))
def test_ranks_are_those_among_what_came_before_and_joined(values, seed):
    rng = np.random.default_rng(seed)
    each, joins, ties = np.array(values, dtype=float), rng.random(len(values)) < 0.7, rng.random(len(values))
    each[rng.random(len(values)) < 0.2] = np.nan
    found = ranks(each, joins, ties)
    for t, value in enumerate(each):
        if np.isnan(value):
            assert np.isnan(found[t])
        else:
            before = each[:t][joins[:t] & ~np.isnan(each[:t])]
            assert found[t] == pytest.approx(rank(value, sorted(before), ties[t]))


def test_ranks_among_others_look_at_older_ones_only():
    others = np.array([3.0, np.nan, 1.0, 2.0, 9.0, 9.0])
    values = np.array([0.0, 0.0, 2.5, 2.5, np.nan, 2.5])
    found = ranks_among(values, others, late=2, fewest=1, ties=np.full(6, 0.5))
    assert np.isnan(found[[0, 1, 4]]).all()
    assert found[[2, 3, 5]] == pytest.approx([0.25, 0.25, 2.5 / 4])
    assert np.isnan(ranks_among(values, others, late=2, fewest=4, ties=np.full(6, 0.5))).all()
