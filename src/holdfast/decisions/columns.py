"""Rows as a table with typed columns, so that DuckDB, Spark and pandas read a segment as they read any other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from holdfast.decisions.layout import ARROW, schema_of
from holdfast.domain.schema import Scalar
from holdfast.ledger.decided import Form, Row
from holdfast.ledger.rows import Column, Type

EXACT = 2**53
_KINDS = {float: Type.FLOAT, int: Type.INT, bool: Type.BOOL, str: Type.TEXT}


def tabulate(form: Form, rows: Sequence[Row]) -> pa.Table:
    """Rows of one form as a table: the columns of the form, then one for each other name that has a value, by name.

    Integers among floats are floats where that is exact. Other mixtures are split by type (see `ledger.decided`).
    """
    columns, arrays = list(form.fixed), []
    for column in form.fixed:
        arrays.append(_array([row.get(column.name) for row in rows], column.type))
    for name in sorted({name for row in rows for name in row} - {column.name for column in form.fixed}):
        for column, values in _split(name, [row.get(name) for row in rows]):
            columns.append(column)
            arrays.append(_array(values, column.type))
    return pa.table(arrays, schema=schema_of(columns))


def rows_in(table: pa.Table) -> Iterator[Row]:
    """The rows of a table, times as microseconds since 1970."""
    times = [place for place, field in enumerate(table.schema) if field.type == ARROW[Type.TIME]]
    for place in times:
        table = table.set_column(place, table.schema.names[place], table.column(place).cast(pa.int64()))
    yield from (row for batch in table.to_batches(max_chunksize=4096) for row in batch.to_pylist())


def _array(values: Sequence[Scalar | None], type: Type) -> pa.Array:
    if type is Type.TIME:
        return pa.array(values, pa.int64()).cast(ARROW[type])
    return pa.array(values, ARROW[type])


def _split(name: str, values: list[Any]) -> Iterator[tuple[Column, list[Any]]]:
    """The columns that hold the values of one name: the first type that is there takes the plain name."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int, float} and all(-EXACT <= value <= EXACT for value in values if type(value) is int):
        kinds = {float}
    if len(kinds) == 1:
        yield Column(name, _KINDS[kinds.pop()]), values
        return
    plain = True
    for kind, column in _KINDS.items():
        if kind in kinds:
            mine = [value if type(value) is kind else None for value in values]
            yield Column(name if plain else f"{name}:{column}", column), mine
            plain = False
