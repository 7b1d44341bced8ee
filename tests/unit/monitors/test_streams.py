"""Alarms on streams: rare where nothing changed, whatever the season; soon where something did; the same again."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.domain.errors import FixInput
from holdfast.monitors.streams import FEWEST, watch

REFERENCE, SHIFT_AT = 84, 184


def stream(kind: str, T: int, seed: int) -> np.ndarray:
    """Means of batches of 500 rows, in standard deviations of a row, with what real days add to chance."""
    rng, day = np.random.default_rng(seed), np.arange(T)
    chance = rng.normal(0, 500**-0.5, T)
    if kind == "season":
        return chance + 0.2 * np.sin(2 * np.pi * day / 7) + rng.normal(0, 0.05, T)
    if kind == "heavy":
        return 0.05 * rng.standard_t(3, T)
    if kind == "tied":
        found = np.zeros(T)
        for t, news in enumerate(rng.normal(0, 0.03, T)):
            found[t] = 0.8 * found[t - 1] + news
        return found
    return chance


def looked(values, **more):
    return watch(values, np.arange(len(values)), REFERENCE, **more)


@pytest.mark.parametrize(("kind", "most"), [("plain", 3), ("season", 3), ("heavy", 3), ("tied", 6)])
def test_few_of_sixty_clean_streams_ever_alarm(kind, most):
    alarms = sum(looked(stream(kind, REFERENCE + 600, seed)).alarm is not None for seed in range(60))
    assert alarms <= most


@pytest.mark.parametrize(("kind", "size", "within"), [("plain", 0.1, 16), ("season", 0.2, 12), ("tied", 0.5, 20)])
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
    assert len(delays) >= 17
    assert np.median(delays) <= within
    assert np.median(np.abs(starts)) <= 4
    if kind != "tied":
        assert np.median(sizes) == pytest.approx(size, rel=0.4)


def test_single_days_ruin_nothing():
    for seed in range(20):
        values = stream("season", REFERENCE + 200, seed)
        values[[120, 150, 151, 180]] += 3.0
        assert looked(values).alarm is None


def test_a_stream_that_wanders_is_not_watched():
    steps = np.random.default_rng(0).normal(0, 0.05, 400)
    found = looked(np.cumsum(steps))
    assert (found.wanders, found.alarm) == (True, None)


def test_looking_again_later_finds_the_same_money():
    values = stream("season", 300, 1)
    values[200:] += 0.2
    values[[90, 130, 131]] = np.nan
    whole = looked(values)
    for T in (85, 131, 132, 215):
        assert looked(values[:T]).money == pytest.approx(whole.money[:T])
    assert whole.money[131] == whole.money[129]
    assert (whole.money[:REFERENCE] == 0).all()


def test_a_day_of_the_week_that_the_reference_lacks_changes_nothing_before_it():
    days = np.array([day for day in range(500) if day % 7 != 6 or day > 400])
    values = stream("season", len(days), 3)
    whole = watch(values, days, REFERENCE)
    some = int((days < 400).sum())
    assert watch(values[:some], days[:some], REFERENCE).money == pytest.approx(whole.money[:some])
    assert np.isfinite(whole.money).all()


def test_days_without_rows_are_no_reference():
    values = stream("plain", 100, 0)
    values[: REFERENCE - FEWEST + 1] = np.nan
    with pytest.raises(FixInput, match="27 batches"):
        looked(values)


def test_a_stream_that_never_varies_says_nothing():
    found = looked(np.zeros(300))
    assert np.isfinite(found.money).all()
    assert found.alarm is None


def test_too_short_a_reference_is_refused():
    with pytest.raises(FixInput, match="batches"):
        watch(np.zeros(100), np.arange(100), FEWEST - 1)
    with pytest.raises(FixInput, match="batches"):
        watch(np.zeros(100), np.arange(100), 101)
