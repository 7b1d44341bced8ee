"""A model whose reasons jump between near twins, and one whose reasons hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.probes.contract import Case
from holdfast.testing.tables import Matrix, case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial


def _holds(seed: int) -> Case:
    from sklearn.ensemble import HistGradientBoostingClassifier

    train, test = credit_rows(1_500, 2 * seed), credit_rows(600, 2 * seed + 1)
    model = HistGradientBoostingClassifier(max_depth=3, max_iter=40, random_state=0).fit(train.X, train.y)
    return case_of(model, credit_schema(), train, test, seed=seed)


def _jumps(seed: int) -> Case:
    """Which column weighs most depends on the last digits of income and debt, as in a lookup of training rows."""
    case = _holds(seed)

    def answer(X: Matrix) -> NDArray[np.float64]:
        unit = (X - case.test.X.mean(axis=0)) / case.test.X.std(axis=0)
        phase = 400 * (unit[:, :1] + unit[:, 1:2])
        weights = np.sin(phase + np.arange(X.shape[1]) * 2.4)
        yes = 1 / (1 + np.exp(-3 * (weights * unit).sum(axis=1)))
        return np.column_stack([1 - yes, yes])

    return case_of(None, case.schema, case.train, case.test, seed=seed, answer=answer)


reason_codes = Trial(planted=_jumps, clean=_holds, finds="unstable-reasons")
