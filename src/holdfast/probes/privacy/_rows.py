"""Which rows a membership audit compares, and whether they could be told apart without the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.measure import Interval
from holdfast.probes._learners import Matrix, fitted
from holdfast.statistics import auc, auc_interval

Labels = NDArray[np.int64] | NDArray[np.float64]

MATCHED_ROWS = 40
"""Rows in a stratum when members are matched to non-members: few enough to be alike, enough to hold both."""


@dataclass(frozen=True, eq=False)
class Audit:
    """Rows under audit: `X` (n, features), `y` (n,), `member` bool (n,). Members come first, as many as non-members."""

    X: Matrix
    y: Labels
    member: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> Audit:
        """The given rows."""
        return Audit(self.X[rows], self.y[rows], self.member[rows])

    @property
    def side(self) -> int:
        """Members, and just as many non-members."""
        return int(self.member.sum())


def draw(train: Dataset, test: Dataset, most: int, rng: np.random.Generator) -> tuple[Audit, tuple[Matrix, Labels]]:
    """At most `most` members and as many non-members, and the rest of the training data (at most twice `most` rows).

    A row that occurs more than once, in either table, says nothing about membership; it is left out on both sides, so
    that leaving it out says nothing either.
    """
    member, outside = _labelled(train), _labelled(test)
    X, y = np.concatenate([member.X, outside.X]), np.concatenate([_y(member), _y(outside)])
    table = np.ascontiguousarray(np.column_stack([X, y]))
    table[np.isnan(table)] = np.inf
    table += 0.0  # -0.0 and 0.0 are one value
    _, where, count = np.unique(
        table.view(f"V{table.itemsize * table.shape[1]}").ravel(), return_inverse=True, return_counts=True
    )
    single = np.flatnonzero(count[where] == 1)
    inside, outside_rows = rng.permutation(single[single < len(member)]), rng.permutation(single[single >= len(member)])
    n = min(most, len(inside), len(outside_rows))
    chosen = np.concatenate([inside[:n], outside_rows[:n]])
    rest = np.setdiff1d(np.arange(len(member)), chosen)
    rest = np.sort(rng.choice(rest, min(len(rest), 2 * most), replace=False))
    return Audit(X[chosen], y[chosen], np.arange(2 * n) < n), (X[rest], y[rest])


def _labelled(data: Dataset) -> Dataset:
    y = _y(data)
    return data.take(np.flatnonzero(y >= 0 if y.dtype.kind == "i" else np.isfinite(y)))


def _y(data: Dataset) -> Labels:
    return np.empty(0, np.int64) if data.y is None else data.y


@dataclass(frozen=True, eq=False)
class Shift:
    """How well features alone, without the model, tell members from non-members: `guess` (n,) is high for members."""

    auc: float
    interval: Interval
    guess: NDArray[np.float64]

    @property
    def present(self) -> bool:
        """Whether the two tables differ for other reasons than membership."""
        return self.interval.low > 0.5


def shift(facts: Matrix, member: NDArray[np.bool_], seed: int) -> Shift:
    """Cross-validated separation of members from non-members by `facts` (n, k), none of which the model gave."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    def learner() -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=8, early_stopping=False, random_state=seed
        )

    guess = np.empty(len(member))
    for learn, judge in folds(member, seed):
        model = fitted(learner(), facts[learn], member[learn])
        guess[judge] = ranks(model.predict_proba(facts[judge])[:, 1])
    area, influence = auc(guess, member)
    # At 99 % a pair of tables that are alike is seldom called different, which would cost rows in matching.
    return Shift(area, auc_interval(area, influence, int(member.sum()), level=0.99), guess)


def matched(guess: NDArray[np.float64], member: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of as many members as non-members within strata of rows that look equally like members.

    Stratified matching on the propensity score (Rosenbaum and Rubin 1984).
    """
    strata = np.array_split(np.argsort(guess, kind="stable"), max(1, len(guess) // MATCHED_ROWS))
    kept = []
    for rows in strata:
        inside, outside = rng.permutation(rows[member[rows]]), rng.permutation(rows[~member[rows]])
        n = min(len(inside), len(outside))
        kept += [inside[:n], outside[:n]]
    return np.sort(np.concatenate(kept))


def folds(member: NDArray[np.bool_], seed: int, parts: int = 4) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(learn, judge) index pairs; every row is judged once, by an attack that never saw it."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(parts, shuffle=True, random_state=seed).split(member, member))


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-ranks in (0, 1), so that folds with attacks of their own share a scale."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values) / (len(values) + 1), dtype=np.float64)
