"""What the columns of a table mean, and what an attacker, a customer or a broken feed can change in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

Scalar = str | int | float | bool


class Task(StrEnum):
    """What a model answers."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    CHAT = "chat"

    @property
    def is_classification(self) -> bool:
        """Whether answers are classes."""
        return self in (Task.BINARY, Task.MULTICLASS)


TABULAR = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)
"""What models answer that are asked with rows of a table."""


class Kind(StrEnum):
    """How a feature's values are read."""

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"


class Monotone(StrEnum):
    """The only direction in which somebody can move a feature (an age can only be raised)."""

    INCREASE = "increase"
    DECREASE = "decrease"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column of the model and its constraints.

    `low` and `high` are in the column's own unit. A `CATEGORY` lists its `categories` in code order: row matrices carry
    the index into it, -1 for a category outside the list, NaN for a missing value. `cost` is money per unit of change
    (per change at all for a category). `dtype` is the pandas dtype that the model was trained on. `guessed` names
    the fields that were inferred from data rather than stated by a person.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    categories: tuple[Scalar, ...] = ()
    immutable: bool = False
    monotone: Monotone | None = None
    cost: float | None = None
    missing: bool = False
    dtype: str = "float64"
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a release's data: features in model order, and the roles of the others.

    `classes` are the labels as written in the data, in code order. `favourable` is the code of the outcome that people
    want (an approved loan); None where no outcome is better. `one_hot` groups feature names of which exactly one is 1.
    `relations` are expressions over feature names that hold in every valid row (``debt <= 0.9 * value``).
    """

    task: Task
    features: tuple[Feature, ...]
    target: str
    classes: tuple[Scalar, ...] = ()
    favourable: int | None = None
    protected: tuple[str, ...] = ()
    id: str | None = None
    source: str | None = None
    time: str | None = None
    one_hot: tuple[tuple[str, ...], ...] = ()
    relations: tuple[str, ...] = ()
    currency: str = "USD"

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in model order: the columns of every row matrix."""
        return tuple(feature.name for feature in self.features)

    def index(self, name: str) -> int:
        """Column of the feature `name` in a row matrix; ValueError if there is none."""
        return self.names.index(name)

    def with_features(self, features: tuple[Feature, ...]) -> Schema:
        """The same schema over other constraints."""
        return replace(self, features=features)
