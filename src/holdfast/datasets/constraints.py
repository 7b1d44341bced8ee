"""What a row may become: every constraint of a schema, checked and repaired for many rows at once.

A changed row is judged against the row that it started from. Whatever the original itself breaks is not asked of its
changes (a value beyond the range that training saw, a relation that never held), so every original is valid.

`repair` makes a row valid by construction (Simonetto et al. 2022, arXiv 2112.01156 §4, treat constraints as a loss
instead): clip, round, choose one of a one-hot group, restore what nobody can change, recompute derived columns; where a
relation still fails, the columns that it reads step back towards the original until it holds.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.relations import Derivation, Relation, parse
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Monotone, Schema

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_HALVINGS = 12
"""Steps of the search back towards the original: to 1/4096 of the way."""


class ConstraintSet:
    """The constraints of a schema.

    `mutable` (features,) marks the columns that can change at all, `derived` those that follow from others by an
    equality relation, `free` those that somebody chooses. `scale` (features,) is one min-max unit in each column's own
    unit; `reference` rows (n, features) give it where the schema states no range. `groups` are the one-hot groups as
    column indices. FixInput where a relation or a one-hot group does not fit the features.
    """

    def __init__(self, schema: Schema, reference: Matrix | None = None) -> None:
        features = schema.features
        self.schema = schema
        self.relations: tuple[Relation, ...] = tuple(r for text in schema.relations for r in parse(text, schema))
        self.groups = tuple(_group(names, schema) for names in schema.one_hot)
        self.category = np.array([f.kind is Kind.CATEGORY for f in features], dtype=bool)
        self._integral = np.array([f.kind is not Kind.NUMBER for f in features], dtype=bool)
        self._missing = np.array([f.missing and f.monotone is None and not f.immutable for f in features], dtype=bool)
        self._low = np.array([_bound(f, f.low, -np.inf, 0) for f in features], dtype=np.float64)
        self._high = np.array([_bound(f, f.high, np.inf, len(f.categories) - 1) for f in features], dtype=np.float64)
        self._raised = np.array([f.immutable or f.monotone is Monotone.INCREASE for f in features], dtype=bool)
        self._lowered = np.array([f.immutable or f.monotone is Monotone.DECREASE for f in features], dtype=bool)
        self.mutable = np.array([not f.immutable and not _constant(f) for f in features], dtype=bool)
        self._derivations = _derivations(self.relations, self.mutable)
        self.derived = np.zeros(len(features), dtype=bool)
        self.derived[[r.column for r in self._derivations]] = True
        self.free = self.mutable & ~self.derived
        self.scale = self._scale(reference)
        self._prices = np.array([np.nan if f.cost is None else f.cost for f in features], dtype=np.float64)

    @property
    def priced(self) -> Mask:
        """Columns whose change has a stated cost, (features,)."""
        return np.isfinite(self._prices)

    def units(self) -> tuple[NDArray[np.int64], ...]:
        """The separate choices that somebody has: each free column alone, and each one-hot group as one."""
        grouped = {int(j) for group in self.groups for j in group}
        alone = [np.array([j]) for j in np.flatnonzero(self.free) if int(j) not in grouped]
        return (*alone, *(group for group in self.groups if self.free[group].any()))

    def valid(self, rows: Matrix, originals: Matrix) -> Mask:
        """Whether each row is a permitted change of its original, bool (n,)."""
        good: Mask = np.asarray(self._cells(rows, originals).all(axis=1))
        for group in self.groups:
            good &= _one_hot(rows[:, group]) | _same(rows[:, group], originals[:, group]).all(axis=1)
        for relation in self.relations:
            good &= relation.holds(rows) | ~relation.holds(originals)
        return good

    def lawful(self, rows: Matrix) -> Mask:
        """Whether each row keeps the relations and one-hot groups by itself, whatever it started from, bool (n,)."""
        good = np.ones(len(rows), dtype=bool)
        for group in self.groups:
            good &= _one_hot(rows[:, group])
        for relation in self.relations:
            good &= relation.holds(rows)
        return good

    def violations(self, rows: Matrix, originals: Matrix) -> list[tuple[str, ...]]:
        """What each row breaks, in words; an empty tuple for a valid row."""
        cells = self._cells(rows, originals)
        found: list[list[str]] = [
            [self._cell_words(int(j), rows[i, j]) for j in np.flatnonzero(~cells[i])] for i in range(len(rows))
        ]
        for group in self.groups:
            bad = ~(_one_hot(rows[:, group]) | _same(rows[:, group], originals[:, group]).all(axis=1))
            names = ", ".join(self.schema.names[j] for j in group)
            for i in np.flatnonzero(bad):
                found[i].append(f"exactly one of {names} must be 1")
        for relation in self.relations:
            for i in np.flatnonzero(~relation.holds(rows) & relation.holds(originals)):
                found[i].append(f"{relation.text} does not hold")
        return [tuple(words) for words in found]

    def repair(self, candidates: Matrix, originals: Matrix) -> Matrix:
        """The candidates made valid, (n, features); a valid candidate comes back unchanged."""
        rows = candidates.copy()
        bad = ~self.valid(candidates, originals)
        if bad.any():
            rows[bad] = self._mended(candidates[bad], originals[bad])
        return rows

    def distance(self, rows: Matrix, originals: Matrix, order: float = 2) -> Vector:
        """L2 (`order` 2), L1 (1) or Linf (`np.inf`) in min-max units, (n,).

        A changed category, a changed one-hot group and a value gone missing or filled in each count 1.
        """
        return np.asarray(np.linalg.norm(self.steps(rows, originals), ord=order, axis=1))

    def steps(self, rows: Matrix, originals: Matrix) -> Matrix:
        """Absolute change by column in min-max units, (n, features); a one-hot group's stands at its first column."""
        with np.errstate(invalid="ignore"):
            change = np.abs(rows - originals) / self.scale
        change = np.where(np.isnan(rows) != np.isnan(originals), 1.0, np.nan_to_num(change, nan=0.0))
        change[:, self.category] = change[:, self.category] != 0
        for group in self.groups:
            largest = change[:, group].max(axis=1)
            change[:, group] = 0.0
            change[:, group[0]] = largest
        return change

    def cost(self, rows: Matrix, originals: Matrix) -> Vector | None:
        """Money that the change takes, (n,): the sum of |change| × the feature's cost; None where no cost is stated.

        A category, a one-hot group (at the price of the member that becomes 1) and a missing value cost once per
        change. NaN for a row that changes something without a stated cost, unless it is derived from other columns.
        """
        if not self.priced.any():
            return None
        moved: Mask = np.logical_not(_same(rows, originals))
        with np.errstate(invalid="ignore"):
            amount = np.where(np.isnan(rows) != np.isnan(originals), 1.0, np.abs(rows - originals))
        amount = np.where(self.category, 1.0, amount)
        for group in self.groups:
            moved[:, group] &= rows[:, group] > np.nan_to_num(originals[:, group])
        prices = np.where(self.derived & ~self.priced, 0.0, self._prices)
        return np.asarray(np.where(moved, amount * prices, 0.0).sum(axis=1))

    def interpolate(self, starts: Matrix, ends: Matrix, share: Vector) -> Matrix:
        """Rows `share` (n,) of the way from start to end; categories and missing values switch at one half."""
        share = share[:, None]
        with np.errstate(invalid="ignore"):
            between = starts + share * (ends - starts)
        switch = self.category | np.isnan(starts) | np.isnan(ends)
        rows = np.where(switch, np.where(share > 0.5, ends, starts), between)
        return np.where(share >= 1, ends, np.where(share <= 0, starts, rows))

    def limits(self, originals: Matrix) -> tuple[Matrix, Matrix]:
        """The lowest and highest permitted value of every cell, (n, features) each, given the original row."""
        low, high = np.fmin(self._low, originals), np.fmax(self._high, originals)
        for bound, held in ((low, self._raised), (high, self._lowered)):
            bound[:, held] = np.where(np.isnan(originals[:, held]), bound[:, held], originals[:, held])
        return low, high

    def _scale(self, reference: Matrix | None) -> Vector:
        low, high = self._low.copy(), self._high.copy()
        if reference is not None and len(reference):
            known = np.isfinite(reference)
            low = np.where(np.isfinite(low), low, np.where(known, reference, np.inf).min(axis=0))
            high = np.where(np.isfinite(high), high, np.where(known, reference, -np.inf).max(axis=0))
        with np.errstate(invalid="ignore"):
            span = high - low
        return np.where(np.isfinite(span) & (span > 0) & ~self.category, span, 1.0)

    def _cells(self, rows: Matrix, originals: Matrix) -> Mask:
        low, high = self.limits(originals)
        fixed = ~np.isnan(originals) | ~(self._raised & self._lowered)
        inside: Mask = (rows >= low) & (rows <= high) & fixed & np.isfinite(rows)
        inside &= ~self._integral | (rows == np.rint(rows))
        return np.asarray(inside | (np.isnan(rows) & self._missing) | _same(rows, originals))

    def _cell_words(self, column: int, value: float) -> str:
        feature = self.schema.features[column]
        if feature.immutable:
            return f"{feature.name} cannot change"
        if np.isnan(value):
            return f"{feature.name} cannot be missing"
        if feature.kind is not Kind.NUMBER and value != np.rint(value):
            return f"{feature.name} = {value:g} is not a whole number"
        if feature.kind is Kind.CATEGORY:
            return f"{feature.name} has no category {value:g}"
        if feature.monotone is not None:
            way = "raised" if feature.monotone is Monotone.INCREASE else "lowered"
            return f"{feature.name} = {value:g} is out of range, or was not {way}"
        return f"{feature.name} = {value:g} is out of range"

    def _construct(self, candidates: Matrix, originals: Matrix) -> Matrix:
        low, high = self.limits(originals)
        rows = np.clip(candidates, low, high)
        rows = np.where(self._integral, np.clip(np.rint(rows), np.ceil(low), np.floor(high)), rows)
        rows = np.where(self._cells(rows, originals), rows, originals)
        rows = np.where(_same(candidates, originals), originals, rows)
        for group in self.groups:
            rows[:, group] = self._choose_one(candidates, originals, low, high, group)
        for relation in self._derivations:
            self._derive(relation, rows, originals)
        return rows

    @staticmethod
    def _choose_one(
        candidates: Matrix, originals: Matrix, low: Matrix, high: Matrix, group: NDArray[np.int64]
    ) -> Matrix:
        wish = np.nan_to_num(candidates[:, group], nan=-np.inf)
        wish = np.where(high[:, group] >= 1, wish, -np.inf)
        wish = np.where(low[:, group] > 0, np.inf, wish)
        chosen = np.zeros_like(wish)
        chosen[np.arange(len(wish)), wish.argmax(axis=1)] = 1.0
        impossible = np.isneginf(wish).all(axis=1, keepdims=True)
        untouched = _same(candidates[:, group], originals[:, group]).all(axis=1, keepdims=True)
        return np.where(impossible | untouched, originals[:, group], chosen)

    @staticmethod
    def _derive(relation: Derivation, rows: Matrix, originals: Matrix) -> None:
        """Recompute a derived column where its relation binds and fails."""
        stale = np.logical_and(relation.holds(originals), ~relation.holds(rows))
        with np.errstate(all="ignore"):
            rows[stale, relation.column] = relation.value(rows[stale])

    def _mended(self, candidates: Matrix, originals: Matrix) -> Matrix:
        rows = self._construct(candidates, originals)
        bad = ~self.valid(rows, originals)
        if bad.any():
            rows[bad] = self._step_back(rows[bad], originals[bad])
        return rows

    def _step_back(self, rows: Matrix, originals: Matrix) -> Matrix:
        """Bisect between an invalid row and the nearest valid one that gives up only what broken relations read."""
        base = rows.copy()
        touched = np.zeros(rows.shape, dtype=bool)
        for _ in range(len(self.relations) + 1):
            touched |= self._concerned(base, originals)
            base = self._construct(np.where(touched, originals, rows), originals)
        hopeless = ~self.valid(base, originals)
        base[hopeless] = originals[hopeless]
        lower, best = np.zeros(len(rows)), base.copy()
        for k in range(1, _HALVINGS + 1):
            middle = lower + 0.5**k
            trial = self._construct(self.interpolate(base, rows, middle), originals)
            good = self.valid(trial, originals)
            lower, best[good] = np.where(good, middle, lower), trial[good]
        return best

    def _concerned(self, rows: Matrix, originals: Matrix) -> Mask:
        """The columns that decide the relations which each row breaks, upstream of derived columns and whole groups."""
        cells: Mask = np.logical_not(self._cells(rows, originals))
        for relation in self.relations:
            broken = ~relation.holds(rows) & relation.holds(originals)
            cells[:, list(relation.reads)] |= broken[:, None]
        for relation in reversed(self._derivations):
            cells[:, list(relation.reads)] |= cells[:, [relation.column]]
        for group in self.groups:
            cells[:, group] |= cells[:, group].any(axis=1, keepdims=True)
        return cells


