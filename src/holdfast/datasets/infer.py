"""Inferring what the columns of a table mean. Everything guessed is named as such, and a manifest overrides it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Monotone, Scalar, Schema, Task

if TYPE_CHECKING:
    import pandas as pd

MAX_CLASSES = 20
"""More distinct values than this in a numeric target make it a quantity."""

PROTECTED_WORDS = (
    "sex", "gender", "race", "ethnic", "ethnicity", "black", "white", "hispan", "hispanic", "asian", "religion",
    "nationality", "foreign", "disability", "disabled", "married", "marital", "marriage", "pregnant", "age", "male",
    "female",
)  # fmt: skip
TARGET_WORDS = (
    "target", "label", "y", "class", "outcome", "approve", "approved", "default", "income", "response", "churn",
    "fraud", "good_credit", "credit_risk", "result", "decision",
)  # fmt: skip


@dataclass(frozen=True)
class Stated:
    """What a person said of the columns; None or empty where they said nothing.

    `columns` maps a feature's name to fields of `Feature` that override the inferred ones.
    """

    target: str
    task: Task | None = None
    features: tuple[str, ...] | None = None
    favourable: Scalar | None = None
    protected: tuple[str, ...] = ()
    id: str | None = None
    source: str | None = None
    time: str | None = None
    exclude: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    one_hot: tuple[tuple[str, ...], ...] | None = None
    relations: tuple[str, ...] = ()
    currency: str = "USD"


def infer_schema(frame: pd.DataFrame, stated: Stated) -> Schema:
    """The schema of a training table of shape (n, columns), with what was `stated` taken over what was inferred."""
    _require_columns(frame, stated)
    task, classes = _infer_target(frame[stated.target], stated)
    features = tuple(_feature(frame[name], stated) for name in _feature_names(frame, stated))
    if not features:
        raise FixInput("data.no-features", "No feature column is left.", "Check `exclude`, `id` and `target`.")
    one_hot = stated.one_hot if stated.one_hot is not None else find_one_hot(frame, features)
    return Schema(
        task=task,
        features=features,
        target=stated.target,
        classes=classes,
        favourable=_favourable(stated.favourable, classes, task),
        protected=stated.protected,
        id=stated.id,
        source=stated.source,
        time=stated.time,
        one_hot=tuple(tuple(group) for group in one_hot),
        relations=stated.relations,
        currency=stated.currency,
    )


def _require_columns(frame: pd.DataFrame, stated: Stated) -> None:
    roles = {"target": stated.target, "id": stated.id, "source": stated.source, "time": stated.time}
    named = [(role, name) for role, name in roles.items() if name is not None]
    named += [("protected", name) for name in stated.protected] + [("columns", name) for name in stated.columns]
    named += [("features", name) for name in stated.features or ()]
    for role, name in named:
        if name not in frame.columns:
            found = ", ".join(map(str, frame.columns[:12]))
            raise FixInput("data.missing-column", f"The table has no column {name!r} (`{role}`).", f"It has: {found}.")


def _feature_names(frame: pd.DataFrame, stated: Stated) -> Sequence[str]:
    if stated.features is not None:
        return stated.features
    others = {stated.target, stated.id, stated.source, stated.time, *stated.exclude}
    return [str(name) for name in frame.columns if name not in others]


def _infer_target(column: pd.Series, stated: Stated) -> tuple[Task, tuple[Scalar, ...]]:
    """The task and the classes in sorted order; FixInput for a target with fewer than two values."""
    import pandas as pd

    missing = int(column.isna().sum())
    if missing:
        raise FixInput(
            "data.missing-labels",
            f"{missing} of {len(column)} rows have no {stated.target!r}.",
            "Leave those rows out.",
        )
    values = sorted_values(column)
    if len(values) < 2:
        raise FixInput(
            "data.one-class", f"Every row has the same {stated.target!r}.", "Give a table with at least two outcomes."
        )
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    whole = numeric and bool(np.all(np.mod(column.to_numpy(dtype=np.float64), 1) == 0))
    quantity = numeric and (len(values) > MAX_CLASSES or not whole)
    task = stated.task or (Task.REGRESSION if quantity else Task.BINARY if len(values) == 2 else Task.MULTICLASS)
    if task is Task.REGRESSION:
        if not numeric:
            raise FixInput("data.not-a-number", f"{stated.target!r} is not numeric.", "Set `task: multiclass`.")
        return task, ()
    if task is Task.BINARY and len(values) != 2:
        raise FixInput("data.not-binary", f"{stated.target!r} has {len(values)} values.", "Set `task: multiclass`.")
    return task, values


def sorted_values(column: pd.Series) -> tuple[Scalar, ...]:
    """The distinct values that are not missing, as Python scalars, in a stable order; whole floats become integers."""
    values = [_scalar(value) for value in column.dropna().unique()]
    return tuple(sorted(set(values), key=lambda v: (isinstance(v, str), v)))


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number):
        return int(value) if float(value).is_integer() else float(value)
    return str(value)


def _favourable(value: Scalar | None, classes: tuple[Scalar, ...], task: Task) -> int | None:
    if value is None or task is Task.REGRESSION:
        return None
    matches = [code for code, label in enumerate(classes) if str(label) == str(value)]
    if not matches:
        found = ", ".join(map(str, classes[:12]))
        raise FixInput("data.favourable", f"No row has the outcome {value!r}.", f"Set `favourable` to one of: {found}.")
    return matches[0]


def _feature(column: pd.Series, stated: Stated) -> Feature:
    """One feature: kind, range, categories and mutability from the data, then what was stated."""
    name = str(column.name)
    given = dict(stated.columns.get(name, {}))
    kind = Kind(given.get("kind") or infer_kind(column))
    inferred = _category_facts(column) if kind is Kind.CATEGORY else _range_facts(column)
    inferred |= _mutability(name, stated.protected)
    facts = {**inferred, **{k: v for k, v in given.items() if k != "kind"}}
    guessed = tuple(sorted(set(inferred) - set(given) | (set() if "kind" in given else {"kind"})))
    missing = bool(column.isna().any())
    return Feature(name=name, kind=kind, missing=missing, dtype=str(column.dtype), guessed=guessed, **facts)


def infer_kind(column: pd.Series) -> Kind:
    """CATEGORY for text, booleans and categoricals, INTEGER for whole numbers, NUMBER for the rest."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return Kind.CATEGORY
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    return Kind.INTEGER if len(finite) and bool(np.all(finite == np.rint(finite))) else Kind.NUMBER


