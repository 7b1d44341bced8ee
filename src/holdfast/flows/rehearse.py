"""Rehearsing a policy on tools: recorded conversations, step by step, against what the policy would have done.

A recording is JSON lines. Each line is a conversation (an object with `messages`, and maybe `name`, `task`,
`credential` and `tools`, the tools that were declared), or a message; the messages of a file are one conversation.
Messages are OpenAI's. A call in `tool_calls`, and a tool in `tools`, may say what is to become of it under `expect`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action
from holdfast.domain.policy import Policy
from holdfast.domain.tool import ToolPolicy
from holdfast.guards.tools.course import Course
from holdfast.guards.tools.declared import digest_of, name_of
from holdfast.guards.tools.judge import Occasion, begun, follow, gravest, judge, why_withheld
from holdfast.guards.tools.steps import Call, Result
from holdfast.guards.tools.transcripts import chat_steps, objects

Json = dict[str, Any]
OUTCOMES = (Action.ALLOW, Action.FLAG, Action.REVIEW, Action.BLOCK)
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would become of one call, or of a tool that is declared (`step` 0): `outcome` allow, flag, review, block or
    withheld, and why. `expected` is empty where the recording expects nothing.
    """

    conversation: str
    step: int
    tool: str
    outcome: str
    because: tuple[str, ...]
    expected: str = ""

    @property
    def fails(self) -> bool:
        """Whether something else was expected."""
        return bool(self.expected) and self.expected != self.outcome


def rehearse(policy: Policy, recordings: Iterable[Path]) -> list[Rehearsed]:
    """Each step of each conversation; FixInput for what cannot be read, and where there is no step at all."""
    if policy.tools is None:
        raise FixInput("policy.no-tools", f"{policy.name} says nothing about tools.", "Add a `tools:` section.")
    tools = policy.tools
    done = [one for path in recordings for talk in _conversations(path) for one in _rehearsed(tools, talk)]
    if not done:
        raise FixInput("recording.empty", "No tool is called in these recordings.", "Record conversations with tools.")
    return done


def _rehearsed(policy: ToolPolicy, talk: Json) -> Iterator[Rehearsed]:
    name, course = str(talk["name"]), begun(policy)
    declared, withheld = talk.get("tools"), list[Rehearsed]()
    occasion = Occasion(str(talk.get("task") or ""), tuple(filter(None, [str(talk.get("credential") or "")])))
    if isinstance(declared, list):
        digests = {name_of(tool): digest_of(tool) for tool in objects(declared)}
        occasion = Occasion(occasion.task, occasion.principals, digests)
        withheld = [_declared(policy, name, tool, occasion) for tool in objects(declared)]
    yield from withheld
    yield from _calls(policy, course, talk, occasion)


def _declared(policy: ToolPolicy, conversation: str, tool: Json, occasion: Occasion) -> Rehearsed:
    verdict = why_withheld(policy, name_of(tool), digest_of(tool), occasion)
    outcome, because = (WITHHELD, (verdict.because,)) if verdict else (Action.ALLOW.value, ())
    return Rehearsed(conversation, 0, name_of(tool), outcome, because, _expected(tool, (*OUTCOMES, WITHHELD)))


def _calls(policy: ToolPolicy, course: Course, talk: Json, occasion: Occasion) -> Iterator[Rehearsed]:
    """A call that would not have been made has no result either."""
    never: set[str] = set()
    for message in talk["messages"]:
        expected = [_expected(call, OUTCOMES) for call in objects(message.get("tool_calls"))]
        calls = 0
        for step in chat_steps([message]):
            if isinstance(step, Result) and step.call in never:
                continue
            if not isinstance(step, Call):
                follow(policy, course, step)
                continue
            verdicts = judge(policy, course, step, occasion)
            outcome = gravest(verdicts)
            because = tuple(one.because for one in verdicts if one.because)
            wanted = expected[calls] if calls < len(expected) else ""
            calls += 1
            yield Rehearsed(str(talk["name"]), course.steps + len(never) + 1, step.tool, outcome.value, because, wanted)
            if outcome.rank > Action.REDACT.rank:
                never.add(step.id)
            else:
                follow(policy, course, step)


def _expected(holder: Json, known: Iterable[str]) -> str:
    expected = holder.get("expect")
    if expected is not None and expected not in list(known):
        raise FixInput("recording.expect", f"Nothing becomes {expected!r:.40}.", f"Expect one of {', '.join(known)}.")
    return str(expected or "")


def _conversations(path: Path) -> Iterator[Json]:
    loose: list[Json] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            read = orjson.loads(line)
        except ValueError as error:
            raise _unreadable(path, number, str(error)) from error
        if isinstance(read, dict) and isinstance(read.get("messages"), list):
            if not all(isinstance(message, dict) for message in read["messages"]):
                raise _unreadable(path, number, "a message is no object")
            yield {"name": f"{path.name}:{number}", **read}
        elif isinstance(read, dict) and isinstance(read.get("role"), str):
            loose.append(read)
        else:
            raise _unreadable(path, number, "it is neither a conversation nor a message")
    if loose:
        yield {"name": path.name, "messages": loose}


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise FixInput("recording.absent", f"{path} cannot be read: {error.strerror}.", "Check the path.") from error


def _unreadable(path: Path, line: int, why: str) -> FixInput:
    hint = 'Write one object a line, with "messages" or with a "role".'
    return FixInput("recording.unreadable", f"{path.name} line {line} cannot be read: {why}.", hint)


def digests_in(path: Path) -> dict[str, str]:
    """The digests of the tools in a JSON file, by name: a list of them, or an object that has one under `tools`."""
    try:
        read = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FixInput("tools.unreadable", f"{path} cannot be read: {error}.", "Give a JSON file.") from error
    found = objects(read.get("tools") if isinstance(read, dict) else read)
    if not found:
        raise FixInput("tools.none", f"{path.name} declares no tools.", "It is a list, or an object with `tools`.")
    return {name_of(tool): digest_of(tool) for tool in found}
