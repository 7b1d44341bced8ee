"""Tables to matrices and back, without loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.datasets.encode import UNSEEN, decode, encode
from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.load import protected_groups, to_dataset
from holdfast.domain.errors import FixInput
from holdfast.testing.tables import credit_rows, credit_schema


@given(st.integers(0, 2**32 - 1))
def test_rows_survive_the_way_to_a_table_and_back(seed):
    X = credit_rows(20, seed).X
    assert np.array_equal(encode(decode(X, credit_schema()), credit_schema()), X)


def test_dtypes_are_those_that_the_model_was_trained_on():
    frame = pd.DataFrame(
        {
            "i": np.array([1, 2, 3, 4], dtype="int32"),
            "f": np.array([1.5, np.nan, 2, 3], dtype="float32"),
            "b": [True, False, True, True],
            "s": ["x", "y", "x", "y"],
            "c": pd.Categorical(["u", "v", "u", "v"]),
            "y": [0, 1, 0, 1],
        }
    )
    schema = infer_schema(frame, Stated(target="y"))
    back = decode(encode(frame, schema), schema)
    pd.testing.assert_frame_equal(back, frame.drop(columns="y"))


def test_unseen_and_missing_categories():
    schema = credit_schema()
    X = credit_rows(3, 0).X
    X[0, 5], X[1, 5] = -1, np.nan
    housing = decode(X, schema)["housing"]
    assert housing.iloc[0] == UNSEEN
    assert pd.isna(housing.iloc[1])
    again = encode(decode(X, schema), schema)[:, 5]
    assert again[0] == -1
    assert np.isnan(again[1])


def test_a_missing_column_and_text_among_numbers_are_named():
    frame = decode(credit_rows(5, 0).X, credit_schema())
    with pytest.raises(FixInput, match="no column 'income'"):
        encode(frame.drop(columns="income"), credit_schema())
    with pytest.raises(FixInput, match="'debt' should hold numbers"):
        encode(frame.assign(debt=["a"] * 5), credit_schema())


def table():
    return decode(credit_rows(6, 0).X, credit_schema()).assign(
        approved=["no", "yes"] * 3, sex=["f", "m", None, "f", "m", "f"]
    )


def test_labels_groups_and_rows():
    data = to_dataset(table(), credit_schema(), digest="d")
    assert data.y.tolist() == [0, 1] * 3
    assert data.protected["sex"].codes.tolist() == [0, 1, -1, 0, 1, 0]
    assert data.take(np.array([4, 1])).row.tolist() == [4, 1]


def test_labels_that_training_never_saw():
    with pytest.raises(FixInput, match="'perhaps', which training never saw"):
        to_dataset(table().assign(approved=["no", "yes", "perhaps"] * 2), credit_schema(), digest="d")
    with pytest.raises(FixInput, match="2 rows of the table have no"):
        to_dataset(table().assign(approved=["no", "yes", None] * 2), credit_schema(), digest="d")
    assert to_dataset(table().drop(columns="approved"), credit_schema(), digest="d").y is None


def test_many_valued_protected_numbers_become_bands():
    ages = pd.Series([20.0, 30, 40, 50, 60, 70, np.nan] * 5 + list(range(18, 40)))
    groups = protected_groups(ages)
    assert len(groups.labels) == 4
    assert (groups.codes[ages.isna()] == -1).all()
    known = ages.notna().to_numpy()
    low, high = zip(*(map(float, label.split("-")) for label in groups.labels), strict=True)
    code = groups.codes[known]
    assert (ages[known] >= np.array(low)[code]).all()
    assert (ages[known] <= np.array(high)[code]).all()
