"""Whether outcomes still come back: shares by the time they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.measure import Measurement
from holdfast.monitors.contract import Series
from holdfast.monitors.outcome import labels
from holdfast.monitors.outcome._arrival import STEPS, Arrivals, step_within, words
from holdfast.testing.trials.outcomes import delayed
from holdfast.testing.watched import credit_days


def test_the_share_so_far_is_carried_on_from_batches_that_are_old_enough():
    """Ten batches, half of whose outcomes come within an hour, the others within six; the youngest wait for those."""
    age = np.arange(19.0, -1.0, -1.0)
    counts = np.zeros((20, len(STEPS) + 1), dtype=np.int64)
    counts[:, 0] = 40
    counts[age >= 6, 1] = 40
    shares = Arrivals(np.full(20, 100), counts, age).run_off
    assert shares == pytest.approx([0.4, 0.8])
    assert Arrivals(np.full(20, 100), counts, age).horizon(0.9) == 1
    assert Arrivals(np.full(20, 100), counts, age).horizon(0.5) == 0


def test_without_outcomes_there_is_no_horizon():
    counts = np.zeros((20, len(STEPS) + 1), dtype=np.int64)
    assert Arrivals(np.full(20, 100), counts, np.arange(20.0)).horizon(0.9) is None
    assert Arrivals(np.zeros(0, np.int64), counts[:0], np.zeros(0)).horizon(0.9) is None


def test_steps_in_words():
    assert [words(0), words(1), words(2), words(6)] == ["1 hour", "6 hours", "1 day", "7 days"]
    assert words(step_within(28)) == "28 days"
    assert step_within(0.01) == 0


def test_shares_are_those_that_were_made():
    stream = credit_days(labels.run, 1, lambda rows, day, rng: delayed(rows, day, rng, kept=0.8), rows=1_000)
    found = {
        dict(m.scope)["within"]: m for m in labels.run.run(stream, labels.run.params) if isinstance(m, Measurement)
    }
    assert found["21 days"].value == pytest.approx(0.8 * (0.54 + 0.46 * (1 - np.exp(-11 / 3))), abs=0.02)
    assert all(m.interval.low <= m.value <= m.interval.high for m in found.values())


def test_held_out_days_say_nothing_of_arrival():
    stream = credit_days(labels.run, 1, lambda rows, day, rng: rows if day < 60 else delayed(rows, day, rng), rows=200)
    records = list(labels.run.run(replace(stream, past=60, ordinary=100), labels.run.params))
    assert all(np.isnan(r.values[:60]).all() for r in records if isinstance(r, Series))
    assert max(r.value for r in records if isinstance(r, Measurement)) < 0.95
