"""Learners that an outsider would use on row matrices: shared by the probes that train models of their own.

Rows are float64 (n, features) in schema order, categories as codes (-1 outside the list), NaN for missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema, Task

Matrix = NDArray[np.float64]

HISTOGRAM_BINS = 254
"""Categories beyond this many do not fit a histogram tree's bins: such a column is read as a number."""


def boosted(schema: Schema, *, seed: int, **settings: Any) -> Any:
    """Gradient-boosted histogram trees (Ke et al. 2017), unfitted; missing values and categories as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if schema.task.is_classification else HistGradientBoostingRegressor
    return kind(categorical_features=category_mask(schema), early_stopping=False, random_state=seed, **settings)


def forest(schema: Schema, *, seed: int, **settings: Any) -> Any:
    """A random forest (Breiman 2001), unfitted; categories as codes."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if schema.task.is_classification else RandomForestRegressor
    return kind(random_state=seed, **settings)


def category_mask(schema: Schema) -> list[bool]:
    """Which columns histogram trees should split by set rather than by order."""
    return [f.kind is Kind.CATEGORY and len(f.categories) <= HISTOGRAM_BINS for f in schema.features]


def probabilities(model: Any, rows: Matrix, schema: Schema) -> Matrix:
    """Class probabilities (n, classes) also for classes that `model` never saw; for regression its values (n, 1)."""
    if schema.task is Task.REGRESSION:
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(-1, 1)
    answer = np.zeros((len(rows), len(schema.classes)))
    answer[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(rows)
    return answer


def fitted(model: Any, rows: Matrix, labels: NDArray[Any], **settings: Any) -> Any:
    """`model` after fitting, also where learners refuse: labels all alike (a constant answer), a column all missing."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if len(np.unique(labels)) == 1:
        model = DummyClassifier() if hasattr(model, "predict_proba") else DummyRegressor()
    return model.fit(np.where(np.isnan(rows).all(axis=0), 0.0, rows), labels, **settings)


def encoder(schema: Schema) -> Any:
    """Rows to a dense design for linear models: standardised numbers with missing flags, one-hot categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    category = [j for j, f in enumerate(schema.features) if f.kind is Kind.CATEGORY]
    number = [j for j, f in enumerate(schema.features) if f.kind is not Kind.CATEGORY]
    numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("number", numbers, number), ("category", one_hot, category)], sparse_threshold=0)
