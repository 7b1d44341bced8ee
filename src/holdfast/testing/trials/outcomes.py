"""Credit decisions whose outcomes come back over weeks: ordinary ones, and a world that changes on one day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.testing.trial import MonitorTrial
from holdfast.testing.watched import DAY, credit_days

CHANGE, DAYS = 110, 160
"""The day of the change, and how many there are. What is known of outcomes is what had come when the last day ended."""

END = DAYS * DAY


def delayed(rows: Rows, day: int, rng: np.random.Generator, *, kept: float = 0.9, end: float = END) -> Rows:
    """Bad outcomes (0) come within days, good ones within three weeks; what has not come by the `end` (seconds after
    the first day began) is not known, and of all a share is never told.
    """
    wait = np.where(rows.label == 0, rng.exponential(2.0, len(rows)), 10 + rng.exponential(3.0, len(rows))) * DAY
    arrival = rows.at + wait
    came = (wait + (rows.at % DAY) + day * DAY < end) & (rng.random(len(rows)) < kept)
    return replace(rows, label=np.where(came, rows.label, np.nan), label_at=np.where(came, arrival, np.nan))


def turned(rows: Rows, day: int, rng: np.random.Generator, share: float) -> Rows:
    """From the day of the change on, a share of outcomes is what a coin says."""
    if day < CHANGE:
        return rows
    lost = rng.random(len(rows)) < share
    return replace(rows, label=np.where(lost, rng.integers(0, 2, len(rows)), rows.label))


def worse(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, a third of those who would have paid back do not: a recession."""
    fails = (rows.label == 1) & (rng.random(len(rows)) < 0.33)
    return replace(rows, label=np.where(fails, 0.0, rows.label)) if day >= CHANGE else rows


def undecided(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, nine of ten come from where the scores say little."""
    if day < CHANGE:
        return rows
    near = np.abs(rows.score - 0.5) < 0.25
    return rows.take(near | (rng.random(len(rows)) < 0.1))


def _performance(seed: int, share: float) -> Seen:
    from holdfast.monitors.outcome.performance import run

    return _seen(run, seed, lambda rows, day, rng: delayed(turned(rows, day, rng, share), day, rng))


def _labels(seed: int, kept: float) -> Seen:
    from holdfast.monitors.outcome.labels import run

    return _seen(run, seed, lambda rows, day, rng: delayed(rows, day, rng, kept=0.9 if day < CHANGE else kept))


def _calibration(seed: int, *, recession: bool) -> Seen:
    from holdfast.monitors.outcome.calibration import run

    return _seen(run, seed, lambda rows, day, rng: delayed(worse(rows, day, rng) if recession else rows, day, rng))


def _estimated(seed: int, *, shifted: bool) -> Seen:
    from holdfast.monitors.outcome.estimated import run

    def spoil(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
        rows = undecided(rows, day, rng) if shifted else rows
        return replace(rows, label=np.full(len(rows), np.nan))

    return _seen(run, seed, spoil)


def _seen(spec: MonitorSpec, seed: int, spoil: Any) -> Seen:
    return credit_days(spec, seed, spoil, days=DAYS)


performance = MonitorTrial(
    planted=lambda seed: _performance(seed, 0.4),
    clean=lambda seed: _performance(seed, 0.0),
    finds="performance.accuracy",
)
labels = MonitorTrial(
    planted=lambda seed: _labels(seed, 0.6),
    clean=lambda seed: _labels(seed, 0.9),
    finds="outcome.labelled_within",
)
calibration = MonitorTrial(
    planted=lambda seed: _calibration(seed, recession=True),
    clean=lambda seed: _calibration(seed, recession=False),
    finds="performance.calibration_bias",
)
estimated = MonitorTrial(
    planted=lambda seed: _estimated(seed, shifted=True),
    clean=lambda seed: _estimated(seed, shifted=False),
    finds="performance.estimated_accuracy",
)
