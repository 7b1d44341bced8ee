"""Rows as callers send them: read quickly, the same from every form, and never an error for a bad value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.datasets.encode import decode, encode
from holdfast.datasets.raw import Fault, Reader
from holdfast.domain.errors import FixInput
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema()
READER = Reader(SCHEMA, known=("customer",))
ROW = {
    "income": 52.5, "debt": 10, "years_employed": 4, "age": 30, "late_payments": 0, "housing": "rent", "purpose": "car",
}  # fmt: skip


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.decimals(),
    st.sampled_from([pd.NA, pd.NaT, np.float32(2), np.str_("own"), np.zeros(2), b"own"]),
    st.sampled_from([[1], [[]], {"a": 1}, date(2020, 1, 1)]),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*SCHEMA.names, "customer", "other"]), ANYTHING))
def test_anything_under_any_name_is_read_without_an_error(row):
    reading = READER.read(row)
    assert reading.X.shape == (1, 7)
    assert not np.isinf(reading.X).any()
    faults = np.zeros((1, 7)) if reading.faults is None else reading.faults
    assert np.isnan(reading.X[faults > 0]).all()
    assert reading.extra == ("other" in row)
    for j, name in enumerate(SCHEMA.names):
        assert (faults[0, j] == Fault.ABSENT) == (name not in row)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys([*SCHEMA.names, "other"], ANYTHING)), min_size=2, max_size=5))
def test_a_table_of_anything_is_read_as_its_rows_are(rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    alone = [READER.read(row) for row in rows]
    for whole in (READER.read(frame), READER.read_columns(columns)):
        assert whole.extra == 1
        for i, one in enumerate(alone):
            assert np.array_equal(one.X[0], whole.X[i], equal_nan=True)
            faults = np.zeros(7) if one.faults is None else one.faults[0]
            assert np.array_equal(faults, np.zeros(7) if whole.faults is None else whole.faults[i])


def test_columns_that_are_absent_or_not_of_one_length_are_said():
    few = READER.read_columns({"age": [30, 40], "housing": ["rent", "tent"]})
    assert (few.X[:, SCHEMA.names.index("age")] == [30, 40]).all()
    assert few.X[1, SCHEMA.names.index("housing")] == -1
    assert (few.faults == Fault.ABSENT).sum() == 2 * (len(SCHEMA.names) - 2)
    with pytest.raises(FixInput, match="not of one length"):
        READER.read_columns({"age": [30, 40], "housing": ["rent"]})


def test_a_column_that_comes_twice_counts_as_one_too_many():
    frame = decode(credit_rows(4, 1).X, SCHEMA)
    reading = READER.read(pd.concat([frame, frame[["age", "housing"]]], axis=1))
    assert np.array_equal(reading.X, credit_rows(4, 1).X)
    assert reading.extra == 2


def test_every_form_of_the_same_rows_is_the_same_matrix():
    X = credit_rows(200, 3).X
    frame = decode(X, SCHEMA)
    forms = [frame, pa.Table.from_pandas(frame), frame.to_dict("records"), frame.to_numpy(), frame.to_numpy().tolist()]
    forms.append(frame.astype({"housing": "category", "purpose": "category"}))
    for form in forms:
        reading = READER.read(form)
        assert np.array_equal(reading.X, X)
        assert reading.faults is None
        assert reading.extra == 0


def test_a_table_and_its_rows_one_by_one_have_the_same_faults():
    frame = pd.DataFrame([ROW, ROW | {"age": "thirty"}, ROW | {"income": np.inf}, ROW | {"housing": "boat"}, ROW])
    frame.loc[4, "debt"] = None
    whole = READER.read(frame.drop(columns="purpose").assign(other=1))
    assert whole.extra == 1
    for i, row in enumerate(frame.drop(columns="purpose").assign(other=1).to_dict("records")):
        alone = READER.read(row)
        assert np.array_equal(alone.X[0], whole.X[i], equal_nan=True)
        assert np.array_equal(alone.faults[0], whole.faults[i])
    found = {
        (int(i), SCHEMA.names[j]): Fault(whole.faults[i, j]).name
        for i, j in zip(*np.nonzero(whole.faults), strict=True)
    }
    assert found == {(1, "age"): "WRONG_TYPE", (2, "income"): "NOT_FINITE"} | {
        (i, "purpose"): "ABSENT" for i in range(5)
    }
    assert whole.X[3, SCHEMA.index("housing")] == -1


@pytest.mark.parametrize("number", [7, 7.0, np.int8(7), np.float32(7), Decimal(7), True])
def test_numbers_of_every_kind_are_numbers(number):
    assert READER.read(ROW | {"debt": number}).X[0, 1] == float(number)


@pytest.mark.parametrize(
    ("value", "fault"), [("7", Fault.WRONG_TYPE), (10**400, Fault.NOT_FINITE), (b"7", Fault.WRONG_TYPE)]
)
def test_what_is_no_number_is_none(value, fault):
    reading = READER.read(ROW | {"debt": value})
    assert reading.faults[0, 1] == fault


def test_a_matrix_that_is_too_narrow_or_too_wide_is_said():
    rows = decode(credit_rows(3, 1).X, SCHEMA).to_numpy()
    narrow, wide = READER.read(rows[:, :5]), READER.read(np.column_stack([rows, rows[:, 0]]))
    assert (narrow.faults[:, 5:] == Fault.ABSENT).all()
    assert wide.extra == 1


def test_a_plain_table_is_read_as_encode_reads_it():
    frame = decode(credit_rows(50, 2).X, SCHEMA)
    assert np.array_equal(READER.read(frame).X, encode(frame, SCHEMA))


def test_no_rows_are_an_empty_matrix():
    for nothing in ([], np.empty((0, 7)), decode(credit_rows(3, 1).X, SCHEMA).iloc[:0]):
        assert READER.read(nothing).X.shape == (0, 7)


def test_what_holds_no_rows_is_refused():
    with pytest.raises(FixInput, match="holds no rows"):
        READER.read("income=3")
