"""Prompts: read from bytes, filled in as they are, and clear about what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.errors import FixInput
from holdfast.domain.prompt import MOST_VALUE, parse_prompt

TEXT = b"""
 You help {{ customer }}, of {{bank}}.
{{role "user"}} Hi, I am {{customer}}.
{{role "model"}}Hello. {"a": {{}}}
"""


def test_each_speaker_says_a_message_and_variables_stand_where_they_are_named():
    prompt = parse_prompt(TEXT)
    assert prompt.variables == ("customer", "bank")
    assert prompt.fill({"customer": "Ann", "bank": 7}) == (
        ("system", "You help Ann, of 7."),
        ("user", "Hi, I am Ann."),
        ("model", 'Hello. {"a": {{}}}'),
    )


@given(st.text())
def test_a_value_is_put_in_as_it_is(value):
    assert parse_prompt(b"<{{it}}>").fill({"it": value}) == (("system", f"<{value}>"),)


@given(st.binary(max_size=200))
def test_bytes_are_a_prompt_or_a_clear_error(data):
    try:
        prompt = parse_prompt(data)
    except FixInput:
        return
    assert prompt.fill(dict.fromkeys(prompt.variables, "x"))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "prompt.empty"),
        (b' \n{{role "user"}}\n', "prompt.empty"),
        (b"\xff", "prompt.encoding"),
        (b'{{role "root"}} hi', "prompt.role"),
    ],
)
def test_what_is_no_prompt(data, code):
    with pytest.raises(FixInput) as wrong:
        parse_prompt(data)
    assert wrong.value.code == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, "prompt.variable"),
        ({"it": None}, "prompt.variable"),
        ({"it": True}, "prompt.variable"),
        ({"it": ["x"]}, "prompt.variable"),
        ({"it": "x" * (MOST_VALUE + 1)}, "prompt.variable"),
        ({"it": "x", "that": "y"}, "prompt.unknown"),
    ],
)
def test_what_does_not_fill_it(values, code):
    with pytest.raises(FixInput) as wrong:
        parse_prompt(b"Do {{it}}.").fill(values)
    assert wrong.value.code == code
