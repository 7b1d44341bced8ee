"""Between a table as people write it (pandas) and the row matrices that probes and targets exchange.

Lossless for valid rows: ``decode(encode(frame))`` equals the feature columns of `frame`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Schema

if TYPE_CHECKING:
    import pandas as pd

UNSEEN = "__unseen__"
"""What code -1 decodes to in a text category: a value that training never saw."""

UNSEEN_NUMBER = -987_654
"""What code -1 decodes to in a numeric category."""


def encode(frame: pd.DataFrame, schema: Schema) -> NDArray[np.float64]:
    """Float64 (n, features) in schema order; FixInput where a column is missing or not numeric though it should be."""
    absent = [name for name in schema.names if name not in frame.columns]
    if absent:
        raise FixInput(
            "data.missing-column",
            f"The table has no column {absent[0]!r}.",
            f"It has: {', '.join(map(str, frame.columns[:12]))}. Set `model.features`, or mend the table.",
        )
    columns = [_encode_column(frame[feature.name], feature) for feature in schema.features]
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def _encode_column(column: pd.Series, feature: Feature) -> NDArray[np.float64]:
    import pandas as pd

    if feature.kind is Kind.CATEGORY:
        return encode_categories(column, feature.categories)
    try:
        return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise FixInput(
            "data.not-a-number",
            f"Column {feature.name!r} should hold numbers: {error}.",
            f"Mend the values, or declare it in the manifest: `{feature.name}: {{kind: category}}`.",
        ) from error


def encode_categories(column: pd.Series, categories: tuple[object, ...]) -> NDArray[np.float64]:
    """Codes of `column` in `categories` as float64: -1 for a value outside the list, NaN for a missing one."""
    import pandas as pd

    codes = pd.Index(list(categories), dtype=object).get_indexer(pd.Index(column.astype(object)))
    return np.where(column.isna().to_numpy(), np.nan, codes.astype(np.float64))


def decode(rows: NDArray[np.float64], schema: Schema) -> pd.DataFrame:
    """The rows as a table with the dtypes that the model was trained on. `rows` has shape (n, features)."""
    import pandas as pd

    if all(f.kind is not Kind.CATEGORY and f.dtype == "float64" for f in schema.features):
        return pd.DataFrame(rows, columns=list(schema.names), copy=False)  # a block, not thousands of columns
    columns = {f.name: _decode_column(rows[:, j], f) for j, f in enumerate(schema.features)}
    return pd.DataFrame(columns, copy=False)


def _decode_column(values: NDArray[np.float64], feature: Feature) -> object:
    if feature.kind is Kind.CATEGORY:
        return _decode_categories(values, feature)
    if feature.dtype.startswith(("int", "uint")) and np.isfinite(values).all() and (values == np.rint(values)).all():
        return values.astype(feature.dtype)
    if feature.dtype in ("float32", "float16"):
        return values.astype(feature.dtype)
    return values


def _decode_categories(values: NDArray[np.float64], feature: Feature) -> object:
    import pandas as pd

    missing = np.isnan(values)
    codes = np.where(missing, len(feature.categories) + 1, values).astype(np.int64)
    text = any(isinstance(category, str) for category in feature.categories)
    table = np.array([*feature.categories, UNSEEN if text else UNSEEN_NUMBER, None if text else np.nan], dtype=object)
    decoded = table[np.where((codes < 0) | (codes == len(feature.categories)), len(feature.categories), codes)]
    if feature.dtype == "category":
        known = np.where((codes >= 0) & (codes < len(feature.categories)), codes, -1)
        labels: pd.Index[Any] = pd.Index(list(feature.categories))
        return pd.Categorical.from_codes(known, categories=labels)
    if text:
        return pd.Series(decoded, dtype="str" if feature.dtype == "str" else object)
    if feature.dtype == "bool" and not missing.any() and (codes >= 0).all():
        return decoded.astype(bool)
    if feature.dtype.startswith(("int", "uint")) and not missing.any():
        return decoded.astype(feature.dtype)
    return decoded.astype(np.float64)
