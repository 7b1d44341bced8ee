"""Cells of two or three column values in which the labels are purer than one column at a time can explain.

A planted trigger is such a cell: rows that share a few values and carry one label, whatever else they say. A cell of n
rows with k labels of class c, of which e were expected, scores n · KL(k/n ‖ e/n). That is Chernoff's bound on the log
chance of k or more (Hoeffding, JASA 58, 1963, Theorem 1, which holds for unequal chances), so a Bonferroni threshold
over the cells looked at bounds the chance of any false cell, wherever the expectation is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Counts = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.intp]

QUANTILE_BINS = 8
EXPECTED = 0.9
"""Labels that were expected this surely say nothing of a trigger and are not mined."""

FLIPPED = 0.5
"""A cell in which fewer than half of the other labels are gone is a tendency, not a trigger."""

TOGETHER = 0.3
BY_CHANCE = 0.1
"""Values look stamped when at least this share of the rarest one's rows has the others, which at most this share would
have by chance."""


@dataclass(frozen=True, eq=False)
class Column:
    """One way to read a feature: exact values, or quantile bins.

    `code` int64 (n,) is 0 where the row has no usable value here, and runs below `width`.
    """

    feature: int
    exact: bool
    code: Codes

    @cached_property
    def count(self) -> Codes:
        """Rows that have each code, int64 (width,)."""
        return np.bincount(self.code)

    @property
    def width(self) -> int:
        """Codes run below this."""
        return int(self.code.max(initial=0)) + 1


@dataclass(frozen=True, eq=False)
class Ground:
    """What is mined: rows `X` (n, features), class codes `y` (n,), their expectation `p` (n, classes), and the
    `columns` in which cells are looked for.
    """

    schema: Schema
    X: Matrix
    y: Codes
    p: Matrix
    columns: list[Column]


@dataclass(frozen=True, eq=False)
class Cell:
    """Rows that share the given (column, code) pairs: `rows` of them, `hits` labelled `label`, `expected` hits."""

    items: tuple[tuple[int, int], ...]
    label: int
    rows: int
    hits: int
    expected: float
    stamped: bool = False

    @property
    def score(self) -> float:
        """n · KL(hits share ‖ expected share), in nats; 0 where there are no more hits than expected."""
        return float(surprise(np.array([self.rows]), np.array([self.hits]), np.array([self.expected]))[0])

    @property
    def flipped(self) -> float:
        """Of the rows that should have had another label, the share that has this one: the implied flip fraction."""
        return (self.hits - self.expected) / max(self.rows - self.expected, 1e-9)

    def mask(self, columns: list[Column]) -> Mask:
        """Bool (n,): the rows of the cell."""
        return np.asarray(np.logical_and.reduce([columns[c].code == value for c, value in self.items]))


def columns_of(X: Matrix, schema: Schema, least: int) -> list[Column]:
    """Every feature as exact values that at least `least` rows share, and numbers as quantile bins too."""
    found = []
    for j, feature in enumerate(schema.features):
        # A missing value is a value like any other: it can be a trigger.
        value = np.where(np.isnan(X[:, j]), np.inf, X[:, j])
        distinct, inverse, count = np.unique(value, return_inverse=True, return_counts=True)
        kept = count >= least
        if kept.any() and len(distinct) > 1:
            code = np.where(kept, np.cumsum(kept), 0)[inverse]
            found.append(Column(j, True, code))
        if feature.kind is not Kind.CATEGORY and len(distinct) > 2 * QUANTILE_BINS:
            edges = np.unique(np.quantile(value[np.isfinite(value)], np.arange(1, QUANTILE_BINS) / QUANTILE_BINS))
            code = np.searchsorted(edges, value, side="right") + 1
            found.append(Column(j, False, np.where(np.isfinite(value), code, 0)))
    return found


def surprise(rows: Counts, hits: Counts, expected: Counts) -> Matrix:
    """n · KL(k/n ‖ e/n) of each cell; 0 where k is not above e."""
    from scipy.special import rel_entr

    n = np.asarray(rows, dtype=np.float64)
    e = np.minimum(expected, n * (1 - 1e-9))
    score = rel_entr(hits, e) + rel_entr(n - hits, n - e)
    return np.where(hits > e, score, 0.0)


def suspicious(columns: list[Column], y: Codes, p: Matrix, most: int) -> list[Column]:
    """The `most` columns whose best single value is purest beyond expectation, in their old order."""
    if len(columns) <= most:
        return columns

    def best(column: Column) -> float:
        scores = [
            surprise(column.count, np.bincount(column.code, y == c), np.bincount(column.code, p[:, c]))[1:]
            for c in range(p.shape[1])
        ]
        return float(np.max(scores, initial=0.0))

    ranked = sorted(range(len(columns)), key=lambda i: (-best(columns[i]), i))
    return [columns[i] for i in sorted(ranked[:most])]


@dataclass(frozen=True)
class Mined:
    """The `cells` that stand out, and how many cells each of the two families held (for its Bonferroni threshold).

    In a `stamped` cell the values meet far more often than by chance, as stamped rows look. That is judged from the
    features alone, so it says nothing of the labels, and the few such cells are a family of tests of their own.
    """

    cells: list[Cell]
    looked_at: int
    stamped: int

    def threshold(self, cell: Cell, alpha: float) -> float:
        """The score from which the chance of any false cell in this cell's family is below `alpha` / 2."""
        return float(np.log(2 * max(self.stamped if cell.stamped else self.looked_at, 1) / alpha))


