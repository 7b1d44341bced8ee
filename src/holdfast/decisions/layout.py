"""Leaf hashes of a whole table, by column: what `holdfast.ledger.rows` defines, at a few microseconds a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.domain.errors import Tampered
from holdfast.ledger.rows import NAN, Column, Type, row_prefix

ROWS_AT_ONCE = 16_384
ARROW = {
    Type.TEXT: pa.string(),
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.TIME: pa.timestamp("us", tz="UTC"),
}
_FIXED = {Type.TEXT: "<u4", Type.INT: "<i8", Type.FLOAT: "<f8", Type.BOOL: "?", Type.TIME: "<i8"}


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """The layout of a table; Tampered for a type that no segment has."""
    types = {arrow: type for type, arrow in ARROW.items()}
    for field in schema:
        if field.type not in types:
            raise Tampered("segment.layout", f"The column {field.name} is of type {field.type}; no segment has that.")
    return tuple(Column(field.name, types[field.type]) for field in schema)


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a layout."""
    return pa.schema([(column.name, ARROW[column.type]) for column in columns])


def leaves(table: pa.Table) -> list[bytes]:
    """The leaf hash of each row, in order."""
    columns = columns_of(table.schema)
    hashes: list[bytes] = []
    sha256 = hashlib.sha256
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        rows = encode(batch, columns, b"\0")
        at = np.frombuffer(rows.buffers()[1], np.int64).tolist()
        data = memoryview(rows.buffers()[2])
        hashes += [sha256(data[start:stop]).digest() for start, stop in pairwise(at)]
    return hashes


def encode(batch: pa.RecordBatch, columns: Sequence[Column], before: bytes = b"") -> pa.LargeBinaryArray:
    """The bytes of each row, each behind the bytes `before`."""
    texts = [
        batch.column(place).cast(pa.large_string()).cast(pa.large_binary())
        for place, column in enumerate(columns)
        if column.type is Type.TEXT
    ]
    parts = [pa.scalar(before + row_prefix(columns), pa.large_binary()), _block(batch, columns), *texts]
    between = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(*parts, between, null_handling="replace", null_replacement=b"")


def _block(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.LargeBinaryArray:
    """The part of fixed width, a row after the other."""
    codes = [pair for n, column in enumerate(columns) for pair in ((f"p{n}", "?"), (f"v{n}", _FIXED[column.type]))]
    rows = np.zeros(len(batch), np.dtype(codes))
    for n, (present, values) in enumerate(_fixed(batch, columns)):
        rows[f"p{n}"] = present
        rows[f"v{n}"] = values
    offsets = np.arange(len(batch) + 1, dtype=np.int64) * rows.dtype.itemsize
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(batch), [None, pa.py_buffer(offsets), pa.py_buffer(rows)]
    )


def _fixed(batch: pa.RecordBatch, columns: Sequence[Column]) -> Iterator[tuple[Any, Any]]:
    """For each column, which rows have a value, and what stands for it in the block."""
    for place, column in enumerate(columns):
        array = batch.column(place)
        present = True if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)
        if column.type is Type.TEXT:
            array = pc.binary_length(array)
        elif column.type is Type.TIME:
            array = array.cast(pa.int64())
        filled = array if present is True else array.fill_null(pa.scalar(0).cast(array.type))
        values = filled.to_numpy(zero_copy_only=False)
        if column.type is Type.FLOAT:
            values = np.where(np.isnan(values), NAN, values)
        yield present, values
