"""Where a released model of language is hosted: how it is asked, in which dialect, with which key, at what price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import orjson

from holdfast.domain.errors import FixInput, ModelFailed, Unavailable
from holdfast.gateway.chat.anthropic import VERSION
from holdfast.gateway.chat.translation import Translation, by_messages
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.contract import Dialect, Json, Usage, read_object
from holdfast.gateway.dialects.messages import Messages
from holdfast.gateway.http.connection import Answer, Headers
from holdfast.gateway.http.sse import Event, Reader
from holdfast.gateway.http.upstream import Upstream

DRAIN_SECONDS = 0.2
MOST_AFTER_BYTES = 4096
MOST_ANSWER_BYTES = 32 * 1024 * 1024


class Provider(StrEnum):
    """Whose API an upstream speaks. `OPENAI` is what most servers of models imitate."""

    OPENAI = "openai"
    AZURE = "azure"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, asked and answered, in the unit of budgets."""

    asked: float = 0.0
    answered: float = 0.0

    def of(self, usage: Usage) -> int:
        """What an exchange cost, in millionths of the unit, rounded up."""
        return -int(-(usage.asked * self.asked + usage.answered * self.answered) // 1)


class Hosted:
    """An answer as it comes, in the dialect in which it was asked."""

    def __init__(self, answer: Answer, translation: Translation | None = None) -> None:
        self.status = answer.status
        self.headers = dict(answer.headers)
        self._answer, self._translation = answer, translation

    @property
    def is_stream(self) -> bool:
        """Whether it is told piece by piece."""
        return self.headers.get(b"content-type", b"").startswith(b"text/event-stream")

    async def body(self) -> bytes:
        """The bytes, as the upstream sent them."""
        return await self._answer.body(MOST_ANSWER_BYTES)

    async def whole(self) -> Json:
        """The whole answer; ModelFailed where it is none."""
        try:
            told = read_object(await self.body())
        except ValueError as error:
            raise ModelFailed("upstream.malformed", f"The upstream's answer cannot be read: {error}.") from error
        return self._translation.whole(told) if self._translation else told

    async def events(self) -> AsyncIterator[Event]:
        """The events as they arrive; however many come at once, others have their turns between them."""
        reader = Reader()
        async for chunk in self._answer.chunks():
            for event in reader.feed(chunk):
                for told in self._translation.feed(event) if self._translation else (event,):
                    yield told
                await asyncio.sleep(0)

    async def drain(self) -> None:
        """Read what follows the last event, which is next to nothing, so that the connection can be used again."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._answer.body(MOST_AFTER_BYTES)

    def close(self) -> None:
        """Give it up."""
        self._answer.close()


class Host:
    """A `model` at an `upstream`, by its name there. `key` is the upstream's secret, empty where it has none."""

    def __init__(
        self,
        upstream: Upstream,
        provider: Provider,
        model: str,
        key: str,
        *,
        price: Price | None = None,
        api_version: str = "",
    ) -> None:
        self.price = price or Price()
        self.upstream, self.provider, self.model = upstream, provider, model
        self._key = key
        self._query = f"?api-version={api_version}".encode() if api_version else b""

    @property
    def where(self) -> tuple[str, int]:
        """The name or address of its machine, and the port."""
        return self.upstream.origin.host, self.upstream.origin.port

    async def ask(self, dialect: Dialect, body: Json, headers: Headers) -> Hosted:
        """Put the request to the model; FixInput where it does not speak the dialect, Unavailable without an answer."""
        asked = {**body, "model": self.model}
        is_foreign = isinstance(dialect, Messages) is not (self.provider is Provider.ANTHROPIC)
        translation = by_messages(dialect, asked) if is_foreign and self.provider is Provider.ANTHROPIC else None
        if is_foreign and translation is None:
            hint = "Ask it in chat completions." if self.provider is Provider.ANTHROPIC else "Ask it as OpenAI's API."
            raise FixInput("chat.dialect", f"This model does not speak {dialect.name}.", hint)
        if translation is None and asked.get("stream") is True and isinstance(dialect, Completions):
            options = asked.get("stream_options")
            asked["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        path, put = (Messages.path, translation.asked) if translation else (dialect.path, asked)
        sent = [*headers, *self._own_headers(headers), (b"content-type", b"application/json")]
        answer = await self.upstream.ask(b"POST", path + self._query, sent, orjson.dumps(put))
        return Hosted(answer, translation)

    def _own_headers(self, headers: Headers) -> Headers:
        key = self._key.encode()
        if self.provider is Provider.ANTHROPIC:
            version = () if any(name == b"anthropic-version" for name, _ in headers) else (VERSION.encode(),)
            return [*([(b"x-api-key", key)] if key else []), *((b"anthropic-version", one) for one in version)]
        if not key:
            return []
        return [(b"api-key", key)] if self.provider is Provider.AZURE else [(b"authorization", b"Bearer " + key)]

    async def close(self) -> None:
        """Let the connections go."""
        self.upstream.close()
