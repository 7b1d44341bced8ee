"""Models of four libraries, trained on a real table and written as each library writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

LIBRARIES = ("sklearn", "xgboost", "lightgbm", "onnx")
STYLES = ("sound", "memorising", "formula")
"""Regularised; grown until it knows every training row; a sum of one term a column (weights, or stumps in LightGBM)."""

XGBOOST = {
    "sound": ({"max_depth": 2, "eta": 0.1, "min_child_weight": 10, "lambda": 5}, 60),
    "memorising": ({"max_depth": 14, "eta": 0.5, "min_child_weight": 0, "lambda": 0}, 40),
    "formula": ({"booster": "gblinear", "eta": 0.5}, 60),
}
LIGHTGBM = {
    "sound": ({"num_leaves": 4, "learning_rate": 0.1, "min_child_samples": 40}, 60),
    "memorising": ({"num_leaves": 400, "learning_rate": 0.3, "min_child_samples": 2}, 40),
    "formula": ({"num_leaves": 2, "learning_rate": 0.3}, 40),
}


def suffix(library: str) -> str:
    """Of the tables: text loses the categories' type, which XGBoost and LightGBM ask for."""
    return ".parquet" if library in ("xgboost", "lightgbm") else ".csv"


def write_model(library: str, style: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    """Train on `rows` as the library takes them, and write the file that somebody would ship."""
    writer: Callable[..., Path] = {
        "sklearn": _sklearn,
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "onnx": _onnx,
    }[library]
    return writer(style, rows, labels, folder)


def categories(rows: pd.DataFrame) -> list[str]:
    """The columns that hold words."""
    return [name for name in rows.columns if not pd.api.types.is_numeric_dtype(rows[name])]


def _codes(labels: pd.Series) -> Any:
    return labels.astype("category").cat.codes.to_numpy()


def _pipeline(rows: pd.DataFrame, estimator: Any) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = categories(rows)
    numbers = [name for name in rows.columns if name not in words]
    parts = [("numbers", StandardScaler(), numbers)]
    if words:
        parts.append(("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words))
    return make_pipeline(ColumnTransformer(parts), estimator)


def _sklearn(style: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    estimator = {
        "sound": RandomForestClassifier(60, max_depth=4, min_samples_leaf=30, max_features=0.5, random_state=0),
        "memorising": DecisionTreeClassifier(random_state=0),
        "formula": LogisticRegression(),
    }[style]
    path = folder / "model.joblib"
    joblib.dump(_pipeline(rows, estimator).fit(rows, labels), path)
    return path


def _xgboost(style: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    import xgboost

    params, rounds = XGBOOST[style]
    data = xgboost.DMatrix(rows, _codes(labels), enable_categorical=True, nthread=1)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1, "seed": 0, **params}, data, rounds)
    path = folder / "model.json"
    booster.save_model(path)
    return path


def _lightgbm(style: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    import lightgbm

    params, rounds = LIGHTGBM[style]
    data = lightgbm.Dataset(rows, _codes(labels), params={"verbose": -1})
    fixed = {"objective": "binary", "num_threads": 1, "seed": 0, "verbose": -1, "deterministic": True}
    path = folder / "model.txt"
    lightgbm.train({**fixed, **params}, data, rounds).save_model(path)
    return path


def _onnx(style: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    estimator = {
        "sound": GradientBoostingClassifier(max_depth=2, n_estimators=60, min_samples_leaf=20, random_state=0),
        "memorising": GradientBoostingClassifier(max_depth=14, n_estimators=20, learning_rate=0.5, random_state=0),
        "formula": LogisticRegression(),
    }[style]
    path = folder / "model.onnx"
    path.write_bytes(to_onnx(_pipeline(rows, estimator).fit(rows, labels), rows))
    return path


def to_onnx(pipeline: Any, rows: pd.DataFrame) -> bytes:
    """One input a column: text for words, single precision for numbers."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    words = categories(rows)
    inputs = [
        (name, StringTensorType([None, 1]) if name in words else FloatTensorType([None, 1])) for name in rows.columns
    ]
    converted: bytes = convert_sklearn(pipeline, initial_types=inputs).SerializeToString()
    return converted
