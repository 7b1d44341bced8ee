"""Contracts: every term is held to, rows are named, and no value gets into a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts import read_contract
from holdfast.datasets.terms import Tally, hold_to_contract
from holdfast.domain.contract import ColumnKind, ColumnTerms, Contract
from holdfast.domain.errors import FixInput

CONTRACT = Contract(
    "applicants",
    "1",
    (
        ColumnTerms("id", ColumnKind.TEXT, unique=True, pattern=r"[A-Z]\d+"),
        ColumnTerms("age", ColumnKind.INTEGER, low=18, high=99),
        ColumnTerms("income", ColumnKind.NUMBER, low=0, missing_at_most=0.5),
        ColumnTerms("purpose", ColumnKind.CATEGORY, categories=("car", 1)),
        ColumnTerms("since", ColumnKind.TIME),
    ),
    rows_at_most=10,
)
GOOD = {
    "id": ["A1", "A2", "A3", "A4"],
    "age": [18, 40, 99, 50],
    "income": [0.0, 3.5, None, 9.0],
    "purpose": ["car", 1, 1.0, "car"],
    "since": ["2026-01-01", "2026-01-02T10:00:00Z", "2026-02-01", "2026-03-01"],
}


def held(contract=CONTRACT, **columns):
    frame = pd.DataFrame({**GOOD, **columns})
    tally = Tally(len(frame))
    hold_to_contract(frame, contract, tally)
    return [(o.check, o.column, o.rows) for o in tally.objections], tally


def test_a_table_that_keeps_its_contract():
    assert held()[0] == []


@pytest.mark.parametrize(
    ("columns", "objection"),
    [
        ({"id": ["A1", "A2", "A2", "A4"]}, ("unique", "id", 2)),
        ({"id": ["A1", "A2", "a3", "A4"]}, ("pattern", "id", 1)),
        ({"age": [17, 40, 99, 50]}, ("range", "age", 1)),
        ({"age": [18, 40, 100, 101]}, ("range", "age", 2)),
        ({"age": [18, 40, 50.5, 60]}, ("kind", "age", 1)),
        ({"age": ["18", "forty", "50", "60"]}, ("kind", "age", 1)),
        ({"age": [18, None, 50, 60]}, ("missing", "age", 1)),
        ({"income": [None, None, None, 1.0]}, ("missing", "income", 0)),
        ({"income": [np.inf, 1, 1, 1]}, ("kind", "income", 1)),
        ({"purpose": ["car", "boat", 1, 1]}, ("categories", "purpose", 1)),
        ({"since": ["2026-01-01", "tomorrow", "2026-01-01", "2026-01-01"]}, ("kind", "since", 1)),
        ({"extra": [1, 2, 3, 4]}, ("columns", "", 0)),
    ],
)
def test_each_term(columns, objection):
    found, tally = held(**columns)
    assert found == [objection]
    assert int(tally.failing.sum()) == objection[2]


def test_rows_and_columns_of_the_table_as_a_whole():
    frame = pd.DataFrame({"age": [20] * 11})
    tally = Tally(11)
    hold_to_contract(frame, CONTRACT, tally)
    assert [o.check for o in tally.objections] == ["rows", "columns", "columns", "columns", "columns"]


@given(st.lists(st.integers(-50, 150), min_size=1, max_size=10))
def test_exactly_the_rows_out_of_range_fail(ages):
    contract = Contract("c", "1", (ColumnTerms("age", ColumnKind.INTEGER, low=18, high=99),))
    tally = Tally(len(ages))
    hold_to_contract(pd.DataFrame({"age": ages}), contract, tally)
    assert tally.failing.tolist() == [not 18 <= age <= 99 for age in ages]


def test_no_value_gets_into_a_sentence():
    _, tally = held(purpose=["car", "SECRETVALUE", 1, 1], age=["18", "SECRETVALUE", "50", "60"])
    assert "SECRETVALUE" not in repr(tally.objections) + repr(tally.reasons)


YAML = """\
name: applicants
version: "1"
columns:
  age: {kind: integer, low: 18}
  purpose: {kind: category, categories: [car, home]}
target: purpose
"""


def test_a_contract_in_yaml(tmp_path):
    (tmp_path / "c.yaml").write_text(YAML)
    contract = read_contract(tmp_path / "c.yaml")
    assert contract.column("age") == ColumnTerms("age", ColumnKind.INTEGER, low=18)
    assert (contract.target, contract.rows_at_least, contract.failing_rows_at_most) == ("purpose", 1, 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (YAML.replace("low: 18", "low: 18, high: 3"), "line 4.*`low` is above `high`"),
        (YAML.replace(", categories: [car, home]", ""), "line 5.*lists its `categories`"),
        (YAML.replace("kind: integer, low: 18", "kind: text, pattern: '['"), "line 4.*no regular expression"),
        (YAML.replace("target: purpose", "target: label"), "'label' is not among"),
        (YAML.replace("version", "verison"), "line 2.*verison"),
    ],
)
def test_mistakes_in_a_contract_are_named(tmp_path, wrong, message):
    (tmp_path / "c.yaml").write_text(wrong)
    with pytest.raises(FixInput, match=message):
        read_contract(tmp_path / "c.yaml")
