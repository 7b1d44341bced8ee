"""What a table calls its columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.engines.making import SCHEMA, VIEW

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Task
from holdfast.engines.view import gateway_view, shield_view


def test_a_gateway_and_a_shield_have_names_of_their_own():
    assert [gateway_view(SCHEMA).column(name) for name in ("score", "decision", "label", "input_kind")] == [
        "output_yes", "output_predict", "", "input_kind",
    ]  # fmt: skip
    assert shield_view(SCHEMA).column("score") == "output_score_yes"
    assert shield_view(SCHEMA).column("decision") == "output_prediction"


def test_the_score_is_that_of_the_favourable_class_or_of_the_last():
    assert gateway_view(replace(SCHEMA, favourable=0)).score == "output_no"
    assert gateway_view(replace(SCHEMA, favourable=None, classes=("a", "b:c"))).score == "output_b::c"
    with pytest.raises(FixInput, match="names no classes"):
        gateway_view(replace(SCHEMA, classes=()))


def test_a_regression_decides_what_it_scores():
    view = gateway_view(replace(SCHEMA, task=Task.REGRESSION, classes=()))
    assert (view.score, view.decision) == ("output_predict", "output_predict")
    assert shield_view(replace(SCHEMA, task=Task.REGRESSION, classes=())).score == "output_score"


def test_colons_are_doubled_in_the_log_and_kept_where_a_user_names_the_column():
    assert gateway_view(SCHEMA).column("input_a:b") == "input_a::b"
    assert VIEW.column("input_amount") == "amount_eur"
