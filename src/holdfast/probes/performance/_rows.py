"""The rows that performance is measured on: those whose label is known."""

from __future__ import annotations

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.schema import Task
from holdfast.probes.contract import Case


def labelled(case: Case, most: int) -> Dataset:
    """At most so many test rows, those whose label is known: not below 0 for a class, finite for a value."""
    data = case.test
    if data.y is None:
        return data.take(np.empty(0, dtype=np.int64))
    known = np.isfinite(data.y) if case.schema.task is Task.REGRESSION else data.y >= 0
    return data.take(np.flatnonzero(known)).sample(most, case.rng(0))


def too_few(rows: int, least: int, what: str) -> Finding:
    """Said instead of a figure that a handful of rows cannot carry."""
    return Finding(
        slug="too-few-rows",
        title="Too few labelled rows",
        sentence=f"{rows} labelled test rows are too few to say {what}; {least} are needed.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="An interval from so few rows would hold almost anything.",
        remedy="Test on more labelled rows.",
    )
