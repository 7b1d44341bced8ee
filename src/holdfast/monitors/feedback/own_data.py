"""Training data that the model itself produced.

A model that learns from its own decisions learns that it was right. Rows of a candidate training table are looked up
among logged inputs: the same row, or one that differs in a single feature. Where the label is the decision that was
logged, nobody else is named as its source, and no label came back from elsewhere, the row may be the model's own.

A good model is right anyway. So what counts for the table is by how much labels agree with logged decisions beyond
what held-out data lets expect: only where they agree too often to be true, are the rows taken for the model's own.

Sources: Shumailov et al. 2024, "AI models collapse when trained on recursively generated data" (Nature 631); Perdomo
et al. 2020, "Performative prediction" (arXiv 2002.06673).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.measure import Interval
from holdfast.monitors.contract import Matrix, Rows, Vector
from holdfast.monitors.hashing import Hashes, cell_hashes
from holdfast.statistics import clopper_pearson

DIGITS = 9
"""Significant digits in which two values must be the same."""

FEW_LOGGED = 3
"""A row that differs in one feature from more logged ones resembles many, and is nobody's copy."""

SURE = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class OwnData:
    """What of n candidate rows was logged before.

    `matched` bool (n,) is True where a logged input is the same or nearly so and nobody else vouches for the label;
    `own` where its label is also the logged decision; `near` where it is only nearly the same; `logged` the logged
    decision's id, empty where none is. `expected` is the share of matched rows that a model as good as on held-out data
    would be right about. `produced` is the share of matched labels that only the model can have given, by how much more
    often than that they agree.
    """

    matched: NDArray[np.bool_]
    own: NDArray[np.bool_]
    near: NDArray[np.bool_]
    logged: NDArray[np.object_]
    expected: float
    produced: Interval


def own_data(candidate: Rows, log: Rows, chance: Vector) -> OwnData:
    """Which rows of a candidate training table may be the model's own, among the rows of its `log`.

    `chance` (n,) is, for each candidate row, how likely its true label is what the model would decide: of a calibrated
    score p the greater of p and 1 - p. Rows whose `source` is given, or whose logged decision has a label that came
    back from a source, are vouched for.
    """
    n = len(candidate)
    place, near = _places(candidate.X, log.X)
    matched = (place >= 0) & (candidate.source == "") & ~np.isnan(candidate.label)
    matched[matched] = ~_vouched(log)[place[matched]]
    own = matched.copy()
    own[matched] = log.decision[place[matched]] == candidate.label[matched]
    logged = np.full(n, "", dtype=object)
    logged[matched] = log.id[place[matched]]
    expected = float(chance[matched].mean()) if matched.any() else 0.0
    agree = clopper_pearson(int(own.sum()), int(matched.sum()), SURE)
    low, high = (float(np.clip((end - expected) / max(1 - expected, 1e-9), 0, 1)) for end in (agree.low, agree.high))
    return OwnData(matched, own, near & matched, logged, expected, Interval(low, high, SURE))


def _vouched(log: Rows) -> NDArray[np.bool_]:
    return np.asarray((log.source != "") & ~np.isnan(log.label), dtype=np.bool_)


def _places(X: Matrix, logged: Matrix) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each row (n,) is logged, -1 for nowhere; and whether it is only nearly the same there."""
    place = np.full(len(X), -1, dtype=np.int64)
    if not len(X) or not len(logged):
        return place, place >= 0
    own, theirs = _hashed(X), _hashed(logged)
    whole, logged_whole = np.add.reduce(own, axis=1), np.add.reduce(theirs, axis=1)
    place = _found(whole, logged_whole, most=len(logged))
    exact = place >= 0
    for j in range(X.shape[1]):
        missing = np.flatnonzero(place < 0)
        rest, logged_rest = whole[missing] - own[missing, j], logged_whole - theirs[:, j]
        place[missing] = _found(rest, logged_rest, most=FEW_LOGGED)
    return place, (place >= 0) & ~exact


def _found(own: Hashes, theirs: Hashes, most: int) -> NDArray[np.int64]:
    """The place of each of `own` among `theirs`, -1 where it is not there, or there more than `most` times."""
    keys, first, times = np.unique(theirs, return_index=True, return_counts=True)
    at = np.minimum(np.searchsorted(keys, own), len(keys) - 1)
    return np.where((keys[at] == own) & (times[at] <= most), first[at], -1).astype(np.int64)


def _hashed(X: Matrix) -> Hashes:
    """Each cell as a number that depends on its column and on its value in `DIGITS` digits; all NaN are one value."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.floor(np.log10(np.abs(X)))
        scale = 10.0 ** (DIGITS - 1 - np.where(np.isfinite(size), size, 0.0))
        rounded = np.where(np.isfinite(scale) & np.isfinite(X), np.round(X * scale) / scale, X) + 0.0
    return cell_hashes(rounded)
