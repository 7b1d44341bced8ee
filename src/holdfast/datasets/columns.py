"""Tables read a column at a time, so that a wide one takes the memory of its widest column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.read import TableSource, read_arrow
from holdfast.domain.errors import FixInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TO_SECONDS = 1e-6


class Reads(StrEnum):
    """How the values of a column are read."""

    NUMBER = "number"
    TIME = "time"
    LABEL = "label"


@dataclass(frozen=True)
class Columns:
    """A table of `rows` rows: its columns' `names`, and `get`, which reads one as an Arrow array in chunks."""

    label: str
    names: tuple[str, ...]
    rows: int
    get: Callable[[str], pa.ChunkedArray]


def columns_of(table: Any, label: str = "") -> Columns:
    """Of a pandas or Arrow table, or the path of a CSV, Parquet or Arrow file. FixInput where it is none, or empty."""
    import pyarrow as pa

    if isinstance(table, str | Path):
        path = Path(table)
        found = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _arrow(read_arrow(TableSource(path)))
        return _checked(found, label or path.name)
    if isinstance(table, pa.Table):
        return _checked(_arrow(table), label or "the table")
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return _checked(_pandas(table), label or "the table")
    kind = type(table).__name__
    raise FixInput("data.kind", f"A {kind} is no table.", "Pass a pandas or Arrow table, or the path of a file.")


def reads(column: pa.ChunkedArray) -> Reads | None:
    """How a column's values are read; None for lists, structures and bytes, which are neither numbers nor labels."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_duration)
    is_label = (pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    if any(holds(kind) for holds in is_number):
        return Reads.NUMBER
    if pa.types.is_temporal(kind):
        return Reads.TIME
    return Reads.LABEL if any(holds(kind) for holds in is_label) or kind == pa.string_view() else None


def numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """The values, float64 (n,), NaN for null; times in seconds since 1970."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    scale = 1.0
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column, scale = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), _TO_SECONDS
    elif pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        column = column.cast(pa.int32() if pa.types.is_time32(column.type) else pa.int64())
    values = _floats(pc.cast(column, pa.float64(), safe=False).combine_chunks())
    return values * scale if scale != 1.0 else values


def _floats(column: pa.DoubleArray) -> NDArray[np.float64]:
    """As numpy, NaN for null. Arrow's own way there loads pandas, which takes as long as many columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(column):
        return np.empty(0)
    values = np.frombuffer(column.buffers()[1], np.float64, len(column), 8 * column.offset)
    if column.null_count:
        is_null = np.from_dlpack(pc.cast(pc.is_null(column), pa.int8())).view(np.bool_)
        values = np.where(is_null, np.nan, values)
    return values


def tally(column: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """How often each label occurs, and how many are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return {}, len(column)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    found = pc.value_counts(column.cast(kind) if pa.types.is_dictionary(column.type) else column)
    labels, counts = found.field("values").cast(pa.string()).to_pylist(), found.field("counts").to_pylist()
    seen = dict(zip(labels, counts, strict=True))
    return {label: count for label, count in seen.items() if label is not None}, seen.get(None, 0)


def dictionary(column: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The distinct values of an Arrow array or one in chunks, None last, and the place of each row's among them, (n,).

    It does not load pandas, as Arrow's own ways to numpy do.
    """
    import pyarrow as pa

    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    values = [*whole.dictionary.to_pylist(), None]
    places = _floats(whole.indices.cast(pa.float64()))
    return values, np.where(np.isnan(places), len(values) - 1, places).astype(np.int64)


def codes(column: pa.ChunkedArray, labels: Sequence[str]) -> NDArray[np.float64]:
    """The place of each value among the labels, float64 (n,); one more for all others, NaN for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    found = pc.index_in(column.cast(pa.string()), pa.array(labels, pa.string()))
    places = _floats(found.cast(pa.float64()).combine_chunks())
    is_null = np.from_dlpack(pc.cast(pc.is_null(column), pa.int8()).combine_chunks()).view(np.bool_)
    return np.where(is_null, np.nan, np.where(np.isnan(places), len(labels), places))


def lengths(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """How many characters each text has, float64 (n,), NaN for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return numbers(pc.utf8_length(column.cast(pa.large_string())))


def sampled_texts(column: pa.ChunkedArray, most: int, rng: np.random.Generator) -> list[str]:
    """At most so many of a column's texts, in no order; null is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.drop_null(column)
    if len(known) > most:
        known = known.take(np.sort(rng.choice(len(known), most, replace=False)))
    texts: list[str] = known.cast(pa.large_string()).to_pylist()
    return texts


def _arrow(table: pa.Table) -> Columns:
    return Columns("", tuple(table.column_names), table.num_rows, table.column)


def _pandas(frame: pd.DataFrame) -> Columns:
    import pyarrow as pa

    places = {str(name): place for place, name in enumerate(frame.columns)}

    def get(name: str) -> pa.ChunkedArray:
        series = frame.iloc[:, places[name]]
        try:
            array = pa.array(series, from_pandas=True)
        except pa.ArrowException:  # of values of several kinds
            array = pa.array(series.map(str, na_action="ignore"), pa.string(), from_pandas=True)
        return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])

    return Columns("", tuple(str(name) for name in frame.columns), len(frame), get)


def _parquet(path: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise FixInput("data.absent", f"There is no table {path}.", "Check the path.")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error

    def get(name: str) -> pa.ChunkedArray:
        try:
            return file.read([name]).column(name)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error

    return Columns("", tuple(file.schema_arrow.names), file.metadata.num_rows, get)


def _unreadable(path: Path, error: Exception) -> FixInput:
    what = f"{path.name} cannot be read: {str(error).splitlines()[0]:.200}."
    return FixInput("data.unreadable", what, "Is the file cut short, or in another format than its ending says?")


def _checked(found: Columns, label: str) -> Columns:
    twice = next((name for name in found.names if found.names.count(name) > 1), None)
    if twice is not None:
        raise FixInput("data.duplicate-column", f"{label} has two columns {twice!r:.80}.", "Rename one.")
    if not found.rows or not found.names:
        raise FixInput("data.empty", f"{label} has no rows.", "Check that it is the right one, with a header line.")
    return Columns(label, found.names, found.rows, found.get)
