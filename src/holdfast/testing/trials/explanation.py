"""Credit decisions by the day: one feature stops reaching the model as it is logged, or none does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.monitors.contract import Rows, Seen
from holdfast.testing.tables import credit_schema
from holdfast.testing.trial import MonitorTrial
from holdfast.testing.watched import Spoil, credit_days

CHANGE, DAYS = 110, 160


def stale(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, late payments are logged as somebody else's: no column alone looks different."""
    if day < CHANGE:
        return rows
    X, place = rows.X.copy(), credit_schema().index("late_payments")
    X[:, place] = rng.permutation(X[:, place])
    return replace(rows, X=X)


def _seen(seed: int, spoil: Spoil) -> Seen:
    from holdfast.monitors.explanation.drift import run

    return credit_days(run, seed, spoil, days=DAYS)


drift = MonitorTrial(
    planted=lambda seed: _seen(seed, stale),
    clean=lambda seed: _seen(seed, lambda rows, _day, _rng: rows),
    finds="explain.score_strength",
)
