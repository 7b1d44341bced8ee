"""Models behind a URL, on a real server: both protocols, and every way in which a server can fail."""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import threading
import time

import numpy as np
import pandas as pd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from holdfast.datasets.encode import decode
from holdfast.domain.errors import FixInput, HoldfastError, ModelFailed, Unavailable
from holdfast.domain.schema import TABULAR, Task
from holdfast.targets import http as remote
from holdfast.targets.isolated import describe, open_target
from holdfast.targets.spec import TargetSpec, infer_format


class Requests(http.server.BaseHTTPRequestHandler):
    """Hands every request to `answer(path, body, headers)`, which returns status, body and headers."""

    answer = None

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, data, headers = type(self).answer(self.path, json.loads(body) if body else None, self.headers)
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve  # noqa: N815 - the names are http.server's

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Starts a server around a function and returns its address."""
    monkeypatch.setattr("holdfast.targets.patience.FIRST_PAUSE_S", 0.01)
    servers = []

    def start(answer):
        handler = type("Handler", (Requests,), {"answer": staticmethod(answer)})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def mlflow_of(predict):
    def answer(path, body, _headers):
        assert path == "/invocations"
        table = pd.DataFrame(body["dataframe_split"]["data"], columns=body["dataframe_split"]["columns"])
        return 200, {"predictions": predict(table)}, {}

    return answer


def open_inference_of(ask, inputs, outputs):
    """`ask` maps {input name: array} to {output name: array}; `inputs` and `outputs` are the server's metadata."""

    def answer(path, body, _headers):
        if path == "/v2/models/credit":
            return 200, {"name": "credit", "platform": "sklearn", "inputs": inputs, "outputs": outputs}, {}
        assert path == "/v2/models/credit/infer"
        given = {i["name"]: np.array(i["data"], dtype=None).reshape(i["shape"]) for i in body["inputs"]}
        wanted = [output["name"] for output in body.get("outputs", [])]
        results = {name: np.asarray(a) for name, a in ask(given).items() if not wanted or name in wanted}
        return 200, {"outputs": [_tensor(name, array) for name, array in results.items()]}, {}

    return answer


def _tensor(name, array):
    return {"name": name, "datatype": "FP64", "shape": list(array.shape), "data": array.reshape(-1).tolist()}


@pytest.mark.parametrize("task", list(TABULAR))
def test_both_protocols_answer_as_the_model_itself(serve, of_task, task):
    schema, rows, labels = of_task(task)
    forest = RandomForestClassifier if task.is_classification else RandomForestRegressor
    model = forest(4, random_state=0).fit(rows, labels)
    ask = model.predict_proba if task.is_classification else model.predict
    expected = ask(rows).reshape(len(rows), -1)
    mlflow = serve(mlflow_of(lambda table: ask(table.to_numpy()).tolist())) + "/invocations"
    inputs = [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}]
    outputs = [{"name": "predict_proba"}] if task.is_classification else []
    infer = serve(open_inference_of(lambda given: {"predict_proba": ask(given["x"])}, inputs, outputs))
    for url in (mlflow, infer + "/v2/models/credit"):
        with open_target(TargetSpec(infer_format(url), url), schema) as target:
            assert target.gives_scores
            assert np.array_equal(target.scores(rows), expected)
            assert target.queries == len(rows)


def test_many_rows_go_side_by_side_and_keep_their_order(serve, of_task, monkeypatch):
    schema, rows, _ = of_task(Task.REGRESSION)
    monkeypatch.setattr(remote, "ROWS_PER_REQUEST", 7)
    busy, most, lock = 0, 0, threading.Lock()

    def slow(table):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.002)
        with lock:
            busy -= 1
        return table["a"].tolist()

    url = serve(mlflow_of(slow)) + "/invocations"
    with open_target(TargetSpec("mlflow", url), schema) as target:
        assert np.array_equal(target.predict(rows), rows[:, 0])
    assert 1 < most <= remote.SIDE_BY_SIDE


@pytest.fixture
def pipeline(mixed):
    schema, rows, labels = mixed
    text = ["housing type"]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(max_iter=500)).fit(decode(rows, schema), labels)


