"""How models of several libraries are asked, each through its own method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.domain.schema import Scalar, Schema

ASKED = ("predict", "predict_proba", "inplace_predict", "run")
"""The methods that answer, and go through the guards; every other method that could answer is shut."""


def method(model: Any, name: str) -> Callable[[Any], Any]:
    """The function of rows that a method is; `__call__` for callables. AttributeError where the model has none."""
    if name == "predict" and type(model).__module__.partition(".")[0] == "xgboost" and hasattr(model, "save_config"):
        return lambda X: _booster_predict(model, X)
    return model if name == "__call__" else getattr(model, name)  # type: ignore[no-any-return]


def _booster_predict(booster: Any, X: Any) -> Any:
    """XGBoost's own `predict` takes its own matrix, in which guards cannot look: it is made after they did."""
    import xgboost

    return booster.predict(X if isinstance(X, xgboost.DMatrix) else xgboost.DMatrix(X, enable_categorical=True))


def labels_of(model: Any, schema: Schema) -> tuple[Scalar, ...]:
    """The classes in the order of the scores' columns: the model's own, else the schema's."""
    own = getattr(model, "classes_", None)
    return schema.classes if own is None else tuple(np.asarray(own).tolist())
