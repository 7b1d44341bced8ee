"""What every loader hands to the worker: a model's facts, and a function that asks it about a batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Kind, Scalar, Schema, Task
from holdfast.targets.spec import Additive, ModelFacts

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]


class Batch:
    """Rows under the model's own names and order. `rows` has shape (n, features)."""

    def __init__(self, rows: Matrix, schema: Schema) -> None:
        self.rows = rows
        self.schema = schema

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """As the table that the model was trained on, with its dtypes."""
        from holdfast.datasets.encode import decode

        return decode(self.rows, self.schema)

    @property
    def values(self) -> NDArray[Any]:
        """As a matrix without names: float64 where all columns are numbers, else objects."""
        if any(feature.kind is Kind.CATEGORY for feature in self.schema.features):
            return self.frame.to_numpy()
        return self.rows


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model. Fields as in `ModelFacts`, except that `gives_scores` is None where only asking can tell.

    `ask` returns whatever the model answers: `holdfast.targets.answers` makes a checked matrix of it. `classes` may be
    empty (the model counts 0, 1, ...): its scores are then in schema order. Where `additive` is not None, `contribute`
    says what each column contributes: float64 (n, outputs, features + 1), columns in the model's order, the base last.
    """

    library: str
    ask: Callable[[Batch], Any]
    estimator: str = ""
    task: Task | None = None
    classes: tuple[Scalar, ...] = ()
    features: tuple[str, ...] | None = None
    n_features: int | None = None
    gives_scores: bool | None = None
    additive: Additive | None = None
    contribute: Callable[[Batch], Matrix] | None = None

    @property
    def facts(self) -> ModelFacts:
        """What it says of itself."""
        return ModelFacts(
            library=self.library,
            estimator=self.estimator,
            task=self.task,
            classes=self.classes,
            features=self.features,
            n_features=self.n_features,
            gives_scores=self.gives_scores is not False,
            additive=self.additive,
        )


@dataclass(frozen=True, eq=False)
class Layout:
    """How rows in schema order become rows in the model's order."""

    schema: Schema
    order: NDArray[np.int64] | None

    def batch(self, rows: Matrix) -> Batch:
        """The rows as the model takes them."""
        return Batch(rows if self.order is None else rows[:, self.order], self.schema)

    def restore(self, contributions: Matrix, width: int) -> Matrix:
        """Contributions (n, outputs, features + 1) with columns in schema order, of which there are `width`."""
        if self.order is None:
            return contributions
        restored = np.zeros((*contributions.shape[:2], width + 1))
        restored[:, :, self.order] = contributions[:, :, :-1]
        restored[:, :, -1] = contributions[:, :, -1]
        return restored


def plain_name(name: str) -> str:
    """A column's name as libraries write it that allow only letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


def lay_out(schema: Schema, model: Model) -> Layout:
    """Match the schema's columns with the model's by name, else by place; FixInput where they do not fit.

    Some libraries write spaces and hyphens in names as underscores; such names match.
    """
    if model.features is None:
        _require_count(schema, model.n_features)
        return Layout(schema, None)
    places = {name: i for i, name in enumerate(schema.names)}
    places |= {plain_name(name): i for name, i in places.items() if plain_name(name) not in places}
    absent = [name for name in model.features if name not in places]
    if absent:
        raise FixInput(
            "model.feature-names",
            f"The model takes a feature {absent[0]!r} that the data does not have.",
            f"The data has: {', '.join(schema.names[:12])}. Name the columns as in training, or set `model.features`.",
        )
    order = np.array([places[name] for name in model.features], dtype=np.int64)
    features = tuple(replace(schema.features[i], name=name) for i, name in zip(order, model.features, strict=True))
    straight = len(order) == len(schema.names) and bool((order == np.arange(len(order))).all())
    return Layout(schema.with_features(features), None if straight else order)


def _require_count(schema: Schema, count: int | None) -> None:
    if count is not None and count != len(schema.features):
        raise FixInput(
            "model.feature-count",
            f"The model takes {count} features; the data has {len(schema.features)}.",
            "List them in order under `model.features`, or name the others under `data.exclude`.",
        )


def plain_labels(labels: Any) -> tuple[Scalar, ...]:
    """Class labels of any library as plain Python values."""
    return tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
