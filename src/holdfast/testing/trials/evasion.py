"""Trials of the probes that turn decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial

_BUSINESS = 3


def _prescreened(seed: int) -> Case:
    """A forest that learned a pilot's artefact: in its training data every business loan had been approved beforehand.

    The purpose is the applicant's own word, costs nothing to change, and says nothing about new applicants.
    """
    train, test = credit_rows(1500, 2 * seed + 1), credit_rows(1500, 2 * seed + 2)
    artefact = train.X[:, credit_schema().index("purpose")] == _BUSINESS
    return case_of(
        _forest(train.X, np.where(artefact, 1, np.asarray(train.y)), seed), credit_schema(), train, test, seed=seed
    )


def _sound(seed: int) -> Case:
    """The same forest on the same applicants without the artefact."""
    train, test = credit_rows(1500, 2 * seed + 1), credit_rows(1500, 2 * seed + 2)
    return case_of(_forest(train.X, train.y, seed), credit_schema(), train, test, seed=seed)


def _forest(X: NDArray[np.float64], y: Any, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(30, min_samples_leaf=10, random_state=seed).fit(X, y)


decision_based = Trial(planted=_prescreened, clean=_sound, finds="cheap-flip")
