"""Do the features still go together as they did? Each may be spread as before, and old people be poor who were rich.

Of each batch some rows are kept, as coarse levels, chosen by a hash so that samples of parts add up to a sample of the
whole. Two numbers a batch are watched: how well its rows go together by the pairs of features that ordinarily do so
most (mean pointwise mutual information, Fano 1961), and how far their kernel mean lies from the ordinary one (maximum
mean discrepancy, Gretton et al. 2012, "A kernel two-sample test", eq. 3, with a kernel of how many features have the
same level). A classifier is asked to tell the latest rows from ordinary ones (Lopez-Paz and Oquab 2017).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Direction, Measure
from holdfast.domain.watch import Baseline, Batch
from holdfast.monitors.contract import Fold, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.hashing import cell_hashes, mixed
from holdfast.monitors.joint import joint
from holdfast.monitors.levels import Levels

Codes = NDArray[np.int64]
Kernel = NDArray[np.float64]

BOND = Measure(
    "drift.bond",
    "How well features go together",
    "nats",
    Direction.NEUTRAL,
    "How much more often than by chance the values of a batch's rows meet, over the pairs of features that ordinarily "
    "go together, less what is ordinary; it falls where they come apart.",
)
KERNEL = Measure(
    "drift.kernel_distance",
    "How differently the features go together",
    "distance",
    Direction.LOWER_IS_BETTER,
    "The squared kernel distance of a batch's rows from ordinary ones, by all features at once; about 0 is as usual.",
)
SHARE = Measure(
    "drift.joint_share",
    "Share of rows that moved, all features together",
    "share",
    Direction.LOWER_IS_BETTER,
    "The least share of the latest rows that moved, as far as a classifier tells them from ordinary ones.",
    (0, 1),
)
AREA = Measure(
    "drift.joint_auc",
    "How well the latest rows are told from ordinary ones",
    "area",
    Direction.LOWER_IS_BETTER,
    "The area under the ROC curve of a classifier that is asked which rows are the latest; 0.5 is by chance.",
    (0, 1),
)
FEW = 10
"""Rows of a batch of which nothing is said."""

LEVELS = 32
"""More than any feature has."""

_BITS = np.uint64(12)
"""Of a hash that are left away, so that any reader of JSON keeps the others."""


@dataclass(frozen=True, slots=True)
class Params:
    """`kept` rows of each batch are compared, as at most `levels` levels of the `features` that weigh most, with at
    most `usual` ordinary ones; `window` batches are told from them by a classifier, where both have `fewest` rows.
    `sharp` says how much more alike rows are that share a feature more.
    """

    kept: int = 300
    levels: int = 6
    features: int = 40
    usual: int = 3_000
    window: int = 7
    fewest: int = 400
    sharp: float = 6.0


def _of(baseline: Baseline, rows: Rows, params: Params) -> Any:
    """Some rows: their hashes, smallest first, and their levels."""
    own = np.array([crc32(id.encode()) for id in rows.id.tolist()], dtype=np.uint64)
    hashed = mixed(cell_hashes(rows.X).sum(axis=1, dtype=np.uint64) + own) >> _BITS
    order = np.argsort(hashed, kind="stable")[: params.kept]
    codes = Levels(baseline, params.levels).codes(rows.X[order])[:, _columns(baseline, params)]
    return {"most": params.kept, "rows": [[int(h), *c] for h, c in zip(hashed[order], codes.tolist(), strict=True)]}


def _plus(a: Any, b: Any) -> Any:
    most = max(a["most"], b["most"])
    return {"most": most, "rows": sorted([*a["rows"], *b["rows"]])[:most]}


@monitor(
    title="Drift of all features together",
    question="Do the features still go together as they did?",
    measures=(BOND, KERNEL, SHARE, AREA),
    params=Params(),
    fold=Fold(_of, _plus),
    cost="some rows of each batch, and a small classifier",
    catalogue=("OWASP:ML08", "NISTAML:02"),
    trial="holdfast.testing.trials.drift:TOGETHER",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """What each batch's rows show against ordinary ones; and by which features the latest are told from those.

    Half of the kept rows of ordinary batches are what all batches are held against, by the other half of their own.
    """
    columns = _columns(seen.baseline, params)
    width = len(columns)
    kept = [_kept(batch, width) for batch in seen.batches]
    usual = _stacked([codes[~is_asked] for codes, is_asked in kept[: seen.ordinary]], width)[: params.usual]
    if not width or len(usual) < params.fewest / 2:
        return
    asked = [codes[is_asked] for codes, is_asked in kept]
    rows = np.array([batch.rows for batch in seen.batches], dtype=np.int64)
    yield Series(BOND.id, _bonds(asked, usual), rows)
    usual = usual[: params.fewest]
    inner = _mean_of_pairs(_kernel(usual, usual, params))
    values = np.array([_distance(some, usual, inner, params) for some in asked])
    yield Series(KERNEL.id, values, rows)
    before = _stacked([codes for codes, _ in kept[: seen.ordinary]], width)
    latest = _stacked([codes for codes, _ in kept[max(seen.past, seen.ordinary) :][-params.window :]], width)
    if min(len(before), len(latest)) >= params.fewest:
        names = [seen.baseline.schema.names[column] for column in columns]
        are_codes = np.ones(width, dtype=bool)
        found = joint(before.astype(float), latest.astype(float), names=names, labels=are_codes, seed=seen.seed)
        yield SHARE.of(found.distance, n=len(latest))
        yield AREA.of(found.auc, n=len(latest))


def _columns(baseline: Baseline, params: Params) -> list[int]:
    """The features that are compared: all, or those that weigh most."""
    weights = baseline.weights or (0.0,) * len(baseline.schema.features)
    order = sorted(range(len(weights)), key=lambda column: (-weights[column], column))
    return sorted(order[: params.features])


def _kept(batch: Batch, width: int) -> tuple[Codes, NDArray[np.bool_]]:
    """The kept rows of a batch as levels (k, features), and which half of them is held against the usual, (k,)."""
    text = batch.fact("drift.together")
    rows = np.array(json.loads(text)["rows"] if text else [], dtype=np.int64).reshape(-1, width + 1)
    return rows[:, 1:], rows[:, 0] % 2 == 1


def _stacked(parts: list[Codes], width: int) -> Codes:
    return np.concatenate(parts) if parts else np.empty((0, width), dtype=np.int64)


def _bonds(asked: list[Codes], usual: Codes) -> Kernel:
    """Of each batch's rows the mean pointwise mutual information over the pairs that ordinarily have most of it, less
    what is ordinary; NaN of fewer than ten rows.
    """
    pairs = sorted(combinations(range(usual.shape[1]), 2), key=lambda pair: -_pair(usual, *pair)[1])
    bonds = [(i, j, _pair(usual, i, j)[0]) for i, j in pairs[: 2 * usual.shape[1]] if _pair(usual, i, j)[1] > 0]
    if not bonds:
        return np.full(len(asked), np.nan)

    def mean(rows: Codes) -> float:
        return float(np.mean([table[rows[:, i], rows[:, j]].mean() for i, j, table in bonds]))

    ordinary = mean(usual)
    return np.array([mean(rows) - ordinary if len(rows) >= FEW else np.nan for rows in asked])


def _pair(usual: Codes, i: int, j: int) -> tuple[Kernel, float]:
    """The pointwise mutual information of two features' levels, and their mutual information beyond chance (Miller
    1955). Half a row more in each cell, so that what never met is rare and not impossible.
    """
    counts = np.full((LEVELS, LEVELS), 0.5)
    np.add.at(counts, (usual[:, i], usual[:, j]), 1.0)
    joint_share = counts / counts.sum()
    alone = joint_share.sum(axis=1, keepdims=True) * joint_share.sum(axis=0, keepdims=True)
    table = np.log(joint_share / alone)
    seen = np.array([len(np.unique(usual[:, k])) for k in (i, j)]) - 1
    return table, float((joint_share * table).sum()) - float(seen.prod()) / (2 * len(usual))


def _kernel(a: Codes, b: Codes, params: Params) -> Kernel:
    same = np.zeros((len(a), len(b)))
    for j in range(a.shape[1]):
        same += a[:, j, None] == b[None, :, j]
    return np.asarray(np.exp(params.sharp * (same / a.shape[1] - 1)))


def _mean_of_pairs(kernel: Kernel) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))


def _distance(rows: Codes, usual: Codes, inner: float, params: Params) -> float:
    """The unbiased estimate of the squared distance; NaN of fewer than ten rows."""
    if len(rows) < FEW:
        return float("nan")
    return _mean_of_pairs(_kernel(rows, rows, params)) + inner - 2 * float(_kernel(rows, usual, params).mean())
