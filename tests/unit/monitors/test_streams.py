"""Alarms on streams: rare where nothing changed, whatever the season; soon where something did; the same again."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.errors import FixInput
from holdfast.monitors.seasons import daily, hourly
from holdfast.monitors.streams import above, below, watch

REFERENCE, SHIFT_AT = 84, 184


def stream(kind: str, T: int, seed: int) -> np.ndarray:
    """Means of batches of 500 rows, in standard deviations of a row, with what real days add to chance."""
    rng, day = np.random.default_rng(seed), np.arange(T)
    chance = rng.normal(0, 500**-0.5, T)
    if kind == "season":
        return chance + 0.2 * np.sin(2 * np.pi * day / 7) + rng.normal(0, 0.05, T)
    if kind == "heavy":
        return 0.05 * rng.standard_t(3, T)
    if kind.startswith("tied"):
        tie, found = float(kind.removeprefix("tied")), np.zeros(T)
        for t, news in enumerate(rng.normal(0, 0.03, T)):
            found[t] = tie * found[t - 1] + news
        return found
    if kind == "hours":
        hour, weekend = day % 24, day // 24 % 7 >= 5
        return chance + 0.3 * np.sin(2 * np.pi * hour / 24) - 0.2 * weekend + rng.normal(0, 0.05, T)
    return chance


def days(values):
    return daily(np.arange(len(values)))


def looked(values, **more):
    return watch(values, days(values), REFERENCE, **more)


@pytest.mark.parametrize(
    ("kind", "most"), [("plain", 3), ("season", 3), ("heavy", 3), ("tied0.3", 3), ("tied0.8", 6), ("tied0.95", 4)]
)
def test_few_of_sixty_clean_streams_ever_alarm(kind, most):
    alarms = sum(looked(stream(kind, REFERENCE + 600, seed)).alarm is not None for seed in range(60))
    assert alarms <= most


@pytest.mark.parametrize(
    ("kind", "size", "within"), [("plain", 0.1, 16), ("season", 0.2, 10), ("tied0.8", 0.5, 20), ("tied0.8", 0.3, 20)]
)
def test_a_shift_is_found_soon_and_where_it_began(kind, size, within):
    delays, starts, sizes = [], [], []
    for seed in range(100, 120):
        values = stream(kind, REFERENCE + 200, seed)
        values[SHIFT_AT:] += size
        found = looked(values)
        if found.alarm is not None and found.alarm >= SHIFT_AT:
            delays.append(found.alarm - SHIFT_AT + 1)
            starts.append(found.since - SHIFT_AT)
            sizes.append(found.shift)
            assert abs(found.shift - size) < 5 * found.error
            assert found.level == pytest.approx(found.shift, abs=0.15)
    assert len(delays) >= 15
    assert np.median(delays) <= within
    assert np.median(np.abs(starts)) <= 4
    assert np.median(sizes) == pytest.approx(size, rel=0.4)


def test_hours_have_their_season_and_the_weekend_too():
    alarms, delays = 0, []
    for seed in range(20):
        values = stream("hours", 672 + 700, seed)
        alarms += watch(values, hourly(np.arange(len(values))), 672).alarm is not None
        values[1000:] += 0.2
        found = watch(values, hourly(np.arange(len(values))), 672).alarm
        delays.append(np.inf if found is None else found - 1000 + 1)
    assert alarms <= 1
    assert np.median(delays) <= 12


def test_what_hours_share_of_their_day_is_no_alarm():
    alarms = 0
    for seed in range(15):
        values = stream("hours", 672 + 700, seed)
        values += np.repeat(np.random.default_rng(900 + seed).normal(0, 0.05, len(values) // 24 + 1), 24)[: len(values)]
        alarms += watch(values, hourly(np.arange(len(values))), 672).alarm is not None
    assert alarms <= 1


def test_single_days_ruin_nothing():
    for seed in range(20):
        values = stream("season", REFERENCE + 200, seed)
        values[[120, 150, 151, 180]] += 3.0
        assert looked(values).alarm is None
        assert above(values, days(values), REFERENCE, 0.1).alarm is None


def test_a_stream_that_wanders_is_said_to_wander():
    wandering = [looked(np.cumsum(np.random.default_rng(seed).normal(0, 0.05, 400))) for seed in range(30)]
    assert sum(found.alarm is not None for found in wandering) <= 3
    assert sum(found.wanders for found in wandering) >= 25
    assert all(found.alarm is None for found in wandering if found.wanders)


@cache
def changed() -> np.ndarray:
    values = stream("season", 300, 1)
    values[200:] += 0.2
    values[[90, 130, 131]] = np.nan
    return values


@settings(max_examples=25, deadline=None)
@given(T=st.integers(REFERENCE, 300), seed=st.integers(0, 3), regime=st.none() | st.integers(REFERENCE + 1, 300))
def test_the_money_at_a_batch_depends_on_what_came_until_then_alone(T, seed, regime):
    """State is the batches alone: whoever starts again with them goes on as if nobody had stopped."""
    regimes = [] if regime is None else [regime]
    values = changed()
    whole = looked(values, seed=seed, regimes=regimes)
    before = looked(values[:T], seed=seed, regimes=[place for place in regimes if place <= T])
    assert before.money == pytest.approx(whole.money[:T], abs=1e-6)
    if whole.alarm is not None and whole.alarm < T and (regime is None or regime <= T):
        assert (before.alarm, before.since) == (whole.alarm, whole.since)
        assert before.shift == pytest.approx(whole.shift)
    limit = above(values, days(values), REFERENCE, 0.1, seed=seed).money
    assert above(values[:T], days(values[:T]), REFERENCE, 0.1, seed=seed).money == pytest.approx(limit[:T], abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(unit=st.floats(1e-6, 1e6), zero=st.floats(-1e3, 1e3), side=st.sampled_from([-1, 1]))
def test_the_unit_of_a_stream_does_not_matter(unit, zero, side):
    values = changed()
    found, same = looked(values), looked(side * unit * (values + zero))
    assert (same.alarm, same.since) == (found.alarm, found.since) if side == 1 else same.alarm is not None
    assert same.shift == pytest.approx(side * unit * found.shift, rel=0.5 if side == -1 else 1e-4)


def test_a_batch_without_rows_changes_no_money():
    whole = looked(changed())
    assert whole.money[131] == whole.money[129]
    assert (whole.money[:REFERENCE] == 0).all()


def test_a_day_of_the_week_that_the_reference_lacks_changes_nothing_before_it():
    when = np.array([day for day in range(500) if day % 7 != 6 or day > 400])
    values = stream("season", len(when), 3)
    whole = watch(values, daily(when), REFERENCE)
    some = int((when < 400).sum())
    assert watch(values[:some], daily(when[:some]), REFERENCE).money == pytest.approx(whole.money[:some])
    assert np.isfinite(whole.money).all()


def test_days_without_rows_are_no_reference():
    values = stream("plain", 100, 0)
    values[: REFERENCE - 27] = np.nan
    with pytest.raises(FixInput, match="27 batches"):
        looked(values)


def test_a_stream_that_never_varies_says_nothing():
    found = looked(np.zeros(300))
    assert np.isfinite(found.money).all()
    assert found.alarm is None
    assert above(np.zeros(300), days(np.zeros(300)), REFERENCE, 0.0).alarm is None


def test_a_stream_that_never_varied_and_then_moves_is_found():
    values = np.zeros(300)
    values[200:] = 0.01
    found = looked(values)
    assert 200 <= found.alarm <= 215
    assert found.since == pytest.approx(200, abs=2)


def test_values_of_any_size_crash_nothing():
    for odd in (1e300, -1e308, np.inf, np.nan, 1e-320):
        values = stream("season", 300, 4)
        values[[10, 150]] = odd
        found = looked(values)
        assert np.isfinite(found.money).all()
        assert found.alarm is None
        assert np.isfinite(above(values, days(values), REFERENCE, 1e200).money).all()


@pytest.mark.parametrize(("length", "reference"), [(100, 27), (100, 101), (0, 0)])
def test_too_short_a_reference_is_refused(length, reference):
    with pytest.raises(FixInput, match="batches"):
        watch(np.zeros(length), daily(np.arange(length)), reference)


@pytest.mark.parametrize("regimes", [[REFERENCE - 1], [150, 120], [150, 150], [301]])
def test_regimes_that_cannot_be_are_refused(regimes):
    with pytest.raises(FixInput, match="one after the other"):
        looked(changed(), regimes=regimes)


def test_few_streams_at_a_limit_alarm():
    for kind, most in (("plain", 2), ("season", 2), ("heavy", 2), ("tied0.8", 4)):
        values = [stream(kind, REFERENCE + 600, seed) for seed in range(40)]
        assert sum(above(each, days(each), REFERENCE, 0.0).alarm is not None for each in values) <= most
        assert sum(below(each, days(each), REFERENCE, 0.0).alarm is not None for each in values) <= most


def test_a_change_on_the_right_side_of_a_limit_is_no_alarm():
    for seed in range(20):
        values = stream("season", REFERENCE + 300, seed)
        values[150:200] -= 1.0
        values[250:] -= 0.5
        assert above(values, days(values), REFERENCE, 0.0).alarm is None


def test_a_level_beyond_a_limit_is_found_though_it_never_changed():
    delays = []
    for seed in range(20):
        values = 0.7 + stream("season", REFERENCE + 60, seed)
        over, under = above(values, days(values), REFERENCE, 0.5), below(values, days(values), REFERENCE, 0.9)
        for found, shift in ((over, 0.2), (under, -0.2)):
            assert found.level == pytest.approx(0.7, abs=5 * found.error)
            assert found.shift == pytest.approx(shift, abs=5 * found.error)
            delays.append(found.alarm - REFERENCE + 1)
        assert looked(values).alarm is None
    assert np.median(delays) <= 8


def test_a_floor_is_a_ceiling_upside_down():
    values = changed()
    over = above(-values, days(values), REFERENCE, 0.05, seed=2)
    under = below(values, days(values), REFERENCE, -0.05, seed=2)
    assert (under.money == over.money).all()
    assert (under.alarm, under.since, under.level) == (over.alarm, over.since, -over.level)


def acknowledged(seed: int, then: float = 0.0, after: int = 40) -> tuple[int, int | None, int | None]:
    """Where a shift was acknowledged, and the alarm since: with the acknowledgement, and without."""
    values = stream("season", REFERENCE + 500, seed)
    values[SHIFT_AT:] += 0.5
    first = looked(values[: SHIFT_AT + 60]).alarm
    values[first + after :] += then
    return first, looked(values, regimes=[first + 1]).alarm, looked(values).alarm


def test_an_acknowledged_change_is_no_alarm_again_and_the_next_one_is():
    calm = [acknowledged(seed) for seed in range(30)]
    assert sum(again is not None for _, again, _ in calm) <= 3
    assert all(without is not None for *_, without in calm)
    found = [(first, again) for first, again, _ in (acknowledged(seed, then=0.3) for seed in range(30))]
    late = [np.inf if again is None else again - (first + 40) + 1 for first, again in found]
    assert np.median([each for each in late if each > 0]) <= 8


def test_a_change_that_was_just_acknowledged_is_over():
    values = changed()
    first = looked(values)
    found = looked(values[: first.alarm + 1], regimes=[first.alarm + 1])
    assert found.alarm is None
    assert found.money == pytest.approx(first.money[: first.alarm + 1])
