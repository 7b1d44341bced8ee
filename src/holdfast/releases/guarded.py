"""A chat with a policy around it, as the gateway has it: what an attack meets where guards and rules on tools run."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from holdfast.domain.chat import Call, Message, Reply, Tool
from holdfast.domain.guard import Action, Stage
from holdfast.domain.policy import Policy
from holdfast.guards.armed_text import ArmedText, arm_text, enforced, hearing, redactions
from holdfast.guards.contract import GuardSpec
from holdfast.guards.passages import Conversation, Passage, redact
from holdfast.guards.tools import steps
from holdfast.guards.tools.declared import digest_of
from holdfast.guards.tools.judge import Occasion
from holdfast.guards.tools.talk import ToolTalk
from holdfast.ports import Chat

WHO = "check"
KEY = hashlib.sha256(b"holdfast check").digest()
"""For what guards derive from a gateway's key: the same in each run, since nothing here is anybody's secret."""


class GuardedChat:
    """A `Chat` whose guards read what is asked before it is, and what is answered before it is told.

    What they block is a blocked reply, and so is a call that the policy's rules on tools do not let out; what guards
    redact is asked, or told, redacted; the model does not hear of tools that the policy withholds.
    """

    def __init__(self, chat: Chat, policy: Policy, specs: Sequence[GuardSpec]) -> None:
        self._chat, self._policy = chat, policy
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
        passages = (Passage("system", prompt), *(Passage(message.role, message.text) for message in messages))
        read = _read(self._hearing(Stage.BEFORE, passages), passages)
        if read is None:
            with self._lock:
                self.blocked += 1
            return Reply("", finish="guard", is_blocked=True)
        offered, talk = self._about_tools(self.tools if tools is None else tools, prompt, messages)
        heard = [replace(message, text=text) for message, text in zip(messages, read[1:], strict=True)]
        reply = self._chat.ask(heard, system=read[0], tools=offered)
        told = _read(self._hearing(Stage.AFTER, passages), [Passage("assistant", text) for text in _texts(reply)])
        if talk is not None:
            talk.answered(map(_step, reply.calls))
        if told is None or (talk is not None and talk.action.rank > Action.REDACT.rank):
            return Reply("", finish="guard", asked=reply.asked, answered=reply.answered, is_blocked=True)
        calls = tuple(Call(c.name, text, c.id) for c, text in zip(reply.calls, told[1:], strict=True))
        return replace(reply, text=told[0], calls=calls)

    def _hearing(self, stage: Stage, passages: tuple[Passage, ...]) -> tuple[ArmedText, ...]:
        guards = self._before if stage is Stage.BEFORE else self._after
        return hearing(guards, Conversation(stage, passages, WHO, WHO, KEY))

    def _about_tools(
        self, tools: Sequence[Tool], prompt: str, messages: Sequence[Message]
    ) -> tuple[Sequence[Tool], ToolTalk | None]:
        """The tools that the model may hear of, and what judges its calls."""
        if self._policy.tools is None:
            return tools, None
        talk = ToolTalk(self._policy, self._policy.tools, Occasion())
        withheld = talk.withheld({tool.name: _digest(tool) for tool in tools})
        talk.go_through(_steps(prompt, messages))
        return [tool for tool in tools if not (talk.is_enforced and tool.name in withheld)], talk


def _digest(tool: Tool) -> str:
    said = {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.parameters)}
    return digest_of(said)


def _steps(prompt: str, messages: Sequence[Message]) -> Iterator[steps.Step]:
    yield steps.Given(prompt)
    for message in messages:
        if message.role == "tool":
            yield steps.Result(message.answers, message.text)
            continue
        if message.role != "assistant":
            yield steps.Given(message.text)
        yield from map(_step, message.calls)


def _step(call: Call) -> steps.Call:
    return steps.Call(call.id, call.name, steps.read_arguments(call.arguments))


def _texts(reply: Reply) -> list[str]:
    return [reply.text, *(call.arguments for call in reply.calls)]


def _read(guards: Sequence[ArmedText], passages: Sequence[Passage]) -> list[str] | None:
    """The texts as guards let them through; None where one blocks them."""
    remarks = [guard.read(passages) for guard in guards]
    if enforced(remarks).rank > Action.REDACT.rank:
        return None
    return [redact(passage.text, redactions(remarks, place)) for place, passage in enumerate(passages)]
