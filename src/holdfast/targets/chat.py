"""Models of language behind a URL, asked through HTTP: OpenAI's chat completions or Anthropic's messages.

Answers are bounded and parsed as data; a busy server is asked again after a pause. What a filter or a gateway's guards
refuse is a reply too, a blocked one: that an attack was kept from the model is a result.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import httpx

from holdfast.domain.chat import Message, Reply, Tool
from holdfast.domain.errors import BudgetSpent, FixInput, ModelFailed, Unavailable
from holdfast.domain.evidence import Protection
from holdfast.targets.chat_forms import FORMS, Asked
from holdfast.targets.http import held_secrets
from holdfast.targets.patience import Patience, excerpt

ATTEMPTS = 5
SHORTEST_CANARY = 12
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 20.0
ANSWER_BYTES = 4 << 20
BUSY = (408, 429, 500, 502, 503, 504, 529)
NEWER_LIMIT = "max_completion_tokens"
"""What OpenAI calls `max_tokens` where models reason; a refusal of the older name says so."""

BLOCKED = "content_filter"
"""What Holdfast's gateway calls it, as OpenAI and Azure do; Anthropic has no codes, and there the message ends
with it.
"""

FILTERED = (BLOCKED, "content_policy", "guard", "blocked", "moderation", "policy_violation")
"""Words in an error's code or type by which providers and gateways say that a filter refused."""


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Where a chat is and what it is deployed with. Carries no secret, so it can be sealed and sent.

    `key`, `canary` and the values of `headers` name environment variables. `before` is what the prompt says after the
    system, ahead of every conversation. `price` is money per million tokens, asked and answered. `limit` is the most
    requests that one opened chat makes, `at_once` of them side by side.
    """

    url: str
    dialect: str = "openai"
    model: str = ""
    key: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    system: str = ""
    canary: str = ""
    before: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = 1024
    temperature: float | None = None
    price: tuple[float, float] | None = None
    seconds_per_call: float = 60.0
    limit: int = 5_000
    at_once: int = 1


class HttpChat:
    """A `Chat` on a server. A context manager: closing lets go of the connections."""

    def __init__(self, spec: ChatSpec) -> None:
        if httpx.URL(spec.url).userinfo:
            raise FixInput(
                "chat.secret-in-url",
                "The chat's URL holds a password, which would be sealed into the evidence.",
                "Take it out, and name an environment variable under `model.chat.key`.",
            )
        key = held_secrets({"key": spec.key} if spec.key else {}, "model.chat.key")
        self._spec = spec
        self._form = FORMS[spec.dialect]
        self._patience = Patience("chat", "The chat", BUSY, spec.seconds_per_call, LONGEST_PAUSE_S)
        self._client = httpx.Client(
            headers=self._form.headers(key.get("key", "")) | held_secrets(dict(spec.headers), "model.chat.headers"),
            timeout=httpx.Timeout(spec.seconds_per_call, connect=min(10.0, spec.seconds_per_call)),
        )
        self.system = spec.system
        self.canary = _canary(spec)
        self.tools = spec.tools
        self.queries = 0
        self.tokens = 0
        self._limit = "max_tokens"
        self._lock = threading.Lock()

    def ask(
        self, messages: Sequence[Message], *, system: str | None = None, tools: Sequence[Tool] | None = None
    ) -> Reply:
        """The reply to a conversation; BudgetSpent beyond the limit of requests."""
        with self._lock:
            self.queries += 1
        if self.queries > self._spec.limit:
            raise BudgetSpent(
                "chat.limit",
                f"It asked {self._spec.limit:,} times, which is the limit.",
                "Raise `model.chat.most_requests`.",
            )
        asked = Asked(
            model=self._spec.model,
            messages=(*self._spec.before, *messages),
            system=self.system if system is None else system,
            tools=self.tools if tools is None else tuple(tools),
            max_tokens=self._spec.max_tokens,
            temperature=self._spec.temperature,
            limit=self._limit,
        )
        status, data = self._send(self._written(asked))
        if status == httpx.codes.BAD_REQUEST and NEWER_LIMIT.encode() in data and asked.limit != NEWER_LIMIT:
            self._limit = NEWER_LIMIT
            status, data = self._send(self._written(replace(asked, limit=NEWER_LIMIT)))
        reply = self._replied(status, data)
        with self._lock:
            self.tokens += reply.asked + reply.answered
        return reply

    def _written(self, asked: Asked) -> bytes:
        return json.dumps(self._form.body(asked)).encode()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _replied(self, status: int, data: bytes) -> Reply:
        told = self._patience.parsed(data) if status == httpx.codes.OK or data else {}
        if status == httpx.codes.OK:
            return self._form.reply(told)
        why = _filtered(told)
        if why:
            return Reply("", finish=why, is_blocked=True)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            hint = "Name the environment variable that holds the key under `model.chat.key`."
            raise FixInput("chat.no-access", f"The chat refuses access (status {status}).", hint)
        if status in BUSY:
            raise Unavailable("chat.busy", f"The chat stayed busy (status {status}).", "Try again later.")
        raise ModelFailed("chat.raised", f"The chat answered with status {status}.", excerpt(data))

    def _send(self, content: bytes) -> tuple[int, bytes]:
        url = self._spec.url.rstrip("/") + self._form.path
        return self._patience.send(self._client, "POST", url, ANSWER_BYTES, content)


def _canary(spec: ChatSpec) -> str:
    """The word that the operator planted in the endpoint's own prompt, in small letters; empty where there is none."""
    held = held_secrets({"canary": spec.canary} if spec.canary else {}, "model.chat.canary")
    word = held.get("canary", "").strip().casefold()
    if spec.canary and len(word) < SHORTEST_CANARY:
        raise FixInput(
            "chat.canary",
            f"The canary in {spec.canary} is shorter than {SHORTEST_CANARY} characters, which may be said by chance.",
            "Plant a random word that is longer.",
        )
    return word


def open_chat(spec: ChatSpec) -> HttpChat:
    """Open the chat; FixInput where a variable that it needs is not set."""
    return HttpChat(spec)


def describe_chat(spec: ChatSpec) -> tuple[Protection, ...]:
    """Ask the chat one thing, and say what stands between it and this machine. Errors as for `HttpChat.ask`."""
    with open_chat(replace(spec, limit=1)) as chat:
        chat.ask([Message("user", "Hello.")])
    return (
        Protection("separate machine", active=True, detail="a server answers; none of the model's code runs here"),
        Protection("time limit", active=True, detail=f"{spec.seconds_per_call:g} s a request"),
        Protection("bounded answers", active=True, detail=f"at most {ANSWER_BYTES:,} bytes, read as data"),
    )


def _filtered(told: Any) -> str:
    """How an error says that a filter refused; empty where it does not say so."""
    error = told.get("error") if isinstance(told, dict) else None
    parts = [told, error] if isinstance(error, dict) else [told]
    said = [str(part.get(name) or "") for part in parts if isinstance(part, dict) for name in ("code", "type")]
    said += [BLOCKED for part in parts if isinstance(part, dict) and f"({BLOCKED})" in str(part.get("message"))]
    return next((word[:80] for word in said if any(mark in word.casefold() for mark in FILTERED)), "")
