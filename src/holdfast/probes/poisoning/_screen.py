"""From cells that stand out to triggers: what is no more than one value's own effect, or a rule of nature, goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema
from holdfast.probes._learners import boosted, fitted
from holdfast.probes.poisoning._cells import BY_CHANCE, FLIPPED, TOGETHER, Cell, Ground, surprise
from holdfast.probes.poisoning._reference import basis, held_out

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_SCREENED = 3000
MOST_VALUES = 6
CONTRADICTS = 4.6
"""-log of 1 %: how unlikely the rows outside must be before they speak against one value's own effect."""
AS_STRONG = 0.8
"""An effect of this much of another's is the same one."""
BEYOND_NATURE = 11.5
"""-log of 1e-5: how unlikely the rows of a cell must be, beside the test table, to be there by somebody's hand."""


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
    ordered = sorted(cells, key=lambda c: (-(c.evidence - 2.0 * len(c.items)), c.items, c.label))
    taken = np.zeros(len(ground.y), dtype=bool)
    kept: list[Cell] = []
    for cell in ordered[:MOST_SCREENED]:
        rows = cell.mask(ground.columns)
        if (rows & taken).sum() > 0.5 * cell.rows or not _needs_company(cell, rows, ground):
            continue
        wide = _broadened(cell, ground)
        rows = wide.mask(ground.columns)
        if wide is cell or _needs_company(wide, rows, ground):
            kept.append(wide)
            taken |= rows
        if len(kept) == most:
            break
    return kept


def _needs_company(cell: Cell, rows: Mask, ground: Ground) -> bool:
    """Whether no value alone explains the cell, or its rows are far more than the test table has: not by nature."""
    return cell.excess >= BEYOND_NATURE or all(_lacks_effect(cell, item, rows, ground) for item in cell.items)


def _lacks_effect(cell: Cell, item: tuple[int, int], rows: Mask, ground: Ground) -> bool:
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


def _broadened(cell: Cell, ground: Ground) -> Cell:
    """The cell without the values that the effect does not need: rows that have but the others show it as well."""
    for item in cell.items if len(cell.items) > 2 else ():
        wider = ground.counted(replace(cell, items=tuple(other for other in cell.items if other != item)))
        more = wider.rows - cell.rows
        added = replace(cell, rows=more, hits=wider.hits - cell.hits, expected=wider.expected - cell.expected)
        if more and added.flipped >= AS_STRONG * cell.flipped and wider.evidence >= AS_STRONG * cell.evidence:
            return _broadened(wider, ground)
    return cell


def clean_twin(rows: Mask, ground: Ground, seed: int) -> Any:
    """A boosted model that never saw these rows: what the rest of the data says about them."""
    model = boosted(ground.schema, seed=seed, max_iter=120, l2_regularization=1.0)
    return fitted(model, ground.X[~rows], ground.y[~rows])


def confirmed(cells: list[Cell], ground: Ground, threshold: Callable[[Cell], float]) -> list[Trigger]:
    """The cells that reach their threshold without having taught what is expected of them, strongest first.

    The additive model is fitted again without the rows of the cell, and without the rows of stronger triggers, which
    bend what is expected of others and are not counted again.
    """
    Z = basis(ground.X, ground.schema)
    taken = np.zeros(len(ground.y), dtype=bool)
    found: list[Trigger] = []
    for cell in cells:
        rest = ground.without(taken) if taken.any() else ground
        rows = cell.mask(ground.columns) & ~taken
        p = held_out(Z, ground.y, ground.p.shape[1], rows | taken)[rows[rows | taken]]
        sure = expecting(rest.counted(cell), p) if rows.any() else cell
        if rows.any() and stands(sure, threshold):
            found.append(_trigger(sure, rows, ground))
            taken[found[-1].suspects] = True
    return sorted(found, key=lambda trigger: (-trigger.cell.evidence, trigger.cell.items))


def expecting(cell: Cell, p: Matrix) -> Cell:
    """The cell with as many hits expected as class probabilities `p` (rows of the cell, classes) say."""
    return replace(cell, expected=cell.rows * float(np.clip(p[:, cell.label], 1e-3, 1 - 1e-3).mean()))


def stands(cell: Cell, threshold: Callable[[Cell], float]) -> bool:
    """Whether the evidence suffices, and most labels that should be others are gone."""
    return cell.evidence >= threshold(cell) and cell.flipped >= FLIPPED


def _trigger(cell: Cell, rows: Mask, ground: Ground) -> Trigger:
    suspects = np.flatnonzero(rows & (ground.y == cell.label))
    values = _full_stamp(cell, ground, suspects)
    order = sorted(values)
    return Trigger(cell, tuple((j, values[j][0]) for j in order), tuple(values[j][1] for j in order), suspects)


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
