"""Trials of the monitors of feedback: labels of many sources, of which two work together, and the same without them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.traffic import baseline_of, moment, seen_of
from holdfast.testing.trial import MonitorTrial
from holdfast.testing.trials.misuse import scores

DAYS, ORDINARY = 42, 14
SOURCES, LABELS = 20, 200
"""Sources of labels, and how many labels they give a day, all together."""

TURNED = 0.5
"""Share of the labels of those who work together that are turned."""

COLLUDERS = ("source-03", "source-11")


def labelled(n: int, seed: int, day: int = 0) -> Rows:
    """Rows of one day with their true labels, each from one of the sources."""
    data, rng = credit_rows(n, seed), np.random.default_rng((seed, 1))
    assert data.y is not None
    names = np.array([f"source-{k:02d}" for k in range(SOURCES)], dtype=object)
    score = scores(data.X)
    at = moment(day) + np.sort(rng.random(n)) * 86_400
    return Rows.of(
        data.X,
        score=score,
        decision=(score >= 0.5).astype(np.float64),
        label=data.y.astype(np.float64),
        source=names[rng.integers(0, SOURCES, n)],
        at=at,
        label_at=at + 86_400,
        id=np.array([f"{seed}-{k}" for k in range(n)], dtype=object),
    )


@cache
def _baseline(spec: MonitorSpec, seed: int) -> Baseline:
    return baseline_of(spec, credit_schema(), credit_rows(3_000, 900_000 + seed).X, labelled(3_000, 910_000 + seed))


def seen(spec: MonitorSpec, seed: int, change: Callable[[Rows, int], Rows]) -> Seen:
    """Six weeks of labels, the first two of them in order; `change` is what happens to the rows of later days."""
    days = [labelled(LABELS, 1_000 * (seed + 1) + day, day) for day in range(DAYS)]
    days = [change(rows, day) if day >= ORDINARY else rows for day, rows in enumerate(days)]
    return seen_of(spec, _baseline(spec, seed), days, ordinary=ORDINARY, seed=seed)


def turn(rows: Rows, day: int) -> Rows:
    """The two who work together say that some who did not pay did."""
    rng = np.random.default_rng(day)
    theirs = np.isin(rows.source.astype(str), COLLUDERS) & (rng.random(len(rows)) < TURNED)
    return changed(rows, label=np.where(theirs, 1.0, rows.label))


def changed(rows: Rows, **known: np.ndarray) -> Rows:
    """The rows with some columns exchanged."""
    return Rows(**{name: known.get(name, getattr(rows, name)) for name in Rows.__dataclass_fields__})


def as_it_is(rows: Rows, _day: int) -> Rows:
    """Nothing happens."""
    return rows


def _sources(change: Callable[[Rows, int], Rows]) -> Callable[[int], Seen]:
    from holdfast.monitors.feedback import sources as watched

    return lambda seed: seen(watched.run, seed, change)


sources = MonitorTrial(_sources(turn), _sources(as_it_is), finds=f"turned-{COLLUDERS[0]}")


def _refused_are_lost(rows: Rows, _day: int) -> Rows:
    """Nobody hears of those that were refused."""
    return changed(rows, label=np.where(rows.decision == 1, rows.label, np.nan))


def _selective(change: Callable[[Rows, int], Rows]) -> Callable[[int], Seen]:
    from holdfast.monitors.feedback import selective as watched

    return lambda seed: seen(watched.run, seed, change)


selective = MonitorTrial(_selective(_refused_are_lost), _selective(as_it_is), finds="range-without-labels")
