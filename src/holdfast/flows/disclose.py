"""The least that a caller needs to see of the scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.policy import Disclosure

Matrix = NDArray[np.float64]


def disclose(scores: Matrix, terms: Disclosure) -> Matrix:
    """The scores (n, classes) as the policy lets a caller see them; the highest stays the highest, alone.

    Rounded scores keep the decided class apart by one unit of the last digit where rounding would make a tie. What is
    left of the `top` classes is not scaled up again: that would give the others' sum away. A single column of chances
    is rounded to 0 and 1 where only the decision may be seen; a single column of values is what was asked for.
    """
    if terms.digits is None and terms.top is None and not terms.decision_only:
        return scores
    if scores.shape[1] < 2:
        is_chance = bool(np.all((scores >= 0) & (scores <= 1)))
        digits = 0 if terms.decision_only and is_chance else terms.digits
        return scores if digits is None else np.round(scores, digits)
    decided = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    if terms.decision_only:
        shown = np.zeros_like(scores)
        shown[rows, decided] = 1.0
        return shown
    shown = scores if terms.digits is None else np.round(scores, terms.digits)
    if terms.top is not None and terms.top < scores.shape[1]:
        rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable")
        shown = np.where(rank < terms.top, shown, 0.0)
    if terms.digits is None:
        return shown
    others = shown.copy()
    others[rows, decided] = -np.inf
    tied = others.max(axis=1) >= shown[rows, decided]
    shown = shown.copy()
    shown[rows[tied], decided[tied]] += 10.0**-terms.digits
    return np.round(shown, terms.digits)
