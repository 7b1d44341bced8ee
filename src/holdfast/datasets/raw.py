"""Rows as callers send them, to the row matrix: quick, and never an error for a bad value.

What cannot be read becomes NaN in the matrix and a `Fault` beside it, so that a guard decides what follows, and rows
that were sent along with a bad one are not lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.encode import encode_categories
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Schema

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]
Faults = NDArray[np.int8]

_HUGE = 1e300
_PLAIN = ("string", "integer", "floating", "mixed-integer-float", "boolean", "empty")
"""Columns of objects that are no mixture: they are looked up all at once."""

_NOTHING = ("NAType", "NaTType")
"""What pandas puts where there is no value; they cannot be compared with anything."""


class Fault(IntEnum):
    """Why a cell could not be read. An unseen category is none: its code is -1."""

    NONE = 0
    ABSENT = 1
    WRONG_TYPE = 2
    NOT_FINITE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Rows that were read: `X` float64 (n, features), `faults` int8 (n, features) or None where there are none.

    `extra` counts the columns that are neither features nor otherwise known.
    """

    X: Matrix
    faults: Faults | None = None
    extra: int = 0


class Reader:
    """Reads rows of one schema. `known` names columns that may be there without being features (an id, a subject)."""

    def __init__(self, schema: Schema, known: Sequence[str] = ()) -> None:
        self.schema = schema
        self._known = frozenset(schema.names) | frozenset(known)
        self._plan = tuple((feature.name, _table(feature)) for feature in schema.features)
        self._categories = tuple(j for j, feature in enumerate(schema.features) if feature.kind is Kind.CATEGORY)

    def read(self, raw: Any) -> Reading:
        """A mapping or a sequence of them, a pandas or Arrow table, or a matrix whose columns are in schema order.

        FixInput only where `raw` is none of these.
        """
        if isinstance(raw, Mapping):
            return self._mappings((raw,))
        if isinstance(raw, np.ndarray):
            return self._matrix(raw)
        if hasattr(raw, "to_pandas"):  # Arrow, and other data frames
            raw = raw.to_pandas()
        if hasattr(raw, "columns"):
            return self._frame(raw)
        if isinstance(raw, list | tuple):
            if raw and isinstance(raw[0], Mapping):
                return self._mappings(raw)
            return self._matrix(_as_matrix(raw))
        if hasattr(raw, "detach"):  # torch
            return self._matrix(raw.detach().cpu().numpy())
        raise FixInput("rows.kind", f"A {type(raw).__name__} holds no rows.", "Pass mappings, a table or a matrix.")

    def _mappings(self, rows: Sequence[Mapping[str, Any]]) -> Reading:
        values: list[float] = []
        found: list[tuple[int, Fault]] = []
        extra = 0
        for row in rows:
            absent = 0
            for name, table in self._plan:
                try:
                    value = row[name]
                except (KeyError, TypeError):
                    values.append(np.nan)
                    found.append((len(values) - 1, Fault.ABSENT))
                    absent += 1
                    continue
                kind = type(value)
                if table is not None and (kind is str or kind is int):
                    values.append(table.get(value, -1.0))
                elif table is None and (kind is float or kind is int) and -_HUGE < value < _HUGE:
                    values.append(value)
                else:
                    number, fault = _cell(value, table)
                    values.append(number)
                    if fault:
                        found.append((len(values) - 1, fault))
            if len(row) > len(self._plan) - absent:
                extra += sum(name not in self._known for name in row)
        X = np.array(values, dtype=np.float64).reshape(len(rows), len(self._plan))
        return Reading(X, _scattered(found, X.shape), extra)

    def read_columns(self, columns: Mapping[str, Sequence[Any]]) -> Reading:
        """Plain values by column, as JSON has them, without a library of tables. FixInput where some are longer."""
        n = len(next(iter(columns.values()), ()))
        if any(len(values) != n for values in columns.values()):
            raise FixInput("rows.uneven", "The columns are not of one length.", "Send as many values of each.")
        X = np.full((n, len(self._plan)), np.nan)
        faults = np.zeros(X.shape, dtype=np.int8)
        for j, (name, table) in enumerate(self._plan):
            if name in columns:
                X[:, j], faults[:, j] = _values(columns[name], table)
            else:
                faults[:, j] = Fault.ABSENT
        return _checked(X, faults, sum(name not in self._known for name in columns))

    def _matrix(self, raw: NDArray[Any]) -> Reading:
        """Values by place: columns too few are absent, columns too many are extra."""
        if not len(raw):
            return Reading(np.empty((0, len(self._plan))))
        table = raw.reshape(1, -1) if raw.ndim == 1 else raw.reshape(len(raw), -1)
        width, wanted = table.shape[1], len(self._plan)
        if table.dtype.kind in "fiub" and not self._categories and width == wanted:
            return _checked(table.astype(np.float64, order="C"), None, 0)
        X, faults = np.full((len(table), wanted), np.nan), np.zeros((len(table), wanted), dtype=np.int8)
        for j, feature in enumerate(self.schema.features):
            if j < width:
                X[:, j], faults[:, j] = _column(_series(table[:, j]), feature)
            else:
                faults[:, j] = Fault.ABSENT
        return _checked(X, faults, max(0, width - wanted))

    def _frame(self, frame: pd.DataFrame) -> Reading:
        twice = frame.columns.duplicated()
        frame = frame.loc[:, ~twice] if twice.any() else frame
        X = np.full((len(frame), len(self._plan)), np.nan)
        faults = np.zeros(X.shape, dtype=np.int8)
        for j, feature in enumerate(self.schema.features):
            if feature.name in frame.columns:
                X[:, j], faults[:, j] = _column(frame[feature.name], feature)
            else:
                faults[:, j] = Fault.ABSENT
        return _checked(X, faults, int(twice.sum()) + sum(name not in self._known for name in frame.columns))


