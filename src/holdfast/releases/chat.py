"""A release that is a chat: what it is made of, which probes apply, and one probe's attack on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from holdfast import canonical
from holdfast.documents import read_text
from holdfast.domain.chat import Message, Tool
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Failed, Material, ProbeOutcome, Protection, Skipped
from holdfast.domain.policy import Policy
from holdfast.domain.prompt import PROMPT, parse_prompt
from holdfast.domain.schema import Task
from holdfast.manifest import ChatSection
from holdfast.plugins import find_guards
from holdfast.policy import parse_policy
from holdfast.probes.contract import ChatCase, Need, ProbeSpec
from holdfast.releases.guarded import GuardedChat
from holdfast.releases.release import MODEL, Release
from holdfast.targets.chat import ChatSpec, open_chat

TOOLS, POLICY, GATEWAY = "tools", "policy", "gateway"
"""Roles of a chat's materials, beside the model's."""


@dataclass(frozen=True, slots=True)
class ChatRelease:
    """A chat as its manifest has it: how it is reached, bare, and with what it is guarded.

    `policy` holds the guards that run around it here; `through` is the same chat behind a gateway. At most one is set.
    """

    spec: ChatSpec
    materials: tuple[Material, ...]
    policy: Policy | None = None
    through: ChatSpec | None = None


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """The facts that decide which probes apply to a chat. `failed` and `hint` say why it cannot be asked."""

    has_prompt: bool
    has_tools: bool
    has_canary: bool = False
    protections: tuple[Protection, ...] = ()
    failed: str = ""
    hint: str = ""

    @property
    def task(self) -> Task:
        """What it answers."""
        return Task.CHAT

    def without(self, spec: ProbeSpec) -> ProbeOutcome | None:
        """The outcome of a probe that cannot run here, in words; None where it can."""
        if Task.CHAT not in spec.tasks:
            return Skipped(spec.id, spec.version, "It does not apply to chats.")
        if self.failed:
            return Failed(spec.id, spec.version, self.failed, self.hint)
        met = {
            Need.CHAT: True,
            Need.PROMPT: self.has_prompt,
            Need.CANARY: self.has_prompt or self.has_canary,
            Need.TOOLS: self.has_tools,
        }
        missing = sorted(need.value for need in spec.needs if not met.get(need, False))
        return Skipped(spec.id, spec.version, f"It needs {' and '.join(missing)}.") if missing else None


def read_chat(release: Release) -> ChatRelease:
    """The chat of a manifest, with the files that it names; FixInput for one that cannot be used."""
    said = release.manifest.model.chat
    if said is None:
        raise FixInput("chat.none", "This manifest has no `model.chat`.", "Give one, or `model.path`.")
    files = {
        role: (release.folder / name, read_text(release.folder / name))
        for role, name in ((PROMPT, said.system_prompt), (TOOLS, said.tools), (POLICY, said.policy))
        if name is not None
    }
    texts = {role: text for role, (_, text) in files.items()}
    prompt = _prompt(files[PROMPT][0].read_bytes(), said) if PROMPT in files else ()
    spec = ChatSpec(
        url=said.url,
        dialect=said.dialect,
        model=said.model,
        key=said.key,
        headers=tuple(sorted(said.headers.items())),
        system="\n\n".join(message.text for message in prompt if message.role == "system"),
        before=tuple(message for message in prompt if message.role != "system"),
        canary=said.canary,
        tools=_tools(texts.get(TOOLS, "[]"), said.tools or ""),
        max_tokens=said.max_tokens,
        temperature=said.temperature,
        price=(said.price.asked, said.price.answered) if said.price else None,
        seconds_per_call=said.seconds_per_call,
        limit=said.most_requests,
        at_once=said.at_once,
    )
    materials = (_model(said), *(_file(role, path) for role, (path, _) in files.items()), *_gateway(said))
    policy = parse_policy(texts[POLICY], said.policy or "") if POLICY in texts else None
    return ChatRelease(spec, materials, policy, _through(spec, said))


def _model(said: ChatSection) -> Material:
    settings = said.model_dump(mode="json", include={"url", "dialect", "model", "max_tokens", "temperature"})
    return Material(MODEL, f"{said.model} at {said.url}".strip(), canonical.digest(settings), 0, "text/uri-list")


def _prompt(data: bytes, said: ChatSection) -> tuple[Message, ...]:
    """What the prompt says, filled in as a gateway would."""
    names = {"model": "assistant"}
    filled = parse_prompt(data).fill(said.prompt_variables)
    return tuple(Message(names.get(role, role), text) for role, text in filled)


def _file(role: str, path: Path) -> Material:
    data = path.read_bytes()
    return Material(role, path.name, canonical.digest_bytes(data), len(data), "text/plain")


def _gateway(said: ChatSection) -> tuple[Material, ...]:
    if said.through is None:
        return ()
    settings = said.through.model_dump(mode="json", include={"url", "dialect", "model"})
    return (Material(GATEWAY, said.through.url, canonical.digest(settings), 0, "text/uri-list"),)


def _through(spec: ChatSpec, said: ChatSection) -> ChatSpec | None:
    if said.through is None:
        return None
    way = said.through
    headers = tuple(sorted(way.headers.items()))
    return replace(spec, url=way.url, dialect=way.dialect, model=way.model or spec.model, key=way.key, headers=headers)


def _tools(text: str, name: str) -> tuple[Tool, ...]:
    """The tools in a document of either dialect: ``{"type": "function", "function": {…}}`` or ``{"name": …}``."""
    try:
        found = yaml.safe_load(text)  # JSON is YAML
    except yaml.YAMLError as error:
        raise FixInput("chat.tools", f"{name} is neither JSON nor YAML.", "Write a list of tool schemas.") from error
    tools = found if isinstance(found, list) else found.get("tools") if isinstance(found, dict) else None
    if not isinstance(tools, list):
        raise FixInput("chat.tools", f"{name} holds no list of tools.", "Write a list of tool schemas.")
    return tuple(_tool(tool, name) for tool in tools)


def _tool(said: Any, name: str) -> Tool:
    tool = said.get("function", said) if isinstance(said, dict) else None
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise FixInput("chat.tools", f"{name} holds a tool without a name.", "Give each `name` and `parameters`.")
    schema = tool.get("parameters") or tool.get("input_schema") or {"type": "object", "properties": {}}
    return Tool(tool["name"], str(tool.get("description") or ""), json.dumps(schema, sort_keys=True))


@dataclass(frozen=True, eq=False)
class ChatJob:
    """Everything that one probe of a chat needs, in a form that travels to another process or machine.

    `digest` is the release's, stamped on every measurement; `progress` as in `holdfast.releases.attack.Job`.
    """

    probe: str
    plugins: tuple[str, ...]
    effort: str
    overrides: Mapping[str, Any]
    seed: int
    digest: str
    spec: ChatSpec
    policy: Policy | None
    through: ChatSpec | None
    currency: str
    seconds: int
    progress: Path | None = field(default=None)

    @contextmanager
    def opened(self, _spec: ProbeSpec) -> Iterator[ChatCase]:
        """The chat, open, as the case that a probe is asked about."""
        with ExitStack() as stack:
            bare = stack.enter_context(open_chat(self.spec))
            case = ChatCase(
                bare,
                canary=bare.canary,
                seed=self.seed,
                at_once=self.spec.at_once,
                price=self.spec.price,
                currency=self.currency,
            )
            if self.through is not None:
                case = replace(case, chat=stack.enter_context(open_chat(self.through)), bare=bare)
            elif self.policy is not None:
                case = replace(case, chat=GuardedChat(bare, self.policy, find_guards(self.plugins)), bare=bare)
            yield case

    @staticmethod
    def spent(case: ChatCase) -> tuple[int, int]:
        """Requests and tokens that the case cost."""
        chats: Sequence[Any] = (
            [case.unguarded] if isinstance(case.chat, GuardedChat) else [*{case.chat, case.unguarded}]
        )
        return sum(chat.queries for chat in chats), sum(chat.tokens for chat in chats)
