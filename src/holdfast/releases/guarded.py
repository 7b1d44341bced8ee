"""A chat with a policy's guards around it, as the gateway has them: what an attack meets where the guards run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from holdfast.domain.chat import Call, Message, Reply, Tool
from holdfast.domain.guard import Action, Stage
from holdfast.domain.policy import Policy
from holdfast.guards.armed_text import ArmedText, arm_text, enforced, redactions
from holdfast.guards.contract import GuardSpec
from holdfast.guards.passages import Passage, redact
from holdfast.ports import Chat


class GuardedChat:
    """A `Chat` whose guards read what is asked before it is, and what is answered before it is told.

    What they block is a blocked reply; what they redact is asked, or told, redacted.
    """

    def __init__(self, chat: Chat, policy: Policy, specs: Sequence[GuardSpec]) -> None:
        self._chat = chat
        self._before = arm_text(policy, specs, Stage.BEFORE)
        self._after = arm_text(policy, specs, Stage.AFTER)
        self.blocked = 0
        self._lock = threading.Lock()

    @property
    def system(self) -> str:
        """The system prompt that is sent with each request."""
        return self._chat.system

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that the chat may call."""
        return self._chat.tools

    @property
    def queries(self) -> int:
        """Requests so far, blocked ones included."""
        return self._chat.queries + self.blocked

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return self._chat.tokens

    def ask(
        self, messages: Sequence[Message], *, system: str | None = None, tools: Sequence[Tool] | None = None
    ) -> Reply:
        """The reply to a conversation, unless a guard says otherwise."""
        prompt = self.system if system is None else system
        passages = [Passage("system", prompt), *(Passage(message.role, message.text) for message in messages)]
        read = _read(self._before, passages)
        if read is None:
            with self._lock:
                self.blocked += 1
            return Reply("", finish="guard", is_blocked=True)
        heard = [replace(message, text=text) for message, text in zip(messages, read[1:], strict=True)]
        reply = self._chat.ask(heard, system=read[0], tools=tools)
        told = _read(self._after, [Passage("assistant", text) for text in _texts(reply)])
        if told is None:
            return Reply("", finish="guard", asked=reply.asked, answered=reply.answered, is_blocked=True)
        calls = tuple(Call(c.name, text, c.id) for c, text in zip(reply.calls, told[1:], strict=True))
        return replace(reply, text=told[0], calls=calls)


def _texts(reply: Reply) -> list[str]:
    return [reply.text, *(call.arguments for call in reply.calls)]


def _read(guards: Sequence[ArmedText], passages: Sequence[Passage]) -> list[str] | None:
    """The texts as guards let them through; None where one blocks them."""
    remarks = [guard.read(passages) for guard in guards]
    if enforced(remarks).rank > Action.REDACT.rank:
        return None
    return [redact(passage.text, redactions(remarks, place)) for place, passage in enumerate(passages)]
