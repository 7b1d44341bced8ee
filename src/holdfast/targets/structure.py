"""What the columns of a scikit-learn model contribute, where its structure tells: trees, linear models, pipelines.

A pipeline's steps are followed column by column (scaling, imputing, encoding, selecting); what a step made of one
column is added up under that column. A step that mixes columns, or one that is not known here, ends the reading: the
model is then explained by asking it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.targets.spec import METHOD, Additive, Link

Matrix = NDArray[np.float64]
Places = NDArray[np.int64]
Contribute = Callable[[Any], Matrix]
Leaf = tuple[Additive, Contribute]

LINEAR = "linear"
_FORESTS = ("DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest")
_BOOSTED = ("GradientBoosting", "HistGradientBoosting")
_POWERS = ("PoissonRegressor", "GammaRegressor")


def read_structure(estimator: Any) -> tuple[Additive | None, Contribute | None]:
    """How contributions add up, and the function from the model's own input to them; None and None where nothing tells.

    The function gives float64 (n, outputs, features + 1), columns as the model takes them, the base last.
    """
    try:
        return _read(estimator)
    except Exception:  # whatever a model raises where its parts are looked at, it can still be asked
        return None, None


def _read(estimator: Any) -> tuple[Additive | None, Contribute | None]:
    inner = getattr(estimator, "best_estimator_", estimator)
    steps = [step for _, step in getattr(inner, "steps", [("model", inner)])]
    width = getattr(estimator, "n_features_in_", None)
    origin = np.arange(width) if isinstance(width, int) else None
    for step in steps[:-1]:
        origin = None if origin is None else _followed(step, origin)
    leaf = None if origin is None else _leaf(steps[-1])
    if origin is None or leaf is None or width is None:
        return None, None
    before, (additive, contribute), places = inner[:-1] if len(steps) > 1 else None, leaf, origin

    def whole(table: Any) -> Matrix:
        return _summed(contribute(table if before is None else before.transform(table)), places, width)

    return additive, whole


def _summed(found: Matrix, origin: Places, width: int) -> Matrix:
    """Contributions (n, outputs, made + 1) under the columns that the made ones came from."""
    if found.shape[2] != len(origin) + 1:
        raise ValueError(f"{found.shape[2] - 1} contributions for {len(origin)} columns")
    under = np.zeros((len(origin), width))
    under[np.arange(len(origin)), origin] = 1.0
    return np.concatenate([found[:, :, :-1] @ under, found[:, :, -1:]], axis=2)


def _followed(step: Any, origin: Places) -> Places | None:
    """From which of the model's columns each column comes that a step makes of columns with this origin."""
    from sklearn.base import OneToOneFeatureMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_selection import SelectorMixin
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    is_nothing = step is None or step == "passthrough" or (isinstance(step, FunctionTransformer) and step.func is None)
    if is_nothing or isinstance(step, OneToOneFeatureMixin):
        return origin
    if isinstance(step, Pipeline):
        followed: Places | None = origin
        for _, inner in step.steps:
            followed = None if followed is None else _followed(inner, followed)
        return followed
    if isinstance(step, ColumnTransformer):
        return _of_columns(step, origin)
    if isinstance(step, OneHotEncoder):
        made = getattr(step, "_n_features_outs", None)  # the public names of its columns can be ambiguous
        return None if made is None else np.repeat(origin, made)
    if isinstance(step, SimpleImputer):
        return None if step.add_indicator else origin[~_empty(step)]
    return origin[step.get_support()] if isinstance(step, SelectorMixin) else None


def _empty(imputer: Any) -> NDArray[np.bool_]:
    """Columns that an imputer leaves out, as no row of its training had a value."""
    if imputer.keep_empty_features:
        return np.zeros(len(imputer.statistics_), dtype=bool)
    return np.array([value != value for value in imputer.statistics_], dtype=bool)  # noqa: PLR0124 -- NaN


