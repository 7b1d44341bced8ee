"""Giving a group's feature the distribution that everyone else has, while changing as little as possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def moved(own: Array, others: Array, *, ordered: bool, rng: np.random.Generator) -> Array:
    """`own` (n, columns) with the distribution of `others` (m, columns), values of `others` only.

    Ordered values keep their rank (the optimal transport on a line; ties in random order), so equal distributions
    change nothing. Unordered ones keep their value wherever everyone else has as much of it. NaN counts as highest.
    """
    if ordered:
        return _by_rank(own[:, 0], others[:, 0], rng)[:, None]
    patterns, index = np.unique(np.nan_to_num(np.concatenate([own, others]), nan=np.inf), axis=0, return_inverse=True)
    index = index.reshape(-1)
    codes = _least_change(index[: len(own)], index[len(own) :], rng)
    values = patterns[codes]
    return np.where(np.isinf(values), np.nan, values)


def _at_own_ranks(others: Array, n: int) -> Array:
    """`n` values at evenly spaced ranks of sorted `others`."""
    return others[((np.arange(n) + 0.5) / n * len(others)).astype(np.int64)]


def _by_rank(own: Array, others: Array, rng: np.random.Generator) -> Array:
    target = _at_own_ranks(np.sort(others), len(own))
    result = np.empty(len(own))
    result[np.lexsort((rng.random(len(own)), own))] = target
    return result


def _least_change(own: NDArray[np.int64], others: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Categories: a row keeps its own as long as the target has any left of it; the rest is dealt out at random."""
    wanted = np.bincount(_at_own_ranks(np.sort(others).astype(np.float64), len(own)).astype(np.int64))
    wanted = np.pad(wanted, (0, max(0, int(own.max()) + 1 - len(wanted))))
    shuffled = rng.permutation(len(own))
    by_category = shuffled[np.argsort(own[shuffled], kind="stable")]
    categories = own[by_category]
    place = np.arange(len(own)) - np.searchsorted(categories, categories)
    keeps = place < wanted[categories]
    left = wanted - np.bincount(categories[keeps], minlength=len(wanted))
    result = own.copy()
    result[by_category[~keeps]] = rng.permutation(np.repeat(np.arange(len(wanted)), left))
    return result