def _table(feature: Feature) -> dict[Any, float] | None:
    """The codes of a category's values; None for a number."""
    if feature.kind is not Kind.CATEGORY:
        return None
    return {value: float(code) for code, value in enumerate(feature.categories)}


def _cell(value: Any, table: Mapping[Any, float] | None) -> tuple[float, Fault]:
    """One value that is not of the usual type."""
    if value is None:
        return np.nan, Fault.NONE
    if isinstance(value, np.generic):
        value = value.item()
    if (isinstance(value, float) and np.isnan(value)) or type(value).__name__ in _NOTHING:
        return np.nan, Fault.NONE
    if table is not None:
        plain = isinstance(value, str | int | float | bool)
        return (table.get(value, -1.0), Fault.NONE) if plain else (np.nan, Fault.WRONG_TYPE)
    if not isinstance(value, int | float | Decimal):
        return np.nan, Fault.WRONG_TYPE
    try:
        number = float(value)
    except (OverflowError, ValueError):  # an integer beyond floats, a signalling NaN
        return np.nan, Fault.NOT_FINITE
    return (number, Fault.NONE) if np.isfinite(number) else (np.nan, Fault.NOT_FINITE)


def _values(values: Sequence[Any], table: Mapping[Any, float] | None) -> tuple[Matrix, Faults]:
    """Values (n,) and faults (n,) of one column of plain values."""
    if table is None:
        try:
            numbers = np.asarray(values)
        except ValueError:  # lists of different lengths among them
            numbers = np.empty(0, dtype=object)
        if numbers.dtype.kind in "fiub" and numbers.ndim == 1:
            return numbers.astype(np.float64), np.zeros(len(numbers), dtype=np.int8)
    elif {type(value) for value in values} <= {str, int}:
        return np.array([table.get(value, -1.0) for value in values]), np.zeros(len(values), dtype=np.int8)
    cells = [_cell(value, table) for value in values]
    return np.array([value for value, _ in cells], dtype=np.float64), np.array([f for _, f in cells], dtype=np.int8)


def _column(column: pd.Series, feature: Feature) -> tuple[Matrix, Faults]:
    """Values (n,) and faults (n,) of one column of a table."""
    import pandas as pd

    none = np.zeros(len(column), dtype=np.int8)
    if column.dtype.kind in "fiub" and feature.kind is not Kind.CATEGORY:
        return column.to_numpy(dtype=np.float64, na_value=np.nan), none
    table = _table(feature)
    if table is not None and (column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in _PLAIN):
        return _codes(column, feature), none
    return _values(list(column.astype(object)), table)


def _codes(column: pd.Series, feature: Feature) -> Matrix:
    """Codes of a category; a column that is categorical already is looked up by category, not by row."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        labels = encode_categories(pd.Series(column.cat.categories), feature.categories)
        codes = column.cat.codes.to_numpy()
        return np.where(codes < 0, np.nan, np.append(labels, np.nan)[codes])
    if len(column) <= len(feature.categories):
        return encode_categories(column, feature.categories)
    codes, distinct = pd.factorize(column)  # hashes each value once, which get_indexer does for objects alone
    labels = encode_categories(pd.Series(distinct, dtype=object), feature.categories)
    return np.append(labels, np.nan)[codes]


def _series(values: NDArray[Any]) -> pd.Series:
    import pandas as pd

    return pd.Series(values)


def _as_matrix(rows: Sequence[Any]) -> NDArray[Any]:
    """Sequences of values as a matrix: of objects where they are not all numbers, padded where they are not as long."""
    wide = [row if isinstance(row, list | tuple | np.ndarray) else [row] for row in rows]
    width = max((len(row) for row in wide), default=0)
    table = np.full((len(wide), width), None, dtype=object)
    for i, row in enumerate(wide):
        table[i, : len(row)] = list(row)
    return table


def _checked(X: Matrix, faults: Faults | None, extra: int) -> Reading:
    """The reading with infinite values taken out."""
    infinite = np.isinf(X)
    if infinite.any():
        X = np.where(infinite, np.nan, X)
        faults = np.zeros(X.shape, dtype=np.int8) if faults is None else faults
        faults[infinite] = Fault.NOT_FINITE
    return Reading(X, faults if faults is not None and faults.any() else None, extra)


def _scattered(found: Sequence[tuple[int, Fault]], shape: tuple[int, ...]) -> Faults | None:
    if not found:
        return None
    faults = np.zeros(shape, dtype=np.int8)
    for place, fault in found:
        faults.flat[place] = fault
    return faults
