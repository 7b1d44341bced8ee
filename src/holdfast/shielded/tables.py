"""What callers pass to models, of whatever library: some of its rows, and whom they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.encode import decode
from holdfast.datasets.raw import Reading
from holdfast.domain.schema import Schema

Places = NDArray[np.int64]


def is_mappings(X: Any) -> bool:
    """Whether rows come by name, as no model library takes them."""
    return isinstance(X, Mapping) or (isinstance(X, list | tuple) and bool(X) and isinstance(X[0], Mapping))


def for_model(X: Any, reading: Reading, schema: Schema) -> Any:
    """What the model is given: what the caller passed, or the table of rows that came by name."""
    return decode(reading.X, schema) if is_mappings(X) else X


def take(X: Any, rows: Places | None) -> Any:
    """Some rows of whatever holds rows; None for all of them."""
    if rows is None:
        return X
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if isinstance(X, Mapping):  # a session's feeds
        return {name: take(values, rows) for name, values in X.items()}
    if hasattr(X, "take") and hasattr(X, "num_rows"):  # Arrow
        return X.take(rows)
    return [X[i] for i in rows.tolist()] if isinstance(X, list | tuple) else X[rows]


def split_subject(X: Any, name: str, schema: Schema) -> tuple[Any, Sequence[Any] | None]:
    """The rows without the column that says whom they are about (unless it is a feature), and that column's values."""
    keep = name in schema.names
    if isinstance(X, Mapping):
        return (X if keep else {k: v for k, v in X.items() if k != name}), [X.get(name)]
    if is_mappings(X):
        rows = X if keep else [{k: v for k, v in row.items() if k != name} for row in X]
        return rows, [row.get(name) for row in X]
    if name not in _columns(X):
        return X, None
    if hasattr(X, "num_rows"):
        return (X if keep else X.drop_columns([name])), X.column(name).to_pylist()
    return (X if keep else X.drop(columns=name)), X[name].tolist()


def _columns(X: Any) -> list[Any]:
    return list(X.column_names if hasattr(X, "column_names") else getattr(X, "columns", ()))
