"""A chat over real HTTP, in both dialects: what is sent, what is read, and what goes wrong."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from holdfast.domain.chat import Call, Message, Reply, Tool
from holdfast.domain.errors import BudgetSpent, FixInput, ModelFailed, Unavailable
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.messages import Messages
from holdfast.targets import chat as module
from holdfast.targets.chat import ChatSpec, describe_chat, open_chat
from holdfast.testing.upstream_server import serving_upstream

HELLO = [Message("user", "Hello.")]
LOOK = Tool("look", "Looks something up.", '{"type":"object","properties":{"at":{"type":"string"}}}')


class Recorder:
    """An upstream that keeps what it was asked, and calls a tool until it has been answered."""

    def __init__(self):
        self.asked = []

    def reply(self, messages, system="", tools=()):
        self.asked.append((list(messages), system, [tool.name for tool in tools]))
        if messages[-1].role == "tool":
            return Reply(f"It says {messages[-1].text}", asked=7, answered=3)
        return Reply("", (Call("look", '{"at": "noon"}', "c9"),), "tool_calls", 5, 2)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_conversation_with_tools_in_both_dialects(dialect):
    upstream = Recorder()
    with serving_upstream(upstream) as url:
        spec = ChatSpec(url + "/v1" * (dialect == "openai"), dialect, "m", system="Be brief.", tools=(LOOK,))
        with open_chat(spec) as chat:
            first = chat.ask(HELLO)
            assert first.calls == (Call("look", '{"at": "noon"}', "c9"),)
            said = [*HELLO, Message("assistant", "", first.calls), Message("tool", "noon", answers="c9")]
            assert chat.ask(said, system="Be long.", tools=()).text == "It says noon"
    assert (chat.queries, chat.tokens) == (2, 17)
    assert upstream.asked == [(HELLO, "Be brief.", ["look"]), (said, "Be long.", [])]


@contextmanager
def answering(*answers):
    """Answers (status, body, headers) in turn, the last of them forever; the requests' headers."""
    seen, left = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            status, body, headers = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", seen
    server.shutdown()
    server.server_close()


def told(text="Hi.", **more):
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"} | more
    return (200, json.dumps({"choices": [choice]}).encode(), {})


def failed(status, **error):
    return (status, json.dumps({"error": error}).encode(), {})


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr("holdfast.targets.patience.FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.002)


def ask(url, **more):
    with open_chat(ChatSpec(url, **more)) as chat:
        return chat.ask(HELLO)


def test_a_busy_chat_is_asked_again():
    with answering((429, b"{}", {"retry-after": "1"}), (503, b"", {}), told()) as (url, seen):
        assert ask(url).text == "Hi."
    assert len(seen) == 3


def test_a_provider_that_wants_the_newer_name_of_the_limit_gets_it():
    wants = failed(400, code="unsupported_parameter", message="Use 'max_completion_tokens' instead.")
    with answering(wants, told(), told()) as (url, seen), open_chat(ChatSpec(url)) as chat:
        assert [chat.ask(HELLO).text, chat.ask(HELLO).text] == ["Hi.", "Hi."]
    assert len(seen) == 3, "it is told once"


def test_the_key_is_read_from_the_environment_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("BANK_KEY", "s3cret")
    with answering(told()) as (url, seen):
        ask(url, key="BANK_KEY", headers=(("x-team", "BANK_KEY"),))
    assert (seen[0]["authorization"], seen[0]["x-team"]) == ("Bearer s3cret", "s3cret")
    with pytest.raises(FixInput, match="NOT_SET"):
        ask("http://127.0.0.1:9", key="NOT_SET")
    with pytest.raises(FixInput, match="by chance"):
        ask("http://127.0.0.1:9", canary="BANK_KEY")
    with pytest.raises(FixInput, match="password"):
        ask("http://me:pw@127.0.0.1:9")


@pytest.mark.parametrize(
    "answer",
    [
        failed(400, code="content_filter", message="no"),
        *((403, json.dumps(d.error(400, "content_filter", "no")).encode(), {}) for d in (Completions(), Messages())),
        (200, json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}).encode(), {}),
    ],
)
def test_what_a_filter_refuses_is_a_blocked_reply(answer):
    with answering(answer) as (url, _):
        assert ask(url).is_blocked


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((200, b"<html>", {}), ModelFailed, "not JSON"),
        ((200, b"[]", {}), ModelFailed, "dialect"),
        ((200, b'{"choices": [3]}', {}), ModelFailed, "dialect"),
        ((200, b"{" * 100_000, {}), ModelFailed, "not JSON"),
        (failed(401, message="who?"), FixInput, "refuses access"),
        (failed(400, message="bad"), ModelFailed, "status 400"),
        (failed(529, message="busy"), Unavailable, "stayed busy"),
        ((200, b" " * (module.ANSWER_BYTES + 1), {}), ModelFailed, "longer than"),
    ],
)
def test_what_goes_wrong_is_said(answer, error, says):
    with answering(answer) as (url, _), pytest.raises(error, match=says):
        ask(url)


def test_nothing_at_the_address():
    with pytest.raises(Unavailable, match="Nothing answers"):
        describe_chat(ChatSpec("http://127.0.0.1:9/v1"))


def test_no_more_requests_than_allowed():
    with answering(told()) as (url, _), open_chat(ChatSpec(url, limit=1)) as chat:
        chat.ask(HELLO)
        with pytest.raises(BudgetSpent, match="most_requests"):
            chat.ask(HELLO)


@pytest.mark.parametrize("odd", [None, 3, {"a": 1}, [{"type": "text", "text": "part"}], "x" * 300_000])
def test_odd_contents_are_read_as_text_or_nothing(odd):
    with answering(told(odd)) as (url, _):
        text = ask(url).text
    assert text in ("", "part") or len(text) == 200_000
