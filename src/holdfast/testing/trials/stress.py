"""Models whose answers hang by a thread, and twins that stand firm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.probes.contract import Case
from holdfast.testing.tables import Matrix, case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial


def _model(seed: int) -> tuple[Any, Case]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = credit_rows(1_000, 2 * seed), credit_rows(600, 2 * seed + 1)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.X, train.y)
    return model, case_of(model, credit_schema(), train, test, seed=seed)


def _firm(seed: int) -> Case:
    return _model(seed)[1]


def _brittle(seed: int) -> Case:
    """The third digit of the income decides as much as all else together, as in a model fitted to noise."""
    model, case = _model(seed)

    def answer(X: Matrix) -> NDArray[np.float64]:
        logit = model.decision_function(X) + 4 * np.sin(20 * X[:, 0])
        yes = 1 / (1 + np.exp(-logit))
        return np.column_stack([1 - yes, yes])

    return case_of(model, case.schema, case.train, case.test, seed=seed, answer=answer)


def _by_batch(seed: int) -> Case:
    """Every row is scaled by the mean of the batch that it comes in."""
    model, case = _model(seed)

    def answer(X: Matrix) -> NDArray[np.float64]:
        relative = X.copy()
        relative[:, 0] = X[:, 0] - X[:, 0].mean() + 55
        return np.asarray(model.predict_proba(relative))

    return case_of(model, case.schema, case.train, case.test, seed=seed, answer=answer)


degraded_inputs = Trial(planted=_brittle, clean=_firm, finds="brittle-under-noise")
consistency = Trial(planted=_by_batch, clean=_firm, finds="answer-depends-on-alone")