def test_text_columns_cross_by_name(serve, mixed, pipeline):
    schema, rows, _ = mixed
    inputs = [
        {"name": name, "datatype": kind, "shape": [-1, 1]}
        for name, kind in zip(reversed(schema.names), ("INT64", "BYTES", "INT32", "FP64"), strict=True)
    ]

    def ask(given):
        return {
            "label": [0],
            "probabilities": pipeline.predict_proba(pd.DataFrame({k: v[:, 0] for k, v in given.items()})),
        }

    infer = serve(open_inference_of(ask, inputs, [{"name": "label"}, {"name": "probabilities"}]))
    told_nothing = serve(open_inference_of(ask, [], [])) + "/v2/models/credit/infer"
    mlflow = serve(mlflow_of(lambda table: pipeline.predict_proba(table).tolist())) + "/invocations"
    expected = pipeline.predict_proba(decode(rows, schema))
    for url in (infer + "/v2/models/credit", told_nothing, mlflow):
        with open_target(TargetSpec(infer_format(url), url), schema) as target:
            assert np.array_equal(target.scores(rows), expected)
    facts = describe(TargetSpec("open-inference", infer + "/v2/models/credit"))
    assert facts.features == schema.names[::-1]
    assert facts.library == "Open Inference Protocol v2 server, sklearn"


def test_missing_values_cross_as_null(serve, of_task):
    schema, rows, _ = of_task(Task.REGRESSION)
    mlflow = serve(mlflow_of(lambda table: table["a"].isna().astype(float).tolist())) + "/invocations"
    infer = serve(open_inference_of(lambda given: {"y": [float(v is None) for v in given["input"][:, 0]]}, [], []))
    rows[:, 0] = np.nan
    for url in (mlflow, infer + "/v2/models/credit"):
        with open_target(TargetSpec(infer_format(url), url), schema) as target:
            assert target.predict(rows[:5]).tolist() == [1.0] * 5


def test_labels_are_decisions_and_named_columns_are_classes(serve, mixed, pipeline):
    schema, rows, _ = mixed
    frame = decode(rows, schema)
    labels = serve(mlflow_of(lambda table: pipeline.predict(table).tolist())) + "/invocations"
    with open_target(TargetSpec("mlflow", labels), schema) as target:
        assert not target.gives_scores
        assert np.array_equal(target.predict(rows), (pipeline.predict(frame) == "yes").astype(int))

    def columns(table):
        return [{"yes": yes, "no": no} for no, yes in pipeline.predict_proba(table).tolist()]

    named = serve(mlflow_of(columns)) + "/invocations"
    with open_target(TargetSpec("mlflow", named), schema) as target:
        assert np.array_equal(target.scores(rows), pipeline.predict_proba(frame))


def test_one_probability_is_that_of_the_second_class(serve, of_task):
    schema, rows, _ = of_task(Task.BINARY)
    url = serve(mlflow_of(lambda table: (1 / (1 + np.exp(-table["a"]))).tolist())) + "/invocations"
    with open_target(TargetSpec("mlflow", url, threshold=0.8), schema) as target:
        assert np.array_equal(target.predict(rows), (1 / (1 + np.exp(-rows[:, 0])) >= 0.8).astype(int))


def failing(serve, of_task, answer, format="mlflow", **limits) -> HoldfastError:
    path = "/invocations" if format == "mlflow" else "/v2/models/m"
    schema, _, _ = of_task(Task.REGRESSION)
    with (
        pytest.raises(HoldfastError) as failed,
        open_target(TargetSpec(format, serve(answer) + path, **limits), schema),
    ):
        pass
    assert failed.value.message
    return failed.value


@pytest.mark.parametrize(
    ("status", "data", "expected"),
    [
        (500, b"out of cheese", (ModelFailed, "model.raised")),
        (400, {"error": "bad"}, (ModelFailed, "model.raised")),
        (302, b"", (ModelFailed, "model.raised")),
        (401, b"", (FixInput, "model.no-access")),
        (403, b"", (FixInput, "model.no-access")),
        (503, b"", (Unavailable, "model.busy")),
        (200, b"{not json", (ModelFailed, "model.malformed")),
        (200, b"[" * 100_000, (ModelFailed, "model.malformed")),
        (200, {"predictions": "text"}, (ModelFailed, "model.malformed")),
        (200, {"predictions": []}, (ModelFailed, "model.malformed")),
        (200, {}, (ModelFailed, "model.malformed")),
        (200, {"predictions": [1.0, None]}, (ModelFailed, "model.malformed")),
        (200, {"predictions": [1.0]}, (ModelFailed, "model.wrong-shape")),
        (200, {"predictions": [[1.0], [1.0, 2.0]]}, (ModelFailed, "model.wrong-shape")),
        (200, b"x" * (2 << 20), (ModelFailed, "model.endless-answer")),
    ],
)
def test_what_a_server_does_wrong_is_named(serve, of_task, status, data, expected):
    error = failing(serve, of_task, lambda *_: (status, data, {}))
    assert (type(error), error.code) == expected
    assert len(str(error)) < 600


