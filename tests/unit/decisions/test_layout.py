"""The encoding by column and the one by value agree on every row, whatever stands in it."""

from __future__ import annotations

import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.decisions.layout import columns_of, encode, leaves, schema_of
from holdfast.domain.errors import Tampered
from holdfast.ledger.rows import Column, Type, encode_row, layout_digest, leaf_of

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    Type.TEXT: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    Type.INT: INT64,
    Type.FLOAT: st.floats(),
    Type.BOOL: st.booleans(),
    Type.TIME: st.integers(-(2**53), 2**53),
}


@st.composite
def tables(draw):
    types = draw(st.lists(st.sampled_from(list(Type)), min_size=1, max_size=7))
    columns = [Column(f"{type}{place}", type) for place, type in enumerate(types)]
    row = st.tuples(*(st.none() | VALUES[type] for type in types))
    return columns, draw(st.lists(row, min_size=1, max_size=9))


@settings(max_examples=300, deadline=None)
@given(tables())
def test_both_encodings_agree(drawn):
    columns, rows = drawn
    table = pa.table(
        [pa.array([row[n] for row in rows]).cast(field.type) if any(row[n] is not None for row in rows)
         else pa.nulls(len(rows), field.type) for n, field in enumerate(schema_of(columns))],
        schema=schema_of(columns),
    )  # fmt: skip
    assert columns_of(table.schema) == tuple(columns)
    by_column = encode(table.combine_chunks().to_batches()[0], columns).to_pylist()
    assert by_column == [encode_row(columns, row) for row in rows]
    assert leaves(table) == [leaf_of(columns, row) for row in rows]


def test_a_slice_hashes_like_the_whole():
    table = pa.table({"t": ["a", None, "ü", ""] * 9000, "b": [True, None, False, None] * 9000})
    assert leaves(table.slice(17_001, 40)) == leaves(table)[17_001:17_041]


def test_different_rows_have_different_bytes():
    columns = [Column("a", Type.TEXT), Column("b", Type.TEXT), Column("n", Type.FLOAT)]
    rows = [("ab", "c", 1.0), ("a", "bc", 1.0), ("abc", "", 1.0), ("abc", None, 1.0), (None, "abc", 1.0),
            ("ab", "c", None), ("ab", "c", 0.0), ("ab", "c", -0.0)]  # fmt: skip
    assert len({encode_row(columns, row) for row in rows}) == len(rows)
    assert len({layout_digest(columns), layout_digest(columns[::-1]), layout_digest([*columns[:2]])}) == 3


def test_every_nan_is_the_same():
    odd = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]
    assert math.isnan(odd)
    column = [Column("x", Type.FLOAT)]
    assert encode_row(column, [odd]) == encode_row(column, [math.nan])
    assert leaves(pa.table({"x": np.array([odd])})) == [leaf_of(column, [math.nan])]


@pytest.mark.parametrize("value", [1, True, "1", 2.0])
def test_a_value_of_another_type_is_refused(value):
    right = {int: Type.INT, bool: Type.BOOL, str: Type.TEXT, float: Type.FLOAT}[type(value)]
    for wrong in set(Type) - {right} - ({Type.TIME} if right is Type.INT else set()):
        with pytest.raises(Tampered, match="which is no"):
            encode_row([Column("x", wrong)], [value])
    with pytest.raises(Tampered, match="beyond"):
        encode_row([Column("x", Type.INT)], [2**63])
