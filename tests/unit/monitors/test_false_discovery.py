"""Which of many streams alarm: few of those named are false, most of those that changed are named."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.monitors.false_discovery import LEVEL, chosen, evidence, first_alarms, pooled
from holdfast.monitors.seasons import daily
from holdfast.monitors.streams import Watched, above, watch

REFERENCE, SHIFT_AT, T = 84, 150, 230


def streams(seed: int, changed: int, shift: float = 0.2, count: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    values = [rng.normal(0, 500**-0.5, T) + rng.normal(0, 0.05, T) for _ in range(count)]
    for each in values[:changed]:
        each[SHIFT_AT:] += shift
    return values


def watched(values: list[np.ndarray], **more) -> list[Watched]:
    return [
        watch(each, daily(np.arange(len(each))), REFERENCE, seed=place, **more) for place, each in enumerate(values)
    ]


def of(money: float, threshold: float = log(400)) -> Watched:
    return Watched(np.array([0.0, money]), 1, threshold)


def alarming(streams: list[Watched]) -> np.ndarray:
    """Which alarm now."""
    return chosen(np.array([evidence(each)[-1] if each.start < len(each.money) else 0.0 for each in streams]))


def test_a_single_stream_alarms_at_its_threshold():
    assert alarming([of(log(400))]).tolist() == [True]
    assert alarming([of(log(399))]).tolist() == [False]
    assert alarming([of(log(100), log(100))]).tolist() == [True]
    assert alarming([of(log(99), log(100))]).tolist() == [False]


def test_more_is_asked_of_one_among_many_and_less_where_many_changed():
    assert alarming([of(log(400)), of(0.0)]).tolist() == [False, False]
    assert alarming([of(log(801)), of(0.0)]).tolist() == [True, False]
    assert alarming([of(log(401)), of(log(401))]).tolist() == [True, True]


@given(st.lists(st.floats(-20, 20), max_size=30), st.floats(0.001, 0.5))
def test_who_has_more_evidence_is_named_first(money, level):
    found = chosen(np.array(money), level)
    named, others = np.array(money)[found], np.array(money)[~found]
    assert len(named) == found.sum()
    if len(named):
        assert named.min() >= log(len(money) / (len(named) * level)) - 1e-6
        assert not len(others) or named.min() >= others.max()
    for k in range(len(named) + 1, len(money) + 1):
        assert sorted(money, reverse=True)[k - 1] < log(len(money) / (k * level)) + 1e-6


def test_a_stream_that_wanders_is_never_named():
    assert alarming([replace(of(50.0), wanders=True), of(50.0)]).tolist() == [False, True]
    assert (evidence(replace(of(50.0), wanders=True)) == -np.inf).all()


def test_no_streams_give_no_alarms():
    assert alarming([]).tolist() == []
    assert first_alarms([]) == ()


def test_of_twenty_features_those_that_changed_are_named_and_few_others():
    false, found = 0, 0
    for seed in range(10):
        named = first_alarms(watched(streams(seed, changed=5)))
        found += sum(at is not None and at >= SHIFT_AT for at in named[:5])
        false += sum(at is not None for at in named[5:])
    assert found >= 45
    assert false <= 2


def test_what_was_named_first_does_not_change_with_later_batches():
    values = streams(3, changed=5)
    whole = first_alarms(watched(values))
    for end in (160, 170, 200):
        before = first_alarms(watched([each[:end] for each in values]))
        assert before == tuple(at if at is not None and at < end else None for at in whole)


def test_an_acknowledged_stream_is_named_again_only_by_what_came_since():
    values = streams(5, changed=1, shift=0.5, count=2)
    first = first_alarms(watched(values))[0]
    again = watched([each[: first + 30] for each in values], regimes=[first + 1])
    assert first_alarms(again) == (None, None)
    now = watched([each[: first + 1] for each in values], regimes=[first + 1])
    assert alarming(now).tolist() == [False, False]


def test_limits_and_changes_are_named_together():
    over = above(np.random.default_rng(0).normal(0.7, 0.05, T), daily(np.arange(T)), REFERENCE, 0.5)
    calm = watched(streams(1, changed=0, count=3))
    assert alarming([over, *calm]).tolist() == [True, False, False, False]
    assert evidence(over)[-1] == pytest.approx(over.money[-1])
    assert LEVEL == 0.01


def test_what_moves_all_a_little_shows_in_their_mean():
    alone, together = [], []
    for seed in range(20):
        values = streams(seed, changed=20, shift=0.1)
        values[0][100] = np.nan
        mean = pooled(values, REFERENCE)
        assert np.isfinite(mean).all()
        for delays, each in ((together, mean), (alone, values[1])):
            at = watch(each, daily(np.arange(T)), REFERENCE, seed=seed).alarm
            delays.append(np.inf if at is None else at - SHIFT_AT + 1)
    assert np.median(together) <= 8
    assert np.median(alone) >= 10


def test_streams_that_say_nothing_move_no_mean():
    values = streams(0, changed=0, count=2)
    with_others = pooled([*values, np.full(T, np.nan), np.zeros(T)], REFERENCE)
    assert with_others == pytest.approx(pooled(values, REFERENCE) * 2 / 3)
    assert np.isnan(pooled([np.full(T, np.nan)], REFERENCE)).all()
