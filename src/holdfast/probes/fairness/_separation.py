"""How well one feature alone tells each group from everyone else, from counts by bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Feature, Kind

Array = NDArray[np.float64]
BINS = 32


@dataclass(frozen=True, eq=False)
class Separation:
    """Area under the ROC curve and its standard error by group, float64 (groups,); 0.5 tells nothing."""

    auc: Array
    error: Array


def binned(values: Array, features: tuple[Feature, ...]) -> NDArray[np.int64]:
    """Bin numbers (n,) of one feature or one-hot group, `values` (n, columns): quantiles, categories; missing apart."""
    if len(features) == 1 and features[0].kind is not Kind.CATEGORY:
        column = values[:, 0]
        present = column[np.isfinite(column)]
        if not len(present):
            return np.zeros(len(column), dtype=np.int64)
        edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        # left of its edge, so that a value which is itself an edge (a spike at 0) keeps its own bin
        return np.where(np.isfinite(column), np.searchsorted(edges, column, side="left"), len(edges) + 1)
    patterns = np.unique(np.nan_to_num(values, nan=np.inf), axis=0, return_inverse=True)[1]
    return np.asarray(patterns.reshape(-1), dtype=np.int64)


def separation(bins: NDArray[np.int64], codes: NDArray[np.int64], groups: int, half: NDArray[np.bool_]) -> Separation:
    """Each group's AUC against everyone else; all codes known.

    The order of the bins is learnt on one half of the rows and scored on the other, both ways, so that chance alone
    gives 0.5 on average, whatever the number of bins and whatever the feature's shape.
    """
    size = int(bins.max()) + 1
    tables = [
        np.bincount(bins[part] * groups + codes[part], minlength=size * groups).reshape(size, groups).astype(np.float64)
        for part in (half, ~half)
    ]
    scored = [_scored(learn, test) for learn, test in (tables, tables[::-1])]
    auc = (scored[0][0] + scored[1][0]) / 2
    return Separation(auc, np.sqrt(scored[0][1] + scored[1][1]) / 2)


def _scored(learn: Array, test: Array) -> tuple[Array, Array]:
    """AUC and its DeLong variance by group of the `test` counts (bins, groups), bins ordered by `learn`."""
    base = learn.sum(axis=0) / max(learn.sum(), 1)
    order = np.argsort((learn + base) / (learn.sum(axis=1, keepdims=True) + 1), axis=0, kind="stable")
    inside = np.take_along_axis(test, order, axis=0)
    outside = test.sum(axis=1)[order] - inside
    members, others = np.maximum(inside.sum(axis=0), 1), np.maximum(outside.sum(axis=0), 1)
    above = (np.cumsum(outside, axis=0) - outside / 2) / others
    below = 1 - (np.cumsum(inside, axis=0) - inside / 2) / members
    auc = (inside * above).sum(axis=0) / members
    variance = (inside * (above - auc) ** 2).sum(axis=0) / members**2 + (outside * (below - auc) ** 2).sum(
        axis=0
    ) / others**2
    return auc, variance
