"""Whatever clients and hosts of models put into a conversation is read, or refused in so many words, in bounded memory.

HOLDFAST_FUZZ=20000 python -m pytest tests/unit/gateway/test_fuzz_conversations.py
"""

from __future__ import annotations

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.test_fuzz import cells, fuzz, plain
from tests.unit.gateway.test_relay import DIALECTS, SECRET, guards

from holdfast.domain.errors import FixInput
from holdfast.gateway.chat import relay as room
from holdfast.gateway.chat.relay import Relay, without_odds
from holdfast.gateway.chat.translation import ChatByMessages, ResponseByMessages, by_messages
from holdfast.gateway.dialects.contract import DEEPEST, MOST_TOKENS, STRUCTURE, read_object
from holdfast.gateway.dialects.embeddings import Embeddings
from holdfast.gateway.dialects.responses import ECHOED
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import Event, Reader

HELLO = {"model": "m", "messages": [], "input": "Hello"}
TRANSLATIONS = [
    lambda asked: ChatByMessages({name: asked[name] for name in asked if name != "input"}),
    lambda asked: ResponseByMessages({name: asked[name] for name in asked if name != "messages"}),
]
CHATS = [dialect for dialect, _ in DIALECTS]
NAMES = """
    arguments choices content content_block content_index delta error finish_reason function id index input
    input_tokens instructions item item_id logprobs message messages metadata name output output_index output_tokens
    part partial_json prompt_tokens refusal response role status stop_reason stream stream_options text tool_calls tools
    type usage x"""
WORDS = """
    assistant user tool text tool_use text_delta input_json_delta message_start content_block_start
    content_block_delta content_block_stop message_delta message_stop error ping response.created response.completed
    response.output_text.delta response.output_text.done response.output_item.done function_call_output"""
names, words = st.sampled_from(NAMES.split()), st.sampled_from(WORDS.split())
counts = st.sampled_from([0, 1, -1, 2**63, 2**64 - 1, 10**30])


def spoken(leaves):
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5), max_leaves=12
    )


def objects(leaves):
    """Objects that look like what a dialect tells, more often than chance would have it."""
    inner = spoken(leaves)
    delta = st.fixed_dictionaries({}, optional={"content": inner, "tool_calls": inner, "text": inner, "type": words})
    choice = st.fixed_dictionaries(
        {}, optional={"index": inner, "delta": delta | inner, "finish_reason": inner, "message": inner}
    )
    response = st.dictionaries(names, inner, max_size=3)
    told = {"choices": st.lists(choice, max_size=2) | inner, "type": words, "delta": delta | inner, "usage": inner}
    told |= {"response": response, "index": inner, "item_id": inner, "messages": st.lists(response), "input": inner}
    return st.fixed_dictionaries({}, optional=told) | st.dictionaries(names, inner, max_size=5)


anything = objects(cells | words | counts).map(plain)


@pytest.mark.parametrize("dialect", [*CHATS, Embeddings()], ids=lambda one: one.name)
@fuzz
@given(told=anything)
def test_what_is_asked_is_read_and_can_be_written_again_or_is_refused(dialect, told):
    body = read_object(json.dumps(told))
    with suppress(FixInput):
        for slot in dialect.asked(body):
            slot.put(slot.passage.text + "!")
        translation = by_messages(dialect, body)
        orjson.dumps(translation.asked if translation else None)
    orjson.dumps(body)


@pytest.mark.parametrize("dialect", [*CHATS, Embeddings()], ids=lambda one: one.name)
@fuzz
@given(told=anything)
def test_what_is_answered_is_read_and_can_be_written_again(dialect, told):
    body = read_object(json.dumps(told))
    without_odds(body)
    for slot in dialect.answered(body):
        slot.put(slot.passage.text + "!")
    usage = dialect.usage(body)
    assert usage is None or 0 <= usage.tokens <= 8 * MOST_TOKENS
    assert len(dialect.finish(body)) <= 40
    orjson.dumps(body)
    for translation in TRANSLATIONS:
        with suppress(Broken):
            orjson.dumps(translation({**HELLO}).whole(read_object(json.dumps(told))))


