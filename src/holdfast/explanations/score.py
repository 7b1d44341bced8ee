"""Which score an explanation is about, and on which scale what features contribute adds up."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Schema, Task
from holdfast.explanations.walks import Score
from holdfast.ports import FloatMatrix, Target
from holdfast.targets.spec import Link

Vector = NDArray[np.float64]

BOUND = 0.001
"""Log-odds are those of chances between this and one minus this: beyond, a forest's 0 and 1 would rule everything."""


class Scale(StrEnum):
    """The unit of contributions."""

    LOG_ODDS = "log-odds"
    MARGIN = "log-weight against the average class"
    SHARE = "share"
    DECISION = "decided so or not"
    LOG = "logarithm of the value"
    VALUE = "value"


def log_odds(p: Vector) -> Vector:
    """Log-odds, bounded."""
    bounded = np.clip(p, BOUND, 1 - BOUND)
    return np.asarray(np.log(bounded / (1 - bounded)))


def answer_of(target: Target, rows: FloatMatrix, outcome: int | None) -> Vector:
    """The model's own score of the class `outcome`, or the value of a regression, (n,).

    Of a model that gives decisions only: 1 where it decides for that class, else 0.
    """
    if not target.gives_scores:
        return np.asarray(target.predict(rows) == outcome, dtype=np.float64)
    return np.asarray(target.scores(rows)[:, 0 if outcome is None else outcome])


def asked_score(target: Target, schema: Schema, outcome: int | None) -> tuple[Score, Scale]:
    """The score that is explained by asking: log-odds of the class `outcome`, or a regression's value."""
    if schema.task is Task.REGRESSION or outcome is None:
        return lambda rows: answer_of(target, rows, None), Scale.VALUE
    if not target.gives_scores:
        return lambda rows: answer_of(target, rows, outcome), Scale.DECISION
    return lambda rows: log_odds(answer_of(target, rows, outcome)), Scale.LOG_ODDS


def scale_of(link: Link, schema: Schema) -> Scale:
    """The scale on which a model's own contributions add up."""
    if link is Link.IDENTITY:
        return Scale.VALUE if schema.task is Task.REGRESSION else Scale.SHARE
    return {Link.LOGISTIC: Scale.LOG_ODDS, Link.SOFTMAX: Scale.MARGIN, Link.EXP: Scale.LOG}[link]


def linked(sums: FloatMatrix, link: Link, outcome: int | None) -> Vector:
    """What the model answers of the class `outcome` where its contributions add up to `sums` (n, outputs)."""
    single = sums.shape[1] == 1
    with np.errstate(over="ignore"):
        if link is Link.SOFTMAX:
            powers = np.exp(sums - sums.max(axis=1, keepdims=True))
            return np.asarray(powers[:, outcome or 0] / powers.sum(axis=1))
        if link is Link.LOGISTIC:
            return np.asarray(1 / (1 + np.exp(-sums[:, 0] if outcome == 1 else sums[:, 0])))
        return np.asarray(np.exp(sums[:, 0]) if link is Link.EXP else sums[:, 0 if single else outcome or 0])


def at_threshold(threshold: float, scale: Scale) -> float | None:
    """A threshold on the favourable class's chance, on a scale; None where it has no single place there."""
    if scale in (Scale.SHARE, Scale.DECISION):
        return threshold
    return float(np.log(threshold / (1 - threshold))) if scale is Scale.LOG_ODDS and 0 < threshold < 1 else None
