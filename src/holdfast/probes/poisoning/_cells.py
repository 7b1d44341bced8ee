"""Cells of two or three column values in which the labels are purer than one column at a time can explain.

A planted trigger is such a cell: rows that share a few values and carry one label, whatever else they say. A cell of n
rows with k labels of class c, of which e were expected, scores n · KL(k/n ‖ e/n). That is Chernoff's bound on the log
chance of k or more (Hoeffding, JASA 58, 1963, Theorem 1, which holds for unequal chances), so a Bonferroni threshold
over the cells looked at bounds the chance of any false cell, wherever the expectation is right.

Somebody who writes values on training rows also makes them meet more often than in the test table, whatever the labels
say. How unlikely that is (`excess`) comes from the features alone, so the two add up. It is what betrays a trigger
towards an outcome that most rows have anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Schema
from holdfast.probes.poisoning._columns import Column

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Counts = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.intp]

EXPECTED = 0.95
"""Labels that were expected this surely say nothing of a trigger and are not mined."""

COMMON = 5
"""Values of fewer rows than about this many do not tell whether training and test rows differ."""
MEDIAN_CHI2 = 0.4549
CROWDED = 6.9
"""-log of 0.1 %: how unlikely the rows of a value must be for the reference not to learn from them."""

FLIPPED = 0.5
"""A cell in which fewer than half of the other labels are gone is a tendency, not a trigger."""

TOGETHER = 0.3
BY_CHANCE = 0.1
"""Values look stamped when at least this share of the rarest one's rows has the others, which at most this share would
have by chance."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What is mined: rows `X` (n, features), class codes `y` (n,), their expectation `p` (n, classes), and the
    `columns` in which cells are looked for. Rows of the test table, `test` (m, features), show what meets by nature.
    """

    schema: Schema
    X: Matrix
    y: Codes
    p: Matrix
    columns: list[Column]
    test: Matrix

    @cached_property
    def test_columns(self) -> list[Column]:
        """The columns as they read the test rows."""
        return [Column.read(c.feature, c.exact, c.marks, self.test) for c in self.columns]

    @cached_property
    def drift(self) -> float:
        """By how much single values differ between training and test rows, 1 where no more than by chance.

        The genomic control of Devlin and Roeder (Biometrics 55, 1999): median χ² over what chance gives. A trigger
        moves a few values and leaves the median alone; another season moves many.
        """
        pairs = zip(self.columns, self.test_columns, strict=True)
        counts = [np.stack([c.count, t.count]) for c, t in pairs]
        here, beside = np.concatenate([count[:, 1:] for count in counts], axis=1)
        n, m = len(self.y), len(self.test)
        share = (here + beside) / max(n + m, 1)
        common = share * (1 - share) * min(n, m) >= COMMON
        if not common.any():
            return 1.0
        here, beside, share = here[common], beside[common], share[common]
        chi2 = (here / n - beside / m) ** 2 / (share * (1 - share) * (1 / n + 1 / m))
        return max(1.0, float(np.median(chi2)) / MEDIAN_CHI2)

    @cached_property
    def crowded(self) -> Mask:
        """Bool (n,): rows with a value that alone is met far more often than in the test table."""
        found = np.zeros(len(self.y), dtype=bool)
        for c, column in enumerate(self.columns):
            if column.exact:
                codes = np.arange(1, column.width)[None]
                found |= np.append(False, _excess(self, [c], codes, column.count[1:]) >= CROWDED)[column.code]
        return found

    def without(self, rows: Mask) -> Ground:
        """The other rows alone."""
        columns = [replace(column, code=column.code[~rows]) for column in self.columns]
        return replace(self, X=self.X[~rows], y=self.y[~rows], p=self.p[~rows], columns=columns)

    def counted(self, cell: Cell) -> Cell:
        """The cell with the numbers that it has here."""
        rows = cell.mask(self.columns)
        codes = np.array([[value] for _, value in cell.items])
        count = int(rows.sum())
        return replace(
            cell,
            rows=count,
            hits=int((self.y[rows] == cell.label).sum()),
            expected=float(self.p[rows, cell.label].sum()),
            excess=float(_excess(self, [c for c, _ in cell.items], codes, np.array([count]))[0]),
        )


@dataclass(frozen=True, eq=False)
class Cell:
    """Rows that share the given (column, code) pairs: `rows` of them, `hits` labelled `label`, `expected` hits.

    `excess` is the `excess` of rows over the test table, in nats.
    """

    items: tuple[tuple[int, int], ...]
    label: int
    rows: int
    hits: int
    expected: float
    stamped: bool = False
    excess: float = 0.0

    @property
    def score(self) -> float:
        """n · KL(hits share ‖ expected share), in nats; 0 where there are no more hits than expected."""
        return float(surprise(np.array([self.rows]), np.array([self.hits]), np.array([self.expected]))[0])

    @property
    def evidence(self) -> float:
        """What labels say, or labels and excess together, in nats: the chance of more is below 2·exp(-evidence).

        Two independent scores, each above s with a chance below exp(-s), sum to more than s with one below
        (1 + s)·exp(-s).
        """
        both = self.score + self.excess
        return max(self.score, both - float(np.log1p(both)))

    @property
    def flipped(self) -> float:
        """Of the rows that should have had another label, the share that has this one: the implied flip fraction."""
        return (self.hits - self.expected) / max(self.rows - self.expected, 1e-9)

    def mask(self, columns: list[Column]) -> Mask:
        """Bool (n,): the rows of the cell."""
        return np.asarray(np.logical_and.reduce([columns[c].code == value for c, value in self.items]))


def surprise(rows: Counts, hits: Counts, expected: Counts) -> Matrix:
    """n · KL(k/n ‖ e/n) of each cell; 0 where k is not above e."""
    from scipy.special import rel_entr

    n = np.asarray(rows, dtype=np.float64)
    e = np.minimum(expected, n * (1 - 1e-9))
    score = rel_entr(hits, e) + rel_entr(n - hits, n - e)
    return np.where(hits > e, score, 0.0)


def excess(rows: Counts, beside: Counts, item_rows: Counts, item_beside: Counts, *, n: int, m: int) -> Matrix:
    """-log of the chance that so many rows of a cell fell to training: `rows` there, `beside` in the test table.

    Exact given both together (Fisher 1935) where rows fell to the tables, of `n` and `m` rows, by chance. Where the
    rows outside of the cell with one of its values, `item_rows` and `item_beside` (values, cells) less the cell's own,
    fell to training more often than that, the cell's are allowed to as well: tables of two seasons differ.
    """
    from scipy.special import betainc

    if not m:
        return np.zeros(len(rows))
    share = n / (n + m)
    outside = (item_rows - rows + 2 * share) / (item_beside - beside + 2 * (1 - share))
    odds = n / m * np.maximum(outside * m / n, 1.0).prod(axis=0)
    return np.asarray(-np.log(np.maximum(betainc(rows, beside + 1, odds / (1 + odds)), 1e-300)))


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
        """The evidence from which the chance of any false cell in this cell's family is below `alpha` / 2."""
        return float(np.log(4 * max(self.stamped if cell.stamped else self.looked_at, 1) / alpha))


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
    item_rows = np.stack([c.count[c.code[example]] for c in columns])
    stamped = _look_stamped(rows, item_rows, len(ground.y))
    passes = (surprise(rows, hits, expected) >= demand.score) & (hits - expected >= FLIPPED * (rows - expected))
    chosen = np.flatnonzero(passes)
    codes = np.stack([c.code[example[chosen]] for c in columns])
    more = _excess(ground, group.columns, codes, rows[chosen]) if len(chosen) else ()
    cells = [
        Cell(
            items=tuple(zip(group.columns, codes[:, k].tolist(), strict=True)),
            label=label,
            rows=int(rows[i]),
            hits=int(hits[i]),
            expected=float(expected[i]),
            stamped=bool(stamped[i]),
            excess=float(nats),
        )
        for k, (i, nats) in enumerate(zip(chosen, more, strict=True))
    ]
    return cells, int(stamped.sum())


