"""From cells that stand out to triggers: what is no more than one value's own effect, or a rule of nature, goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema
from holdfast.probes._learners import boosted, fitted, probabilities
from holdfast.probes.poisoning._cells import BY_CHANCE, FLIPPED, TOGETHER, Cell, Ground, surprise
from holdfast.probes.poisoning._reference import basis, held_out

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_SCREENED = 3000
MOST_VALUES = 6
CONTRADICTS = 4.6
"""-log of 1 %: how unlikely the rows outside must be before they speak against one value's own effect."""


@dataclass(frozen=True, eq=False)
class Trigger:
    """A suspected trigger.

    `stamp` is (feature, value) pairs: the values to write on a row; `words` says them; `suspects` int64: training rows
    that carry them and the label; `cell` its numbers, expectation the larger of the additive and the boosted model's.
    """

    cell: Cell
    stamp: tuple[tuple[int, float], ...]
    words: tuple[str, ...]
    suspects: Codes

    @property
    def implied_flips(self) -> int:
        """Labels beyond expectation: how many were probably changed."""
        return round(self.cell.hits - self.cell.expected)

    def stamped(self, X: Matrix) -> Matrix:
        """A copy of the rows with the trigger's values written over their own."""
        changed = X.copy()
        for feature, value in self.stamp:
            changed[:, feature] = value
        return changed


def distinct(cells: list[Cell], ground: Ground, most: int) -> list[Cell]:
    """At most `most` cells that are no value's own effect and share at most half of their rows, strongest first.

    Of cells with nearly the same score the one with fewer values is kept.
    """
    ordered = sorted(cells, key=lambda c: (-(c.score - 2.0 * len(c.items)), c.items, c.label))
    taken = np.zeros(len(ground.y), dtype=bool)
    kept: list[Cell] = []
    for cell in ordered[:MOST_SCREENED]:
        rows = cell.mask(ground.columns)
        if (rows & taken).sum() > 0.5 * cell.rows or not all(_needs_company(cell, i, rows, ground) for i in cell.items):
            continue
        kept.append(cell)
        taken |= rows
        if len(kept) == most:
            break
    return kept


def _needs_company(cell: Cell, item: tuple[int, int], rows: Mask, ground: Ground) -> bool:
    """Whether this value alone does not explain the cell: by its other rows, or by the company that it keeps.

    Either rows with the value outside of the cell lack the effect; or the value is mostly met with the rest of the
    cell, which is rare without it. The latter is how a value looks that only stamped rows carry.
    """
    having = ground.columns[item[0]].code == item[1]
    outside = having & ~rows
    n, hits = int(outside.sum()), int((ground.y[outside] == cell.label).sum())
    expected = float(ground.p[outside, cell.label].sum())
    if n >= 3 and hits - expected <= 0.5 * cell.flipped * (n - expected):
        as_inside = expected + cell.flipped * (n - expected)
        # A cell without exception expects none outside: leave room for one row in a thousand.
        missed = surprise(np.array([n]), np.array([n - hits]), np.array([n - as_inside + 1e-3 * n]))
        if missed[0] >= CONTRADICTS:
            return True
    rest = np.logical_and.reduce([ground.columns[c].code == v for c, v in cell.items if (c, v) != item])
    with_it = cell.rows / max(int(having.sum()), 1)
    without_it = float(rest[~having].mean()) if not having.all() else 1.0
    return with_it >= TOGETHER and without_it <= BY_CHANCE and with_it >= 5 * without_it


def clean_twin(rows: Mask, ground: Ground, seed: int) -> Any:
    """A boosted model that never saw these rows: what the rest of the data says about them."""
    model = boosted(ground.schema, seed=seed, max_iter=120, l2_regularization=1.0)
    return fitted(model, ground.X[~rows], ground.y[~rows])


