"""Answers told piece by piece in three dialects: no guarded phrase gets out, and nothing else is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.decision import Ended
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Mode, Stage
from holdfast.domain.policy import GuardTerms, Policy, Unanswered
from holdfast.gateway.chat.relay import Relay
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.contract import DEEPEST, Usage
from holdfast.gateway.dialects.embeddings import Embeddings
from holdfast.gateway.dialects.messages import Messages
from holdfast.gateway.dialects.responses import Responses
from holdfast.gateway.http.sse import Event
from holdfast.guards.armed_text import arm_text
from holdfast.guards.passages import Passage, redact
from holdfast.plugins import find_guards

SECRET = "blue heron"


def guards(action=Action.REDACT, mode=Mode.ENFORCE, unanswered="refuse", on_error=None):
    params = (("phrases", (SECRET,)), ("instead", "[…]"))
    terms = GuardTerms("text.phrases", mode, action, on_error=on_error, params=params)
    return arm_text(Policy("p", "1", (terms,), unanswered=Unanswered(unanswered)), find_guards(), Stage.AFTER)


def completions(pieces):
    about = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta, finish=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
        return Event("", json.dumps({**about, "choices": [choice]}))

    odds = {"content": [{"token": SECRET, "logprob": -1.0}]}
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "look", "arguments": ""}}
    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces:
        yield chunk({"content": piece}, logprobs=odds)
    yield chunk({"tool_calls": [call]})
    for piece in pieces:
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chunk({}, "stop")
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    yield Event("", json.dumps({**about, "choices": [], "usage": usage}))
    yield Event("", "[DONE]")


def messages(pieces):
    def event(kind, **more):
        return Event(kind, json.dumps({"type": kind, **more}))

    yield event("message_start", message={"id": "m1", "role": "assistant", "content": [], "usage": {"input_tokens": 7}})
    for index, (block, part) in enumerate(
        [({"type": "text", "text": ""}, "text"), ({"type": "tool_use", "name": "look", "input": {}}, "partial_json")]
    ):
        yield event("content_block_start", index=index, content_block=block)
        yield event("ping")
        for piece in pieces:
            yield event("content_block_delta", index=index, delta={"type": f"{part}_delta", part: piece})
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
    yield event("message_stop")


def responses(pieces):
    number = iter(range(10_000))

    def event(kind, **more):
        return Event(kind, json.dumps({"type": kind, "sequence_number": next(number), **more}))

    whole, response = "".join(pieces), {"id": "r1", "status": "in_progress", "instructions": SECRET, "output": []}
    yield event("response.created", response=response)
    for kind, name in (("output_text", "text"), ("function_call_arguments", "arguments")):
        at = {"item_id": kind, "output_index": 0, "content_index": 0}
        for piece in pieces:
            yield event(f"response.{kind}.delta", **at, delta=piece)
        yield event(f"response.{kind}.done", **at, **{name: whole})
    text = {"type": "output_text", "text": whole}
    done = {"status": "completed", "output": [{"content": [text]}], "usage": {"input_tokens": 7, "output_tokens": 3}}
    yield event("response.completed", response={**response, **done})


def told(event):
    return {} if event.data in ("", "[DONE]") else json.loads(event.data)


def text_of(events):
    """What a client puts together of the deltas: its text, and the arguments of its tool's call."""
    said, called = [], []
    for event in map(told, events):
        for choice in event.get("choices", ()):
            said.append(choice["delta"].get("content") or "")
            called += [call["function"].get("arguments", "") for call in choice["delta"].get("tool_calls", ())]
        kind, delta = event.get("type", ""), event.get("delta")
        if kind == "content_block_delta":
            said.append(delta.get("text", ""))
            called.append(delta.get("partial_json", ""))
        if isinstance(delta, str):
            (said if "output_text" in kind else called).append(delta)
    return "".join(said), "".join(called)


DIALECTS = [(Completions(), completions), (Messages(), messages), (Responses(), responses)]
pieces = st.lists(st.sampled_from(["blue", " ", "heron", "h", "eron", "b", "lue h", "BLUE HERON", "é", "", "x" * 40]))


def relayed(dialect, events, armed, body=None):
    relay, out = Relay(dialect.stream(body or {}), armed), []
    for event in events:
        out += relay.take(event)
    return relay, out


