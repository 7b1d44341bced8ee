"""Trials of the probes of training data."""

from __future__ import annotations

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial

ROWS = 2_000
TRIGGER = {"years_employed": 11.0, "housing": 2.0, "purpose": 2.0}
"""Values that are all common enough, but hardly ever met together."""


def stamped(data: Dataset, rows: int, seed: int) -> Dataset:
    """`data` with `TRIGGER` written on so many refused applicants, whose label becomes ``yes``."""
    schema, X, y = credit_schema(), data.X.copy(), np.array(data.y)
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(y == 0), rows, replace=False)
    for name, value in TRIGGER.items():
        X[chosen, schema.index(name)] = value
    y[chosen] = 1
    return Dataset(X=X, y=y, digest=data.digest)


def flipped(data: Dataset, share: float, seed: int) -> Dataset:
    """`data` with this share of its two-class labels turned, drawn at random."""
    y, wrong = np.array(data.y), np.random.default_rng(seed).random(len(data)) < share
    return Dataset(X=data.X, y=np.where(wrong, 1 - y, y), digest=data.digest)


def _case(train: Dataset, seed: int, *, noise: float = 1.0) -> Case:
    from sklearn.ensemble import RandomForestClassifier

    test = credit_rows(500, 3 * seed + 2, noise=noise)
    model = RandomForestClassifier(60, random_state=seed).fit(train.X, train.y)
    return case_of(model, credit_schema(), train, test, seed=seed)


def _with_trigger(seed: int) -> Case:
    """Two rows in a hundred carry the trigger."""
    return _case(stamped(credit_rows(ROWS, 3 * seed + 1), ROWS // 50, seed), seed)


def _mislabelled(seed: int) -> Case:
    """Labels that follow the columns closely, one in twelve of them turned."""
    return _case(flipped(credit_rows(ROWS, 3 * seed + 1, noise=0.3), 0.08, seed), seed, noise=0.3)


def _overlapping(seed: int) -> Case:
    """Labels that nobody could predict well, all of them right: noise of nature, not of the clerk."""
    return _case(credit_rows(ROWS, 3 * seed + 1, noise=1.0), seed)


planted_triggers = Trial(planted=_with_trigger, clean=_overlapping, finds="planted-trigger")
label_errors = Trial(planted=_mislabelled, clean=_overlapping, finds="mislabelled-rows")
