"""Whatever upstreams send, in whatever pieces, is what independent readers of the standards read, or `Broken`."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.test_fuzz import cells, fuzz, plain, values

from holdfast.domain.errors import FixInput
from holdfast.gateway.chat.anthropic import Translated, from_message, to_messages
from holdfast.gateway.http.connection import Answer, Broken, Connection
from holdfast.gateway.http.sse import Event
from holdfast.gateway.http.sse import Reader as Events
from holdfast.gateway.http.upstream import Origin


def reference_events(raw: bytes) -> list[Event]:
    """The standard's grammar of a stream, read as a whole (WHATWG HTML, section 9.2.5)."""
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    *blocks, _unfinished = re.split(r"(?<=\n)\n|(?<![\s\S])\n", re.sub(r"\r\n|\r|\n", "\n", text))
    found = []
    for block in blocks:
        lines = [re.fullmatch(r"([^:]*)(?:: ?)?(.*)", line, re.DOTALL).groups() for line in block.split("\n")]
        data = [value for field, value in lines if field == "data"]
        named = [value for field, value in lines if field == "event"]
        if data:
            found.append(Event(named[-1] if named else "", "\n".join(data)))
    return found


pieces = st.sampled_from(
    ["data", "data:", "data: ", "event", "event:x", "id:1", ":", "a", " ", "\n", "\r", "\r\n", "\ufeff", "é", "\x00"]
)
streams = st.lists(pieces.map(str.encode) | st.binary(max_size=2), max_size=30).map(b"".join)


@fuzz
@given(streams, st.lists(st.integers(0, 60), max_size=12))
def test_events_are_those_of_the_standard_however_they_arrive(raw, cuts):
    ends = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    reader = Events()
    assert [one for a, b in pairwise(ends) for one in reader.feed(raw[a:b])] == reference_events(raw)


def test_line_ends_of_two_kinds_in_pieces():
    reader = Events()
    pieces = [b"data: a\r", b"\n", b"\n", b"\xef\xbb\xbfdata: no\n", b"data: b\n\n"]
    assert [one for piece in pieces for one in reader.feed(piece)] == [Event("", "a"), Event("", "b")]


class Wire:
    """A transport that goes nowhere."""

    def __init__(self):
        self.is_closed = False

    def write(self, _data):
        pass

    def abort(self):
        self.is_closed = True

    def is_closing(self):
        return self.is_closed

    def is_reading(self):
        return True

    pause_reading = resume_reading = lambda self: None


async def heard(parts: list[bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What the gateway takes an upstream to have answered, that hangs up at the end."""
    connection = Connection(5.0)
    connection.connection_made(Wire())
    asking = asyncio.get_running_loop().create_task(connection.ask(b"GET / HTTP/1.1\r\n\r\n"))
    await asyncio.sleep(0)
    for part in parts:
        if part and not connection._transport.is_closing():
            connection.data_received(part)
    connection.connection_lost(None)
    answer: Answer = await asking
    return answer.status, answer.headers, await answer.body(10**6)


def run(parts):
    return asyncio.run(heard(parts))


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@fuzz
@given(
    st.sampled_from([200, 201, 204, 304, 404, 503]),
    st.binary(max_size=50),
    st.sampled_from(["length", "chunked", "until closed"]),
    st.integers(1, 20),
    st.lists(st.integers(0, 160), max_size=8),
)
def test_an_answer_is_framed_as_an_independent_client_frames_it(status, body, how, size, cuts):
    told = {"length": b"content-length: %d\r\n" % len(body), "chunked": b"transfer-encoding: chunked\r\n"}
    raw = b"HTTP/1.1 %d X\r\nx-one: 1\r\n%b\r\n" % (status, told.get(how, b""))
    raw += chunked(body, size) if how == "chunked" else body
    if status in (204, 304):
        raw = raw[: raw.index(b"\r\n\r\n") + 4]

    class Sock:
        def makefile(self, *_):
            return io.BytesIO(raw)

    other = http.client.HTTPResponse(Sock())
    other.begin()
    ends = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    found = run([raw[a:b] for a, b in pairwise(ends)])
    assert (found[0], found[2]) == (status, b"" if status in (204, 304) else other.read())
    assert dict(found[1])[b"x-one"] == b"1"


def test_what_follows_an_answer_takes_nothing_from_it():
    assert run([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\n"])[2] == b"ok"


@fuzz
@given(st.binary(max_size=80), st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=4))
def test_an_upstream_that_talks_nonsense_is_broken_and_nothing_else(tail, flips):
    raw = bytearray(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello" + tail)
    for at, byte in flips:
        raw[at % len(raw)] = byte
    with suppress(Broken):
        run([bytes(raw[:40]), bytes(raw[40:])])


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\n"])
def test_an_upstream_whose_headers_never_end_is_left_before_they_fill_the_memory(start):
    with pytest.raises(Broken, match="not HTTP"):
        run([start, *[b"z" * 10_000] * 20])


@fuzz
@given(
    st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "//", ""]),
    st.text(max_size=20) | st.sampled_from(["h:99999", "[::1", "a..b", "h:0", "u@h", "h/\r\nx: y", "é.example/ü"]),
)
def test_an_address_is_an_upstream_or_refused_and_never_breaks_a_request_in_two(scheme, rest):
    with suppress(FixInput):
        origin = Origin(scheme + rest)
        assert not re.search(rb"[\x00-\x20\x7f-\xff]", origin.path + origin.authority)
        assert 0 < origin.port < 65_536


names = st.sampled_from(
    [
        "model",
        "messages",
        "max_tokens",
        "stop",
        "n",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "stream",
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "function",
        "name",
        "arguments",
        "tool_calls",
        "tool_call_id",
        "parameters",
        "description",
        "usage",
        "input_tokens",
        "output_tokens",
        "id",
        "input",
        "stop_reason",
        "message",
        "delta",
        "content_block",
        "index",
        "error",
        "partial_json",
    ]
)
words = st.sampled_from(
    [
        "system",
        "user",
        "assistant",
        "tool",
        "text",
        "image_url",
        "function",
        "tool_use",
        "text_delta",
        "input_json_delta",
        "auto",
        "required",
        "none",
        "{}",
        "{",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "message_stop",
        "error",
        "ping",
    ]
)
spoken = st.recursive(
    cells | words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
)
messages = st.lists(st.dictionaries(names, spoken, max_size=5), max_size=3)


@fuzz
@given(st.dictionaries(names, spoken, max_size=5), messages, st.booleans())
def test_a_conversation_is_translated_or_refused(asked, turns, is_bare):
    with suppress(FixInput):
        json.dumps(to_messages(plain(asked if is_bare else {"messages": turns, "tools": turns} | asked)))


@fuzz
@given(st.dictionaries(names, spoken, max_size=6), messages)
def test_an_answer_in_another_dialect_is_translated_or_broken(answered, blocks):
    for told in (answered, answered | {"content": blocks}):
        with suppress(Broken):
            json.dumps(from_message(plain(told), 1))


@fuzz
@given(st.lists(st.tuples(words, st.dictionaries(names, spoken, max_size=5) | values), max_size=6))
def test_a_stream_in_another_dialect_is_translated_or_broken(told):
    translated = Translated(1)
    with suppress(Broken):
        for name, data in told:
            for event in translated.feed(Event(name, json.dumps(plain(data)))):
                assert event.data == "[DONE]" or json.loads(event.data)
