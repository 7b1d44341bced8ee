"""Which phase of its season a batch is in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from holdfast.domain.watch import Span
from holdfast.monitors.seasons import Season, daily, hourly, season


def test_days_are_told_by_their_weekday_and_hours_by_the_weekend_too():
    days = season(["2026-11-28", "2026-11-30", "2026-12-07", "1969-12-29"], Span.DAY)
    assert days.phases.tolist() == [5, 0, 0, 0]
    hours = season(["2026-11-28T13", "2026-11-30T00", "2026-12-06T23", "2026-12-04T13"], Span.HOUR)
    assert hours.phases.tolist() == [24 + 13, 0, 24 + 23, 13]
    assert (days.fewest, hours.fewest) == (28, 672)


@pytest.mark.parametrize(("span", "made"), [(Span.DAY, daily), (Span.HOUR, hourly)])
def test_starts_and_numbers_from_a_monday_say_the_same(span, made):
    monday, step = datetime(2024, 1, 1, tzinfo=UTC), timedelta(**{f"{span.value}s": 1})
    form = "%Y-%m-%d" if span is Span.DAY else "%Y-%m-%dT%H"
    starts = [(monday + n * step).strftime(form) for n in range(400)]
    assert (season(starts, span).phases == made(np.arange(400)).phases).all()


def test_a_phase_that_the_reference_lacks_is_taken_for_the_mean():
    columns = Season(np.array([0, 1, 0, 1, 2]), 2).columns(4)
    assert columns.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [0.5, 0.5]]


def test_some_of_the_batches_keep_their_phases():
    some = daily(np.arange(20)).take(np.array([3, 9]))
    assert (some.phases.tolist(), len(some)) == ([3, 2], 2)