@pytest.mark.parametrize(
    ("outputs", "code"),
    [
        ([], "model.malformed"),
        ([{"name": "y", "shape": [3], "data": [1.0, 2.0]}], "model.wrong-shape"),
        ([{"name": "y", "shape": "two", "data": [1.0, 2.0]}], "model.wrong-shape"),
        ([{"name": "y", "shape": [-1, -2], "data": [1.0, 2.0]}], "model.wrong-shape"),
        ([{"name": "y", "shape": [3], "data": [1.0, 2.0, 3.0]}], "model.wrong-shape"),
    ],
)
def test_tensors_that_contradict_themselves(serve, of_task, outputs, code):
    error = failing(serve, of_task, lambda *_: (200, {"outputs": outputs}, {}), "open-inference")
    assert error.code == code


def test_a_slow_server_and_one_that_drips_are_timed_out(serve, of_task):
    def sleep(*_):
        time.sleep(0.6)
        return 200, {"predictions": [1.0, 1.0]}, {}

    assert failing(serve, of_task, sleep, seconds_per_call=0.3).code == "model.timed-out"

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    url = serve(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Requests, "do_POST", drip)
        with (
            pytest.raises(ModelFailed) as failed,
            open_target(TargetSpec("mlflow", url + "/invocations", seconds_per_call=0.3), of_task(Task.REGRESSION)[0]),
        ):
            pass
    assert failed.value.code == "model.timed-out"


def test_a_busy_server_is_asked_again_as_it_wishes(serve, of_task):
    schema, rows, _ = of_task(Task.REGRESSION)
    statuses = iter([429, 503, 200, 503, 200])

    def answer(_path, body, _headers):
        n = len(body["dataframe_split"]["data"])
        return next(statuses), {"predictions": [0.5] * n}, {"retry-after": "0"}

    with open_target(TargetSpec("mlflow", serve(answer) + "/invocations"), schema) as target:
        assert target.predict(rows).tolist() == [0.5] * len(rows)


def test_nobody_there_is_unavailable(serve, of_task):
    with (
        pytest.raises(Unavailable, match="Nothing answers"),
        open_target(TargetSpec("mlflow", "http://127.0.0.1:9/invocations"), of_task(Task.REGRESSION)[0]),
    ):
        pass


def test_headers_come_from_the_environment_and_stay_there(serve, of_task, monkeypatch):
    seen = []

    def answer(_path, body, headers):
        seen.append(headers["authorization"])
        return 200, {"predictions": [0.0] * len(body["dataframe_split"]["data"])}, {}

    url = serve(answer) + "/invocations"
    spec = TargetSpec("mlflow", url, headers=(("Authorization", "SCORING_TOKEN"),))
    with pytest.raises(FixInput, match="SCORING_TOKEN"):
        open_target(spec, of_task(Task.REGRESSION)[0])
    monkeypatch.setenv("SCORING_TOKEN", "Bearer very-secret")
    with open_target(spec, of_task(Task.REGRESSION)[0]) as target:
        assert seen == ["Bearer very-secret"]
        assert "very-secret" not in repr((spec, target.facts, target.protections))


def test_urls_that_cannot_be_right_are_named():
    with pytest.raises(FixInput, match="password"):
        describe(TargetSpec("mlflow", "https://me:secret@host/invocations"))
    with pytest.raises(FixInput, match="names no model"):
        describe(TargetSpec("open-inference", "http://127.0.0.1:9/score"))


def test_an_untrusted_certificate_is_not_accepted(of_task, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    handler = type("Handler", (Requests,), {"answer": staticmethod(mlflow_of(lambda table: [0.0] * len(table)))})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    spec = TargetSpec("mlflow", f"https://localhost:{server.server_port}/invocations")
    schema = of_task(Task.REGRESSION)[0]
    try:
        with pytest.raises(Unavailable, match="certificate"):
            open_target(spec, schema)
        with pytest.MonkeyPatch.context() as trusted:
            trusted.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
            with open_target(spec, schema) as target:
                assert target.predict(np.zeros((2, 3))).tolist() == [0.0, 0.0]
    finally:
        server.shutdown()
        server.server_close()


def self_signed(path):
    """A certificate for localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path
