"""Whatever clients and people send is read, or refused in so many words: nothing else is ever raised.

    HOLDFAST_FUZZ=20000 python -m pytest tests/unit/gateway/test_fuzz.py tests/unit/gateway/test_fuzz_upstreams.py

tries as many examples of each as the number says; CI tries a few.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, KeySet
from tests.unit.flows.test_serve import asked, post_of

from holdfast.datasets.raw import Reader
from holdfast.decisions.batch import table_of
from holdfast.decisions.log import _decided
from holdfast.documents import parse_document
from holdfast.domain.errors import FixInput, HoldfastError, ModelFailed, SignInFirst
from holdfast.domain.ids import Ids
from holdfast.flows.serve import before, settle
from holdfast.gateway.access.identity import Identities, Issuer
from holdfast.gateway.app import Reached, _read
from holdfast.gateway.rows.answers import inferred, predicted
from holdfast.gateway.rows.backends import JSON_LENGTH, Put, _written, json_length, reply_of
from holdfast.gateway.rows.invocations import read_invocations
from holdfast.gateway.rows.openinference import DTYPES, columns, read_answer, read_request
from holdfast.gateway.rows.serving import Outcome
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.ledger.decided import micros_of
from holdfast.testing.tables import credit_rows, credit_schema

EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ", "40"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SCHEMA = credit_schema()
READER = Reader(SCHEMA)
NOW = datetime(2026, 11, 28, tzinfo=UTC)

cells = st.none() | st.booleans() | st.integers() | st.floats(width=64) | st.text(max_size=4)
values = st.recursive(cells, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
names = st.sampled_from([*SCHEMA.names, "income", "x", "", "\x00", "é" * 40])


def said(told) -> bytes:
    return json.dumps(told, allow_nan=False).encode()


def plain(told):
    """JSON has no NaN and no infinity."""
    return json.loads(json.dumps(told), parse_constant=lambda _: None)


shapes = st.lists(st.sampled_from([0, 1, 1, 2, 3, -1, 2**31, 2**62, True, 1.0]), max_size=12) | values
parameters = st.dictionaries(
    st.sampled_from(["binary_data_size", "shared_memory_region", "classification", "binary_data"]),
    st.sampled_from([0, 1, 8, 16, 2**63, -1, True, "x"]),
)
tensors = st.fixed_dictionaries(
    {"name": names | values, "datatype": st.sampled_from([*DTYPES, "BYTES", "FP8"]), "shape": shapes},
    optional={"data": st.lists(values, max_size=4) | st.lists(st.lists(cells, max_size=3)), "parameters": parameters},
)
good_tensors = st.integers(0, 3).flatmap(
    lambda n: st.lists(
        st.fixed_dictionaries({
            "name": names, "datatype": st.sampled_from(["FP64", "BYTES", "INT64", "FP16", "BOOL"]),
            "shape": st.sampled_from([[n], [n, 1]]), "data": st.lists(cells, min_size=n, max_size=n),
        }), min_size=1, max_size=8, unique_by=lambda one: one["name"],
    )
)  # fmt: skip
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | good_tensors},
    optional={"id": cells, "outputs": st.lists(tensors, max_size=2) | values, "parameters": parameters},
).map(plain)


@fuzz
@given(requests | values.map(plain), st.binary(max_size=24), st.sampled_from([None, -1, 0, 1]))
def test_an_inference_request_is_read_as_rows_or_refused(told, tail, off):
    head = said(told)
    length = None if off is None else len(head) + off
    try:
        request = read_request(head + (b"" if off is None else tail), length)
        table = columns(request.inputs, SCHEMA.names)
    except FixInput:
        return
    again = read_request(request.body, request.json_length)
    assert [(one.name, one.data.tolist()) for one in request.inputs].__repr__() == [
        (one.name, one.data.tolist()) for one in again.inputs
    ].__repr__()
    as_rows({name: column.tolist() for name, column in table.items()})


def as_rows(table):
    """What guards and the model see of a client's columns, as the gateway reads them."""
    with suppress(FixInput):
        reading = _read(READER, table)
        n = len(next(iter(table.values()), ()))
        assert reading.X.shape == (n, len(SCHEMA.names))
        assert not np.isinf(reading.X).any()
        if n:
            sent = _written(reading.X, SCHEMA, Put(b"", []))
            assert columns(read_request(sent.body).inputs, SCHEMA.names).keys() == set(SCHEMA.names)


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ([1], [1] * 70),
        ([], [0, 2**31, 2**31, 2**31, 2**31]),
        ([1], [2**63] * 400_000),
        ([], [2**40, 0]),
    ],
)
def test_a_shape_that_no_array_has_costs_nothing(data, shape):
    with pytest.raises(FixInput):
        read_request(said({"inputs": [{"name": "x", "datatype": "FP64", "shape": shape, "data": data}]}))


