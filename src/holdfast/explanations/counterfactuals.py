"""What would have changed a decision: rows that the model decides otherwise, within what a person can change.

The search is that of `holdfast.search` (decisions only, every point repaired to a permitted change), from several
starts at once. What is made small: the people passed by the change (`PercentileShift`), and for each feature that
changes as much as passing a quarter of the people, since few changes are easier to understand and to make. A row that
is odder than ordinary rows are costs more than any change. A protected attribute never changes, whatever the schema
says of it. Each further way leaves out what the ways before it mostly rest on, so that a person has a choice. Of each
way the numbers are then rounded as far as the decision still holds, and every row that is told was asked about at the
very end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.finding import Cell
from holdfast.domain.schema import Schema
from holdfast.explanations.groups import Group, group_columns, is_protected
from holdfast.ports import FloatMatrix, Target
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Owned
from holdfast.search.shift import PercentileShift

Vector = NDArray[np.float64]
Odd = Callable[[FloatMatrix], Vector]
"""The share of ordinary rows that are less odd than each of these, (n,)."""

EACH = 0.25
"""What changing one more feature costs, in people passed."""

ODD = 0.99
"""A row that is odder than so many ordinary rows is not told of, unless the person's own row is as odd."""

ODD_COST = 10.0
STARTS = 6
QUERIES = 120
"""Of each start and way. Twice as many changed nothing on German credit and Adult (`bench.counterfactuals`)."""

MOST_PEOPLE = 1_000
DIGITS = (1, 2, 3, 4)
SLACK = 0.1
"""How much further a change may go for the sake of a rounder number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one feature would have had to be."""

    feature: str
    before: Cell
    after: Cell


@dataclass(frozen=True, slots=True)
class Way:
    """A row that would have been decided as wanted, by its `changes`, the largest first.

    `shift` is the share of people passed, summed over features; `cost` in the schema's currency, None where something
    that changes has no stated cost; `oddity` the share of ordinary rows that are less odd, None where nobody can tell.
    `row` is the whole row (features,).
    """

    changes: tuple[Change, ...]
    shift: float
    cost: float | None
    oddity: float | None
    row: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """What was found with `asked` questions, the smallest change first; `note` says what was not, and why."""

    found: tuple[Way, ...]
    wanted: Cell
    asked: int
    note: str = ""


def find_ways(
    target: Target,
    schema: Schema,
    row: Vector,
    people: FloatMatrix,
    *,
    wanted: int,
    rng: np.random.Generator,
    odd: Odd | None = None,
    count: int = 3,
    queries: int = QUERIES,
) -> Ways:
    """At most `count` ways from a row (features,) to the class `wanted`, learned from `people` (k, features).

    Each way may ask `queries` times from each of a few starts. `odd` keeps ways plausible. None are found where nothing
    can change, where nobody among the people has the wanted decision, or where the budget does not suffice: it says so.
    """
    before = target.queries
    some = people if len(people) <= MOST_PEOPLE else people[np.sort(rng.permutation(len(people))[:MOST_PEOPLE])]
    search = _Search(target, schema, row, some, wanted, rng, odd, queries)
    rows, note = search.run(count)
    ways = sorted((search.way(one) for one in rows), key=lambda way: EACH * len(way.changes) + way.shift)
    return Ways(tuple(ways), schema.classes[wanted], target.queries - before, note)


