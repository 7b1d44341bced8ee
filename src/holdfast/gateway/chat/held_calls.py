"""Calls of tools in an answer that is told piece by piece: held back until each is whole, and judged before it goes."""

from __future__ import annotations

from holdfast.domain.guard import Action
from holdfast.gateway.dialects.calls import CallsTold
from holdfast.gateway.dialects.contract import Json
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import Event
from holdfast.guards.tools.talk import ToolTalk

Told = tuple[str, Json]
"""The name of an event, and what it says."""

MOST_HELD = 8_000_000
"""Characters that are held back while a call is not whole."""


class HeldCalls:
    """Takes the host's events and gives what may go on. While a call is not whole nothing does, so that all stays in
    its order.
    """

    def __init__(self, calls: CallsTold, talk: ToolTalk) -> None:
        self._calls, self._talk = calls, talk
        self._held: list[Told] = []
        self._size = 0

    @property
    def action(self) -> Action:
        """The gravest enforced action so far."""
        return self._talk.action

    def take(self, event: Event, told: Json) -> list[Told]:
        """What may go on with this event, and what it says; Broken where too much would be held back."""
        self._talk.answered(self._calls.feed(told))
        self._held.append((event.name, told))
        self._size += len(event.data)
        if self._size > MOST_HELD:
            raise Broken("The upstream tells too much before a call of a tool is whole.")
        return [] if self._calls.is_open and self._talk.is_enforced else self._all()

    def end(self) -> list[Told]:
        """What is still held back; calls that never were whole are judged as they stand."""
        self._talk.answered(self._calls.end())
        return self._all()

    def _all(self) -> list[Told]:
        held, self._held, self._size = self._held, [], 0
        return held
