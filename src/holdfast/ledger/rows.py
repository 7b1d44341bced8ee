"""One row of a segment as bytes, from its values alone: what a leaf of the segment's Merkle tree is the hash of.

A row is the digest of the layout (32 bytes), a block of fixed width, and then its texts. The block has for each column,
in order, one byte that says whether there is a value, and the value: 8 bytes little-endian for int64, double and time
(microseconds since 1970), 1 byte for a boolean, 4 bytes for the length of a text; zeros where there is none. The texts
follow in UTF-8, in the order of their columns. All NaN are one NaN.

`holdfast.decisions.layout` does the same by column; this is the definition, and needs no library.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast import canonical
from holdfast.domain.errors import Tampered
from holdfast.domain.schema import Scalar

ENCODING = "holdfast-rows/1"
NAN = struct.unpack("<d", bytes.fromhex("000000000000f87f"))[0]


class Type(StrEnum):
    """What a column holds. A time is an int: microseconds since 1970 in UTC."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TIME = "time"


_CODES = {Type.TEXT: "I", Type.INT: "q", Type.FLOAT: "d", Type.BOOL: "?", Type.TIME: "q"}
_PYTHON = {Type.TEXT: str, Type.INT: int, Type.FLOAT: float, Type.BOOL: bool, Type.TIME: int}


@dataclass(frozen=True, slots=True)
class Column:
    """Name and type of a column."""

    name: str
    type: Type


def layout_digest(columns: Sequence[Column]) -> str:
    """The digest of names, types and order of the columns."""
    return canonical.digest({"encoding": ENCODING, "columns": [[column.name, column.type] for column in columns]})


def row_prefix(columns: Sequence[Column]) -> bytes:
    """The 32 bytes with which every row of this layout starts."""
    return bytes.fromhex(layout_digest(columns).removeprefix("sha256:"))


def encode_row(columns: Sequence[Column], values: Sequence[Scalar | None]) -> bytes:
    """The bytes of one row; Tampered where a value is not of its column's type."""
    block, texts = [], []
    for column, value in zip(columns, values, strict=True):
        if value is not None and type(value) is not _PYTHON[column.type]:
            raise Tampered("rows.value", f"{column.name} holds {value!r:.60}, which is no {column.type}.")
        if isinstance(value, str):
            texts.append(value.encode("utf-8"))
        block += [value is not None, _fixed(len(texts[-1]) if isinstance(value, str) else value)]
    codes = "<" + "".join("?" + _CODES[column.type] for column in columns)
    try:
        return row_prefix(columns) + struct.pack(codes, *block) + b"".join(texts)
    except struct.error as error:
        raise Tampered("rows.value", f"A number of this row is beyond its column's type: {error}.") from error


def _fixed(value: Scalar | None) -> Scalar:
    if value is None:
        return 0
    return NAN if isinstance(value, float) and math.isnan(value) else value


def leaf_of(columns: Sequence[Column], values: Sequence[Scalar | None]) -> bytes:
    """The hash of one row as a leaf (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\0" + encode_row(columns, values)).digest()
