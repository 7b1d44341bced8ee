"""Whether two samples differ in how their columns go together: told apart by a classifier, and by their kernel means.

Sources: Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests" (arXiv 1610.06545); Gretton et al. 2012, "A
kernel two-sample test" (JMLR 13), lemma 6 and section 5 on the permutation of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.drift import Joint
from holdfast.statistics import auc

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

TOLD = 5
"""Columns that are named of those by which the samples are told apart."""

MOST_PAIRED = 1_500
"""Rows of each sample whose distances to all others are looked at."""

SHUFFLES = 400
ONE_SIDED_MEAN = sqrt(pi / 8)
"""The mean of the one-sided Kolmogorov-Smirnov distance, times the root of the rows."""

_LEAST_LOSS = 0.005


def joint(
    reference: Matrix, current: Matrix, *, names: Sequence[str], labels: NDArray[np.bool_], seed: int = 0
) -> Joint:
    """Of two samples (n, p) and (m, p) of the columns `names`; NaN is missing. `labels` (p,) says which hold codes.

    A classifier learns on one half which sample a row is from, and is asked about the other half. How far its scores of
    both samples lie apart there is the least share of rows that moved: no look at all columns together shows more than
    there is. Halves, because scores from cross-validation are not independent, and chance would be taken for drift.
    """
    rng = np.random.default_rng(seed)
    taught, asked = zip(*(_halves(side, rng) for side in (reference, current)), strict=True)
    model = _taught(taught[0], taught[1], labels)
    X, is_now = np.concatenate(asked), np.repeat([False, True], [len(side) for side in asked])
    scores = model.predict_proba(X)[:, 1]
    area, distance = auc(scores, is_now)[0], _gap(scores, is_now)
    rows = sqrt(len(asked[0]) * len(asked[1]) / len(X))
    losses = _losses(model, X, is_now, rng)
    order = np.argsort(-losses, kind="stable")[:TOLD]
    return Joint(
        rows=(len(reference), len(current)),
        distance=distance,
        by_chance=ONE_SIDED_MEAN / rows,
        p_value=exp(-2 * (distance * rows) ** 2),
        auc=area,
        told_by=tuple((names[place], float(losses[place])) for place in order if losses[place] >= _LEAST_LOSS),
        mmd_p_value=_mmd_p_value(reference, current, labels, rng),
    )


def detectable(found: Joint, level: float) -> float:
    """The least distance that would have been told from chance at this level."""
    return found.by_chance / ONE_SIDED_MEAN * sqrt(-log(level) / 2)


def _halves(side: Matrix, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    order = rng.permutation(len(side))
    return side[order[: len(side) // 2]], side[order[len(side) // 2 :]]


def _taught(reference: Matrix, current: Matrix, labels: NDArray[np.bool_]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=100, max_leaf_nodes=15, min_samples_leaf=20, categorical_features=labels, random_state=0
    )
    is_now = np.repeat([False, True], [len(reference), len(current)])
    return model.fit(np.concatenate([reference, current]), is_now)


def _losses(model: Any, X: Matrix, is_now: NDArray[np.bool_], rng: np.random.Generator) -> Vector:
    """What shuffling each column costs of the area under the curve, (p,)."""
    whole, _ = auc(model.predict_proba(X)[:, 1], is_now)
    losses = np.zeros(X.shape[1])
    for place in range(X.shape[1]):
        kept = X[:, place].copy()
        X[:, place] = rng.permutation(kept)
        losses[place] = whole - auc(model.predict_proba(X)[:, 1], is_now)[0]
        X[:, place] = kept
    return losses


def _gap(scores: Vector, is_now: NDArray[np.bool_]) -> float:
    """How far the current rows' scores lie above the reference's: the greatest gap of the distribution functions."""
    order = np.argsort(scores, kind="stable")
    steps = np.where(is_now[order], -1 / is_now.sum(), 1 / (~is_now).sum())
    is_last = np.append(scores[order][1:] != scores[order][:-1], True)
    return max(0.0, float(np.cumsum(steps)[is_last].max()))


def _mmd_p_value(reference: Matrix, current: Matrix, labels: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """How often shuffled samples lie as far apart by the means of a Gaussian kernel (median distance) as these do."""
    n, m = (min(len(side), MOST_PAIRED) for side in (reference, current))
    parts = [side[rng.permutation(len(side))[:count]] for side, count in ((reference, n), (current, m))]
    apart = _apart(np.concatenate(parts), labels)
    width = float(np.median(apart[np.triu_indices(len(apart), 1)])) or 1.0
    K = np.exp(-apart / width)
    np.fill_diagonal(K, 0.0)
    side = np.where(np.arange(n + m) < n, 1.0, 0.0)
    seen = _mmd(K, side[:, None], n, m)[0]
    shuffles = np.column_stack([rng.permutation(side) for _ in range(SHUFFLES)])
    return float((1 + (_mmd(K, shuffles, n, m) >= seen).sum()) / (1 + SHUFFLES))


def _mmd(K: Matrix, side: Matrix, n: int, m: int) -> Vector:
    """The unbiased square of the distance of kernel means, for each column of `side` (n + m, k)."""
    other = 1 - side
    Ks = K @ side
    own, across = (side * Ks).sum(axis=0), (other * Ks).sum(axis=0)
    rest = K.sum() - own - 2 * across
    return np.asarray(own / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m))


def _apart(X: Matrix, labels: NDArray[np.bool_]) -> Matrix:
    """Squared distances of rows (n, n): numbers by their ranks between 0 and 1, labels by whether they are the same."""
    from scipy.stats import rankdata

    apart = np.zeros((len(X), len(X)))
    for place in np.flatnonzero(labels):
        codes = np.where(np.isnan(X[:, place]), -1.0, X[:, place])
        apart += codes[:, None] != codes[None, :]
    numbers = X[:, ~labels]
    is_missing = np.isnan(numbers)
    ranks = rankdata(np.where(is_missing, np.inf, numbers), axis=0) / len(X)
    Z = np.concatenate([np.where(is_missing, 0.5, ranks), is_missing], axis=1)
    squares = (Z * Z).sum(axis=1)
    return np.asarray(np.maximum(apart + squares[:, None] + squares[None, :] - 2 * Z @ Z.T, 0.0))
