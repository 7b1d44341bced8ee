"""Each feature's share in a model's decisions: by which drift and other changes of the inputs are weighed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.profile import Numbers
from holdfast.domain.schema import Schema
from holdfast.explanations.contributions import contributions
from holdfast.explanations.groups import group_columns
from holdfast.ports import FloatMatrix, Target
from holdfast.targets.direct import Contributing

EXPLAINED, COMPARED = 200, 100
"""Rows that are explained, and people whom they are compared with, where the structure of the model tells."""

ASKED_EXPLAINED, ASKED_COMPARED, WALKED = 40, 20, 2
"""The same where the model is asked, and walks from each of the people."""

CELLS = 60_000_000
MOST_CLASSES = 5


def weigh_features(target: Target, schema: Schema, rows: FloatMatrix, *, seed: int = 0) -> Numbers:
    """Mean absolute contribution of each column to the score, as shares in schema order that sum to 1.

    `rows` (n, features) are usual ones, ten at least; without them there are no weights: (). Where the model is asked,
    a one-hot group is one player, and its share is dealt out evenly among its columns, as is that of columns which are
    too many to be told apart. Of more than two classes, each counts by how often it is decided. A model that no column
    moves has equal weights.
    """
    if len(rows) < 10:
        return ()
    rng = np.random.default_rng(seed)
    by_structure = isinstance(target, Contributing) and target.additive is not None
    explained, people = _samples(rows, rng, by_structure)
    total = np.zeros(rows.shape[1])
    for outcome, share in _outcomes(target, schema, explained):
        found = contributions(
            target,
            schema,
            explained,
            people,
            outcome=outcome,
            rng=rng,
            groups=() if by_structure else group_columns(schema),
            walked=WALKED,
        )
        size = np.abs(found.values).mean(axis=0)
        for weight, columns in zip(size, found.groups, strict=True):
            total[columns] += share * weight / len(columns)
    whole = float(total.sum())
    return tuple((total / whole if whole > 0 else np.full(len(total), 1 / max(1, len(total)))).tolist())


def _samples(rows: FloatMatrix, rng: np.random.Generator, by_structure: bool) -> tuple[FloatMatrix, FloatMatrix]:
    """Rows to explain and people to compare with: fewer of a wide table where the model is asked."""
    explained, compared = (EXPLAINED, COMPARED) if by_structure else (ASKED_EXPLAINED, ASKED_COMPARED)
    order, width = rng.permutation(len(rows)), rows.shape[1]
    if not by_structure:
        turns = min(width, 128)
        explained = max(4, min(explained, CELLS // (compared * WALKED * (turns + 1) * width)))
    return rows[np.sort(order[:explained])], rows[np.sort(order[-compared:])]


def _outcomes(target: Target, schema: Schema, rows: FloatMatrix) -> list[tuple[int | None, float]]:
    """Classes whose scores are weighed, and by how much."""
    if not schema.task.is_classification:
        return [(None, 1.0)]
    if len(schema.classes) <= 2 or schema.favourable is not None:
        return [(1 if schema.favourable is None else schema.favourable, 1.0)]
    decided: NDArray[np.int64] = target.predict(rows).astype(np.int64)
    times = np.bincount(decided, minlength=len(schema.classes))
    chosen = np.argsort(-times, kind="stable")[:MOST_CLASSES]
    return [(int(k), float(times[k])) for k in chosen if times[k]]
