"""Decisions, labels and values of rows as counts and sums by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.groups import NOT_KNOWN, Moments, Table
from holdfast.probes.fairness._groups import Grouping

Array = NDArray[np.float64]


def tabulate(
    compared: Sequence[Grouping],
    decisions: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    outcome: int,
) -> list[Table]:
    """One `Table` for each grouping. `decisions` and `labels` are class codes (n,), labels below 0 not known."""
    known = np.full(len(decisions), NOT_KNOWN) if labels is None else np.where(labels < 0, NOT_KNOWN, labels == outcome)
    cell = known * 2 + (decisions == outcome)
    tables = []
    for grouping in compared:
        size = len(grouping.groups) + 1
        counts = np.bincount((grouping.codes + 1) * 6 + cell, minlength=size * 6).reshape(size, 3, 2)
        tables.append(Table(grouping, outcome, counts[1:].astype(np.float64)))
    return tables


def moments(compared: Sequence[Grouping], values: Array) -> Iterator[Moments]:
    """Sums of `values` (n,) by group; NaN is left out."""
    finite = np.isfinite(values)
    filled = np.where(finite, values, 0.0)
    for grouping in compared:
        codes = np.where(finite, grouping.codes, -1) + 1
        size = len(grouping.groups) + 1
        rows, sums, squares = (
            np.bincount(codes, weights=weights, minlength=size)[1:].astype(np.float64)
            for weights in (None, filled, filled**2)
        )
        yield Moments(grouping, rows, sums, squares)
