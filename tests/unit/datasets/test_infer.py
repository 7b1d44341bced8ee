"""What is inferred from a table, and how a person overrides it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.datasets.infer import Stated, guess_id, guess_protected, guess_target, infer_schema
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Kind, Monotone, Task


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    home = rng.integers(0, 3, 60)
    return pd.DataFrame(
        {
            "client_id": range(60),
            "age": rng.integers(18, 80, 60),
            "income": rng.normal(50, 10, 60),
            "housing": rng.choice(["own", "rent"], 60),
            "home_a": (home == 0).astype(int),
            "home_b": (home == 1).astype(int),
            "home_c": (home == 2).astype(int),
            "member": rng.random(60) > 0.5,
            "children": np.where(rng.random(60) > 0.1, rng.integers(0, 4, 60), np.nan),
            "sex": rng.choice(["f", "m"], 60),
            "approved": rng.choice(["no", "yes"], 60),
        }
    )


def test_kinds_ranges_groups_and_mutability(frame):
    stated = Stated(target="approved", favourable="yes", protected=("sex",), id="client_id")
    schema = infer_schema(frame, stated)
    features = {f.name: f for f in schema.features}
    assert schema.task is Task.BINARY
    assert schema.classes == ("no", "yes")
    assert schema.favourable == 1
    assert "client_id" not in features
    assert features["income"].kind is Kind.NUMBER
    assert features["children"].kind is Kind.INTEGER
    assert features["children"].missing
    assert features["housing"].categories == ("own", "rent")
    assert features["member"].categories == (False, True)
    assert features["age"].monotone is Monotone.INCREASE
    assert features["sex"].immutable
    assert schema.one_hot == (("home_a", "home_b", "home_c"),)
    assert (features["age"].low, features["age"].high) == (frame["age"].min(), frame["age"].max())
    assert "low" in features["age"].guessed


def test_what_is_stated_wins(frame):
    columns = {"income": {"low": 0.0, "cost": 12.0}, "age": {"immutable": True}, "children": {"kind": "category"}}
    schema = infer_schema(frame, Stated(target="approved", columns=columns, one_hot=()))
    features = {f.name: f for f in schema.features}
    assert features["income"].low == 0.0
    assert features["income"].cost == 12.0
    assert "low" not in features["income"].guessed
    assert features["age"].immutable
    assert features["children"].kind is Kind.CATEGORY
    assert schema.one_hot == ()


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 30, Task.BINARY),
        ([0, 1, 2] * 20, Task.MULTICLASS),
        (list(range(60)), Task.REGRESSION),
        ([0.5, 1.5] * 30, Task.REGRESSION),
        (["a", "b", "c"] * 20, Task.MULTICLASS),
        ([True, False] * 30, Task.BINARY),
    ],
)
def test_the_task_follows_from_the_target(frame, values, task):
    assert infer_schema(frame.assign(approved=values), Stated(target="approved")).task is task


def error_of(frame, **stated):
    with pytest.raises(FixInput) as caught:
        infer_schema(frame, Stated(**({"target": "approved"} | stated)))
    return f"{caught.value.code} {caught.value.message} {caught.value.hint}"


def test_mistakes_are_named(frame):
    assert "no column 'nope'" in error_of(frame, target="nope")
    assert "(`protected`)" in error_of(frame, protected=("nope",))
    assert "same 'approved'" in error_of(frame.assign(approved="no"))
    assert "60 of 60 rows have no" in error_of(frame.assign(approved=None))
    assert "one of: no, yes" in error_of(frame, favourable="perhaps")
    assert "No feature column" in error_of(frame[["approved"]])
    assert "has 3 values" in error_of(frame.assign(approved=["a", "b", "c"] * 20), task=Task.BINARY)
    assert "not numeric" in error_of(frame, task=Task.REGRESSION)


def test_guesses_for_a_first_manifest(frame):
    assert guess_target(frame, None) == "approved"
    assert guess_target(frame, tuple(frame.columns[1:-1])) == "approved"
    assert guess_id(frame) == "client_id"
    assert guess_protected(list(frame.columns)) == ("age", "sex")
    assert guess_protected(["mortgage", "package", "sexAtBirth", "foreign_worker"]) == ("sexAtBirth", "foreign_worker")
