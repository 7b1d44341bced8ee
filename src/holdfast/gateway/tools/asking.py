"""A request of a client on its way to a server of tools, whatever the transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.gateway.dialects.contract import Json, Slot
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.tools.conversations import Conversation, Session
from holdfast.gateway.tools.rpc import object_in
from holdfast.guards.armed_text import ArmedText, Remark
from holdfast.guards.tools.judge import Occasion

ASKS_BACK = ("sampling", "elicitation", "roots", "tasks", "extensions", "experimental")
"""What a client says that a server may ask of it: that would reach the client's model past every guard."""

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


class Exchanging(Protocol):
    """A way to the server for one message."""

    def ask(self, message: Json, *, is_redacted: bool = False) -> AsyncGenerator[Json]:
        """The messages that answer one, the answer itself last."""

    async def ask_aside(self, message: Json) -> Json:
        """The answer to a question of the gateway's own, in the same session."""


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """One request of a client. `principals` is what the credential that asks is called, `stand_in` whom a call is about
    that waits for a person, where nobody is named.
    """

    message: Json
    system: str
    session: Session
    conversation: Conversation
    principal: str
    principals: tuple[str, ...] = ()
    subject: str = ""
    stand_in: str = ""
    task: str = ""
    headers: Headers | tuple[()] = ()
    spent: Callable[[int], None] = lambda _money: None

    @property
    def occasion(self) -> Occasion:
        """As the policy sees it."""
        return Occasion(self.task, self.principals, self.session.declared)


def without_asking_back(message: Json) -> Json:
    """The message, in which the client offers nothing that a server could ask of it."""
    params = object_in(message, "params")
    for holder, name in ((params, "capabilities"), (object_in(params, "_meta"), CAPABILITIES)):
        offered = object_in(holder, name)
        for asked in ASKS_BACK:
            offered.pop(asked, None)
    return message


def read_all(guards: Sequence[ArmedText], slots: Sequence[Slot]) -> tuple[Remark, ...]:
    """What guards say of texts."""
    passages = [slot.passage for slot in slots]
    return tuple(guard.read(passages) for guard in guards)
