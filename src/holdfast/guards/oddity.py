"""How odd a row is: learned from training rows, and calibrated on rows that it was not learned from.

Two parts. The surprise of the levels under a tree in which each feature depends on one
other (Chow and Liu 1968, "Approximating discrete probability distributions with dependence trees"): rare values, and
combinations that do not go together. And the whitened distance of the numbers from their middle, on a scale that grows
like a logarithm, so that long tails do not hide what is odd in other columns. Either is turned into the share of
ordinary rows that have as much of it, and both are put together as Fisher does (-log of both, summed).

The share of ordinary rows that are less odd is a conformal p-value turned round (Vovk, Gammerman and Shafer 2005,
"Algorithmic learning in a random world", section 2.2): five models, each judging the fifth of the rows that it did not
see. Of rows dealt like the training rows, a share of at most 1 - threshold is flagged, whatever their distribution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.reference import Levels, Oddity
from holdfast.domain.schema import Kind, Schema
from holdfast.guards.bins import Codes

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

FOLDS = 5
MOST_COLUMNS = 200
SMOOTH = 0.5
RIDGE = 0.05
DIGITS = 6


class OddityScore:
    """The score, ready for use."""

    def __init__(self, record: Oddity, levels: tuple[Levels, ...]) -> None:
        columns = np.array(record.columns, dtype=np.int64)
        self._columns = columns if len(columns) < len(levels) else None
        place = {column: k for k, column in enumerate(record.columns)}
        self._parents = np.array([place[parent] for parent in record.parents], dtype=np.int64)
        roots = self._parents == np.arange(len(columns))
        sizes = np.array([levels[j].count for j in record.columns], dtype=np.int64)
        self._stride = np.where(roots, 0, sizes)
        self._base = np.cumsum([0, *(len(table) for table in record.surprise)])[:-1].astype(np.int64)
        self._surprise = np.array([value for table in record.surprise for value in table])
        self._numeric = np.array(record.numeric, dtype=np.int64)
        self._centre, self._per_spread = np.array(record.centre), 1 / np.array(record.spread)
        self._whiten = np.array(record.whiten).reshape(len(record.numeric), len(record.numeric))
        self._grid, self._nats = np.array(record.grid), -np.log1p(-np.array(record.grid))
        self._surprises, self._distances = np.array(record.surprises), np.array(record.distances)
        self._quantiles = np.array(record.quantiles)

    def surprise(self, codes: Codes) -> Vector:
        """-log of the chance of the levels, (n,), in nats."""
        levels = (codes if self._columns is None else codes.take(self._columns, axis=1)).astype(np.int64)
        places = levels.take(self._parents, axis=1)
        places *= self._stride
        places += levels
        places += self._base
        return np.asarray(np.add.reduce(self._surprise.take(places), axis=1))

    def distance(self, X: Matrix) -> Vector:
        """Whitened distance of the numbers from their middle, (n,); a missing one is in the middle."""
        if not len(self._numeric):
            return np.zeros(len(X))
        z = np.arcsinh((X.take(self._numeric, axis=1) - self._centre) * self._per_spread)
        w = np.where(z == z, z, 0.0) @ self._whiten  # noqa: PLR0124 -- NaN is not itself
        w *= w
        return np.asarray(np.sqrt(np.add.reduce(w, axis=1)))

    def both(self, surprise: Vector, distance: Vector) -> Vector:
        """Both parts as one score, (n,), in nats."""
        nats: Vector = self._nats.take(self._surprises.searchsorted(surprise))
        nats += self._nats.take(self._distances.searchsorted(distance))
        return nats

    def share_less_odd(self, X: Matrix, codes: Codes) -> Vector:
        """The share of ordinary rows that are less odd, (n,)."""
        return self._grid.take(self._quantiles.searchsorted(self.both(self.surprise(codes), self.distance(X))))


def learn_oddity(
    X: Matrix, codes: Codes, levels: tuple[Levels, ...], schema: Schema, rng: np.random.Generator
) -> Oddity:
    """The score of rows like these, (n, features), at least ten of them."""
    columns = telling(codes, MOST_COLUMNS)
    fold = rng.permutation(len(X)) % FOLDS
    surprise, distance = np.empty(len(X)), np.empty(len(X))
    for k in range(FOLDS):
        part, rest = fold == k, fold != k
        score = OddityScore(_fit(X[rest], codes[rest], levels, schema, columns), levels)
        surprise[part], distance[part] = score.surprise(codes[part]), score.distance(X[part])
    ranks = np.unique(np.round(np.geomspace(1, len(X), 400)).astype(np.int64))[::-1]
    parts = replace(
        _fit(X, codes, levels, schema, columns),
        grid=(0.0, *(1 - ranks / (len(X) + 1)).tolist()),
        surprises=_highest(surprise, ranks),
        distances=_highest(distance, ranks),
    )
    return replace(parts, quantiles=_highest(OddityScore(parts, levels).both(surprise, distance), ranks))


def _highest(scores: Vector, ranks: NDArray[np.int64]) -> tuple[float, ...]:
    """The k-th highest score for each of the ranks k, falling: all of the uppermost ones, ever fewer below.

    A score above the k-th highest of n has a p-value of at most k / (n + 1). Nothing is rounded, as many rows tie.
    """
    return tuple(np.sort(scores)[len(scores) - ranks].tolist())


def _rounded(values: Vector | list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def telling(codes: Codes, most: int) -> tuple[int, ...]:
    """Of a wide table the columns whose levels vary most; of others all."""
    width = codes.shape[1]
    if width <= most:
        return tuple(range(width))
    sums = [((np.bincount(codes[:, j]) / len(codes)) ** 2).sum() for j in range(width)]
    return tuple(sorted(np.argsort(sums, kind="stable")[:most].tolist()))


def _fit(X: Matrix, codes: Codes, levels: tuple[Levels, ...], schema: Schema, columns: tuple[int, ...]) -> Oddity:
    counts, own = [levels[j].count for j in columns], codes[:, columns]
    parents = _tree(own, counts)
    tables = tuple(
        _surprise(own[:, k], counts[k], None if parent == k else own[:, parent], counts[parent])
        for k, parent in enumerate(parents)
    )
    numeric = tuple(j for j in columns if schema.features[j].kind is not Kind.CATEGORY and np.nanstd(X[:, j]) > 0)
    centre, spread, whiten = _space(X[:, numeric])
    return Oddity(
        columns=columns,
        parents=tuple(columns[parent] for parent in parents),
        surprise=tables,
        numeric=numeric,
        centre=centre,
        spread=spread,
        whiten=whiten,
        grid=(0.0,),
        surprises=(),
        distances=(),
        quantiles=(),
    )


def _tree(codes: Codes, counts: list[int]) -> list[int]:
    """Each column's parent: the maximum spanning tree of mutual information, from column 0 on (Prim)."""
    p = len(counts)
    best, parent = np.full(p, -1.0), np.zeros(p, dtype=np.int64)
    left = set(range(1, p))
    newest = 0
    while left:
        for j in left:
            shared = _information(codes[:, newest], codes[:, j], counts[newest], counts[j])
            if shared > best[j]:
                best[j], parent[j] = shared, newest
        newest = max(left, key=lambda j: (best[j], -j))
        left.remove(newest)
    return [int(j) for j in parent]


