"""The two inference protocols as a server reads them: the clients that others wrote, and bodies that are none."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient import http

from holdfast.domain.errors import FixInput
from holdfast.gateway.rows.invocations import read_invocations, write_predictions
from holdfast.gateway.rows.openinference import (
    DTYPES,
    Tensor,
    columns,
    read_answer,
    read_request,
    write_answer,
)

NAMES = ("age", "income")
WORDS = ("inputs", "outputs", "name", "datatype", "shape", "data", "parameters", "instances", "dataframe_split")


def tensor(name="x", datatype="FP64", shape=(2, 2), data=(1, 2, 3, 4), **more):
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": list(data)} | more


def body(*inputs, **more):
    return json.dumps({"inputs": list(inputs)} | more).encode()


def test_one_matrix_or_a_tensor_for_each_column():
    matrix = columns(read_request(body(tensor(data=[[1, 2], [3, None]]))).inputs, NAMES)
    assert matrix["age"].tolist() == [1, 3]
    assert math.isnan(matrix["income"][1])
    each = [tensor("income", "INT64", (2,), (5, 6)), tensor("job", "BYTES", (2, 1), ("a", "ü"))]
    named = columns(read_request(body(*each)).inputs, NAMES)
    assert {name: column.tolist() for name, column in named.items()} == {"income": [5, 6], "job": ["a", "ü"]}


def test_tritonclient_is_understood_and_understands_the_answer():
    given = [http.InferInput("age", [3, 1], "FP32"), http.InferInput("job", [3, 1], "BYTES")]
    given[0].set_data_from_numpy(np.array([[1.5], [2.5], [np.nan]], np.float32), binary_data=True)
    given[1].set_data_from_numpy(np.array([["a"], ["ü"], [""]], object), binary_data=True)
    wanted = [http.InferRequestedOutput("score", binary_data=True), http.InferRequestedOutput("class")]
    sent, length = http.InferenceServerClient.generate_request_body(given, outputs=wanted, request_id="7")
    request = read_request(sent, length)
    assert request.id == "7"
    assert columns(request.inputs, NAMES)["job"].tolist() == ["a", "ü", ""]
    classes = Tensor("class", "BYTES", np.array(["y", "n"], object))
    outputs = (Tensor("score", "FP64", np.array([[0.5], [np.nan]])), classes)
    answer, length = write_answer("m", "1", request, outputs)
    result = http.InferResult.from_response_body(answer, header_length=length)
    assert result.as_numpy("score").tolist()[0] == [0.5]
    assert result.as_numpy("class").tolist() == [b"y", b"n"]


@given(st.data())
def test_binary_and_json_say_the_same(data):
    datatype = data.draw(st.sampled_from(sorted(DTYPES)))
    numbers = st.integers(0, 1) if datatype == "BOOL" else st.integers(0, 100)
    values = np.array(data.draw(st.lists(numbers, min_size=1, max_size=6)), DTYPES[datatype])
    for is_binary in (True, False):
        asked = {"inputs": [tensor(shape=(1,), data=[0])], "parameters": {"binary_data_output": is_binary}}
        answer, length = write_answer(
            "m", "1", read_request(json.dumps(asked).encode()), [Tensor("y", datatype, values)]
        )
        (read,) = read_answer(answer, length)
        assert read.datatype == datatype
        assert read.data.tolist() == values.tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b"{",
        b'{"inputs": ' + b"[" * 5000,
        b'{"inputs": [{"name": "\xff"}]}',
        b'{"inputs": []}',
        body({"name": 3}),
        body(tensor(datatype="FP8")),
        body(tensor(shape=(2, -1))),
        body(tensor(shape=(2, True))),
        body(tensor(shape=(10**9, 10**9))),
        body(tensor(data=("a", "b", "c", "d"))),
        body(tensor(datatype="INT64", data=(1.5, 2, 3, 4))),
        body(tensor(datatype="UINT8", data=(1, 2, 3, 300))),
        body(tensor(data=[[1, 2], 3])),
        body(tensor(parameters={"binary_data_size": 8})),
        body(tensor(parameters={"binary_data_size": -1})),
        body(tensor(), tensor()),
        body(tensor(), outputs=[{"name": 1}]),
        body(tensor(), outputs={"name": "y"}),
    ],
)
def test_what_is_no_inference_request_is_refused_with_its_fault(wrong):
    with pytest.raises(FixInput, match="This is no inference request"):
        read_request(wrong)


@pytest.mark.parametrize(
    ("rest", "size", "shape", "datatype"),
    [
        (b"12345678", 7, [1], "FP64"),
        (b"12345678", 8, [2], "FP64"),
        (b"123456789", 8, [1], "FP64"),
        (b"\xff\xff\xff\xffa", 5, [1], "BYTES"),
        (b"\x01\x00\x00\x00\xff", 5, [1], "BYTES"),
        (b"\x01\x00", 2, [1], "BYTES"),
    ],
)
def test_binary_tensors_that_do_not_add_up(rest, size, shape, datatype):
    head = json.dumps(
        {"inputs": [{"name": "x", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}]}
    ).encode()
    with pytest.raises(FixInput):
        read_request(head + rest, len(head))
    with pytest.raises(FixInput):
        read_request(head, len(head) + 1)


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor(shape=(2, 3), data=range(6))],
        [tensor("a", shape=(2,), data=(1, 2)), tensor("b", shape=(3,), data=(1, 2, 3))],
        [tensor("a", shape=(2, 2)), tensor("b", shape=(2,), data=(1, 2))],
        [tensor("a", shape=(), data=(1,)), tensor("b", shape=(1,), data=(1,))],
    ],
)
def test_tensors_that_are_no_table(inputs):
    with pytest.raises(FixInput):
        columns(read_request(body(*inputs)).inputs, NAMES)


TABLE = pd.DataFrame({"age": [30, 40], "income": [1.5, None], "job": ["a", "b"]})


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "inputs"])
def test_mlflow_forms_of_one_table(form):
    split = json.loads(TABLE.to_json(orient="split"))
    told = {
        "dataframe_split": {"columns": split["columns"], "data": split["data"]},
        "dataframe_records": json.loads(TABLE.to_json(orient="records")),
        "inputs": {name: json.loads(TABLE[name].to_json(orient="values")) for name in TABLE},
    }
    found = read_invocations(json.dumps({form: told[form]}).encode(), "application/json; charset=utf-8", NAMES)
    assert {name: list(column) for name, column in found.items()} == {
        "age": [30, 40], "income": [1.5, None], "job": ["a", "b"]
    }  # fmt: skip


def test_mlflow_rows_without_names_and_csv():
    rows = b'{"instances": [[1, 2], [3, 4]]}'
    assert read_invocations(rows, "application/json", NAMES) == {"age": [1, 3], "income": [2, 4]}
    csv = b'age,job\r\n30,"a,b"\r\n,c\r\n'
    assert read_invocations(csv, "text/csv", NAMES) == {"age": [30.0, None], "job": ["a,b", "c"]}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (b"", "application/json"),
        (b"{}", "application/json"),
        (b'{"instances": 1}', "application/json"),
        (b'{"instances": [[1]]}', "application/json"),
        (b'{"instances": [[1, 2]], "inputs": []}', "application/json"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', "application/json"),
        (b'{"dataframe_records": []}', "application/json"),
        (b'{"inputs": {"a": [1], "b": []}}', "application/json"),
        (b'{"inputs": {"a": 1}}', "application/json"),
        (b"\xff", "text/csv"),
        (b"", "text/csv"),
        (b"a,b\n1", "text/csv"),
        (b"<x/>", "application/xml"),
    ],
)
def test_what_is_no_scoring_request(wrong, kind):
    with pytest.raises(FixInput):
        read_invocations(wrong, kind, NAMES)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
)


@given(st.binary(max_size=100) | json_like.map(lambda told: json.dumps(told).encode()))
def test_whatever_comes_is_read_or_refused(raw):
    for read in (read_request, read_answer, lambda sent: read_invocations(sent, "", NAMES)):
        with suppress(FixInput):
            assert read(raw) is not None


def test_predictions_come_back():
    told = json.loads(write_predictions([0.5, [1, math.nan], "yes"]))
    assert told == {"predictions": [0.5, [1, None], "yes"]}
    assert orjson.loads(write_predictions([math.inf])) == {"predictions": [None]}
