"""A gateway in production: measured, traced, heard by a SIEM, changed while it serves, and drained: real HTTP."""

from __future__ import annotations

import http.server
import json
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from tests.trips.hosted import Hosting
from tests.trips.test_gateway import SYSTEM, House, free_port
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import serving

from holdfast.domain.credential import Route, Way

pytestmark = pytest.mark.one_database

MORE = """\
observe:
  metrics: {{port: {metrics}}}
  otlp: {{url: "{collector}", share: 0, headers_file: headers.txt}}
  events: {{file: events.jsonl}}
issuers:
  - {{name: "{collector}", audience: holdfast}}
chats:
  - {{system: {system}, name: assistant, policy: words.yaml, releases: [
      {{release: "{release}", upstream: "{host}/v1", model: upstream-model, key_file: upstream.key}}]}}
"""
WORDS = """\
name: words
version: "1"
guards:
  text.phrases: {mode: enforce, action: %s, params: {phrases: [blue heron]}}
"""
UPSTREAM_SECRET, SAID = "upstream-s3cret", "What is the plan?"
COLLECTOR_SECRET = "col-s3cret"
TRACE, CHAT_TRACE = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319d"


class Outside(http.server.BaseHTTPRequestHandler):
    """A collector, an issuer of tokens, and an inference server that takes its time, in one."""

    protocol_version = "HTTP/1.1"
    key = ECKey.generate_key("P-256", {"kid": "1"})
    got: list[tuple[str, dict, bytes]] = []
    seconds = 0.0

    def do_GET(self):
        url = f"http://127.0.0.1:{self.server.server_port}"
        about = {"issuer": url, "jwks_uri": f"{url}/keys"}
        keys = {"keys": [self.key.as_dict(private=False), {"kty": "oct", "k": "AAAA"}, {"kty": "new"}]}
        self._answer(keys if self.path == "/keys" else about)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        time.sleep(self.seconds if self.path.endswith("/infer") else 0)
        outputs = [{"name": "predict_proba", "datatype": "FP64", "shape": [1, 2], "data": [0.25, 0.75]}]
        self._answer({"model_name": "loans", "outputs": outputs} if self.path.endswith("/infer") else {})

    def _answer(self, said):
        text = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


class Both(House):
    """A house whose gateway serves a table's model and a model of language."""

    routes = (Route.PREDICT, Route.CHAT)

    def chat(self, **more):
        headers = {"authorization": f"Bearer {self.secret}", "traceparent": f"00-{CHAT_TRACE}-b7ad6b7169203331-01"}
        asked = {"model": "assistant", "messages": [{"role": "user", "content": SAID}], "user": "C-17"}
        return httpx.post(self.url("/v1/chat/completions"), json=asked | more, headers=headers, timeout=20)


@contextmanager
def outside():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside) as running:
        running.daemon_threads = True
        Outside.got, Outside.seconds = [], 0.0
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def gateway(server, tmp_path):  # noqa: F811
    hosting = Hosting()
    with serving(server.app) as plane, outside() as elsewhere, serving(hosting.app) as host:
        house = Both(server, plane, tmp_path)
        house.metrics, house.outside, house.hosting = free_port(), elsewhere, hosting
        (tmp_path / "words.yaml").write_text(WORDS % "redact")
        (tmp_path / "upstream.key").write_text(UPSTREAM_SECRET)
        (tmp_path / "headers.txt").write_text(f"authorization: Bearer {COLLECTOR_SECRET}\n")
        text = (
            (tmp_path / "gateway.yaml")
            .read_text()
            .replace("model: model.joblib", f'upstream: "{elsewhere}/v2/models/x"')
        )
        fields = {"metrics": house.metrics, "collector": elsewhere, "host": host}
        fields |= {"system": SYSTEM.name, "release": house.release}
        (tmp_path / "gateway.yaml").write_text(text + MORE.format(**fields))
        yield house.start()
        house.stop()


def infer(house, age=30.0, **headers):
    """One row in the Open Inference Protocol."""
    row = house.rows.iloc[0].to_dict() | {"age": age}
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
        for name, value in row.items()
    ]
    headers = {"authorization": f"Bearer {house.secret}"} | headers
    return httpx.post(house.url("/v2/models/loans/infer"), json={"inputs": inputs}, headers=headers, timeout=20)