def _excess(ground: Ground, columns: Sequence[int], codes: Codes, rows: Counts) -> Matrix:
    """The excess of cells of `rows` rows over the same columns, `codes` (columns, cells)."""
    beside = [ground.test_columns[c].code for c in columns]
    met = np.logical_and.reduce([b[:, None] == code for b, code in zip(beside, codes, strict=True)]).sum(axis=0)
    item_rows = np.stack([ground.columns[c].count[code] for c, code in zip(columns, codes, strict=True)])
    item_beside = np.stack([ground.test_columns[c].count[code] for c, code in zip(columns, codes, strict=True)])
    nats = excess(rows, met, item_rows, item_beside, n=len(ground.y), m=len(ground.test))
    return nats / ground.drift


def _look_stamped(rows: Codes, item_rows: Counts, n: int) -> Mask:
    """Whether the rarest value of a cell is met with the others in a third of its rows, and by chance in few.

    `item_rows` (values, cells) has, for each value of each cell, the rows that have it, out of `n`.
    """
    rarest = item_rows.min(axis=0)
    by_chance = (item_rows / n).prod(axis=0) / (rarest / n)
    together = rows / rarest
    return np.asarray((together >= TOGETHER) & (by_chance <= BY_CHANCE) & (together >= 5 * by_chance))
