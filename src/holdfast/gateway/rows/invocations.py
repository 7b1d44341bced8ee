"""MLflow's scoring protocol as a server speaks it: ``POST /invocations`` with a table in, predictions out.

Source: MLflow's documentation of its inference server: ``dataframe_split``, ``dataframe_records``, ``instances`` and
``inputs`` in JSON, and CSV with a header line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from holdfast.domain.errors import FixInput

Columns = Mapping[str, Sequence[Any]]


def read_invocations(body: bytes, content_type: str, names: Sequence[str]) -> Columns:
    """The table in a body as columns by name; rows without names are in the order of `names`. FixInput for no table."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/csv":
        return _from_csv(body)
    if kind not in ("application/json", ""):
        hint = "Send application/json or text/csv."
        raise FixInput("inference.content-type", f"The gateway does not read {kind!r:.80}.", hint)
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _wrong(f"it is not JSON: {error}") from error
    forms = [form for form in _FORMS if isinstance(told, dict) and form in told]
    if len(forms) != 1:
        raise _wrong(f"it needs exactly one of {', '.join(_FORMS)}")
    return _FORMS[forms[0]](told[forms[0]], names)


def write_predictions(values: Sequence[Any]) -> bytes:
    """The body of an answer; null stands for NaN and infinity, which JSON has not."""
    return orjson.dumps({"predictions": [_finite(value) for value in values]})


def _split(told: Any, _names: Sequence[str]) -> Columns:
    columns, data = (told.get("columns"), told.get("data")) if isinstance(told, dict) else (None, None)
    if not isinstance(columns, list) or not isinstance(data, list):
        raise _wrong("dataframe_split needs columns and data")
    return _named([str(name) for name in columns], data)


def _records(told: Any, _names: Sequence[str]) -> Columns:
    if not isinstance(told, list) or not told or not all(isinstance(row, dict) for row in told):
        raise _wrong("dataframe_records is a list of rows with names")
    names = list(dict.fromkeys(name for row in told for name in row))
    return {name: [row.get(name) for row in told] for name in names}


def _instances(told: Any, names: Sequence[str]) -> Columns:
    if isinstance(told, list) and told and all(isinstance(row, dict) for row in told):
        return _records(told, names)
    if not isinstance(told, list) or not all(isinstance(row, list) for row in told):
        raise _wrong("instances is a list of rows")
    return _named(list(names), told)


def _inputs(told: Any, names: Sequence[str]) -> Columns:
    if not isinstance(told, dict):
        return _instances(told, names)
    if not all(isinstance(column, list) for column in told.values()):
        raise _wrong("inputs has a column that is no list")
    if len({len(column) for column in told.values()}) > 1:
        raise _wrong("the columns of inputs have different lengths")
    return told


_FORMS = {"dataframe_split": _split, "dataframe_records": _records, "instances": _instances, "inputs": _inputs}


def _named(names: list[str], rows: list[Any]) -> Columns:
    if len(set(names)) < len(names):
        raise _wrong("two columns have the same name")
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise _wrong(f"not every row has {len(names)} values")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _from_csv(body: bytes) -> Columns:
    try:
        lines = list(csv.reader(io.StringIO(body.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(f"it is no CSV: {error}") from error
    if not lines:
        raise _wrong("it has no header line")
    return _named(lines[0], [[_cell(cell) for cell in line] for line in lines[1:] if line])


def _cell(text: str) -> Any:
    """What a CSV cell says: nothing, a number, or text."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _wrong(what: str) -> FixInput:
    hint = 'Send a table as MLflow does: {"dataframe_split": {"columns": [...], "data": [[...]]}}.'
    return FixInput("inference.malformed", f"This is no scoring request: {what}.", hint)