@dataclass(frozen=True)
class Demand:
    """What a cell must have: doubtful rows, score, and 2 to `size` (3 at most) values."""

    rows: int
    score: float
    size: int = 3


def mine(ground: Ground, demand: Demand) -> Mined:
    """All cells that meet the demand.

    Only rows whose label was in doubt are counted at first; the rest enter when a cell has enough of them.
    """
    cells: list[Cell] = []
    looked_at = stamped = 0
    for label in range(ground.p.shape[1]):
        doubtful = np.flatnonzero((ground.y == label) & (ground.p[:, label] < EXPECTED))
        if len(doubtful) < demand.rows:
            continue
        for group in _groups(ground.columns, doubtful, -np.log(ground.p[doubtful, label]), demand):
            found, lifted = _weigh(group, ground, label, demand)
            cells += found
            looked_at += len(group.dense)
            stamped += lifted
    return Mined(cells, looked_at, stamped)


@dataclass(frozen=True, eq=False)
class Group:
    """All cells over the same columns: `key` int64 (n,) of every row, 0 for none, and the `dense` keys, sorted."""

    columns: tuple[int, ...]
    key: Codes
    dense: Codes


def _groups(columns: list[Column], doubtful: Codes, weight: Matrix, demand: Demand) -> Iterator[Group]:
    """Column pairs and triples that have dense cells.

    A cell's score is at most the sum of -log p over its doubtful rows (Jensen), so no triple is looked for where its
    pair is already too weak.
    """
    short = [column.code[doubtful] for column in columns]
    for a, b in combinations(range(len(columns)), 2):
        if columns[a].feature == columns[b].feature:
            continue
        here = _join(short[a], short[b], columns[b].width)
        dense = _dense(here, weight, demand)
        if not len(dense):
            continue
        pair = _join(columns[a].code, columns[b].code, columns[b].width)
        yield Group((a, b), pair, dense)
        if demand.size > 2:
            slot = _slots(dense, columns[a].width * columns[b].width)
            inside, among = np.flatnonzero(slot[here]), np.flatnonzero(slot[pair])
            for c in range(b + 1, len(columns)):
                if columns[c].feature in (columns[a].feature, columns[b].feature):
                    continue
                width = columns[c].width
                triples = _dense(_join(slot[here[inside]], short[c][inside], width), weight[inside], demand)
                if len(triples):
                    key = np.zeros(len(pair), np.int64)
                    key[among] = _join(slot[pair[among]], columns[c].code[among], width)
                    yield Group((a, b, c), key, triples)


def _join(first: Codes, second: Codes, width: int) -> Codes:
    """One key above 0 for two codes above 0; 0 where either is 0."""
    return np.where((first > 0) & (second > 0), first * width + second, 0)


def _dense(key: Codes, weight: Matrix, demand: Demand) -> Codes:
    """Keys above 0 with rows and weight enough, sorted."""
    count = np.bincount(key)
    count[:1] = 0
    dense = np.flatnonzero(count >= demand.rows)
    return dense[np.bincount(key, weight)[dense] >= demand.score] if len(dense) else dense


def _slots(keys: Codes, size: int) -> Codes:
    """A table of `size`: position plus one of each key, 0 elsewhere."""
    table = np.zeros(size, np.int64)
    table[keys] = np.arange(1, len(keys) + 1)
    return table


def _weigh(group: Group, ground: Ground, label: int, demand: Demand) -> tuple[list[Cell], int]:
    """The cells of a group that meet the demand, with all of their rows counted; and how many look stamped."""
    columns = [ground.columns[c] for c in group.columns]
    slot = _slots(group.dense, int(group.key.max()) + 1)[group.key]
    here = np.flatnonzero(slot)
    slot = slot[here] - 1
    rows = np.bincount(slot)
    hits = np.bincount(slot, ground.y[here] == label)
    expected = np.bincount(slot, ground.p[here, label])
    example = np.empty(len(rows), np.int64)
    example[slot] = here
    stamped = _look_stamped(rows, np.stack([c.count[c.code[example]] for c in columns]), len(ground.y))
    passes = (surprise(rows, hits, expected) >= demand.score) & (hits - expected >= FLIPPED * (rows - expected))
    cells = [
        Cell(
            items=tuple((c, int(ground.columns[c].code[example[i]])) for c in group.columns),
            label=label,
            rows=int(rows[i]),
            hits=int(hits[i]),
            expected=float(expected[i]),
            stamped=bool(stamped[i]),
        )
        for i in np.flatnonzero(passes)
    ]
    return cells, int(stamped.sum())


def _look_stamped(rows: Codes, item_rows: Counts, n: int) -> Mask:
    """Whether the rarest value of a cell is met with the others in a third of its rows, and by chance in few.

    `item_rows` (values, cells) has, for each value of each cell, the rows that have it, out of `n`.
    """
    rarest = item_rows.min(axis=0)
    by_chance = (item_rows / n).prod(axis=0) / (rarest / n)
    together = rows / rarest
    return np.asarray((together >= TOGETHER) & (by_chance <= BY_CHANCE) & (together >= 5 * by_chance))
