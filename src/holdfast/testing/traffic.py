"""Rows of decisions as what a monitor sees: a baseline of ordinary ones, and batches counted as its monitor asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Schema
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Baseline, Batch
from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.monitors.counting import column, count, words
from holdfast.monitors.profiling import label_bins, number_bins

FIRST = date(2026, 1, 5)
"""A Monday."""


def bins_of(schema: Schema, rows: Rows) -> tuple[Bins, ...]:
    """Bins for all columns of these rows."""
    names = [INPUT + name for name in schema.names]
    return tuple(_bins(schema, rows, name) for name in (*names, SCORE, DECISION, LABEL))


def _bins(schema: Schema, rows: Rows, name: str) -> Bins:
    values, known = column(schema, rows, name), words(schema, name)
    if known is None:
        return number_bins(name, values)
    codes = values[np.isfinite(values) & (values >= 0)].astype(np.int64)
    seen = np.bincount(codes, minlength=len(known))
    return label_bins(name, dict(zip(known, seen.tolist(), strict=True)))


def baseline_of(
    spec: MonitorSpec, schema: Schema, train: NDArray[np.float64], usual: Rows, params: Any = None
) -> Baseline:
    """What is usual: `train` (n, features), and held-out rows that the model answered."""
    params = spec.params if params is None else params
    trained = Rows.of(train)
    training = count("", schema, trained, bins_of(schema, trained)[: len(schema.names)]).profile
    bare = Baseline("sha256:release", schema, "sha256:data", training, count("", schema, usual, bins_of(schema, usual)))
    return replace(bare, usual=batch_of(spec, bare, "", usual, params))


def batch_of(spec: MonitorSpec, baseline: Baseline, start: str, rows: Rows, params: Any = None) -> Batch:
    """One batch, with all that the monitor asks for."""
    params = spec.params if params is None else params
    batch = count(start, baseline.schema, rows, baseline.usual.profile.bins, spec.asks(baseline, params))
    if spec.fold is None:
        return batch
    return replace(batch, facts=((spec.id, canonical.encode(spec.fold.of(baseline, rows, params)).decode()),))


def seen_of(
    spec: MonitorSpec, baseline: Baseline, days: Sequence[Rows], *, ordinary: int = 0, seed: int = 0, params: Any = None
) -> Seen:
    """Batches of a day each, the first on a Monday, of which the first `ordinary` are in order."""
    batches = tuple(batch_of(spec, baseline, day_name(k), rows, params) for k, rows in enumerate(days))
    return Seen(baseline, batches, ordinary=ordinary, seed=seed)


def day_name(k: int) -> str:
    """The k-th day, as batches are called."""
    return (FIRST + timedelta(days=k)).isoformat()


def moment(k: int) -> float:
    """When the k-th day begins, in seconds since 1970."""
    return datetime.combine(FIRST + timedelta(days=k), datetime.min.time(), UTC).timestamp()


def together(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other; at least one part."""
    names = Rows.__dataclass_fields__
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