def _information(a: Codes, b: Codes, rows: int, columns: int) -> float:
    table = _together(a, b, rows, columns) / len(a)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    some = table > 0
    return float((table[some] * np.log(table[some] / expected[some])).sum())


def _together(a: Codes, b: Codes, rows: int, columns: int) -> NDArray[np.int64]:
    flat = a.astype(np.int64) * columns + b
    return np.bincount(flat, minlength=rows * columns).reshape(rows, columns)


def _surprise(child: Codes, count: int, parent: Codes | None = None, above: int = 0) -> tuple[float, ...]:
    """-log of the chance of each of the child's `count` levels, for each of the parent's `above` levels, flat.

    A parent's level that is rare says little: its counts are mixed with the child's overall shares.
    """
    overall = (np.bincount(child, minlength=count) + SMOOTH) / (len(child) + SMOOTH * count)
    if parent is None:
        return tuple(_rounded(-np.log(overall)))
    table = _together(parent, child, above, count)
    weight = SMOOTH * count
    chance = (table + weight * overall) / (table.sum(axis=1, keepdims=True) + weight)
    return tuple(_rounded(-np.log(chance).ravel()))


def _space(X: Matrix) -> tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Middle and spread of each column, (k,), and the matrix (k, k) that makes the asinh of both white."""
    if not X.shape[1]:
        return (), (), ()
    centre = np.nanmedian(X, axis=0)
    low, high = np.nanquantile(X, [0.25, 0.75], axis=0)
    spread = np.where(high > low, (high - low) / 1.349, np.nanstd(X, axis=0))
    z = np.arcsinh((X - centre) / spread)
    z = np.where(np.isnan(z), 0.0, z)
    covariance = z.T @ z / len(z)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = (1 - RIDGE) * covariance / np.outer(scale, scale) + RIDGE * np.eye(len(scale))
    values, vectors = np.linalg.eigh(correlation)
    whiten = vectors / np.sqrt(np.maximum(values, 1e-9)) / scale[:, None]
    return tuple(_rounded(centre)), tuple(_rounded(spread)), tuple(tuple(_rounded(row)) for row in whiten)