def _of_columns(step: Any, origin: Places) -> Places | None:
    """A ColumnTransformer's output, block by block, in the order in which it puts them side by side."""
    taken = getattr(step, "_transformer_to_input_indices", None)
    if taken is None:
        return None
    parts: list[tuple[int, Places]] = []
    for name, inner, _ in step.transformers_:
        span = step.output_indices_[name]
        if span.start == span.stop:  # dropped, or made of no columns
            continue
        part = _followed(inner, origin[taken[name]])
        if part is None or len(part) != span.stop - span.start:
            return None
        parts.append((span.start, part))
    return np.concatenate([part for _, part in sorted(parts, key=lambda one: one[0])]) if parts else origin[:0]


def _leaf(model: Any) -> Leaf | None:
    """The estimator at the end."""
    name, module = type(model).__name__, type(model).__module__.partition(".")[0]
    if module == "xgboost" and hasattr(model, "get_booster"):
        return _xgboost(model)
    if module == "lightgbm" and hasattr(model, "booster_"):
        return _lightgbm(model)
    if type(model).__module__.startswith("sklearn.linear_model"):
        return _linear(model, name)
    kind = name.removesuffix("Classifier").removesuffix("Regressor")
    if type(model).__module__.startswith("sklearn.") and kind in (*_FORESTS, *_BOOSTED) and find_spec("shap"):
        return _trees(model, kind)
    return None


def _xgboost(model: Any) -> Leaf | None:
    import xgboost

    from holdfast.targets.xgboost import additive, contributions

    booster = model.get_booster()
    best = getattr(model, "best_iteration", None) if booster.attr("best_iteration") else None
    rounds = (0, 0) if best is None else (0, best + 1)
    found = additive(str(model.objective), int(getattr(model, "n_classes_", 1)))
    if found is None:
        return None

    def contribute(table: Any) -> Matrix:
        rows = xgboost.DMatrix(table, nthread=1, missing=model.missing, enable_categorical=True)
        return contributions(booster, rows, rounds)

    return found, contribute


def _lightgbm(model: Any) -> Leaf | None:
    from holdfast.targets.lightgbm import additive, contributions

    booster = model.booster_
    objective = str(model.objective_)
    found = additive(objective, booster.num_model_per_iteration())
    return None if found is None else (found, lambda table: contributions(booster, table))


def _linear(model: Any, name: str) -> Leaf | None:
    if not hasattr(model, "coef_") or not hasattr(model, "intercept_"):
        return None
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    outputs = len(coefficients)
    base = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64).reshape(-1), outputs)
    if hasattr(model, "classes_"):
        link = Link.LOGISTIC if outputs == 1 else Link.SOFTMAX
    else:
        link = Link.EXP if name in _POWERS else Link.IDENTITY

    def contribute(table: Any) -> Matrix:
        rows = np.asarray(table.toarray() if hasattr(table, "toarray") else table, dtype=np.float64)
        parts = rows[:, None, :] * coefficients
        return np.concatenate([parts, np.broadcast_to(base[:, None], (*parts.shape[:2], 1))], axis=2)

    return Additive(LINEAR, link, outputs), contribute


def _trees(model: Any, kind: str) -> Leaf | None:
    classes = len(getattr(model, "classes_", ()))
    if getattr(model, "is_categorical_", None) is not None or getattr(model, "n_outputs_", 1) > 1:
        return None
    if kind in _FORESTS:
        additive = Additive(METHOD, Link.IDENTITY, classes or 1)
    elif not classes:
        power = getattr(model, "loss", "") in ("poisson", "gamma")
        additive = Additive(METHOD, Link.EXP if power else Link.IDENTITY, 1)
    elif classes == 2:
        additive = Additive(METHOD, Link.LOGISTIC, 1)
    elif kind == "HistGradientBoosting":
        additive = Additive(METHOD, Link.SOFTMAX, classes)
    else:
        return None

    def contribute(table: Any) -> Matrix:
        import shap

        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        rows = np.asarray(table.toarray() if hasattr(table, "toarray") else table, dtype=np.float64)
        found = np.asarray(explainer.shap_values(rows, check_additivity=False))
        found = found[:, None, :] if found.ndim == 2 else np.moveaxis(found, 2, 1)
        base = np.broadcast_to(np.atleast_1d(explainer.expected_value), found.shape[1])
        return np.concatenate([found, np.broadcast_to(base[:, None], (*found.shape[:2], 1))], axis=2)

    return additive, contribute
