"""Responses told by way of chat completions and Anthropic's messages, held against the types of the official SDK."""

from __future__ import annotations

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from holdfast.domain.errors import FixInput
from holdfast.gateway.chat.translation import ChatByMessages, ResponseByMessages, by_messages
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.embeddings import Embeddings
from holdfast.gateway.dialects.responses import Responses
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import Event

WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object"},
    "description": "Now",
    "strict": True,
}
ASKED = {
    "model": "m",
    "instructions": "Be brief.",
    "max_output_tokens": 50,
    "stream": False,
    "store": False,
    "tools": [WEATHER],
    "tool_choice": {"type": "function", "name": "weather"},
    "text": {"format": {"type": "text"}},
    "input": [
        {"role": "user", "content": "Hi"},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        ]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
    ],
}  # fmt: skip
USED = {"input_tokens": 3, "output_tokens": 4}
SAID = [{"type": "text", "text": "Rain."}, {"type": "tool_use", "id": "c3", "name": "weather", "input": {"at": "Bonn"}}]
ANSWERED = {"id": "a1", "model": "claude", "content": SAID, "stop_reason": "tool_use", "usage": USED}


def test_a_request_keeps_all_that_has_a_counterpart():
    asked = ResponseByMessages(ASKED).asked
    assert (asked["system"], asked["max_tokens"]) == ("Be brief.", 50)
    assert asked["tool_choice"] == {"type": "tool", "name": "weather"}
    assert asked["tools"] == [{"name": "weather", "description": "Now", "input_schema": {"type": "object"}}]
    assert [turn["role"] for turn in asked["messages"]] == ["user", "assistant", "user"]
    first, uses, results = (turn["content"] for turn in asked["messages"])
    assert [part["type"] for part in first] == ["text", "text", "image"]
    assert [part["id"] for part in uses] == ["c1", "c2"]
    assert [(part["tool_use_id"], part["content"]) for part in results] == [("c1", "rain"), ("c2", "sun")]


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"include": ["reasoning.encrypted_content"]},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": {"type": "file_search"}},
        {"input": [{"type": "item_reference", "id": "m1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f1"}]}]},
        {"input": ["hi"]},
        {"input": [{"role": "user", "content": 3}]},
    ],
)
def test_what_has_none_is_refused_and_not_dropped(more):
    with pytest.raises(FixInput):
        ResponseByMessages(ASKED | more)
    assert ResponseByMessages(ASKED | {"background": False, "include": [], "truncation": "disabled"})


def test_a_whole_answer_is_a_response():
    made = Response.model_validate(ResponseByMessages(ASKED).whole(ANSWERED))
    assert (made.output_text, made.status, made.instructions) == ("Rain.", "completed", "Be brief.")
    call = made.output[1]
    assert (call.type, call.call_id, call.arguments) == ("function_call", "c3", '{"at":"Bonn"}')
    assert made.usage.total_tokens == 7


@pytest.mark.parametrize(("reason", "why"), [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")])
def test_an_answer_that_was_cut_says_why(reason, why):
    made = Response.model_validate(ResponseByMessages(ASKED).whole({**ANSWERED, "stop_reason": reason}))
    assert (made.status, made.incomplete_details.reason) == ("incomplete", why)


def stream(translation, *told):
    events = [each for one in told for each in translation.feed(Event(one["type"], orjson.dumps(one).decode()))]
    return [
        TypeAdapter(ResponseStreamEvent).validate_python({**orjson.loads(event.data), "sequence_number": place})
        for place, event in enumerate(events)
    ]


def block(place, start, *deltas):
    yield {"type": "content_block_start", "index": place, "content_block": start}
    yield from ({"type": "content_block_delta", "index": place, "delta": delta} for delta in deltas)
    yield {"type": "content_block_stop", "index": place}


BEGUN = {"type": "message_start", "message": {"id": "a1", "model": "claude", "usage": {"input_tokens": 3}}}
TEXT = [*block(0, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in ("Ra", "in.")))]
JSON = [{"type": "input_json_delta", "partial_json": part} for part in ('{"at":', '"Bonn"}')]
CALL = [*block(1, {"type": "tool_use", "id": "c3", "name": "weather", "input": {}}, *JSON)]
ENDED = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}}


def test_a_stream_is_a_responses_stream_and_ends_with_the_whole_of_it():
    translation = ResponseByMessages({**ASKED, "stream": True})
    events = stream(translation, BEGUN, *TEXT, *CALL, ENDED, {"type": "message_stop"})
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done", "completed",
    ]  # fmt: skip
    last = events[-1].response
    assert (last.output_text, last.output[1].arguments) == ("Rain.", '{"at":"Bonn"}')
    assert (last.usage.input_tokens, last.usage.output_tokens) == (3, 4)
    assert {event.item_id for event in events if event.type == "response.output_text.delta"} == {last.output[0].id}


def test_an_error_in_a_stream_is_one_there_too():
    events = stream(ResponseByMessages(ASKED), BEGUN, {"type": "error", "error": {"message": "Overloaded"}})
    assert (events[-1].type, events[-1].message) == ("error", "Overloaded")


def test_pieces_of_a_call_after_another_began_are_not_guessed_at():
    other = [*block(2, {"type": "tool_use", "id": "c4", "name": "weather", "input": {}})]
    late = {"type": "content_block_delta", "index": 1, "delta": JSON[0]}
    with pytest.raises(Broken):
        stream(ResponseByMessages(ASKED), BEGUN, *CALL, *other, late)


def test_each_dialect_has_its_translation_or_none():
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert isinstance(by_messages(Completions(), chat), ChatByMessages)
    assert isinstance(by_messages(Responses(), ASKED), ResponseByMessages)
    assert by_messages(Embeddings(), {"input": "a"}) is None