def counted(house):
    """What the metrics port says, by name and labels."""
    text = httpx.get(f"http://127.0.0.1:{house.metrics}/metrics").text
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def signed(house, key=Outside.key, **claims):
    about = {"iss": house.outside, "aud": "holdfast", "sub": "batch", "exp": int(time.time()) + 300} | claims
    return jwt.encode({"alg": "ES256", "kid": "1"}, about, key)


def eventually(what, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def check_counts(told):
    """What happened, by system, guard and model."""
    system = ("system", SYSTEM.name)
    assert told["holdfast_exchanges_total", ("ended", "blocked"), ("lane", "live"), system] == 1
    assert told["holdfast_exchanges_total", ("ended", "answered"), ("lane", "live"), system] >= 2
    range_blocked = ("guard", "table.range"), ("mode", "enforce"), ("outcome", "block"), system
    assert told["holdfast_guard_outcomes_total", *range_blocked] == 1
    assert told["holdfast_refusals_total", ("code", "gateway.unknown")] >= 2
    assert told["holdfast_stage_seconds_count", ("stage", "upstream"), system] >= 2
    assert told["holdfast_request_seconds_count", ("status", "200")] >= 2
    assert told["holdfast_clearance_age_seconds",] < 30
    assert told["holdfast_cleared_releases", system] == 2  # the table's and the chat's
    model = [("gen_ai_operation_name", "chat"), ("gen_ai_provider_name", "openai")]
    model += [("gen_ai_request_model", "upstream-model")]
    tokens = "gen_ai_client_token_usage_sum", *model
    assert told[*tokens, ("gen_ai_token_type", "input"), ("holdfast_system", SYSTEM.name)] == 22
    assert told[*tokens, ("gen_ai_token_type", "output"), ("holdfast_system", SYSTEM.name)] == 10
    assert told["gen_ai_client_operation_duration_seconds_count", ("error_type", ""), *model] == 2
    assert told["gen_ai_client_operation_duration_seconds_count", ("error_type", "model-failed"), *model] == 1
    phrases = ("guard", "text.phrases"), ("mode", "enforce"), ("outcome", "redact"), system
    assert told["holdfast_guard_outcomes_total", *phrases] == 2


def check_spans(chat_headers, infer_headers, decision):
    """Spans that belong together, also with those of who asked and who was asked."""
    spans = [
        span
        for path, headers, body in Outside.got
        if path == "/v1/traces" and headers["authorization"] == f"Bearer {COLLECTOR_SECRET}"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for span in resource.scope_spans[0].spans
    ]
    assert {span.trace_id.hex() for span in spans} == {TRACE, CHAT_TRACE}
    chats = [span for span in spans if span.name == "chat upstream-model"]
    assert {span.span_id.hex() for span in chats} == {headers["traceparent"].split("-")[2] for headers in chat_headers}
    described = {each.key: each.value for each in chats[0].attributes}
    assert described["gen_ai.usage.input_tokens"].int_value == 11
    assert described["gen_ai.usage.output_tokens"].int_value == 5
    assert described["gen_ai.response.finish_reasons"].array_value.values[0].string_value == "stop"
    top = next(span for span in spans if span.name == "exchange" and span.trace_id.hex() == TRACE)
    assert top.parent_span_id.hex() == "b7ad6b7169203331"
    below = {span.name: span for span in spans if span.parent_span_id == top.span_id}
    assert below.keys() == {"guards before", "upstream", "guards after", "log"}
    assert below["upstream"].span_id.hex() in infer_headers["traceparent"]
    attributes = {each.key: each.value.string_value for each in top.attributes}
    assert attributes["holdfast.decision"] == decision
    pushed = [ExportMetricsServiceRequest.FromString(body) for path, _, body in Outside.got if path == "/v1/metrics"]
    assert any(
        metric.name == "holdfast_stage_seconds" for metric in pushed[-1].resource_metrics[0].scope_metrics[0].metrics
    )
    return spans


def test_what_a_gateway_tells_of_its_work_and_what_it_never_tells(gateway):
    house = gateway
    until = datetime.now(UTC) + timedelta(days=1)
    with house.client("owner") as client:
        client.issue_credential("batch", systems=(SYSTEM.name,), routes=(Route.PREDICT,), until=until, way=Way.TOKEN,
                                match=f"{house.outside}|batch")  # fmt: skip
    token = signed(house)
    assert eventually(lambda: infer(house, authorization=f"Bearer {token}").status_code == 200)
    forged = signed(house, key=ECKey.generate_key("P-256", {"kid": "1"}))
    assert infer(house, authorization=f"Bearer {forged}").status_code == 401
    traced = infer(house, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    assert infer(house, age=4321.0).json()["code"] == "gateway.blocked"
    assert infer(house, authorization="Bearer wr0ng-secret").status_code == 401

    assert house.chat().json()["choices"][0]["message"]["content"] == "The plan is called [withheld], and it flies."
    assert "[DONE]" in house.chat(stream=True).text
    house.hosting.refusal = 500, {}
    assert house.chat().status_code == 502
    chat_headers = [headers for _, headers, _ in house.hosting.asked]
    assert all(CHAT_TRACE in headers["traceparent"] for headers in chat_headers)

    asked = [headers for path, headers, _ in Outside.got if path.endswith("/infer")]
    assert asked[-1]["traceparent"].startswith(f"00-{TRACE}-")
    assert "b7ad6b7169203331" not in asked[-1]["traceparent"]
    assert all("authorization" not in headers for headers in asked)

    told = counted(house)
    check_counts(told)
    _, errors = house.stop()
    spans = check_spans(chat_headers, asked[-1], traced.headers["holdfast-decision"])

    events = [json.loads(line) for line in (house.folder / "events.jsonl").read_text().splitlines()]
    blocked = next(event for event in events if event["class_uid"] == 2004 and event.get("action_id") == 2)
    assert blocked["finding_info"]["analytic"]["name"] == "table.range"
    assert {event["class_uid"] for event in events} >= {2004, 3002}
    everything = errors + json.dumps(events) + "".join(str(told)) + str(spans)
    secrets = (house.secret, house.token, COLLECTOR_SECRET, UPSTREAM_SECRET, token, forged, "wr0ng-secret")
    for secret in (*secrets, "4321", SAID, "Heron", "C-17"):
        assert secret not in everything


def test_a_gateway_is_changed_while_it_serves_and_finishes_what_it_began(gateway):
    house, policy, document = gateway, gateway.folder / "policy.yaml", gateway.folder / "gateway.yaml"
    assert infer(house).status_code == 200
    statuses = []
    with ThreadPoolExecutor() as pool:
        Outside.seconds = 1.5
        slow = pool.submit(infer, house)
        assert eventually(lambda: Outside.got and len([1 for path, *_ in Outside.got if path.endswith("/infer")]) > 1)
        policy.write_text(
            policy.read_text()
            .replace('version: "1"', 'version: "2"\nfallback: manual')
            .replace("table.range: {mode: enforce", "table.range: {mode: shadow")
        )
        house.process.send_signal(signal.SIGHUP)
        assert slow.result().status_code == 200
        Outside.seconds, house.hosting.pause = 0.0, 0.25
        told = pool.submit(house.chat, stream=True)
        assert eventually(lambda: house.hosting.asked)
        (house.folder / "words.yaml").write_text(WORDS % "block")
        assert eventually(lambda: house.chat().status_code == 400)
        assert not told.done()
        assert "[withheld]" in "".join(re.findall(r'"content":"([^"]*)"', told.result().text))
        assert eventually(lambda: infer(house, age=4321.0).status_code == 200)
    in_force = [key for key in counted(house) if key[0] == "holdfast_policy_info"]
    assert {dict(key[1:])["version"] for key in in_force if ("policy", "loans") in key} == {"2"}

    policy.write_text("name: loans\nguards: {table.nothing: {}}\nversion: '3'\n")
    assert eventually(lambda: counted(house).get(("holdfast_reloads_total", ("outcome", "refused"))) == 1)
    document.write_text(re.sub(r"listen: .*", "listen: {port: 1}", document.read_text()))
    assert eventually(lambda: counted(house).get(("holdfast_reloads_total", ("outcome", "refused"))) == 2)
    statuses.append(infer(house, age=4321.0).status_code)

    Outside.seconds = 1.5
    with ThreadPoolExecutor() as pool:
        last = pool.submit(infer, house)
        time.sleep(0.7)
        _, errors = house.stop()
        statuses.append(last.result().status_code)
    assert statuses == [200, 200]
    assert "There is no guard 'table.nothing'" in errors
    assert "`listen` is another one" in errors
