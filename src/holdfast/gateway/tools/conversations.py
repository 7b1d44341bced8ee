"""Sessions with servers of tools, and the conversations that they are part of: by whose credential, and until when.

A session is what a client opened at one server; where the protocol has none (revision 2026-07-28), a credential has one
at each server. A conversation is a session, unless the client names one, which then spans servers. Both end when
nothing was asked for a while, and with this process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from holdfast.domain.errors import Absent, TooMany
from holdfast.domain.tool import ToolPolicy
from holdfast.guards.tools.course import Course
from holdfast.guards.tools.judge import begun

MOST = 1_000
"""Conversations and sessions that one credential may have at a time: none is forgotten to make room for another."""

EVERY = 30.0
MOST_NAME = 200


@dataclass(slots=True, eq=False)
class Session:
    """A session: the `release` that serves it, and the digests of the tools that it was told of."""

    release: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    until: float = 0.0


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation, and what it holds so far."""

    course: Course
    until: float = 0.0


_Key = TypeVar("_Key", bound=tuple[str, ...])
_Lasting = TypeVar("_Lasting", Session, Conversation)


class Conversations:
    """All of a gateway. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[tuple[str, str, str], Session] = {}
        self._conversations: dict[tuple[str, ...], Conversation] = {}
        self._looked = clock()

    def open(self, principal: str, server: str, id: str, policy: ToolPolicy) -> Session:
        """A session that a server has just opened."""
        self._make_room(self._sessions, principal)
        session = self._sessions[principal, server, id] = Session()
        return self._kept(session, policy)

    def session(self, principal: str, server: str, id: str, policy: ToolPolicy) -> Session:
        """The session under this id, empty where the protocol has none; Absent where it is not this credential's, or
        is over.
        """
        found = self._sessions.get((principal, server, id))
        if found is not None and found.until > self._clock():
            return self._kept(found, policy)
        if id:
            raise Absent("mcp.session", "There is no such session.", "Open another one.")
        return self.open(principal, server, "", policy)

    def close(self, principal: str, server: str, id: str) -> None:
        """A session is over."""
        self._sessions.pop((principal, server, id), None)
        self._conversations.pop((principal, server, id), None)

    def conversation(self, principal: str, server: str, id: str, named: str, policy: ToolPolicy) -> Conversation:
        """The conversation that a request is part of."""
        key = (principal, named[:MOST_NAME]) if named else (principal, server, id)
        found = self._conversations.get(key)
        if found is None or found.until <= self._clock():
            self._make_room(self._conversations, principal)
            found = self._conversations[key] = Conversation(begun(policy))
        found.course.hold(policy.given, "")
        return self._kept(found, policy)

    def _kept(self, one: _Lasting, policy: ToolPolicy) -> _Lasting:
        one.until = max(one.until, self._clock() + 60 * policy.idle_minutes)
        return one

    def _make_room(self, kept: dict[_Key, _Lasting], principal: str) -> None:
        """Drop what is over; TooMany where a credential still has as many as it may."""
        now = self._clock()
        if now >= self._looked + EVERY or len(kept) >= MOST:
            self._looked = now
            for key in [key for key, one in kept.items() if one.until <= now]:
                del kept[key]
        if sum(1 for key in kept if key[0] == principal) >= MOST:
            raise TooMany("mcp.conversations", "This credential has too many conversations.", "End some.", 60)
