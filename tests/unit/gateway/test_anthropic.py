"""OpenAI's chat completions against an Anthropic upstream, checked by both vendors' own types."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from anthropic.types import Message, MessageParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from holdfast.domain.errors import FixInput
from holdfast.gateway.chat.anthropic import Translated, from_message, to_messages
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import MOST_EVENT_BYTES, Event, Reader

CALL = {"id": "t1", "type": "function", "function": {"name": "price", "arguments": '{"sku": 7}'}}
ASKED = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "What does it cost?"},
        {"role": "user", "content": [
            {"type": "text", "text": "This:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "12"},
        {"role": "user", "content": "And shipped?"},
    ],
    "max_completion_tokens": 50,
    "temperature": 0.5,
    "stop": "END",
    "tools": [{"type": "function", "function": {"name": "price", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "user": "u",
}  # fmt: skip


def test_a_conversation_with_tools_becomes_messages():
    made = to_messages(ASKED)
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(made)
    assert made["system"] == "Be brief.\n\nBe kind."
    assert [turn["role"] for turn in made["messages"]] == ["user", "assistant", "user"]
    assert [part["type"] for part in made["messages"][0]["content"]] == ["text", "text", "image"]
    assert made["messages"][1]["content"] == [{"type": "tool_use", "id": "t1", "name": "price", "input": {"sku": 7}}]
    assert [part["type"] for part in made["messages"][2]["content"]] == ["tool_result", "text"]
    assert made["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert (made["max_tokens"], made["stop_sequences"], made["temperature"]) == (50, ["END"], 0.5)
    assert TypeAdapter(list[MessageParam]).validate_python(made["messages"])


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True},
        {"seed": 1},
        {"messages": "hi"},
        {"messages": [{"role": "pirate", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "{"}}]}]},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": "perhaps"},
    ],
)
def test_what_has_no_counterpart_is_refused_not_dropped(more):
    with pytest.raises(FixInput):
        to_messages(ASKED | more)


ANSWERED = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
    "content": [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "t1", "name": "price", "input": {"sku": 7}},
    ],
    "stop_reason": "tool_use", "stop_sequence": None,
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7},
}  # fmt: skip


def test_a_message_becomes_a_completion():
    Message.model_validate(ANSWERED)
    made = ChatCompletion.model_validate(from_message(ANSWERED, 1))
    assert made.choices[0].message.content == "Let me look."
    assert json.loads(made.choices[0].message.tool_calls[0].function.arguments) == {"sku": 7}
    assert made.choices[0].finish_reason == "tool_calls"
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (15, 7)
    for reason, finish in (("max_tokens", "length"), ("end_turn", "stop"), ("refusal", "content_filter")):
        assert from_message(ANSWERED | {"stop_reason": reason}, 1)["choices"][0]["finish_reason"] == finish


def event(kind, **told):
    return Event(kind, json.dumps({"type": kind, **told}))


STREAM = [
    event("message_start", message=ANSWERED | {"content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("ping"),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Let me "}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "look. ü"}),
    event("content_block_stop", index=0),
    event("content_block_start", index=1, content_block={"type": "tool_use", "id": "t1", "name": "price", "input": {}}),
    event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"sku"'}),
    event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": ": 7}"}),
    event("content_block_stop", index=1),
    event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 7}),
    event("message_stop"),
]


def test_a_stream_becomes_chunks():
    translated = Translated(1)
    heard = [heard for one in STREAM for heard in translated.feed(one)]
    assert heard[-1].data == "[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(one.data) for one in heard[:-1]]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Let me look. ü"
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert calls[0].function.name == "price"
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"sku": 7}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "tool_calls"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (10, 7)


def test_an_error_in_a_stream_reaches_the_client():
    told = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert "Overloaded" in next(iter(Translated(1).feed(told))).data


def test_a_stream_that_is_no_json_is_a_broken_upstream():
    for data in ("{", "[]"):
        with pytest.raises(Broken):
            list(Translated(1).feed(Event("", data)))


@given(st.lists(st.integers(0, 400), max_size=12))
def test_events_are_read_in_whatever_pieces_they_come(cuts):
    for newline in (b"\n", b"\r\n", b"\r"):
        raw = b"".join(bytes(one) for one in STREAM).replace(b"\n", newline)
        ends = [0, *sorted(cuts), len(raw)]
        reader = Reader()
        found = [one for a, b in pairwise(ends) for one in reader.feed(raw[a:b])]
        assert found == STREAM


def test_events_as_the_standard_writes_them():
    reader = Reader()
    raw = b"\xef\xbb\xbfdata: a\ndata:b\n: a comment\nid: 3\n\nevent: x\n\ndata: \xff\n\ndata: cut"
    assert list(reader.feed(raw)) == [Event("", "a\nb"), Event("", "\ufffd")]


def test_an_event_without_end():
    reader = Reader()
    for _ in range(MOST_EVENT_BYTES // 65_536):
        assert list(reader.feed(b"z" * 65_536)) == []
    with pytest.raises(Broken):
        list(reader.feed(b"z"))
