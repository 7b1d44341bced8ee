"""Generated tables with known truth, for trials and tests: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.targets.direct import DirectTarget

Matrix = NDArray[np.float64]


def credit_schema() -> Schema:
    """Seven columns of a made-up credit decision; class 1 (``approved``) is favourable."""
    return Schema(
        task=Task.BINARY,
        features=(
            Feature("income", Kind.NUMBER, low=8, high=400, cost=1_000),
            Feature("debt", Kind.NUMBER, low=0, high=300, cost=1_000),
            Feature("years_employed", Kind.INTEGER, low=0, high=45, dtype="int64"),
            Feature("age", Kind.INTEGER, low=18, high=90, immutable=True, dtype="int64"),
            Feature("late_payments", Kind.INTEGER, low=0, high=12, dtype="int64"),
            Feature("housing", Kind.CATEGORY, categories=("own", "rent", "other"), cost=5_000, dtype="str"),
            Feature("purpose", Kind.CATEGORY, categories=("car", "home", "study", "business"), dtype="str"),
        ),
        target="approved",
        classes=("no", "yes"),
        favourable=1,
        protected=("sex",),
    )


def credit_rows(n: int, seed: int, *, noise: float = 1.0) -> Dataset:
    """`n` applicants whose approval follows income, debt, employment and late payments, plus logistic noise.

    `sex` is drawn independently of everything: the table is fair by construction.
    """
    rng = np.random.default_rng(seed)
    income = np.clip(rng.lognormal(4.0, 0.5, n), 8, 400)
    debt = np.clip(income * rng.beta(2, 5, n), 0, 300)
    years = rng.integers(0, 46, n)
    age = np.clip(18 + years + rng.integers(0, 30, n), 18, 90)
    late = np.minimum(rng.poisson(1.0, n), 12)
    housing, purpose = rng.integers(0, 3, n), rng.integers(0, 4, n)
    X = np.column_stack([income, debt, years, age, late, housing, purpose]).astype(np.float64)
    logit = (
        1.5 * np.log(income / 55)
        - 3 * (debt / income - 0.28)
        + 0.03 * (years - 22)
        - 0.8 * (late - 1)
        - 0.5 * (housing == 1)
    )
    y = (logit * 1.5 + noise * rng.logistic(0, 1, n) > 0).astype(np.int64)
    return Dataset(
        X=X,
        y=y,
        protected={"sex": Attribute(rng.integers(0, 2, n), ("female", "male"))},
        digest=f"generated:{seed}",
    )


def case_of(
    model: Any,
    schema: Schema,
    train: Dataset | None,
    test: Dataset,
    *,
    seed: int = 0,
    threshold: float = 0.5,
    answer: Callable[[Matrix], NDArray[Any]] | None = None,
) -> Case:
    """A Case around a model fitted on row matrices: anything with ``predict_proba``, or ``predict`` for regression."""
    ask = answer or (model.predict if schema.task is Task.REGRESSION else model.predict_proba)
    return Case(
        target=DirectTarget(ask, schema, threshold=threshold),
        schema=schema,
        test=test,
        train=train,
        seed=seed,
    )