def _bound(feature: Feature, stated: float | None, open_end: float, category_end: float) -> float:
    if feature.kind is Kind.CATEGORY:
        return float(category_end)
    return open_end if stated is None else float(stated)


def _constant(feature: Feature) -> bool:
    if feature.kind is Kind.CATEGORY:
        return len(feature.categories) < 2
    return feature.low is not None and feature.low == feature.high


def _group(names: tuple[str, ...], schema: Schema) -> NDArray[np.int64]:
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise FixInput(
            "manifest.bad-one-hot",
            f"The one-hot group ({', '.join(names)}) names {unknown[0]!r}, which is not a feature.",
            "Correct `one_hot` in the manifest.",
        )
    return np.array([schema.index(name) for name in names], dtype=np.int64)


def _derivations(relations: tuple[Relation, ...], mutable: Mask) -> tuple[Derivation, ...]:
    """Relations that recompute a column, inputs before outputs; those that would form a circle are only checked."""
    chosen: dict[int, Derivation] = {}
    for relation in relations:
        if not isinstance(relation, Derivation) or relation.column in chosen or not mutable[relation.column]:
            continue
        trial = {**chosen, relation.column: relation}
        try:
            order = tuple(TopologicalSorter({c: set(r.reads) - {c} for c, r in trial.items()}).static_order())
        except CycleError:
            continue
        chosen = {column: trial[column] for column in order if column in trial}
    return tuple(chosen.values())


def _one_hot(block: Matrix) -> Mask:
    return np.asarray(np.isin(block, (0.0, 1.0)).all(axis=1) & ((block == 1).sum(axis=1) == 1))


def _same(a: Matrix, b: Matrix) -> Mask:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