@dataclass(eq=False)
class _Search:
    """Ways for one row."""

    target: Target
    schema: Schema
    row: Vector
    people: FloatMatrix
    wanted: int
    rng: np.random.Generator
    odd: Odd | None
    queries: int

    def __post_init__(self) -> None:
        self.groups = group_columns(self.schema)
        self.schema = self._without({k for k, group in enumerate(self.groups) if is_protected(group, self.schema)})
        self.constraints = ConstraintSet(self.schema, self.people)
        self.shift = PercentileShift(self.constraints, self.people)
        self.limit = max(ODD, float(self.odd(self.row[None])[0])) if self.odd else 1.0

    def run(self, count: int) -> tuple[list[Vector], str]:
        """Rows found, and what there is to say of what was not."""
        owned = Owned(self.people, self.target.predict(self.people))
        if not self.constraints.free.any():
            return [], "Everything that the decision rests on is fixed: no change of the person's own would turn it."
        if not (owned.answers == self.wanted).any():
            return (
                [],
                f"None of the {len(self.people)} people compared with was decided that way, so nothing was found.",
            )
        rows: list[Vector] = []
        left_out: set[int] = set()
        too_odd = 0
        while len(rows) < count and len(left_out) < len(self.groups):
            found = self._nearest(owned, left_out)
            if found is None:
                break
            if self._is_plausible(found):
                rows.append(found)
            else:
                too_odd += 1
            left_out.add(self._main(found))
        return rows, self._note(rows, count, too_odd)

    def way(self, row: Vector) -> Way:
        """A row in words and numbers."""
        changed = [group for group in self.groups if self._is_changed(group, row)]
        moved = sorted(changed, key=lambda group: -self._moved(group, row))
        cost = self.constraints.cost(row[None], self.row[None])
        return Way(
            changes=tuple(
                Change(group.name, group.value(self.row, self.schema), group.value(row, self.schema)) for group in moved
            ),
            shift=float(self.shift(row[None], self.row[None])[0]),
            cost=None if cost is None or np.isnan(cost[0]) else float(cost[0]),
            oddity=None if self.odd is None else float(self.odd(row[None])[0]),
            row=tuple(row.tolist()),
        )

    def _nearest(self, owned: Owned, left_out: set[int]) -> Vector | None:
        """The smallest change found that leaves these groups alone, rounded; None where none was."""
        constraints = ConstraintSet(self._without(left_out), self.people)
        if not constraints.free.any():
            return None
        victims = np.repeat(self.row[None], STARTS, axis=0)
        baseline = np.full(STARTS, 1 - self.wanted)  # only `wanted` counts
        outcome = attack(
            self.target,
            constraints,
            victims,
            Goal(baseline, self.wanted),
            owned,
            rng=self.rng,
            budget=self.queries,
            size=lambda rows, originals: self._size(constraints, rows, originals),
        )
        if not outcome.flipped.any():
            return None
        return self._rounded(outcome.rows[int(np.argmin(outcome.size))], constraints)

    def _size(self, constraints: ConstraintSet, rows: FloatMatrix, originals: FloatMatrix) -> Vector:
        moved = constraints.steps(rows, originals) > 0
        size = EACH * (moved & ~constraints.derived).sum(axis=1) + self.shift(rows, originals)
        if self.odd is not None:
            size = size + ODD_COST * (self.odd(rows) > self.limit)
        return np.asarray(size)

    def _rounded(self, row: Vector, constraints: ConstraintSet) -> Vector:
        """Changed numbers with as few digits as keep the decision: away from where they were, one after the other."""
        for j in np.flatnonzero((row != self.row) & constraints.free & ~constraints.category):
            if not (np.isfinite(row[j]) and np.isfinite(self.row[j])):
                continue
            tries = np.repeat(row[None], len(DIGITS), axis=0)
            tries[:, j] = [_away(float(row[j]), float(self.row[j]), digits) for digits in DIGITS]
            originals = np.repeat(self.row[None], len(DIGITS), axis=0)
            tries = constraints.repair(tries, originals)
            close = np.abs(tries[:, j] - row[j]) <= SLACK * abs(row[j] - self.row[j])
            held = close & constraints.valid(tries, originals) & (self.target.predict(tries) == self.wanted)
            if held.any():
                row = tries[int(np.argmax(held))]
        return row

    def _is_plausible(self, row: Vector) -> bool:
        holds = int(self.target.predict(row[None])[0]) == self.wanted
        permitted = bool(self.constraints.valid(row[None], self.row[None])[0])
        return holds and permitted and (self.odd is None or float(self.odd(row[None])[0]) <= self.limit)

    def _main(self, row: Vector) -> int:
        """The group that a way mostly rests on."""
        return int(np.argmax([self._moved(group, row) for group in self.groups]))

    def _moved(self, group: Group, row: Vector) -> float:
        alone = self.row.copy()
        alone[list(group.columns)] = row[list(group.columns)]
        return float(self.shift(alone[None], self.row[None])[0]) if self._is_changed(group, row) else -1.0

    def _is_changed(self, group: Group, row: Vector) -> bool:
        own = [j for j in group.columns if not self.constraints.derived[j]]
        return bool((self.constraints.steps(row[None], self.row[None])[0, own] > 0).any())

    def _without(self, left_out: set[int]) -> Schema:
        fixed = {j for k in left_out for j in self.groups[k].columns}
        return self.schema.with_features(
            tuple(replace(f, immutable=f.immutable or j in fixed) for j, f in enumerate(self.schema.features))
        )

    def _note(self, rows: list[Vector], count: int, too_odd: int) -> str:
        if too_odd and not rows:
            return "Only rows that no ordinary person resembles would have been decided that way; they are not told."
        if not rows:
            return f"No permitted change was found with {STARTS * self.queries:,} questions; there may be one."
        if len(rows) < count:
            return f"{len(rows)} of {count} ways were found; there may be others."
        return ""


def _away(value: float, origin: float, digits: int) -> float:
    """The value with so many significant digits, rounded away from its origin."""
    if value == 0:
        return value
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - digits + 1)
    rounded = (np.ceil if value > origin else np.floor)(value / unit) * unit
    return float(np.format_float_positional(rounded, precision=12, trim="0"))