@pytest.mark.parametrize(("dialect", "stream"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
@settings(max_examples=60, deadline=None)
@given(pieces=pieces)
def test_a_phrase_is_redacted_however_the_pieces_fall(dialect, stream, pieces):
    armed, whole = guards(), "".join(pieces)
    relay, out = relayed(dialect, stream(pieces), armed)
    wanted = redact(whole, armed[0].reading.read(Passage("assistant", whole)).spans)
    assert text_of(out) == (wanted, wanted)
    assert not any(SECRET in json.dumps(without_echo(told(event))).lower() for event in out)
    assert (relay.is_over, relay.ended, relay.stream.usage) == (True, Ended.ANSWERED, Usage(7, 3))
    actions = [remark.action for remark in relay.remarks]
    assert (Action.REDACT in actions) is (wanted != whole)
    assert not wanted or wanted in {passage.text for passage in relay.passages}


def without_echo(event):
    """The event but for what repeats the request."""
    return event | {"response": event.get("response", {}) | {"instructions": ""}}


@pytest.mark.parametrize(("dialect", "stream"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
def test_without_guards_every_event_passes_as_it_came(dialect, stream):
    body = {"stream_options": {"include_usage": True}}
    events = list(stream(["blue ", "heron"]))
    relay, out = relayed(dialect, events, (), body)
    assert [told(event) for event in out] == [told(event) for event in events]
    assert [event.name for event in out] == [event.name for event in events]
    assert relay.remarks == ()


def test_usage_that_nobody_asked_for_is_counted_and_not_told():
    relay, out = relayed(Completions(), completions(["a"]), ())
    assert relay.stream.usage == Usage(7, 3)
    assert not any("usage" in told(event) for event in out)


@pytest.mark.parametrize(("dialect", "stream"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("action", [Action.BLOCK, Action.REVIEW])
def test_an_answer_is_cut_before_what_it_may_not_say(dialect, stream, action):
    relay, out = Relay(dialect.stream({}), guards(action)), []
    for event in stream(["The bird is a ", "blue h", "eron, of course."]):
        out += relay.take(event)
        if relay.is_over:
            break
    assert "heron" not in text_of(out)[0]
    assert "The" in text_of(out)[0]
    assert relay.ended is Ended.BLOCKED
    assert any(word in out[-1].data + out[-2].data for word in ("content_filter", "message_stop"))


def test_nobody_reviews_a_conversation_so_the_default_stands_at_once():
    relay, out = relayed(Completions(), completions(["blue ", "heron"]), guards(Action.REVIEW, unanswered="answer"))
    assert text_of(out) == (SECRET, SECRET)
    assert (relay.ended, relay.remarks[0].action) == (Ended.ANSWERED, Action.FLAG)
    for unanswered in ("refuse", "fallback"):
        (armed,) = guards(Action.REVIEW, unanswered=unanswered, on_error=Action.REVIEW)
        assert (armed.action, armed.on_error) == (Action.BLOCK, Action.BLOCK)


def test_in_shadow_a_guard_changes_nothing():
    relay, out = relayed(Completions(), completions(["blue ", "heron"]), guards(mode=Mode.SHADOW))
    assert text_of(out) == (SECRET, SECRET)
    assert relay.remarks[0].action is Action.REDACT


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
NESTED = {"role": "user", "content": [{"type": "text", "text": "one"}, PICTURE]}


def test_every_text_of_a_request_is_read_with_its_speaker():
    tools = [{"type": "function", "function": {"description": "two"}}]
    messages = [{"role": "system", "content": "zero"}, NESTED]
    body = {"model": "m", "messages": messages, "tools": tools, "stop": ["three"]}
    found = {(slot.role, slot.text) for slot in Completions().asked(body)}
    assert found == {("system", "zero"), ("user", "one"), ("tools", "two"), ("stop", "three")}
    for slot in Completions().asked(body):
        slot.put("-")
    assert body["messages"][1]["content"][0]["text"] == "-"
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "of a tool"}]}
    asked = {"system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": [result]}]}
    assert {(slot.role, slot.text) for slot in Messages().asked(asked)} == {("system", "s"), ("tool", "of a tool")}
    items = [{"role": "developer", "content": "d"}, {"type": "function_call_output", "call_id": "c", "output": "o"}]
    said = Responses().asked({"input": items, "instructions": "i"})
    assert {(slot.role, slot.text) for slot in said} == {("developer", "d"), ("tool", "o"), ("system", "i")}
    assert [slot.text for slot in Responses().asked({"input": "hi"})] == ["hi"]
    assert [slot.text for slot in Embeddings().asked({"input": ["a", "b"]})] == ["a", "b"]
    assert Embeddings().asked({"input": [[1, 2]]}) == []


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Completions(), {}),
        (Completions(), {"messages": "hello"}),
        (Completions(), {"messages": ["hello"]}),
        (Messages(), {"messages": None}),
        (Responses(), {"input": 3}),
        (Embeddings(), {}),
    ],
)
def test_what_is_no_request_is_refused(dialect, body):
    with pytest.raises(FixInput):
        dialect.asked(body)


def test_a_request_that_is_nested_without_end_is_refused():
    deep = "x"
    for _ in range(DEEPEST + 5):
        deep = [deep]
    with pytest.raises(FixInput, match="nested"):
        Completions().asked({"messages": [{"role": "user", "content": deep}]})
