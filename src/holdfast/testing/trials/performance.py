"""Models that know nothing, promise too much, fail in one slice or met their test rows before; and good ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial

BUSINESS = 3
"""Code of the purpose ``business``."""


def _rows(seed: int) -> tuple[Dataset, Dataset]:
    """Training and test rows."""
    return credit_rows(2_000, 2 * seed), credit_rows(1_500, 2 * seed + 1)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(40, min_samples_leaf=5, random_state=0)


def _good(seed: int) -> Case:
    train, test = _rows(seed)
    return case_of(_forest().fit(train.X, train.y), credit_schema(), train, test, seed=seed)


def _learnt_nothing(seed: int) -> Case:
    train, test = _rows(seed)
    shuffled = np.random.default_rng(seed).permutation(np.asarray(train.y))
    return case_of(_forest().fit(train.X, shuffled), credit_schema(), train, test, seed=seed)


def _sure_of_itself(seed: int) -> Case:
    """A tree grown until every leaf is pure states 0 or 1 and nothing between."""
    from sklearn.tree import DecisionTreeClassifier

    train, test = _rows(seed)
    model = DecisionTreeClassifier(random_state=0).fit(train.X, train.y)
    return case_of(model, credit_schema(), train, test, seed=seed)


def _honest(seed: int) -> Case:
    """Logistic regression on what the labels follow: income and debt by their logarithm and ratio."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def telling(X: Any) -> Any:
        return np.column_stack([np.log(X[:, 0]), X[:, 1] / X[:, 0], X[:, 2], X[:, 4], X[:, 5] == 1])

    train, test = _rows(seed)
    model = make_pipeline(FunctionTransformer(telling), StandardScaler(), LogisticRegression())
    return case_of(model.fit(train.X, train.y), credit_schema(), train, test, seed=seed)


def _blind_in_one_slice(seed: int) -> Case:
    """Training labels of business loans were turned round on their way to the model."""
    train, test = _rows(seed)
    business = train.X[:, credit_schema().index("purpose")] == BUSINESS
    labels = np.where(business, 1 - np.asarray(train.y), np.asarray(train.y))
    return case_of(_forest().fit(train.X, labels), credit_schema(), replace(train, y=labels), test, seed=seed)


def _tested_on_training_rows(seed: int) -> Case:
    train, test = _rows(seed)
    mixed = np.random.default_rng(seed).permutation(len(test))
    X, y = test.X.copy(), np.asarray(test.y).copy()
    X[mixed[:200]], y[mixed[:200]] = train.X[:200], np.asarray(train.y)[:200]
    return case_of(_forest().fit(train.X, train.y), credit_schema(), train, replace(test, X=X, y=y), seed=seed)


discrimination = Trial(planted=_learnt_nothing, clean=_good, finds="no-better-than-guessing")
calibration = Trial(planted=_sure_of_itself, clean=_honest, finds="miscalibrated")
worst_slices = Trial(planted=_blind_in_one_slice, clean=_good, finds="weak-slice")
overlap = Trial(planted=_tested_on_training_rows, clean=_good, finds="test-rows-in-training")
