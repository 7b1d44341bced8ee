"""Bets on ranks: where nothing changed a rank is a fair coin, and whoever bets on it does not become rich.

Sources: Ville 1939, "Étude critique de la notion de collectif"; Vovk, Gammerman and Shafer 2005, "Algorithmic learning
in a random world", chapter 7 (betting on ranks); Shin, Ramdas and Rinaldo 2022, "E-detectors" (arXiv 2203.03532).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ANY_SIDE = np.array([side * size for size in (0.5, 1.0, 2.0, 3.0) for side in (-1, 1)])
UPWARDS = np.array([0.5, 1.0, 2.0, 3.0])
"""The stakes of those who bet, each with the same share: on a rank that is high, or low where they are negative."""

SOON = 30
"""Batches in whose course about a third of the money is given to those who begin."""

_TO_UNIT = sqrt(12)


def rank(value: float, past: list[float], tie: float) -> float:
    """Where a value stands among sorted ones and itself, between 0 and 1; `tie`, uniform there, breaks ties."""
    below = bisect_left(past, value)
    same = bisect_right(past, value) - below
    return (below + tie * (same + 1)) / (len(past) + 1)


def ranks(values: Vector, joins: NDArray[np.bool_], ties: Vector) -> Vector:
    """Where each of the values (T,) stands among those before it that join; NaN for one that is NaN."""
    past: list[float] = []
    found = np.full(len(values), np.nan)
    for t in np.flatnonzero(~np.isnan(values)).tolist():
        value = float(values[t])
        found[t] = rank(value, past, float(ties[t]))
        if joins[t]:
            insort(past, value)
    return found


def ranks_among(values: Vector, others: Vector, late: int, fewest: int, ties: Vector) -> Vector:
    """Where each of the values (T,) stands among the `others` (T,) that are at least `late` older; NaN where those are
    fewer than `fewest`.
    """
    past: list[float] = []
    found = np.full(len(values), np.nan)
    for t in range(late, len(values)):
        if not np.isnan(others[t - late]):
            insort(past, float(others[t - late]))
        if len(past) >= fewest and not np.isnan(values[t]):
            found[t] = rank(float(values[t]), past, float(ties[t]))
    return found


def bet(ranked: Vector, stakes: Vector, dear: float = 1.0) -> tuple[Vector, NDArray[np.int64]]:
    """The log of the money after each rank (T,), and at which of them the gambler who is richest then had begun.

    A gambler starts anew at each batch with a share of the money, one for each stake. Nobody bets where there is no
    rank (NaN). Bets are so many times as `dear` where the mean of several ranks varies so many times as much as that of
    fair ones.
    """
    on = np.flatnonzero(np.isfinite(ranked))
    gains = np.cumsum(stakes * (_TO_UNIT * (ranked[on, None] - 0.5)) - dear * _price(stakes), axis=0)
    shares, unspent = _shares(len(on))
    begins = np.log(shares / len(stakes))[:, None] - np.vstack([np.zeros(len(stakes)), gains])[:-1]
    money = np.logaddexp.reduce(gains + np.logaddexp.accumulate(begins, axis=0), axis=1)
    best, places = np.maximum.accumulate(begins, axis=0), np.arange(len(on))
    begun = np.maximum.accumulate(np.where(begins == best, places[:, None], 0), axis=0)
    begun = on[begun[places, np.argmax(gains + best, axis=1)]] if len(on) else on
    last = np.searchsorted(on, np.arange(len(ranked)), side="right")
    return np.append(0.0, np.logaddexp(money, np.log(unspent)))[last], np.append(0, begun)[last]


def _price(stakes: Vector) -> Vector:
    """What makes a bet on a fair rank fair: the log of the mean of exp(stake * sqrt(12) * (rank - 1/2))."""
    x = np.abs(stakes) * _TO_UNIT / 2
    return np.asarray(np.log(np.sinh(x) / x))


def _shares(T: int) -> tuple[Vector, Vector]:
    """With which share of the money a gambler begins at each batch, and what is left then: they fall slowly to 0."""
    left = 1 / np.sqrt(1 + np.arange(T + 1) / SOON)
    return np.asarray(left[:-1] - left[1:]), left[1:]