@pytest.mark.parametrize("dialect", CHATS, ids=lambda one: one.name)
@fuzz
@given(told=st.lists(st.tuples(words, anything), max_size=8), is_guarded=st.booleans())
def test_a_stream_of_anything_is_told_on_or_broken(dialect, told, is_guarded):
    relay = Relay(dialect.stream({}), guards() if is_guarded else ())
    out = []
    with suppress(Broken):
        for name, data in told:
            out += [] if relay.is_over else relay.take(Event(name, json.dumps(data)))
    out += relay.end()
    for translation in TRANSLATIONS:
        translated = translation({**HELLO, "stream": True})
        with suppress(Broken):
            for name, data in told:
                out += translated.feed(Event(name, json.dumps(data)))
    assert all(event.data == "[DONE]" or isinstance(json.loads(event.data), dict) for event in out)
    assert relay.stream.usage is None or 0 <= relay.stream.usage.tokens <= 8 * MOST_TOKENS
    assert len(relay.stream.finish) <= 40
    assert len(relay.remarks) in ((0, 1) if is_guarded else (0,))
    assert all(passage.text for passage in relay.passages)


def free_of_echoes(told):
    """What an answer says that is neither structure nor the request again."""
    if isinstance(told, dict):
        return {k: free_of_echoes(v) for k, v in told.items() if k not in STRUCTURE and k not in ECHOED}
    return [free_of_echoes(one) for one in told] if isinstance(told, list) else told


planted = objects(words | st.sampled_from([SECRET, f"a {SECRET} b", "blue ", "heron"])).map(plain)


@pytest.mark.parametrize("dialect", CHATS, ids=lambda one: one.name)
@fuzz
@given(told=planted)
def test_a_phrase_gets_past_no_guard_wherever_a_host_puts_it(dialect, told):
    relay, out = Relay(dialect.stream({}), guards()), []
    for event in (Event("", json.dumps(told)), Event("", "{}")):
        out += [] if relay.is_over else relay.take(event)
    for event in [*out, *relay.end()]:
        assert SECRET not in json.dumps(free_of_echoes(json.loads(event.data)))
    body = read_object(json.dumps(told))
    without_odds(body)
    for slot in dialect.answered(body):
        slot.put("")
    assert SECRET not in json.dumps(free_of_echoes(body))


@pytest.mark.parametrize("depth", [DEEPEST + 1, 200, 300, 900, 100_000])
@pytest.mark.parametrize("name", ["usage", "model", "x"])
def test_what_is_nested_without_end_is_no_object(depth, name):
    text = b'{"%b": %b%b}' % (name.encode(), b"[" * depth, b"]" * depth)
    with pytest.raises(ValueError, match=r"nested|depth"):
        read_object(text)
    with pytest.raises(Broken):
        Relay(CHATS[0].stream({}), ()).take(Event("", text.decode()))


PIECES = {
    "chat.completions": {"choices": [{"index": 0, "delta": {"content": "z" * 1000}}]},
    "messages": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "z" * 1000}},
    "responses": {"type": "response.output_text.delta", "item_id": "i", "content_index": 0, "delta": "z" * 1000},
}


@pytest.mark.parametrize("dialect", CHATS, ids=lambda one: one.name)
def test_a_stream_that_never_ends_is_left_before_it_fills_the_memory(dialect, monkeypatch):
    most, texts = 200_000, 100
    monkeypatch.setattr(room, "MOST_TOLD", most)
    monkeypatch.setattr(room, "MOST_TEXTS", texts)

    def chunk(at):
        return Event("", json.dumps(PIECES[dialect.name] | ({"x": f"{at}"} if at is not None else {})))

    def until_broken(events):
        relay = Relay(dialect.stream({}), ())
        with pytest.raises(Broken, match="too long"):
            list(map(relay.take, events))
        return relay

    relay = until_broken(chunk(None) for _ in range(most // 1000 + 2))
    assert sum(len(passage.text) for passage in relay.passages) <= most
    relay = until_broken(chunk(at) for at in range(texts + 2))
    assert len(relay.passages) <= texts + 1


@fuzz
@given(st.binary(max_size=200), st.integers(1, 9))
def test_bytes_of_a_host_are_events_or_broken(raw, size):
    reader, relay = Reader(), Relay(CHATS[0].stream({}), guards())
    with suppress(Broken):
        for at in range(0, len(raw), size):
            for event in reader.feed(raw[at : at + size]):
                relay.take(event)


def test_a_long_line_in_single_bytes_is_read_once_not_again_for_each_byte():
    reader = Reader()
    for byte in b"data: " + b"z" * 500_000:
        assert not list(reader.feed(bytes([byte])))
    assert [len(event.data) for event in reader.feed(b"\n\n")] == [500_000]