def _category_facts(column: pd.Series) -> dict[str, Any]:
    return {"categories": sorted_values(column)}


def _range_facts(column: pd.Series) -> dict[str, Any]:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {}
    return {"low": float(finite.min()), "high": float(finite.max())}


def _mutability(name: str, protected: Sequence[str]) -> dict[str, Any]:
    """People cannot choose a protected attribute; an age only grows."""
    if _has_word(name, ("age",)):
        return {"monotone": Monotone.INCREASE}
    return {"immutable": True} if name in protected or _has_word(name, PROTECTED_WORDS) else {}


def _has_word(name: str, words: Sequence[str]) -> bool:
    parts = set(re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))
    return bool(parts & set(words))


def find_one_hot(frame: pd.DataFrame, features: Sequence[Feature]) -> tuple[tuple[str, ...], ...]:
    """Groups of 0/1 columns that share a prefix (``housing_own``) and of which exactly one is 1 in every row."""
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for feature in features:
        prefix, mark, _ = feature.name.rpartition("_")
        if mark and feature.kind is Kind.INTEGER and (feature.low, feature.high) == (0.0, 1.0):
            by_prefix[prefix].append(feature.name)
    groups = (tuple(names) for names in by_prefix.values() if len(names) > 1)
    return tuple(names for names in groups if bool((frame[list(names)].sum(axis=1) == 1).all()))


def guess_protected(names: Sequence[str]) -> tuple[str, ...]:
    """Columns whose names speak of an attribute that discrimination law protects."""
    return tuple(name for name in names if _has_word(name, PROTECTED_WORDS))


def guess_target(frame: pd.DataFrame, model_features: Sequence[str] | None) -> str | None:
    """The target column: the one that the model does not take and whose name or place says so; None if unclear."""
    candidates = [str(name) for name in frame.columns if model_features is None or name not in model_features]
    if model_features is not None and len(candidates) == 1:
        return candidates[0]
    named = [name for name in candidates if name.lower() in TARGET_WORDS]
    return named[0] if len(named) == 1 else candidates[-1] if model_features is None and candidates else None


def guess_id(frame: pd.DataFrame) -> str | None:
    """A column that names rows: called so, and different in every row."""
    named = [str(name) for name in frame.columns if _has_word(str(name), ("id", "uuid", "key", "identifier"))]
    return next((name for name in named if frame[name].is_unique), None)
