"""Combinations that cannot be: broken relations, one-hot groups with two ones, values that never meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.relations import parse
from holdfast.domain.reference import Reference
from holdfast.guards.bins import Codes
from holdfast.guards.contract import EVERY, Looked, Prepared, Rows, guard

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAID = 3
"""Rules named of those that a row breaks."""


@dataclass(frozen=True)
class Params:
    """`learned`: also pairs of values that training rows never show together, though independence would have."""

    learned: bool = True


@guard(
    title="Impossible combinations",
    question="Do the values of this row go together?",
    params=Params(),
    threshold=1.0,
    unit="rules broken",
    cost="a few operations for each relation, and a lookup for each pair of features that has a learned rule",
    trial="holdfast.testing.trials.guards:combination",
    catalogue=("OWASP:ML01", "ATLAS:AML.T0043"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """Count the relations, one-hot groups and learned rules that a row breaks.

    Relations that training rows break themselves are left out. A learned rule is two levels (a category, or an eighth
    of a number's rows) that never met; `holdfast.guards.learn` says how rules are told from mere rarity, so that about
    one ordinary row in a thousand breaks one. Three values of which each two may meet are not looked at.
    """
    stated = _Stated(reference)
    learned = _Learned(reference) if params.learned and reference.apart else None

    def look(rows: Rows) -> Looked:
        score = stated.broken(rows.X)
        if learned is not None:
            score += np.add.reduce(learned.hits(rows.codes), axis=1)

        def because(i: int) -> str:
            found = stated.words(rows.X[i : i + 1])
            return "; ".join([*found, *(learned.words(rows.codes[i : i + 1]) if learned else ())])

        return Looked(score, because)

    return Prepared(EVERY, look)


class _Stated:
    """Rules that the schema states: relations that training rows keep, and one-hot groups."""

    def __init__(self, reference: Reference) -> None:
        self._names = reference.schema.names
        self._relations = tuple(relation for text in reference.kept for relation in parse(text, reference.schema))
        self._groups = ConstraintSet(reference.schema).groups

    def broken(self, X: Matrix) -> Vector:
        """How many rules each row breaks, (n,)."""
        score = np.zeros(len(X))
        for holds in (*self._kept(X), *self._one_hot(X)):
            score += ~holds
        return score

    def words(self, X: Matrix) -> list[str]:
        """The rules that one row breaks."""
        found = [r.text for r, holds in zip(self._relations, self._kept(X), strict=True) if not holds[0]]
        for group, holds in zip(self._groups, self._one_hot(X), strict=True):
            if not holds[0]:
                found.append(f"exactly one of {', '.join(self._names[j] for j in group[:5])} is 1")
        return [f"broken: {text}" for text in found[:SAID]]

    def _kept(self, X: Matrix) -> list[Mask]:
        """For each relation which rows keep it: as `Relation.holds`, with one look for missing values for all."""
        if not self._relations:
            return []
        missing = np.isnan(X)
        with np.errstate(all="ignore"):
            kept = [np.asarray(relation.test(X)) for relation in self._relations]
        if not missing.any():
            return kept
        return [k | missing[:, list(r.reads)].any(axis=1) for k, r in zip(kept, self._relations, strict=True)]

    def _one_hot(self, X: Matrix) -> list[Mask]:
        """For each group which rows have exactly one 1 in it, and zeros."""
        blocks = [X[:, group] for group in self._groups]
        return [((b == 0) | (b == 1)).all(axis=1) & (np.add.reduce(b == 1, axis=1) == 1) for b in blocks]


class _Learned:
    """Levels that never meet, as one table of booleans for each pair of columns."""

    def __init__(self, reference: Reference) -> None:
        self._names = reference.schema.names
        self._pairs = sorted({(a[0], b[0]) for a, b in reference.apart})
        self._first, self._second = np.array(self._pairs, dtype=np.int64).T
        sizes = np.array([[reference.levels[j].count for j in pair] for pair in self._pairs], dtype=np.int64)
        self._stride = sizes[:, 1]
        ends = np.cumsum(sizes.prod(axis=1))
        self._base = ends - sizes.prod(axis=1)
        self._apart = np.zeros(int(ends[-1]), dtype=bool)
        place = {pair: k for k, pair in enumerate(self._pairs)}
        for (i, u), (j, v) in reference.apart:
            k = place[i, j]
            self._apart[self._base[k] + u * self._stride[k] + v] = True

    def hits(self, codes: Codes) -> Mask:
        """Which pairs of columns break a rule, (n, pairs)."""
        places = codes.take(self._first, axis=1) * self._stride
        places += codes.take(self._second, axis=1)
        places += self._base
        return np.asarray(self._apart.take(places))

    def words(self, codes: Codes) -> list[str]:
        """The rules that one row breaks."""
        broken = [self._pairs[k] for k in np.flatnonzero(self.hits(codes)[0])[:SAID]]
        return [f"never seen together: the values of {self._names[i]} and {self._names[j]}" for i, j in broken]
