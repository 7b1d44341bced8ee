"""Decisions in memory as a batch of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Bins, Counts, Cross, Profile
from holdfast.domain.schema import Kind, Schema
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Batch
from holdfast.monitors.contract import Asks, Rows
from holdfast.monitors.profiling import number_counts

Vector = NDArray[np.float64]
Places = NDArray[np.int64]


def count(start: str, schema: Schema, rows: Rows, bins: Sequence[Bins], asks: Asks = ()) -> Batch:
    """Rows as the batch that began at `start`: each of the columns of `bins` alone, and those of `asks` together."""
    counts = tuple(_alone(schema, rows, one) for one in bins)
    crosses = tuple(_together(schema, rows, by) for by in dict.fromkeys(asks))
    labelled = int(np.count_nonzero(~np.isnan(rows.label)))
    return Batch(start, len(rows), labelled, Profile(len(rows), tuple(bins), counts), crosses)


def column(schema: Schema, rows: Rows, name: str) -> Vector:
    """A column by its name, float64 (n,): numbers, or codes; see `Rows`."""
    if name.startswith(INPUT):
        return rows.X[:, schema.index(name.removeprefix(INPUT))]
    found: Vector = {SCORE: rows.score, DECISION: rows.decision, LABEL: rows.label}[name]
    return found


def words(schema: Schema, name: str) -> tuple[str, ...] | None:
    """What the codes of a column stand for; None where it holds numbers."""
    if name.startswith(INPUT):
        feature = schema.features[schema.index(name.removeprefix(INPUT))]
        return tuple(map(str, feature.categories)) if feature.kind is Kind.CATEGORY else None
    is_code = name in (DECISION, LABEL) and schema.task.is_classification
    return tuple(map(str, schema.classes)) if is_code else None


def places(schema: Schema, values: Vector, bins: Bins) -> Places:
    """In which bin each value (n,) of a column falls, int64 (n,); `bins.count` for a missing one."""
    if bins.labels is None:
        found = np.searchsorted(np.array(bins.edges), values, side="right")
    else:
        own = {label: place for place, label in enumerate(bins.labels)}
        other = len(own)
        table = np.array([own.get(word, other) for word in words(schema, bins.name) or ()] + [other], dtype=np.int64)
        codes = np.where(np.isnan(values) | (values < 0), len(table) - 1, values).astype(np.int64)
        found = table[codes]
    return np.asarray(np.where(np.isnan(values), bins.count, found), dtype=np.int64)


def _alone(schema: Schema, rows: Rows, bins: Bins) -> Counts:
    values = column(schema, rows, bins.name)
    if bins.labels is None:
        return number_counts(bins, values)
    cells = np.bincount(places(schema, values, bins), minlength=bins.count + 1)
    return Counts(tuple(cells[:-1].tolist()), missing=int(cells[-1]))


def _together(schema: Schema, rows: Rows, by: tuple[Bins, ...]) -> Cross:
    shape = [bins.count + 1 for bins in by]
    found = [places(schema, column(schema, rows, bins.name), bins) for bins in by]
    flat, times = np.unique(np.ravel_multi_index(found, shape), return_counts=True)
    cells: list[list[Any]] = [part.tolist() for part in (*np.unravel_index(flat, shape), times)]
    return Cross(by, tuple(zip(*cells, strict=True)))
