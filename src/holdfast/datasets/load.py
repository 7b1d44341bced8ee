"""From a table as people write it to a Dataset as probes take it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.datasets.encode import encode, encode_categories
from holdfast.datasets.infer import sorted_values
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Schema, Task

if TYPE_CHECKING:
    import pandas as pd

MAX_GROUPS = 12
"""A numeric protected attribute with more values than this is judged in quartile bands."""


def to_dataset(frame: pd.DataFrame, schema: Schema, *, digest: str, name: str = "table") -> Dataset:
    """The rows of `frame` in matrix form, labels as class codes; FixInput for labels outside the schema's classes."""
    return Dataset(
        X=encode(frame, schema),
        y=_labels(frame, schema, name),
        protected={
            attribute: protected_groups(frame[attribute]) for attribute in schema.protected if attribute in frame
        },
        ids=_objects(frame, schema.id),
        source=_objects(frame, schema.source),
        time=_seconds(frame, schema.time),
        row=np.arange(len(frame), dtype=np.int64),
        digest=digest,
    )


def _labels(frame: pd.DataFrame, schema: Schema, name: str) -> NDArray[Any] | None:
    import pandas as pd

    if schema.target not in frame:
        return None
    column = frame[schema.target]
    missing = np.flatnonzero(column.isna())
    if len(missing):
        hint = f"Rows {_listed(missing)}. Leave them out of the table."
        raise FixInput("data.missing-labels", f"{len(missing)} rows of the {name} have no {schema.target!r}.", hint)
    if schema.task is Task.REGRESSION:
        return pd.to_numeric(column).to_numpy(dtype=np.float64)
    codes = encode_categories(column, schema.classes).astype(np.int64)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        hint = f"Known: {', '.join(map(str, schema.classes[:12]))}."
        found = column.iloc[int(unknown[0])]
        raise FixInput("data.unknown-class", f"The {name} has the outcome {found!r}, which training never saw.", hint)
    return codes


def _listed(rows: NDArray[np.int64]) -> str:
    return ", ".join(str(int(row)) for row in rows[:5]) + (", …" if len(rows) > 5 else "")


def protected_groups(column: pd.Series) -> Attribute:
    """Groups of a protected attribute; a number with many values becomes quartile bands such as ``25-38``."""
    import pandas as pd

    values = sorted_values(column)
    if len(values) > MAX_GROUPS and pd.api.types.is_numeric_dtype(column):
        return _bands(column)
    codes = encode_categories(column, values)
    return Attribute(np.where(np.isnan(codes), -1, codes).astype(np.int64), tuple(str(value) for value in values))


def _bands(column: pd.Series) -> Attribute:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[known], [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf"))
    codes = np.clip(np.searchsorted(edges[1:-1], numbers, side="left"), 0, max(len(edges) - 2, 0))
    labels = tuple(f"{low:g}-{high:g}" for low, high in pairwise(edges)) or (f"{edges[0]:g}",)
    return Attribute(np.where(known, codes, -1).astype(np.int64), labels)


def _objects(frame: pd.DataFrame, name: str | None) -> NDArray[np.object_] | None:
    return frame[name].to_numpy(dtype=object) if name is not None and name in frame else None


def _seconds(frame: pd.DataFrame, name: str | None) -> NDArray[np.float64] | None:
    """Seconds since 1970 for timestamps and date texts; numbers as they are."""
    import pandas as pd

    if name is None or name not in frame:
        return None
    column = frame[name]
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        moments = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError) as error:
        raise FixInput(
            "data.not-a-time", f"Column {name!r} does not hold times: {error}.", "Write ISO 8601."
        ) from error
    seconds = moments.astype("datetime64[ns, UTC]").astype("int64").to_numpy(dtype=np.float64) / 1e9
    return np.where(moments.isna().to_numpy(), np.nan, seconds)
