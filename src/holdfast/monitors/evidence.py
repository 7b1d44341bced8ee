"""Evidence that a share is higher than it may be, that holds however often somebody looks.

Who claims that at most `limit` of somebody's rows are of a kind is bet against: on five higher shares, from each batch
on with a part of the money. Where the claim is true, the money is expected not to grow, whatever was seen before, so
that it becomes a hundred times as much with a chance of one in a hundred at most, ever (Ville 1939; Shafer 2021,
"Testing by betting"). The claim is a limit and no usual share: people differ, and who is a little unlike others is not
to be accused because many rows say so.

Rows of one day resemble each other: a batch counts for at most `WORTH` rows, however many it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.int64]

WORTH = 200.0
"""Rows for which those of one batch count at most."""

ABOVE = (0.1, 0.25, 0.5, 0.75, 0.95)
"""The shares that are bet on, as parts of the way from the limit to all rows."""

LEVEL = 0.01
"""The chance of a false alarm, ever, about anybody of those that are watched together."""


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """What betting about P callers made of 1: `money` (T, P), its logarithm.

    `alarm` (P,) is the first batch at which the money reached its threshold, -1 where it never did; `since` (P,) the
    batch from which on most was won by then (without an alarm: by the end), where Page's CUSUM (1954) last was empty.
    """

    money: Array
    since: Places
    alarm: Places


def threshold(watched: int, level: float = LEVEL) -> float:
    """How much money is enough where so many are watched: all share the chance of one false alarm."""
    return log(max(1, watched) / level)


def raised(share: Array, odds: float) -> Array:
    """The share whose odds are so many times those of `share`."""
    return np.asarray(odds * share / (1 + (odds - 1) * share))


def stakes(hits: Array, rows: Array, limit: Array) -> Array:
    """What bets win that more than `limit` of the `rows` are `hits`, all (T, P): logarithms (T, P, 5)."""
    limit = np.clip(limit, 1e-6, 1 - 1e-6)[..., None]
    higher = limit + (1 - limit) * np.array(ABOVE)
    won = hits[..., None] * np.log(higher / limit) + (rows - hits)[..., None] * np.log((1 - higher) / (1 - limit))
    return np.asarray(won / (1 + rows / WORTH)[..., None])


def bet(won: Array, enough: float) -> Grown:
    """What becomes of 1 that k gamblers share, where `won` (T, P, k) is the logarithm by which each multiplies it.

    At each batch a part of what was held back comes into play, so that a late change is found, too.
    """
    T, P, k = won.shape
    money, run, begun = np.full((P, k), -np.inf), np.zeros((P, k)), np.zeros((P, k), dtype=np.int64)
    path, since, alarm = np.zeros((T, P)), np.zeros(P, dtype=np.int64), np.full(P, -1, dtype=np.int64)
    for t in range(T):
        fresh = -log((t + 1.0) * (t + 2.0) * k)  # 1/(1 * 2) + 1/(2 * 3) + ... = 1
        begun, run = np.where(run <= 0, t, begun), np.maximum(run, 0.0) + won[t]
        money = np.logaddexp(money, fresh) + won[t]
        path[t] = np.logaddexp(np.logaddexp.reduce(money, axis=1), -log(t + 2.0))
        since = np.where(alarm < 0, begun[np.arange(P), run.argmax(axis=1)], since)
        alarm = np.where((alarm < 0) & (path[t] >= enough), t, alarm)
    return Grown(path, since, alarm)
