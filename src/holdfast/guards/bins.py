"""Cells as one of few levels: what several guards look at instead of values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.reference import Levels
from holdfast.domain.schema import Kind, Schema

Matrix = NDArray[np.float64]
Codes = NDArray[np.uint8]

NUMBER_LEVELS = 8
CATEGORY_LEVELS = 30
RARE = 0.005
EMPTY = 255
"""A level that no feature has: where memories hold no row yet."""

_MANY_ROWS = 64


class Bins:
    """The levels of all features of a schema, ready for use."""

    def __init__(self, levels: tuple[Levels, ...]) -> None:
        self._width = len(levels)
        self._numbers = np.array([j for j, level in enumerate(levels) if not level.of_code], dtype=np.int64)
        self._categories = np.array([j for j, level in enumerate(levels) if level.of_code], dtype=np.int64)
        longest = max((len(levels[j].edges) for j in self._numbers), default=0)
        # A first edge of -inf counts every value, and NaN not: level 0 needs no test of its own.
        self._edges = np.full((len(self._numbers), longest + 1), np.inf)
        self._edges[:, 0] = -np.inf
        for k, j in enumerate(self._numbers):
            self._edges[k, 1 : 1 + len(levels[j].edges)] = levels[j].edges
        tables = [(0, *levels[j].of_code) for j in self._categories]
        self._table = np.array([level for table in tables for level in table], dtype=np.uint8)
        self._offset = 1.0 + np.cumsum([0, *(len(table) for table in tables)])[:-1]

    def codes(self, X: Matrix) -> Codes:
        """The levels of rows (n, features), uint8 of the same shape."""
        out = np.empty(X.shape, dtype=np.uint8)
        if len(self._numbers):
            out[:, self._numbers] = self._levels(X.take(self._numbers, axis=1))
        if len(self._categories):
            places = np.fmax(X.take(self._categories, axis=1), -1.0) + self._offset
            out[:, self._categories] = self._table.take(places.astype(np.int64))
        return out

    def _levels(self, values: Matrix) -> NDArray[np.generic]:
        if len(values) < _MANY_ROWS:
            return np.asarray(np.add.reduce(values[:, :, None] >= self._edges, axis=2, dtype=np.uint8))
        found = np.empty(values.shape, dtype=np.uint8)
        for k, edges in enumerate(self._edges):
            column = values[:, k]
            level = np.searchsorted(edges, column, side="right")
            found[:, k] = np.where(np.isnan(column), 0, level)
        return found


def learn_levels(X: Matrix, schema: Schema) -> tuple[Levels, ...]:
    """Levels of each feature: about equally many rows in each of a number's, one for each category that is not rare."""
    return tuple(
        Levels(of_code=_category_levels(X[:, j], len(feature.categories)))
        if feature.kind is Kind.CATEGORY and feature.categories
        else Levels(edges=_edges(X[:, j]))
        for j, feature in enumerate(schema.features)
    )


def _category_levels(codes: Matrix, count: int) -> tuple[int, ...]:
    known = codes[codes >= 0].astype(np.int64)
    rows = np.bincount(known, minlength=count)
    common = np.flatnonzero(rows >= max(1.0, RARE * len(codes)))
    common = common[np.argsort(-rows[common], kind="stable")][:CATEGORY_LEVELS]
    levels = np.full(count, len(common) + 1, dtype=np.int64)
    levels[np.sort(common)] = np.arange(1, len(common) + 1)
    return tuple(levels.tolist())


def _edges(values: Matrix) -> tuple[float, ...]:
    """Where levels begin: every distinct value where there are few, else quantiles and what follows common values."""
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= NUMBER_LEVELS:
        return tuple(((distinct[1:] + distinct[:-1]) / 2).tolist())
    shares = np.arange(1, NUMBER_LEVELS) / NUMBER_LEVELS
    cuts = np.unique(np.quantile(known, shares, method="inverted_cdf"))
    common = cuts[[np.mean(known == cut) >= shares[0] for cut in cuts]]
    behind = distinct[np.minimum(np.searchsorted(distinct, common, side="right"), len(distinct) - 1)]
    edges = np.unique(np.concatenate([cuts, behind]))
    return tuple(edges[edges > distinct[0]].tolist())
