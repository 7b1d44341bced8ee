"""Which decisions a single feature turns, and whether the outcomes depend on that feature at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.dataset import Dataset
from holdfast.domain.schema import Task
from holdfast.ports import Target
from holdfast.search.goal import Goal, Outcome
from holdfast.statistics import wilson

Matrix = NDArray[np.float64]

_QUANTILES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
_MOST_CATEGORIES = 12
_MOST_FEATURES = 64
_CELLS = 5_000_000
_SHUFFLES = 12
_FEWEST_CHANGED = 30
_COIN_TOSS = 0.62
"""The share of changed answers that were right before, below which the feature informs little more than a coin.

On four real tables, the upper ends for channels that meant nothing reached 0.58, for columns that did mean something
0.64 and more (German credit's `duration` least).
"""


@dataclass(frozen=True, eq=False)
class Sweep:
    """What one feature (or one-hot group), standing in `columns`, does alone: the smallest flip of each victim."""

    name: str
    columns: NDArray[np.int64]
    outcome: Outcome

    @property
    def flipped(self) -> NDArray[np.bool_]:
        """Which victims it turned, (n,)."""
        return self.outcome.flipped


def sweep(target: Target, constraints: ConstraintSet, victims: Matrix, goal: Goal, people: Matrix) -> tuple[Sweep, ...]:
    """Set each feature alone to values that `people` have: one sweep each, most flips first.

    Numbers take the 5 % to 95 % quantiles, so that no extreme value is needed; categories their first 12
    labels. Of wide tables the first 64 features are swept.
    """
    units = constraints.units()[:_MOST_FEATURES]
    together = max(1, _CELLS // (victims.size * len(_QUANTILES)))
    found = []
    for first in range(0, len(units), together):
        some = units[first : first + together]
        tried = [_tried(constraints, columns, victims, people) for columns in some]
        for columns, rows, held in zip(some, tried, _holding(target, constraints, tried, victims, goal), strict=True):
            found.append(_summary(constraints, columns, held.reshape(len(victims), -1), rows, victims))
    return tuple(sorted(found, key=lambda one: -int(one.flipped.sum())))


def _tried(constraints: ConstraintSet, columns: NDArray[np.int64], victims: Matrix, people: Matrix) -> Matrix:
    """Every victim with every value in turn, repaired, (n * values, features)."""
    values = _values(constraints, columns, people)
    rows = np.repeat(victims, len(values), axis=0)
    rows[:, columns] = np.tile(values, (len(victims), 1))
    return constraints.repair(rows, np.repeat(victims, len(values), axis=0))


def _holding(
    target: Target, constraints: ConstraintSet, tried: list[Matrix], victims: Matrix, goal: Goal
) -> list[NDArray[np.bool_]]:
    """Which of the rows, by feature, are changes that reach the goal: asked about all at once."""
    victim = np.concatenate([np.repeat(np.arange(len(victims)), len(rows) // len(victims)) for rows in tried])
    together = np.concatenate(tried)
    held: NDArray[np.bool_] = np.asarray((constraints.steps(together, victims[victim]) > 0).any(axis=1))
    if held.any():
        held[held] = goal.reached(target.predict(together[held]), victim[held])
    return np.split(held, np.cumsum([len(rows) for rows in tried])[:-1])


def _values(constraints: ConstraintSet, columns: NDArray[np.int64], people: Matrix) -> Matrix:
    """The values to try, (k, len(columns))."""
    if len(columns) > 1:
        return np.eye(len(columns))[:_MOST_CATEGORIES]
    (j,) = columns
    if constraints.category[j]:
        return np.arange(min(len(constraints.schema.features[j].categories), _MOST_CATEGORIES), dtype=np.float64)[
            :, None
        ]
    known = people[np.isfinite(people[:, j]), j]
    return np.unique(np.quantile(known, _QUANTILES))[:, None] if len(known) else np.zeros((1, 1))


def _summary(
    constraints: ConstraintSet, columns: NDArray[np.int64], held: NDArray[np.bool_], rows: Matrix, victims: Matrix
) -> Sweep:
    tried, originals = rows.reshape(len(victims), -1, victims.shape[1]), np.repeat(victims, held.shape[1], axis=0)
    sizes = np.where(held, constraints.distance(rows, originals).reshape(held.shape), np.inf)
    smallest = tried[np.arange(len(victims)), sizes.argmin(axis=1)]
    flipped: NDArray[np.bool_] = np.asarray(held.any(axis=1))
    chosen = np.where(flipped[:, None], smallest, victims)
    asked = np.full(len(victims), held.shape[1])
    name = "/".join(constraints.schema.features[j].name for j in columns)
    return Sweep(name, columns, Outcome(chosen, sizes.min(axis=1), flipped, asked))


def is_immaterial(
    target: Target,
    labelled: Dataset,
    columns: NDArray[np.int64],
    *,
    tolerance: float,
    rng: np.random.Generator,
    candidates: int = 1,
) -> bool:
    """Whether shuffling these columns among labelled rows changes answers without making them worse.

    Of the answers that a shuffle changes, a feature that informs them was right far more often before than after. Here
    the upper end of that share's 95 % interval lies below 0.62: the answers hinge on the feature, the outcomes do not.
    The level is shared among the `candidates` that are tried, so that trying many accuses no innocent one.
    Several shuffles are pooled. The interval is that of Kish's effective number of rows (1965, §11.7), since a row that
    every shuffle changes weighs more than one that few do, and is still one row. False where shuffles change too few
    answers to tell, or where there are no labels.
    """
    X, labels = labelled.X, labelled.y
    if labels is None:
        return False
    before, changed, better = target.predict(X), np.zeros(len(X)), np.zeros(len(X))
    for _ in range(_SHUFFLES):
        shuffled = X.copy()
        shuffled[:, columns] = X[rng.permutation(len(X))][:, columns]
        after = target.predict(shuffled)
        if target.task is Task.REGRESSION:
            moved, closer = np.abs(after - before) > tolerance, np.abs(before - labels) < np.abs(after - labels)
        else:
            moved, closer = (after != before) & ((before == labels) | (after == labels)), before == labels
        changed += moved
        better += moved & closer
    n = int(changed.sum() ** 2 / max(1.0, (changed**2).sum()))
    return n >= _FEWEST_CHANGED and wilson(n * better.sum() / changed.sum(), n, 1 - 0.05 / candidates).high < _COIN_TOSS
