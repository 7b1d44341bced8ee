"""Calls of tools in three dialects: read alike, and in a stream held back until they are whole and allowed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.decision import Ended
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Policy, Unanswered
from holdfast.domain.tool import ArgumentTerms, Label, ToolPolicy, ToolTerms
from holdfast.gateway.chat.held_calls import HeldCalls
from holdfast.gateway.chat.relay import Relay
from holdfast.gateway.dialects.calls import declared, without
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.messages import Messages
from holdfast.gateway.dialects.responses import Responses
from holdfast.gateway.http.sse import Event
from holdfast.guards.tools.judge import Occasion
from holdfast.guards.tools.steps import Call, Given, Result
from holdfast.guards.tools.talk import ToolTalk

SEND = ToolTerms("send", does=(Label.EXTERNAL,), arguments=(ArgumentTerms("to", hosts=("bank.example",)),))
TOOLS = ToolPolicy((SEND, ToolTerms("look", results=(Label.UNTRUSTED, Label.SENSITIVE)), ToolTerms("web_search")))
GOOD, BAD = {"to": "a@bank.example"}, {"to": "a@evil.test"}


def completions(arguments, name="send"):
    about = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta, finish=None):
        return Event("", json.dumps({**about, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))

    yield chunk({"role": "assistant", "content": "Well."})
    call = {"index": 0, "id": "t1", "type": "function", "function": {"name": name, "arguments": ""}}
    yield chunk({"tool_calls": [call]})
    for piece in arguments:
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls")
    yield Event("", "[DONE]")


def responses(arguments, name="send", said=None):
    whole = "".join(arguments)
    at = {"item_id": "f1", "output_index": 0}
    item = {"type": "function_call", "id": "f1", "call_id": "t1", "name": name, "arguments": said or whole}
    told = [
        {"type": "response.created", "response": {"id": "r1", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        *({"type": "response.function_call_arguments.delta", **at, "delta": piece} for piece in arguments),
        {"type": "response.function_call_arguments.done", **at, "arguments": whole},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r1", "status": "completed", "output": [item]}},
    ]
    return (Event(one["type"], json.dumps(one)) for one in told)


def messages(arguments, name="send"):
    block = {"type": "tool_use", "id": "t1", "name": name, "input": {}}
    told = [
        {"type": "message_start", "message": {"id": "m1", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": block},
        *(
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in arguments
        ),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return (Event(one["type"], json.dumps(one)) for one in told)


DIALECTS = [(Completions(), completions), (Responses(), responses), (Messages(), messages)]


def talk(tools=TOOLS, *steps, unanswered=Unanswered.REFUSE):
    made = ToolTalk(Policy("p", "1", (), unanswered=unanswered, tools=tools), tools, Occasion())
    made.go_through(steps)
    return made


def relayed(dialect, events, made):
    relay = Relay(dialect.stream({}), (), HeldCalls(dialect.calls_told(), made))
    out = []
    for event in events:
        out.append(relay.take(event))
        if relay.is_over:
            break
    else:
        out.append(relay.end())
    return relay, out


def words(out):
    return "".join(event.data for event in out)


@pytest.mark.parametrize(("dialect", "stream"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
def test_a_stream_holds_a_call_back_until_it_is_whole(dialect, stream):
    text = json.dumps(GOOD)
    for at in range(len(text)):
        pieces = [text[:at], text[at:]]
        relay, out = relayed(dialect, stream(pieces), talk())
        assert relay.ended is Ended.ANSWERED
        where = next(place for place, each in enumerate(out) if '"send"' in words(each))
        assert all(piece in words(out[where]) for piece in map(json.dumps, filter(None, pieces)))
        assert "bank" not in "".join(map(words, out[:where]))
        assert len([event for each in out for event in each]) == len(list(stream(pieces)))
    made = talk()
    relay, out = relayed(dialect, stream(list(json.dumps(BAD))), made)
    told = "".join(map(words, out))
    assert relay.ended is Ended.BLOCKED
    assert not {"evil", "send", "t1"} & {one for one in ("evil", "send", "t1") if one in told}
    assert "content_filter" in told or "refusal" in told
    assert [one.because for one in made.verdicts] == ["its to goes to no host that is allowed"]


@pytest.mark.parametrize(("dialect", "stream"), DIALECTS, ids=lambda one: getattr(one, "name", ""))
def test_a_denied_tool_and_one_that_is_never_whole_stay_back(dialect, stream):
    for events in (stream([json.dumps(GOOD)], name="drop"), stream(['{"to": "a@bank.exam'])):
        relay, out = relayed(dialect, events, talk())
        assert relay.ended is Ended.BLOCKED
        assert '"t1"' not in "".join(map(words, out))
    cut = [event for event in stream([json.dumps(BAD)]) if 'finish_reason": "tool' not in event.data][:4]
    assert '"t1"' not in "".join(map(words, relayed(dialect, cut, talk())[1]))
    shadow = ToolPolicy(TOOLS.tools, Mode.SHADOW)
    made = talk(shadow)
    relay, out = relayed(dialect, stream([json.dumps(BAD)]), made)
    assert (relay.ended, len(made.verdicts)) == (Ended.ANSWERED, 1)
    assert all(out)


def test_what_is_told_again_as_a_whole_is_judged_too():
    pieces = [json.dumps(GOOD)]
    relay, out = relayed(Responses(), responses(pieces, said=json.dumps(BAD)), talk())
    assert relay.ended is Ended.BLOCKED
    assert "evil" not in "".join(map(words, out))


CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": '{"a": 1}'}}]},
    {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "seen"}]},
]
ITEMS = [
    {"role": "system", "content": "Be kind."},
    {"type": "function_call", "call_id": "1", "name": "look", "arguments": '{"a": 1}'},
    {"type": "function_call_output", "call_id": "1", "output": "seen"},
]
BLOCKS = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {"a": 1}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "seen"}]},
]


def test_a_conversation_is_read_alike():
    bodies = [
        (Completions(), {"messages": CHAT}),
        (Responses(), {"input": ITEMS}),
        (Messages(), {"system": "Be kind.", "messages": BLOCKS}),
    ]
    for dialect, body in bodies:
        said, call, result = dialect.steps(body)
        assert (said, call) == (Given("Be kind."), Call("1", "look", {"a": 1}))
        assert isinstance(result, Result)
        assert (result.call, "seen" in result.text) == ("1", True)
        made = talk(TOOLS, *dialect.steps(body))
        made.answered([Call("2", "send", GOOD)])
        assert made.action is Action.BLOCK
    remembered = talk(TOOLS, *Responses().steps({"previous_response_id": "r0", "input": "go on"}))
    remembered.answered([Call("2", "send", GOOD)])
    assert remembered.action is Action.BLOCK


def test_tools_that_the_model_shall_not_hear_of_are_taken_out():
    body = {
        "tools": [
            {"type": "function", "function": {"name": "send"}},
            {"type": "function", "function": {"name": "drop"}},
            {"type": "mcp", "server_label": "crm", "server_url": "https://crm.test"},
        ],
        "tool_choice": {"type": "function", "function": {"name": "drop"}},
        "web_search_options": {},
        "mcp_servers": [{"name": "files", "url": "https://f.test"}],
    }
    names = talk().withheld(declared(body))
    assert set(names) == {"drop", "mcp:crm", "mcp:files"}
    without(body, names)
    assert body == {"tools": [{"type": "function", "function": {"name": "send"}}], "web_search_options": {}}
    without(body, {"send", "web_search"})
    assert body == {}


def test_nobody_reviews_conversations():
    tools = ToolPolicy((ToolTerms("send", action=Action.REVIEW),))
    for unanswered, action in ((Unanswered.REFUSE, Action.BLOCK), (Unanswered.ANSWER, Action.FLAG)):
        made = talk(tools, unanswered=unanswered)
        made.answered([Call("1", "send", {}), Call("1", "send", {})])
        assert [one.action for one in made.verdicts] == [action]


leaf = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "t1", "send", '{"to": 1}', "tool_use"])
KEYS = [
    "type", "id", "name", "tools", "function", "functions", "tool_calls", "arguments", "input", "output", "content",
    "messages", "choices", "delta", "index", "item", "response", "content_block", "partial_json", "role", "call_id",
    "finish_reason", "function_call", "custom", "mcp_servers", "tool_choice", "web_search_options", "system", "message",
]  # fmt: skip
KINDS = st.sampled_from([
    "function_call", "tool_use", "tool_result", "web_search_call", "response.output_item.added", "response.completed",
    "response.output_item.done", "response.function_call_arguments.delta", "response.function_call_arguments.done",
    "content_block_start", "content_block_delta", "content_block_stop", "message_start", "mcp", "function",
])  # fmt: skip
node = st.recursive(
    leaf | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)
bodies = st.dictionaries(st.sampled_from(KEYS), node, max_size=6)


@settings(max_examples=150)
@given(st.sampled_from([one for one, _ in DIALECTS]), st.lists(bodies, min_size=1, max_size=4))
def test_whatever_is_said_it_is_judged(dialect, told):
    made = talk(TOOLS, *dialect.steps(told[0]))
    names = made.withheld(declared(told[0]))
    without(told[0], names)
    assert not set(declared(told[0])) & set(names)
    made.answered(dialect.called(told[0]))
    calls = dialect.calls_told()
    for one in told:
        made.answered(calls.feed(one))
    made.answered(calls.end())
    assert not calls.is_open
