"""Hosts of models of language that have turned against the gateway: clear errors, bounded memory, nobody harmed."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress

import pytest
from tests.trips.gateways import SECRET, Gateway, Model, Plane, Serves, key_for, started
from tests.trips.test_gateway_under_faults import unharmed

from holdfast.domain.credential import Route
from holdfast.domain.decision import Ended
from holdfast.wiring import open_archive

EVERY = (Route.PREDICT, Route.CHAT, Route.EMBED)
PATHS = {"chat": "/v1/chat/completions", "embed": "/v1/embeddings", "respond": "/v1/responses"}


class Host(Serves):
    """Says some bytes to whatever it is asked, then others again and again, until the gateway hangs up."""

    def __init__(self):
        super().__init__()
        self.says, self.goes_on = b"", b""

    def posted(self, handler, _body):
        handler.close_connection = True
        with suppress(OSError):
            handler.wfile.write(self.says)
            while self.goes_on:
                handler.wfile.write(self.goes_on)


def said(body: bytes, kind: bytes = b"application/json", status: bytes = b"200 X", *more: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-type: " + kind, b"connection: close", *more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def told(*events) -> bytes:
    texts = (event if isinstance(event, bytes) else json.dumps(event).encode() for event in events)
    return said(b"".join(b"data: %b\n\n" % text for text in texts), b"text/event-stream")


def chunk(content, **more):
    return {"choices": [{"index": 0, "delta": {"content": content}, **more}]}


DEEP = b'{"usage": ' + b"[" * 300 + b"]" * 300 + b"}"
ODD = {"choices": [{"index": [1], "delta": {"content": {"a": ["b"]}, "tool_calls": "x"}, "finish_reason": ["y"]}]}
ABSURD = json.dumps({"choices": [], "usage": {"prompt_tokens": 2**64 - 1, "completion_tokens": -5}}).encode()
WAIT = b"retry-after: " + b"9" * 5_000
HOSTILE = {
    "no JSON": ("chat", said(b"{"), 502, "upstream.malformed"),
    "no object": ("respond", said(b"[1]"), 502, "upstream.malformed"),
    "deep": ("chat", said(DEEP), 502, "upstream.malformed"),
    "invalid UTF-8": ("embed", said(b'{"data": "\xff"}'), 502, "upstream.malformed"),
    "absurd counts": ("chat", said(ABSURD), 200, "usage"),
    "a stream that nobody asked for": ("chat", told(chunk("x")), 502, "upstream.malformed"),
    "a stream of vectors": ("embed stream", told(chunk("x")), 502, "upstream.malformed"),
    "wait for ever": ("chat", said(b"", b"x", b"429 X", WAIT), 429, "upstream.busy"),
    "no status": ("chat", b"HTTP/1.1 ???\r\n\r\n", 503, "upstream.broken"),
    "events of anything": ("chat stream", told(ODD, b"", chunk(None), b"[DONE]"), 200, "[DONE]"),
    "an event that is no JSON": ("chat stream", told(chunk("x"), b"{"), 200, "upstream.broken"),
    "a deep event": ("respond stream", told(DEEP), 200, "upstream.broken"),
    "an absurd count at the end": ("chat stream", told(chunk("x"), ABSURD), 200, "x"),
    "cut off": ("chat stream", told(chunk("x"))[:-9] + b"data: {", 200, ""),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A gateway before a model of language that is hostile, and one of tables that must not notice."""
    with ExitStack() as stack:
        host, cards = stack.enter_context(Host()), stack.enter_context(Model())
        key = key_for(SECRET, "talks", "cards", routes=EVERY)
        plane = stack.enter_context(Plane("talks", "cards", credentials=(key,)))
        folder = tmp_path_factory.mktemp("hosts")
        gateway = Gateway(folder, plane, {"cards": cards.url}, chats={"talks": f"{host.url}/v1"})
        yield stack.enter_context(started(gateway)), host


def asked(gateway, how: str, **more):
    path, _, stream = how.partition(" ")
    body = {"model": "talks", "messages": [{"role": "user", "content": "Hello"}], "input": "Hello"}
    return gateway.ask("POST", PATHS[path], json.dumps(body | ({"stream": True} if stream else {})).encode(), **more)


def test_whatever_a_host_says_the_client_hears_an_answer_or_a_clear_error(stage):
    gateway, host = stage
    with unharmed(gateway):
        for name, (how, says, status, words) in HOSTILE.items():
            host.says = says
            answer = asked(gateway, how)
            assert (answer[0], name) == (status, name), answer[2]
            assert words in answer[2].decode(), (name, answer[2])
    assert "Traceback" not in gateway.errors.read_text()


ENDLESS = {
    "words": b"data: " + json.dumps(chunk("z" * 500)).encode() + b"\n\n",
    "a line": b"z" * 65_536,
    "places": b"".join(b'data: {"choices": [{"index": %d, "delta": {"content": "z"}}]}\n\n' % n for n in range(5_000)),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_host_that_never_stops_is_left_and_holds_nobody_up(stage, what):
    gateway, host = stage
    before = gateway.memory()
    gateway.forget_peak()
    host.says, host.goes_on = told(), ENDLESS[what]
    with unharmed(gateway):
        status, _, body = asked(gateway, "chat stream", timeout=60)
    host.goes_on = b""
    assert status == 200
    assert b"upstream.broken" in body
    assert gateway.memory("VmHWM") - before < 150


def test_each_stream_that_was_begun_is_logged_as_ended(stage):
    gateway, _ = stage
    assert gateway.stop() == 0
    assert "Traceback" not in gateway.errors.read_text()
    with open_archive(gateway.home) as archive:
        rows = [row for part in archive.reader.batches(columns=["id", "ended", "follows"]) for row in part.to_pylist()]
    opened = {row["id"] for row in rows if row["ended"] == Ended.OPENED}
    assert opened
    assert opened == {row["follows"] for row in rows if row["follows"]}
