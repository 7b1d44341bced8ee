"""Columns in the model's order, by name or by place."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Task
from holdfast.targets.model import Batch, Model, lay_out, plain_labels


def model_with(features, count=None):
    return Model("library 1", ask=lambda batch: batch.rows, features=features, n_features=count)


def test_columns_follow_the_model_by_name(mixed):
    schema, rows, _ = mixed
    batch = lay_out(schema, model_with(("grade", "housing_type"))).batch(rows)
    assert list(batch.frame.columns) == ["grade", "housing_type"]
    assert np.array_equal(batch.rows, rows[:, [3, 2]])
    assert set(batch.frame["grade"]) == {1, 3, 7}
    assert len(batch) == len(rows)


def test_rows_that_are_in_order_are_not_copied(mixed):
    schema, rows, _ = mixed
    assert lay_out(schema, model_with(None, 4)).batch(rows).rows is rows
    assert lay_out(schema, model_with(schema.names)).batch(rows).rows is rows


def test_a_name_with_an_underscore_wins_over_one_with_a_space(schema_of):
    schema = schema_of(Task.BINARY, names=("a b", "a_b"))
    assert lay_out(schema, model_with(("a_b",))).order.tolist() == [1]


def test_what_does_not_fit_is_named(mixed):
    schema = mixed[0]
    with pytest.raises(FixInput, match="'age'"):
        lay_out(schema, model_with(("income", "age")))
    with pytest.raises(FixInput, match="takes 3 features; the data has 4"):
        lay_out(schema, model_with(None, 3))


def test_values_are_numbers_where_all_columns_are(mixed, schema_of):
    schema, rows, _ = mixed
    assert Batch(rows, schema).values.dtype == object
    numbers = schema.with_features((schema.features[0], schema.features[3]))
    assert Batch(rows[:, [0, 3]], numbers).values[:, 1].tolist() == [(1, 3, 7)[int(code)] for code in rows[:, 3]]
    plain = schema_of(Task.BINARY)
    assert Batch(rows[:, :3], plain).values is not None


def test_labels_of_numpy_become_plain():
    assert plain_labels(np.array([1, 2])) == (1, 2)
    assert [type(label) for label in plain_labels([np.str_("a"), np.bool_(True)])] == [str, bool]
