"""Shapley values of single decisions, by antithetic permutations (Castro et al. 2009; Mitchell et al. 2022, §4).

Each permutation walks from a background row to the row that is explained, one player at a time; a player's value is
its mean step. The steps of one walk sum to the difference of the two scores, so the values always add up. A player is a
column; of a wide table's columns those that hardly move the score are one player together (Owen 1977).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from holdfast.ports import FloatMatrix

Score = Callable[[FloatMatrix], NDArray[np.float64]]


Players = tuple[NDArray[np.int64], ...]
"""What a walk changes at one step: the columns of each step."""


def alone(width: int) -> Players:
    """Each column as a player of its own."""
    return tuple(np.arange(width).reshape(-1, 1))


def players(score: Score, rows: FloatMatrix, donors: FloatMatrix, most: int) -> Players:
    """Each column alone; of more than 2 × `most` columns those that move the score most, and last all the others.

    Blocks of columns are weighed by the mean squared change of the score of `rows` (n, features) when they are taken
    from `donors` (n, features), which adds up over columns that act apart (total effects of groups, Saltelli et al.
    2010); the `most` heaviest are halved until they are columns (adaptive group testing, Hwang 1972). 2 × n × `most`
    rows are asked a halving.
    """
    d = rows.shape[1]
    blocks = np.array_split(np.arange(d), min(d, 2 * most))
    if d <= 2 * most:
        return tuple(blocks)
    kept = _heaviest(score, rows, donors, blocks, most)
    while any(len(block) > 1 for block in kept):
        halves = [half for block in kept for half in np.array_split(block, 2) if len(half)]
        kept = _heaviest(score, rows, donors, halves, most)
    alone = np.sort(np.concatenate(kept))
    return (*alone.reshape(-1, 1), np.setdiff1d(np.arange(d), alone))


def _heaviest(
    score: Score, rows: FloatMatrix, donors: FloatMatrix, blocks: list[NDArray[np.int64]], most: int
) -> list[NDArray[np.int64]]:
    asked = np.repeat(rows[None], len(blocks), axis=0)
    for k, block in enumerate(blocks):
        asked[k][:, block] = donors[:, block]
    change = score(asked.reshape(-1, rows.shape[1])).reshape(len(blocks), -1) - score(rows)
    order = np.argsort(-(change**2).mean(axis=1), kind="stable")[:most]
    return [blocks[k] for k in order]


def walks(
    score: Score,
    rows: FloatMatrix,
    background: FloatMatrix,
    turns: Players,
    *,
    permutations: int,
    rng: np.random.Generator,
    dealt: bool = False,
) -> NDArray[np.float64]:
    """Every walk's steps: float64 (permutations, n, players), `permutations` even; their mean is the Shapley value.

    Each row has an order of its own, walked forwards and backwards from the same background row, which cancels the odd
    part of the error. The background rows are drawn, or `dealt`: the first for the first row, and so on, over again.
    `score` maps (m, features) to (m,); it is asked n × players + n rows a walk.
    """
    steps = np.empty((permutations, len(rows), len(turns)))
    for pair in range(permutations // 2):
        order = rng.permuted(np.tile(np.arange(len(turns)), (len(rows), 1)), axis=1)
        places = np.arange(len(rows)) % len(background) if dealt else rng.integers(0, len(background), len(rows))
        steps[2 * pair] = _walk(score, rows, background[places], turns, order)
        steps[2 * pair + 1] = _walk(score, rows, background[places], turns, order[:, ::-1])
    return steps


def _walk(
    score: Score, rows: FloatMatrix, start: FloatMatrix, turns: Players, order: NDArray[np.int64]
) -> NDArray[np.float64]:
    """One walk's steps, (n, players), asked in one call; `order` (n, players) says whose turn comes when."""
    n, d = rows.shape
    owner = np.empty(d, dtype=np.int64)
    for player, columns in enumerate(turns):
        owner[columns] = player
    turn = np.argsort(order, axis=1)[:, owner]
    changed = turn[None] < np.arange(len(turns) + 1)[:, None, None]
    scores = score(np.where(changed, rows, start).reshape(-1, d)).reshape(len(turns) + 1, n)
    steps = np.empty((n, len(turns)))
    np.put_along_axis(steps, order, np.diff(scores, axis=0).T, axis=1)
    return steps


def top_reasons(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The `count` features that pull each row's score down most, (n, count), strongest first; ties by column."""
    return np.argsort(values, axis=1, kind="stable")[:, :count]


def overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of reasons that two lists of shape (n, count) have in common, (n,)."""
    common = (one[:, :, None] == other[:, None, :]).any(axis=2)
    return np.asarray(common.mean(axis=1))
