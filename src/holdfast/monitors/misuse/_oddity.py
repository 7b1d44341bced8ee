"""How odd a row is: minus the logarithm of the chance of its levels, where each feature follows from one other.

The tree of features is that of Chow and Liu 1968, "Approximating discrete probability distributions with dependence
trees", learned from counts of pairs of levels in ordinary rows. Cells that are rare by themselves are odd, and so are
combinations that do not go together, as in rows that were put together from several.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.watch import INPUT, Baseline
from holdfast.monitors.levels import Codes

Vector = NDArray[np.float64]

MOST_COLUMNS = 24
SMOOTH = 0.5
SIMULATED = 20_000
SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Where degrees of oddity begin: by the share of ordinary rows that are less odd."""


def telling(baseline: Baseline) -> tuple[int, ...]:
    """Of a wide table the features whose levels vary most in training rows; of others all."""
    spread = [_spread(baseline, j) for j in range(len(baseline.schema.names))]
    order = sorted(range(len(spread)), key=lambda j: (-spread[j], j))
    return tuple(sorted(order[:MOST_COLUMNS]))


def pairs(codes: Codes, counts: NDArray[np.int64]) -> list[int]:
    """How many rows have each pair of levels, of each pair of columns, one after the other.

    Of a single column, how many have each level.
    """
    if codes.shape[1] == 1:
        return [int(count) for count in np.bincount(codes[:, 0], minlength=counts[0])]
    found: list[int] = []
    for i, j in combinations(range(codes.shape[1]), 2):
        found += np.bincount(codes[:, i] * counts[j] + codes[:, j], minlength=counts[i] * counts[j]).tolist()
    return found


class Oddity:
    """The score, from counts as `pairs` makes them of the columns with `counts` levels."""

    def __init__(self, told: list[int], counts: NDArray[np.int64]) -> None:
        tables = _tables(np.array(told, dtype=np.float64), counts)
        self._order, self._parents = _tree(tables, len(counts))
        self._surprise = [_surprise(tables, j, parent) for j, parent in zip(self._order, self._parents, strict=True)]
        self.edges = np.quantile(self.nats(self._simulated()), SHARES)

    def nats(self, codes: Codes) -> Vector:
        """(n,) how odd rows of levels (n, columns) are."""
        total = np.zeros(len(codes))
        for j, parent, surprise in zip(self._order, self._parents, self._surprise, strict=True):
            total += surprise[codes[:, parent] if parent >= 0 else 0, codes[:, j]]
        return total

    def degree(self, codes: Codes) -> NDArray[np.int64]:
        """(n,) 0 for less odd than half of ordinary rows, up to 8 for odder than 999 in 1,000."""
        return np.searchsorted(self.edges, self.nats(codes), side="right")

    def _simulated(self) -> Codes:
        """Rows as the tree would make them, which say how odd ordinary ones are."""
        rng = np.random.default_rng(0)
        codes = np.zeros((SIMULATED, len(self._order)), dtype=np.int64)
        for j, parent, surprise in zip(self._order, self._parents, self._surprise, strict=True):
            chances = np.cumsum(np.exp(-surprise), axis=1)[codes[:, parent] if parent >= 0 else 0]
            draw = rng.random((SIMULATED, 1)) * (chances[:, -1:] if parent >= 0 else chances[-1:])
            codes[:, j] = np.minimum((draw > chances).sum(axis=1), surprise.shape[1] - 1)
        return codes


Tables = dict[tuple[int, int], Vector]


def _tables(told: Vector, counts: NDArray[np.int64]) -> Tables:
    """The counts of each pair of columns, (levels, levels); of a single column, beside one that has one level."""
    if len(counts) == 1:
        return {(0, 0): told[None, :]}
    found, start = Tables(), 0
    for i, j in combinations(range(len(counts)), 2):
        size = int(counts[i] * counts[j])
        found[i, j] = told[start : start + size].reshape(counts[i], counts[j])
        start += size
    return found


def _tree(tables: Tables, p: int) -> tuple[list[int], list[int]]:
    """Columns, each after its parent, and the parents; -1 for the root (Prim's maximum spanning tree)."""
    best, parent = np.full(p, -1.0), np.zeros(p, dtype=np.int64)
    order, parents, newest = [0], [-1], 0
    left = set(range(1, p))
    while left:
        for j in left:
            shared = _information(tables[min(newest, j), max(newest, j)])
            if shared > best[j]:
                best[j], parent[j] = shared, newest
        newest = max(left, key=lambda j: (best[j], -j))
        left.remove(newest)
        order.append(newest)
        parents.append(int(parent[newest]))
    return order, parents


def _information(table: Vector) -> float:
    total = table.sum()
    if not total:
        return 0.0
    shares = table / total
    expected = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0, keepdims=True)
    some = shares > 0
    return float((shares[some] * np.log(shares[some] / expected[some])).sum())


def _surprise(tables: Tables, j: int, parent: int) -> Vector:
    """-log of the chance of each level, by level of the parent; a parent's rare level says what is usual overall."""
    if parent < 0:
        table = next(table if pair[0] != pair[1] else table.T for pair, table in tables.items() if pair[0] == j)
        own = table.sum(axis=1)
        return np.asarray(-np.log((own + SMOOTH) / (own.sum() + SMOOTH * len(own))))[None, :]
    table = tables[parent, j] if parent < j else tables[j, parent].T
    own = table.sum(axis=0)
    overall = (own + SMOOTH) / (own.sum() + SMOOTH * len(own))
    weight = SMOOTH * len(own)
    return np.asarray(-np.log((table + weight * overall) / (table.sum(axis=1, keepdims=True) + weight)))


def _spread(baseline: Baseline, j: int) -> float:
    """The chance that two training rows differ in this feature's bins."""
    name = INPUT + baseline.schema.names[j]
    for bins, counts in zip(baseline.training.bins, baseline.training.counts, strict=True):
        if bins.name == name and counts.known:
            shares = np.array(counts.cells, dtype=np.float64) / counts.known
            return float(1 - (shares**2).sum())
    return 0.0