def test_a_name_that_stands_twice_means_the_same_to_guards_and_to_the_upstream():
    def told(value):
        return b'"data": [%d]' % value

    raw = b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], %b, %b}]}' % (told(1), told(666))
    request = read_request(raw)
    assert request.inputs[0].data.tolist() == [666]
    assert b"1]" not in request.body.partition(b'"data"')[2]
    tail = np.array([7.0]).tobytes()
    head = said(
        {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}]}
    ).replace(b'"FP64",', b'"INT64", "datatype": "FP64",')
    request = read_request(head + tail, len(head))
    assert request.json_length < len(head)
    assert request.body[request.json_length :] == tail
    assert b"INT64" not in request.body


@pytest.mark.parametrize("parameters", [{"shared_memory_region": "r"}, {"binary_data_size": 8}])
def test_data_in_two_places_or_out_of_sight_are_refused(parameters):
    one = {"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0], "parameters": parameters}
    head = said({"inputs": [one]})
    with pytest.raises(FixInput):
        read_request(head + b"12345678", len(head))


def test_an_output_in_memory_that_is_out_of_sight_is_refused():
    one = {"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}
    with pytest.raises(FixInput):
        read_request(said({"inputs": [one], "outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]}))


@fuzz
@given(st.lists(st.binary(max_size=30) | st.integers(0, 10**30).map(lambda n: b"%d" % n), max_size=3))
def test_the_length_of_the_json_is_one_number_or_refused(told):
    headers = [(b"x", b"1"), *((JSON_LENGTH, value) for value in told)]
    with suppress(FixInput):
        length = json_length(headers)
        assert (length is None) == (not told)
        assert length is None or 0 <= length < 10**12


def test_digits_without_end_are_no_length():
    with pytest.raises(FixInput):
        json_length([(JSON_LENGTH, b"9" * 5_000)])


rows = st.lists(st.lists(cells | values, max_size=8), max_size=4)
forms = st.fixed_dictionaries(
    {},
    optional={
        "dataframe_split": st.fixed_dictionaries({}, optional={"columns": st.lists(names | values), "data": rows}),
        "dataframe_records": st.lists(st.dictionaries(names, values, max_size=8), max_size=3) | values,
        "instances": rows | st.lists(st.dictionaries(names, values, max_size=3), max_size=3),
        "inputs": st.dictionaries(names, st.lists(values, max_size=3)) | rows | values,
    },
).map(plain)
tables = rows.map(lambda table: "\r\n".join(",".join(map(str, row)) for row in table).encode("utf-8", "replace"))


@fuzz
@given(forms.map(said) | st.binary(max_size=60) | tables, st.sampled_from(["application/json", "", "text/csv", "x"]))
def test_a_scoring_request_is_read_as_rows_or_refused(body, kind):
    with suppress(FixInput):
        table = read_invocations(body, kind, SCHEMA.names)
        assert len({len(column) for column in table.values()}) <= 1
        as_rows(table)


def test_more_columns_than_any_table_has_are_refused_at_once():
    wide = {f"c{at}": [1, 2] for at in range(50_000)}
    with pytest.raises(FixInput, match="columns"):
        _read(READER, wide)
    assert _read(READER, dict(list(wide.items())[:50])).extra == 50


class Log:
    """Takes what the decision log would take, and raises what it would."""

    def append(self, decisions):
        _decided(decisions)

    def append_batch(self, table, **constant):
        ids = Ids().take(len(table))
        table_of(table, ids, constant | {"decided_at": micros_of(constant.pop("at"))})
        return ids


outputs = st.integers(1, 3).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(
            st.fixed_dictionaries({
                "name": st.sampled_from(["predict", "yes", "no", "p:1", "", "score"]),
                "datatype": st.sampled_from([*DTYPES, "BYTES"]),
                "shape": st.sampled_from([[n], [n, 1], [n, 2], [n, 0], [2, n], [n, 1, 1], []]),
                "data": st.sampled_from([n, 2 * n, 0, 1]).flatmap(
                    lambda m: st.lists(cells, min_size=m, max_size=m)
                    | st.lists(st.integers(0, 2**64 - 1), min_size=m, max_size=m)
                    | st.lists(st.floats(0, 1), min_size=m, max_size=m)
                ),
            }), max_size=3,
        ),
    )
)  # fmt: skip


@fuzz
@given(outputs)
def test_whatever_an_upstream_answers_is_logged_and_handed_on_or_named_its_fault(given_outputs):
    n, told = given_outputs
    try:
        reply = reply_of(read_answer(said(plain({"outputs": told}))), n, SCHEMA)
    except (FixInput, ModelFailed):
        return
    post = replace(post_of(), log=Log())
    question = asked(credit_rows(n, 1).X)
    served = settle(post, question, before(post, question), reply)
    request = read_request(said({"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1]}]}))
    outcome = Outcome(("id",), served.reply, None)
    orjson.loads(inferred("m", request, outcome).body)
    orjson.loads(predicted(outcome).body)


DOCUMENT = """\
holdfast: 1
environment: production
listen: {port: 8720}
control_plane: {url: "https://plane", key: "a+b+c"}
systems:
  - {system: credit, name: credit, reference: r.json, releases: [{release: "sha256:%s", upstream: "http://m"}]}
""" % ("a" * 64)  # fmt: skip


@fuzz
@given(st.lists(st.tuples(st.integers(0, len(DOCUMENT)), st.text(max_size=3)), max_size=3) | st.text(max_size=60))
def test_a_gateways_document_is_read_or_its_first_mistake_is_named(changes):
    text = changes if isinstance(changes, str) else DOCUMENT
    for at, put in [] if isinstance(changes, str) else changes:
        text = text[:at] + put + text[at + 1 :]
    with suppress(FixInput):
        assert parse_document(text, GatewayDocument, "gateway.yaml").systems


@pytest.mark.parametrize("listen", ['{certificate: "c.pem"}', '{key: "k.pem"}', '{clients: "ca.pem"}', "{port: 0}"])
def test_half_of_what_tls_needs_is_no_document(listen):
    with pytest.raises(FixInput):
        parse_document(DOCUMENT.replace("{port: 8720}", listen), GatewayDocument, "gateway.yaml")


@fuzz
@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda raw: f"Bearer {raw.decode('latin-1')}"), st.text())
def test_whoever_shows_nonsense_is_nobody(authorization, key):
    issuers = [Issuer("https://id", "holdfast", KeySet([ECKey.generate_key("P-256", {"kid": "1"})]))]
    for identities in (Identities((), lambda: NOW), Identities((), lambda: NOW, issuers)):
        with pytest.raises(SignInFirst):
            identities.by_header(authorization, key)
        with pytest.raises(SignInFirst):
            identities.by_header(f"Bearer {authorization}.e30.{key}")


def test_reached_reads_whom_a_row_is_about_whatever_stands_there():
    class Serving:
        post = post_of(subject="who")

    reached = Reached(Serving(), Reader(SCHEMA, ("who",)), lambda text: f"p-{text}")
    question = reached.asked({"who": [None, ["x"], {"a": 1}], "income": [1, 2, 3]}, "c", "")
    assert question.subjects == ["", "p-['x']", "p-{'a': 1}"]
    with suppress(HoldfastError):
        reached.asked({"who": [3]}, "c", "")
