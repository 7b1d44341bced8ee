"""Many decisions at once as Arrow columns, as when a model scores a whole table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from holdfast.decisions.layout import ARROW, schema_of
from holdfast.decisions.stage import MAX_ROWS
from holdfast.domain.decision import Ended, Lane
from holdfast.domain.errors import FixInput
from holdfast.domain.ids import day_of
from holdfast.domain.schema import Scalar
from holdfast.ledger.decided import DECISIONS
from holdfast.ledger.rows import Column, Type

_WORDS = {"lane": tuple(map(str, Lane)), "ended": tuple(map(str, Ended))}
_EMPTY = {"reasons": "[]", "verdicts": "[]", "micros": 0}


def table_of(values: pa.Table, ids: list[str], constant: Mapping[str, Scalar]) -> pa.Table:
    """A table of decisions: `values` has columns ``input_<name>`` and ``output_<name>``, or more of the form

    What it lacks of the form is `constant`, or empty. FixInput for a name or type that no segment has.
    """
    fixed = {column.name: column for column in DECISIONS.fixed}
    unknown = [name for name in values.column_names if name not in fixed and not name.startswith(DECISIONS.free)]
    if unknown or "id" in values.column_names or set(constant) - set(fixed):
        raise FixInput(
            "decision.columns",
            f"A batch has no columns {unknown or sorted({'id', *constant} - set(fixed) | {'id'})}.",
            "Columns are called input_<name> and output_<name>; ids are made here.",
        )
    columns, arrays = [], []
    for column in fixed.values():
        columns.append(column)
        arrays.append(_fixed(column, values, ids, constant))
    for name in sorted(set(values.column_names) - set(fixed)):
        if not pa.types.is_null(values.schema.field(name).type):
            column, array = _free(name, values.column(name))
            columns.append(column)
            arrays.append(array)
    return pa.table(arrays, schema=schema_of(columns))


def portions(table: pa.Table, ids: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """The parts of a batch that become a segment each, with their day; `ids` rise."""
    start = 0
    while start < len(ids):
        day, stop = day_of(ids[start]), min(start + MAX_ROWS, len(ids))
        while day_of(ids[stop - 1]) != day:
            stop = start + max((stop - start) // 2, 1)
        yield day, table.slice(start, stop - start)
        start = stop


def _fixed(column: Column, values: pa.Table, ids: list[str], constant: Mapping[str, Scalar]) -> Any:
    if column.name == "id":
        return pa.array(ids, pa.string())
    if column.name in values.column_names:
        array = _cast(column.name, values.column(column.name), ARROW[column.type])
        if array.null_count:
            raise FixInput("decision.columns", f"{column.name} has rows without a value.", "Use an empty text.")
        _check_words(column.name, set(array.unique().to_pylist()) if column.name in _WORDS else set())
        return array
    _check_words(column.name, {constant.get(column.name)} if column.name in _WORDS else set())
    value = constant.get(column.name, _EMPTY.get(column.name, ""))
    scalar = pa.scalar(value, pa.int64()).cast(ARROW[column.type]) if column.type is Type.TIME else pa.scalar(value)
    return pa.repeat(_cast(column.name, scalar, ARROW[column.type]), len(ids))


def _check_words(name: str, found: set[Any]) -> None:
    """Lane and how an exchange ended are words of the domain's."""
    if unknown := found - set(_WORDS.get(name, ())):
        known = ", ".join(_WORDS[name])
        raise FixInput("decision.columns", f"{name} is {sorted(map(str, unknown))[0]!r:.60}.", f"It is one of {known}.")


def _free(name: str, array: pa.ChunkedArray) -> tuple[Column, Any]:
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if pa.types.is_boolean(kind):
        type = Type.BOOL
    elif pa.types.is_integer(kind):
        type = Type.INT
    elif pa.types.is_floating(kind):
        type = Type.FLOAT
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        type = Type.TEXT
    else:
        raise FixInput("decision.columns", f"{name} is of type {kind}.", "Make it text, a number or a boolean.")
    return Column(name, type), _cast(name, array, ARROW[type])


def _cast(name: str, values: Any, type: pa.DataType) -> Any:
    try:
        return values.cast(type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FixInput("decision.columns", f"{name} cannot be kept as {type}: {error}.") from error
