"""Shapley values of single decisions, by antithetic permutations (Castro et al. 2009; Mitchell et al. 2022, §4).

Each permutation walks from a background row to the row that is explained, one feature at a time; a feature's value is
its mean step. The steps of one walk sum to the difference of the two scores, so the values always add up.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from holdfast.ports import FloatMatrix

Score = Callable[[FloatMatrix], NDArray[np.float64]]


def walks(
    score: Score, rows: FloatMatrix, background: FloatMatrix, permutations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Every walk's steps: float64 (permutations, n, features), `permutations` even; their mean is the Shapley value.

    Each permutation is walked forwards and backwards from the same background row, which cancels the odd part of the
    error. `score` maps (m, features) to (m,); it is asked n × features + n rows a walk.
    """
    n, d = rows.shape
    steps = np.empty((permutations, n, d))
    for pair in range(permutations // 2):
        order = rng.permutation(d)
        start = background[rng.integers(0, len(background), n)]
        steps[2 * pair] = _walk(score, rows, start, order)
        steps[2 * pair + 1] = _walk(score, rows, start, order[::-1])
    return steps


def _walk(score: Score, rows: FloatMatrix, start: FloatMatrix, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """One walk's steps, (n, features), asked in one call."""
    n, d = rows.shape
    path = np.repeat(start[None], d + 1, axis=0)
    for position, feature in enumerate(order):
        path[position + 1 :, :, feature] = rows[:, feature]
    scores = score(path.reshape(-1, d)).reshape(d + 1, n)
    steps = np.empty((n, d))
    steps[:, order] = np.diff(scores, axis=0).T
    return steps


def top_reasons(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The `count` features that pull each row's score down most, (n, count), strongest first; ties by column."""
    return np.argsort(values, axis=1, kind="stable")[:, :count]


def overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of reasons that two lists of shape (n, count) have in common, (n,)."""
    common = (one[:, :, None] == other[:, None, :]).any(axis=2)
    return np.asarray(common.mean(axis=1))
