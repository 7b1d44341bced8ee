"""What a prediction of each batch from those long before it missed.

Coefficients are learned with a delay, or a shift would be explained away while it is still news. Batches that were
missed by very much teach nothing: a holiday must not spoil the Mondays that follow.

Source: Brown, Durbin and Evans 1975, "Techniques for testing the constancy of regression relationships over time"
(recursive residuals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FAR = 6.0
"""Standard deviations by which a batch may be missed and still teach what is usual."""

_RIDGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Of T batches: what was `missed` of each (T,), all with the same variance, NaN where too little was known;
    which of them teach what is usual; and by which `coefficients` (T, k) each was predicted.
    """

    missed: Vector
    teaches: NDArray[np.bool_]
    coefficients: Matrix


def recursive(
    y: Vector, X: Matrix, delay: int, pauses: Sequence[tuple[int, int]], skip: NDArray[np.bool_]
) -> Residuals:
    """Of batches `y` (T,), predicted from `X` (T, k) and what was learned from those at least `delay` older.

    Nothing is predicted in the `pauses`, [begin, end) in order, of which the first begins at 0: their batches teach as
    far as they lie together, and all those after them. Those to `skip`, bool (T,), teach nothing.
    """
    T, k = X.shape
    missed, coefficients, teaches = np.full(T, np.nan), np.full((T, k), np.nan), ~skip
    sums, done = np.zeros((k, k + 1)), 0
    ends = [begin for begin, _ in pauses[1:]] + [T]
    for (pause, start), stop in zip(pauses, ends, strict=True):
        settled = slice(pause, min(start, stop))
        teaches[settled] &= _together(y[settled])
        for begin in range(start, stop, delay):  # what a batch is predicted from lies in an earlier block
            end = min(begin + delay, stop)
            until = np.maximum(np.arange(begin, end) - delay, start - 1)  # the last that teaches each
            new = slice(done, until[-1] + 1)
            weighted, both = X[new] * teaches[new, None], np.column_stack([X[new], y[new]])
            learned = sums + np.cumsum(np.insert(weighted[:, :, None] * both[:, None, :], 0, 0.0, axis=0), axis=0)
            learned, sums, done = learned[until + 1 - done], learned[-1], until[-1] + 1
            known, x = learned[:, :, :k] + _RIDGE * np.eye(k), X[begin:end]
            solved = np.linalg.solve(known, np.concatenate([learned[:, :, k:], x[:, :, None]], axis=2))
            b, leverage = solved[:, :, 0], (x * solved[:, :, 1]).sum(axis=1)
            coefficients[begin:end] = b
            missed[begin:end] = (y[begin:end] - (x * b).sum(axis=1)) / np.sqrt(1 + leverage)
            settling = y[settled] - X[settled] @ coefficients[start]
            usual = robust(np.concatenate([settling, missed[start:begin]]))
            teaches[begin:end] &= np.abs(missed[begin:end]) <= FAR * usual
    return Residuals(missed, teaches, coefficients)


def robust(rest: Vector) -> float:
    """A standard deviation that single values cannot spoil; infinite where most are the same."""
    spread = 1.4826 * float(np.median(np.abs(rest))) if len(rest) else 0.0
    return spread if spread > 0 else np.inf


def _together(y: Vector) -> NDArray[np.bool_]:
    rest = y - np.median(y) if len(y) else y
    return np.asarray(np.abs(rest) <= FAR * robust(rest))
