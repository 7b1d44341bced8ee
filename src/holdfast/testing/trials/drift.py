"""Credit decisions by day: ordinary ones, and applicants or answers that change on one day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.testing.trial import MonitorTrial
from holdfast.testing.watched import credit_days

CHANGE = 110
"""The day of the change."""


def _same(rows: Rows, _day: int, _rng: np.random.Generator) -> Rows:
    return rows


def _richer(rows: Rows, day: int, _rng: np.random.Generator) -> Rows:
    """From the day of the change on, everybody earns a fifth more."""
    return replace(rows, X=np.column_stack([rows.X[:, 0] * 1.2, rows.X[:, 1:]])) if day >= CHANGE else rows


def _kinder(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, one refusal in five is an approval."""
    turned = (rows.decision == 0) & (rng.random(len(rows)) < 0.2)
    return replace(rows, decision=np.where(turned, 1.0, rows.decision)) if day >= CHANGE else rows


def _loose(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, what somebody owes has nothing to do with what they earn."""
    if day < CHANGE:
        return rows
    return replace(rows, X=np.column_stack([rows.X[:, 0], rng.permutation(rows.X[:, 1]), rows.X[:, 2:]]))


def _studying(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, half of the tenants borrow to study."""
    turned = (rows.X[:, 5] == 1) & (rng.random(len(rows)) < 0.5)
    X = rows.X.copy()
    X[turned, 6] = 2
    return replace(rows, X=X) if day >= CHANGE else rows


def _together() -> MonitorSpec:
    from holdfast.monitors.drift.together import run

    return run


def _slices() -> MonitorSpec:
    from holdfast.monitors.drift.slices import run

    return run


def _inputs() -> MonitorSpec:
    from holdfast.monitors.drift.inputs import run

    return run


def _outputs() -> MonitorSpec:
    from holdfast.monitors.drift.outputs import run

    return run


def _richer_days(seed: int) -> Seen:
    return credit_days(_inputs(), seed, _richer)


def _ordinary_inputs(seed: int) -> Seen:
    return credit_days(_inputs(), seed, _same)


def _kinder_days(seed: int) -> Seen:
    return credit_days(_outputs(), seed, _kinder)


def _ordinary_outputs(seed: int) -> Seen:
    return credit_days(_outputs(), seed, _same)


def _loose_days(seed: int) -> Seen:
    return credit_days(_together(), seed, _loose)


def _ordinary_together(seed: int) -> Seen:
    return credit_days(_together(), seed, _same)


def _studying_days(seed: int) -> Seen:
    return credit_days(_slices(), seed, _studying)


def _ordinary_slices(seed: int) -> Seen:
    return credit_days(_slices(), seed, _same)


INPUTS = MonitorTrial(_richer_days, _ordinary_inputs, "drift.place")
OUTPUTS = MonitorTrial(_kinder_days, _ordinary_outputs, "drift.label_share")
TOGETHER = MonitorTrial(_loose_days, _ordinary_together, "drift.bond")
SLICES = MonitorTrial(_studying_days, _ordinary_slices, "where-it-drifted")
