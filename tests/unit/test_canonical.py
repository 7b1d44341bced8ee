"""The encoding of records: RFC 8785, checked against an implementation by others, and its inverse."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from holdfast import canonical
from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.schema import Schema
from holdfast.testing.tables import credit_schema

doubles = st.binary(min_size=8, max_size=8).map(lambda data: struct.unpack("d", data)[0]).filter(lambda x: x - x == 0)
text = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | doubles | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_bytes_equal_those_of_another_implementation(value):
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(doubles)
def test_doubles_equal_those_of_another_implementation(value):
    assert canonical.encode(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800"])
def test_what_readers_would_not_agree_on_is_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        canonical.encode(value)


def test_a_subclass_of_float_is_written_as_the_number_that_it_is():
    assert canonical.encode([np.float64(0.1), np.float64(3)]) == b"[0.1,3]"


def test_records_come_back_equal():
    schema = credit_schema()
    assert canonical.decode(Schema, canonical.encode(schema)) == schema
    finding = Finding(
        "slug", "Title", "Sentence.", Severity.HIGH, Confidence.LOW, "why", "remedy",
        exhibits=(Exhibit("t", ("a", "b", "c"), ((1, 2.5, "x"), (None, True, "y"))),),
    )  # fmt: skip
    assert canonical.decode(Finding, canonical.encode(finding)) == finding


def test_a_changed_record_has_another_digest():
    schema = credit_schema()
    assert canonical.digest(schema) != canonical.digest(replace(schema, target="other"))


@given(st.integers(0, 200))
def test_a_truncated_record_is_an_error_with_a_hint(cut):
    data = canonical.encode(credit_schema())
    with pytest.raises(FixInput, match="not a Schema record"):
        canonical.decode(Schema, data[: -1 - cut])


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"task":"binary"}', b'{"task":"binary","features":[],"no":1}'])
def test_wrong_types_are_errors(data):
    with pytest.raises(FixInput):
        canonical.decode(Schema, data)


def test_a_field_that_was_added_later_leaves_old_records_as_they_were():
    from holdfast.domain.appetite import Tier
    from holdfast.domain.gate import Gate, Request, Rule

    old = canonical.decode(
        Request,
        b'{"at":"2026-11-24T09:00:00Z","environment":"production","gate":"deployment","is_withdrawn":false,'
        b'"reason":"ready","release":"sha256:r","requester":"p-1","system":"loans"}',
    )
    assert canonical.digest(old) == "sha256:0af1250339410a9bfd52e59a4f4809230088b0950901e5e742710c89e4243a87"
    named = Request(Gate.DATA, "loans", "p-1", "ready", "2026-11-24T09:00:00Z", datasets=("sha256:t",))
    assert canonical.decode(Request, canonical.encode(named)) == named
    assert b'"datasets":["sha256:t"]' in canonical.encode(named)
    rule = Rule(Gate.CHANGE, (Tier.HIGH,), ("risk",))
    assert b"needs_lineage" not in canonical.encode(rule)
    assert canonical.plain(rule)["needs_lineage"] is False, "readers of JSON see every field"
