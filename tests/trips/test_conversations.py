"""Models of language behind a gateway as a process, asked by the vendors' own clients: guarded, logged, paid for."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from tests.trips.hosted import Hosting
from tests.trips.test_gateway import House
from tests.unit.flows.journey import SYSTEM
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import serving

from holdfast import canonical
from holdfast.domain.credential import Route
from holdfast.flows.breakers import trip
from holdfast.policy import read_policy

pytestmark = pytest.mark.one_database

DOCUMENT = """\
holdfast: 1
environment: production
gateway: g1
listen: {{port: {port}}}
control_plane: {{url: "{plane}", key: "{key}"}}
chats:
  - system: {system}
    name: assistant
    policy: redacting.yaml
    releases:
      - release: "{release}"
        upstream: "{host}/v1"
        model: upstream-model
        key_file: upstream.key
        price: {{asked: 2, answered: 10}}
  - {{system: {system}, name: blocked, policy: blocking.yaml, releases: [
      {{release: "{release}", upstream: "{host}/v1", model: upstream-model}}]}}
  - {{system: {system}, name: standing, policy: standing.yaml, releases: [
      {{release: "{release}", upstream: "{host}/v1", model: upstream-model}}]}}
  - {{system: {system}, name: claude, policy: redacting.yaml, releases: [
      {{release: "{release}", upstream: "{host}", provider: anthropic, model: upstream-model, key_env: UPSTREAM_KEY}}]}}
  - {{system: {system}, name: azure, policy: redacting.yaml, releases: [
      {{release: "{release}", upstream: "{host}/openai/deployments/gpt", provider: azure, model: gpt,
        key_file: upstream.key, api_version: "2024-10-21"}}]}}
"""
POLICY = """\
name: words
version: "1"
guards:
  text.phrases: {{mode: enforce, action: {action}, params: {{phrases: [blue heron]}}}}
"""
KEY = "upstream-secret-7"
INSTEAD = "Please ask a colleague."
SAID = "The plan is called [withheld], and it flies."
HELLO = [{"role": "user", "content": "What is the plan?"}]


class ChatHouse(House):
    """The same with models of language."""

    document, routes = DOCUMENT, (Route.CHAT, Route.EMBED)

    def furnish(self):
        for name, action in (("redacting", "redact"), ("blocking", "block")):
            (self.folder / f"{name}.yaml").write_text(POLICY.format(action=action))
        (self.folder / "standing.yaml").write_text(POLICY.format(action="block") + f"fallback: {INSTEAD}\n")
        (self.folder / "upstream.key").write_text(f"{KEY}\n")

    def issued(self, **budget):
        """A client with a key of its own, once the gateway knows it."""
        client, deadline = self.openai(self.issue(**budget)), time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                client.models.list()
            except openai.AuthenticationError:
                time.sleep(0.05)
            else:
                return client
        raise AssertionError("the gateway never knew the key")

    def openai(self, secret=None, **more):
        return openai.OpenAI(base_url=self.url("/v1"), api_key=secret or self.secret, max_retries=0, **more)

    def anthropic(self, secret=None):
        return anthropic.Anthropic(base_url=self.url(""), api_key=secret or self.secret, max_retries=0)

    def shown(self, *words):
        done = subprocess.run(
            [*self.command, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def hosting():
    made = Hosting()
    with serving(made.app) as url:
        made.url = url
        yield made


@pytest.fixture
def house(server, tmp_path, hosting, monkeypatch):  # noqa: F811
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    with serving(server.app) as plane:
        made = ChatHouse(server, plane, tmp_path, host=hosting.url)
        yield made.start()
        made.stop()


def told(stream):
    """What a stream of chat completions says."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_the_openai_client_in_all_its_forms(house, hosting):
    client = house.openai()
    whole = client.chat.completions.create(model="assistant", messages=HELLO, user="C-17")
    assert whole.choices[0].message.content == SAID
    assert whole.usage.total_tokens == 16
    url, headers, body = hosting.asked[-1]
    assert (body["model"], headers["authorization"]) == ("upstream-model", f"Bearer {KEY}")
    assert body["user"] not in ("", "C-17")
    assert house.secret not in str(headers)

    assert told(client.chat.completions.create(model="assistant", messages=HELLO, stream=True)) == SAID
    more = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(model="assistant", messages=HELLO, **more))
    assert chunks[-1].usage.total_tokens == 16

    answer = client.responses.create(model="assistant", input="What is the plan?")
    assert answer.output_text == SAID
    with client.responses.stream(model="assistant", input="What is the plan?") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(pieces) == stream.get_final_response().output_text == SAID
    vectors = client.embeddings.create(model="assistant", input=["a", "b"], encoding_format="float")
    assert [len(one.embedding) for one in vectors.data] == [2, 2]
    assert {model.id for model in client.models.list()} == {
        "assistant", "blocked", "standing", "claude", "azure",
    }  # fmt: skip

    azure = client.chat.completions.create(model="azure", messages=HELLO)
    assert azure.choices[0].message.content == SAID
    url, headers, _ = hosting.asked[-1]
    assert (url.query, headers["api-key"]) == ("api-version=2024-10-21", KEY)
    ours = openai.AzureOpenAI(azure_endpoint=house.url(""), api_key=house.secret, api_version="2024-10-21")
    assert ours.chat.completions.create(model="assistant", messages=HELLO).choices[0].message.content == SAID


