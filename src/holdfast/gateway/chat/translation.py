"""Between a client's dialect and Anthropic's messages: what is asked on its way out, and the answer on its way back."""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import Protocol

import orjson

from holdfast.gateway.chat.anthropic import Translated, from_message, to_messages
from holdfast.gateway.chat.as_chat import AsResponse, from_chat, to_chat
from holdfast.gateway.chat.relay import DONE
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.contract import Dialect, Json
from holdfast.gateway.dialects.responses import Responses
from holdfast.gateway.http.sse import Event


class Translation(Protocol):
    """One exchange."""

    asked: Json

    def whole(self, told: Json) -> Json:
        """A whole answer, as the client knows it."""

    def feed(self, event: Event) -> Iterator[Event]:
        """What the client hears of one event of a stream."""


class ChatByMessages:
    """A chat completion; `asked` is what Anthropic is asked. FixInput where something has no counterpart there."""

    def __init__(self, asked: Json) -> None:
        self.asked = to_messages(asked)
        self._created = int(time())
        self._translated = Translated(self._created)

    def whole(self, told: Json) -> Json:
        """As `Translation` says."""
        return from_message(told, self._created)

    def feed(self, event: Event) -> Iterator[Event]:
        """As `Translation` says."""
        return self._translated.feed(event)


class ResponseByMessages:
    """A response, as a chat completion that is translated."""

    def __init__(self, asked: Json) -> None:
        self._chat = ChatByMessages(to_chat(asked))
        self._own = asked
        self._response = AsResponse(asked)
        self.asked = self._chat.asked

    def whole(self, told: Json) -> Json:
        """As `Translation` says."""
        return from_chat(self._own, self._chat.whole(told))

    def feed(self, event: Event) -> Iterator[Event]:
        """As `Translation` says."""
        for each in self._chat.feed(event):
            said = self._response.end() if each.data == DONE else self._response.feed(orjson.loads(each.data))
            for told in said:
                yield Event(str(told["type"]), orjson.dumps(told).decode())


def by_messages(dialect: Dialect, asked: Json) -> Translation | None:
    """The translation of a request for Anthropic; None where the dialect has none."""
    if isinstance(dialect, Completions):
        return ChatByMessages(asked)
    return ResponseByMessages(asked) if isinstance(dialect, Responses) else None