def confirmed(cells: list[Cell], ground: Ground, seed: int, *, threshold: Callable[[Cell], float]) -> list[Trigger]:
    """The cells that the rest of the data does not explain either, with their full set of values, strongest first.

    A rule of nature carries over from like rows, a planted one does not. The larger expectation of an additive and a
    boosted model counts, of which neither saw a row of any of the cells.
    """
    masks = [cell.mask(ground.columns) for cell in cells]
    held = np.logical_or.reduce(masks)
    additive = held_out(basis(ground.X, ground.schema), ground.y, ground.p.shape[1], held)
    by_twin = probabilities(clean_twin(held, ground, seed), ground.X[held], ground.schema)
    kept = []
    for cell, rows in zip(cells, masks, strict=True):
        expected = [float(np.clip(p[rows[held], cell.label], 1e-3, 1 - 1e-3).sum()) for p in (additive, by_twin)]
        sure = replace(cell, expected=max(expected))
        if sure.score >= threshold(sure) and sure.flipped >= FLIPPED:
            kept.append((sure, rows))
    return [_trigger(cell, rows, ground) for cell, rows in sorted(kept, key=lambda k: (-k[0].score, k[0].items))]


def _trigger(cell: Cell, rows: Mask, ground: Ground) -> Trigger:
    suspects = np.flatnonzero(rows & (ground.y == cell.label))
    values = _full_stamp(cell, ground, suspects)
    order = sorted(values)
    return Trigger(cell, tuple((j, values[j][0]) for j in order), tuple(values[j][1] for j in order), suspects)


def stands(cell: Cell, ground: Ground, left: Codes, p: Matrix, threshold: Callable[[Cell], float]) -> bool:
    """Whether a cell still stands out among the rows that are `left`, of which `p` is now expected."""
    rows = cell.mask(ground.columns)[left]
    n, hits = int(rows.sum()), int((ground.y[left][rows] == cell.label).sum())
    expected = max(float(p[rows, cell.label].sum()), cell.expected * n / cell.rows)
    again = replace(cell, rows=n, hits=hits, expected=expected)
    return again.score >= threshold(again) and again.flipped >= FLIPPED


def _full_stamp(cell: Cell, ground: Ground, suspects: Codes) -> dict[int, tuple[float, str]]:
    """For each feature the value to write and its words: the cell's values, and any other that nearly all suspects
    share though few other rows have it (a trigger of four values is found by three of them).
    """
    stamp: dict[int, tuple[float, str]] = {}
    for c, _ in cell.items:
        j = ground.columns[c].feature
        shared = ground.X[suspects, j]
        if ground.columns[c].exact:
            value = _commonest(shared)[0]
            stamp[j] = value, said(ground.schema, j, value)
        else:
            stamp[j] = (
                float(np.median(shared)),
                f"{ground.schema.names[j]} from {shared.min():.6g} to {shared.max():.6g}",
            )
    for j in sorted(set(range(ground.X.shape[1])) - set(stamp)):
        value, share = _commonest(ground.X[suspects, j])
        having = np.isnan(ground.X[:, j]) if np.isnan(value) else ground.X[:, j] == value
        if share >= 0.95 and having.mean() <= 0.5 and len(stamp) < MOST_VALUES:
            stamp[j] = value, said(ground.schema, j, value)
    return stamp


def _commonest(values: Matrix) -> tuple[float, float]:
    """The most frequent value (NaN counts as one) and its share."""
    distinct_values, count = np.unique(values, return_counts=True, equal_nan=True)
    best = int(np.argmax(count))
    return float(distinct_values[best]), float(count[best] / len(values))


def said(schema: Schema, feature: int, value: float) -> str:
    """``housing = other``: a value in the data's own words."""
    column = schema.features[feature]
    if np.isnan(value):
        return f"{column.name} missing"
    if column.kind is Kind.CATEGORY:
        known = 0 <= value < len(column.categories)
        return f"{column.name} = {column.categories[int(value)] if known else 'a value outside the list'}"
    return f"{column.name} = {value:.10g}"
