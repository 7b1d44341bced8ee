"""Learners that an outsider would use on row matrices: shared by the probes that train models of their own.

Rows are float64 (n, features) in schema order, categories as codes (-1 outside the list), NaN for missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.schema import Kind, Schema, Task

Matrix = NDArray[np.float64]

HISTOGRAM_BINS = 254
"""Categories beyond this many do not fit a histogram tree's bins: such a column is read as a number."""

MOST_COLUMNS = 256
"""Columns of a wide table that histogram trees see."""

BLOCK = 1 << 22
"""Cells looked at together when columns are compared."""


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


def category_mask(schema: Schema, bins: int = HISTOGRAM_BINS) -> list[bool]:
    """Which columns histogram trees with so many bins should split by set rather than by order."""
    return [f.kind is Kind.CATEGORY and len(f.categories) <= bins for f in schema.features]


def probabilities(model: Any, rows: Matrix, schema: Schema) -> Matrix:
    """Class probabilities (n, classes) also for classes that `model` never saw; for regression its values (n, 1)."""
    if schema.task is Task.REGRESSION:
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(-1, 1)
    answer = np.zeros((len(rows), len(schema.classes)))
    answer[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(rows)
    return answer


def fitted(model: Any, rows: Matrix, labels: NDArray[Any], **settings: Any) -> Any:
    """`model` after fitting, also where learners refuse: labels all alike (a constant answer), a column all missing.

    Histogram trees, whose cost grows with every column, see the `MOST_COLUMNS` that vary most with `labels`.
    """
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if len(np.unique(labels)) == 1:
        model = DummyClassifier() if hasattr(model, "predict_proba") else DummyRegressor()
    elif rows.shape[1] > MOST_COLUMNS and hasattr(model, "categorical_features"):
        model = Narrowed(model, MOST_COLUMNS)
    return model.fit(np.where(np.isnan(rows).all(axis=0), 0.0, rows), labels, **settings)


class Narrowed:
    """Histogram trees over the `most` columns of a wide table that vary most with the labels that they are taught.

    A screen by marginal association (sure independence screening, Fan and Lv 2008), on the rows of the fit alone.
    """

    def __init__(self, model: Any, most: int) -> None:
        self._model = model
        self._most = most

    def fit(self, rows: Matrix, labels: NDArray[Any], **settings: Any) -> Narrowed:
        """Choose the columns, then fit the model to them."""
        mask = self._model.categorical_features
        sets = np.array(mask if isinstance(mask, list) else [False] * rows.shape[1])
        self._columns = np.sort(np.argsort(-association(rows, labels, sets), kind="stable")[: self._most])
        if isinstance(mask, list):
            self._model.set_params(categorical_features=sets[self._columns].tolist())
        self._model.fit(rows[:, self._columns], labels, **settings)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of probabilities."""
        return np.asarray(self._model.classes_)

    def predict(self, rows: Matrix) -> NDArray[Any]:
        """(n,)."""
        return np.asarray(self._model.predict(rows[:, self._columns]))

    def predict_proba(self, rows: Matrix) -> Matrix:
        """(n, classes)."""
        return np.asarray(self._model.predict_proba(rows[:, self._columns]), dtype=np.float64)


def association(rows: Matrix, labels: NDArray[Any], category: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(features,) share of the labels' variation that each column explains alone, the best of the classes.

    Squared correlation; where `category` (features,) is true the correlation ratio, less what chance would give.
    Floating-point `labels` (n,) are values, others are classes.
    """
    values = labels.dtype.kind == "f"
    y = labels.reshape(-1, 1) if values else (labels[:, None] == np.unique(labels)).astype(np.float64)
    y = (y - y.mean(axis=0)) / (np.linalg.norm(y - y.mean(axis=0), axis=0) + 1e-300)
    found = np.empty(rows.shape[1])
    for block in np.array_split(np.arange(rows.shape[1]), max(1, rows.size // BLOCK)):
        part = rows[:, block]
        known = ~np.isnan(part)
        centre = np.where(known, part, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        part = np.where(known, part - centre, 0.0)
        found[block] = ((part.T @ y) ** 2).max(axis=1) / ((part**2).sum(axis=0) + 1e-300)
    for j in np.flatnonzero(category):
        found[j] = _between(rows[:, j], y)
    return found


def _between(codes: NDArray[np.float64], y: Matrix) -> float:
    """The correlation ratio of categories with the columns of `y`, each centred and of length 1; at most the best."""
    group = np.unique(codes, return_inverse=True)[1]
    size = np.bincount(group)
    between = max(float((np.bincount(group, column) ** 2 / size).sum()) for column in y.T)
    n, k = len(codes), len(size)
    return 1 - (1 - between) * (n - 1) / (n - k) if k < n else 0.0


def encoder(schema: Schema, *steps: Any) -> Any:
    """Rows to a dense design for linear models: numbers with missing flags through `steps`, one-hot categories.

    Without `steps`, numbers are standardised.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    category = [j for j, f in enumerate(schema.features) if f.kind is Kind.CATEGORY]
    number = [j for j, f in enumerate(schema.features) if f.kind is not Kind.CATEGORY]
    numbers = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True), *(steps or (StandardScaler(),))
    )
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("number", numbers, number), ("category", one_hot, category)], sparse_threshold=0)


def columns_left_out(schema: Schema, whose: str) -> Finding | None:
    """What a record says of a table so wide that trees see only some of its columns; `whose` trees, in words."""
    total = len(schema.features)
    if total <= MOST_COLUMNS:
        return None
    return Finding(
        slug="columns-left-out",
        title="Trees trained for the attack saw some of the columns",
        sentence=f"Of {total:,} columns, {whose} see the {MOST_COLUMNS} that vary most with what they are taught.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="The cost of histogram trees grows with every column. Columns are compared one at a time on the rows that "
        "each model is trained on, so one that tells something only together with others may be missed.",
        remedy="What was found stands. What was not found may need columns that were left out.",
    )