def test_the_anthropic_client_and_the_openai_client_at_anthropics(house, hosting):
    client = house.anthropic()
    asked = {"model": "claude", "max_tokens": 50, "messages": HELLO}
    assert client.messages.create(**asked).content[0].text == SAID
    assert hosting.asked[-1][1]["x-api-key"] == KEY
    with client.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == SAID
        assert stream.get_final_message().usage.output_tokens == 5
    ours = house.openai()
    assert ours.chat.completions.create(model="claude", messages=HELLO).choices[0].message.content == SAID
    assert told(ours.chat.completions.create(model="claude", messages=HELLO, stream=True)) == SAID
    assert ours.responses.create(model="claude", input="What is the plan?").output_text == SAID
    with ours.responses.stream(model="claude", input="What is the plan?") as stream:
        assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == SAID
        assert stream.get_final_response().output_text == SAID
    with pytest.raises(anthropic.BadRequestError, match="does not speak messages"):
        client.messages.create(**{**asked, "model": "assistant"})
    with pytest.raises(anthropic.AuthenticationError):
        house.anthropic("wrong").messages.create(**asked)


def test_langchain(house):
    asked = {"model": "assistant", "base_url": house.url("/v1"), "api_key": house.secret}
    assert ChatOpenAI(**asked).invoke("What is the plan?").content == SAID
    assert "".join(str(part.content) for part in ChatOpenAI(**asked).stream("What is the plan?")) == SAID
    claude = ChatAnthropic(model="claude", base_url=house.url(""), api_key=house.secret)
    assert claude.invoke("What is the plan?").content == SAID
    vectors = OpenAIEmbeddings(**asked, check_embedding_ctx_length=False)
    assert vectors.embed_query("a") == [0.5, 0.25]


def test_errors_are_those_that_the_clients_know(house, hosting):
    client = house.openai()
    with pytest.raises(openai.BadRequestError) as blocked:
        client.chat.completions.create(model="blocked", messages=HELLO)
    assert blocked.value.code == "content_filter"
    cut = list(client.chat.completions.create(model="blocked", messages=HELLO, stream=True))
    assert cut[-1].choices[0].finish_reason == "content_filter"
    assert "Heron" not in "".join(chunk.choices[0].delta.content or "" for chunk in cut)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        house.openai("wrong").chat.completions.create(model="assistant", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="no list"):
        client.post("/chat/completions", body={"model": "assistant", "messages": 3}, cast_to=object)
    hosting.refusal = 400, {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="assistant", messages=HELLO)
    assert wrong.value.code == "context_length_exceeded"
    hosting.refusal = 401, {"error": {"message": f"bad key {KEY}"}}
    with pytest.raises(openai.InternalServerError) as ours:
        client.chat.completions.create(model="assistant", messages=HELLO)
    assert KEY not in str(ours.value)
    hosting.refusal = 429, {}
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="assistant", messages=HELLO)


def refused(client, within):
    """The refusal that a client hears once no release may decide."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            client.chat.completions.create(model="assistant", messages=HELLO)
        except openai.PermissionDeniedError as error:
            return error
    raise AssertionError("it was never refused")


def test_what_stands_where_the_model_may_not_be_heard_or_asked(house):
    client, asked = house.openai(), {"model": "standing", "messages": HELLO}
    kept_back = client.chat.completions.create(**asked).choices[0]
    assert (kept_back.message.content, kept_back.finish_reason) == (INSTEAD, "content_filter")
    office = house.house.office
    trip(office.desk, office.caller("owner"), SYSTEM.name, reason="odd answers")
    assert refused(client, within=3.0).code == "gateway.not-released"
    assert client.chat.completions.create(**asked).choices[0].message.content == INSTEAD
    assert told(client.chat.completions.create(**asked, stream=True)) == INSTEAD


def test_a_days_tokens_and_money_are_counted_streams_too(house):
    client = house.issued(tokens=20)
    for _ in range(2):
        told(client.chat.completions.create(model="assistant", messages=HELLO, stream=True))
    with pytest.raises(openai.RateLimitError, match="tokens"):
        client.chat.completions.create(model="assistant", messages=HELLO)
    client = house.issued(money=100, at_once=1)
    for _ in range(2):
        client.chat.completions.create(model="assistant", messages=HELLO)  # 11 * 2 + 5 * 10 = 72 millionths
    with pytest.raises(openai.RateLimitError, match="money"):
        client.chat.completions.create(model="assistant", messages=HELLO)


def test_what_was_said_is_kept_under_the_key_of_whom_it_was_about(house, hosting):
    client = house.openai()
    raw = client.chat.completions.with_raw_response.create(model="assistant", messages=HELLO, user="C-17")
    whole = raw.headers["holdfast-decision"]
    with client.chat.completions.with_streaming_response.create(
        model="assistant", messages=HELLO, user="C-17", stream=True
    ) as answer:
        opened = answer.headers["holdfast-decision"]
        assert "[DONE]" in "".join(answer.iter_text())
    hosting.pause = 0.2
    stream = client.chat.completions.create(model="assistant", messages=HELLO, stream=True)
    cut = stream.response.headers["holdfast-decision"]
    next(iter(stream))
    _, errors = house.stop(signal.SIGKILL)
    assert errors == ""

    kept = json.loads(house.shown("decision", "show", whole))
    assert (kept["ended"], "C-17" in str(kept), "plan" in str(kept)) == ("answered", False, False)
    assert {verdict["guard"] for verdict in kept["verdicts"]} == {"text.phrases"}
    assert kept["policy"] == canonical.digest(read_policy(house.folder / "redacting.yaml"))
    exported = house.shown("subject", "export", "C-17")
    assert "What is the plan?" in exported
    assert "[withheld]" in exported
    assert "Blue Heron" not in exported
    assert json.loads(house.shown("decision", "show", opened))["ended"] == "opened"
    assert f'"follows":"{opened}"' in exported.replace(": ", ":")
    assert json.loads(house.shown("decision", "show", cut))["ended"] == "opened"
    assert not any(KEY.encode() in path.read_bytes() for path in (house.folder / "home").rglob("*") if path.is_file())
    house.start()
