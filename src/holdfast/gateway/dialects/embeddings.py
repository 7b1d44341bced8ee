"""OpenAI's embeddings (API reference, "Embeddings")."""

# ruff: noqa: ARG002 - vectors have neither text nor parts

from __future__ import annotations

from holdfast.domain.credential import Route
from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects import openai
from holdfast.gateway.dialects.completions import counted
from holdfast.gateway.dialects.contract import Dialect, Json, Slot, Stream, Usage, top
from holdfast.gateway.http.sse import Event


class Embeddings(Dialect):
    """``/embeddings``: never told piece by piece, and no text in the answer."""

    name = "embeddings"
    path = b"/embeddings"
    route = Route.EMBED

    def asked(self, body: Json) -> list[Slot]:
        """As `Dialect` says; texts that are already tokens are none that could be read."""
        if not isinstance(body.get("input"), str | list):
            raise FixInput("chat.malformed", "`input` is neither a text nor a list.", "See OpenAI's API reference.")
        return top(body, {"input": "document"})

    def answered(self, told: Json) -> list[Slot]:
        """As `Dialect` says."""
        return []

    def usage(self, told: Json) -> Usage | None:
        """As `Dialect` says."""
        return counted(told.get("usage"))

    def finish(self, told: Json) -> str:
        """As `Dialect` says."""
        return ""

    def standing_in(self, body: Json, text: str, id: str, created: int) -> Json:
        """As `Dialect` says: nothing can."""
        raise FixInput("chat.no-stand-in", f"Nothing can stand in for {self.name}.", "Ask for something else.")

    def stream(self, body: Json) -> Stream:
        """As `Dialect` says: they never are."""
        raise FixInput("chat.no-stream", f"{self.name} are not told piece by piece.", "Leave `stream` out.")

    def events_of(self, told: Json) -> list[Event]:
        """As `Dialect` says: they never are."""
        raise FixInput("chat.no-stream", f"{self.name} are not told piece by piece.", "Leave `stream` out.")

    def error(self, status: int, code: str, message: str) -> Json:
        """As `Dialect` says."""
        return openai.error(status, code, message)
