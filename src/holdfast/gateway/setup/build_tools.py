"""From the section of a server of tools in `gateway.yaml` to who serves it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from holdfast.decisions.log import SegmentLog
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Stage
from holdfast.domain.policy import Policy
from holdfast.flows.converse import Chat
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.setup.build_chats import secret_of
from holdfast.gateway.setup.document import ToolHostSection, ToolServerSection
from holdfast.gateway.setup.generation import Kept
from holdfast.gateway.setup.premises import GatewayVault, Shared
from holdfast.gateway.tools.guarded import GuardedTools
from holdfast.gateway.tools.host import ToolHost
from holdfast.gateway.tools.serving import ToolServing
from holdfast.guards.armed_text import ArmedText, arm_text
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.ports import Clock


async def make_tool_serving(section: ToolServerSection, shared: Shared, kept: Kept) -> ToolServing:
    """Who serves it; connections to its hosts are kept."""
    chat, folder = _chat(section, shared), shared.premises.folder
    if chat.policy.tools is None:
        raise FixInput("policy.no-tools", f"{section.policy} says nothing about tools.", "Add a `tools:` section.")
    releases = [one.release for one in section.releases]
    return ToolServing(
        section.name,
        {release: replace(chat, release=release) for release in releases},
        {one.release: await _host(one, folder, kept) for one in section.releases},
        Lanes(section.system, releases, shared.follower, shared.premises.clock),
        chat.policy.tools,
        follower=shared.follower,
        log=shared.premises.log,
        approvals=shared.approvals,
        observer=shared.observer,
    )


def local_tools(policy: Policy, system: str, *, log: SegmentLog, vault: GatewayVault, clock: Clock) -> GuardedTools:
    """A server of this machine, for one client: no control plane says what may run, and each decision says so."""
    if policy.tools is None:
        raise FixInput("policy.no-tools", f"{policy.name} says nothing about tools.", "Add a `tools:` section.")
    guards = _all_guards(policy)
    chat = Chat(
        system=system,
        release="",
        environment="local",
        gateway=log.gateway,
        policy=policy,
        before=guards,
        after=guards,
        log=log,
        clock=clock,
        ids=log.ids,
        vault=vault,
        key=vault.key("guards"),
    )
    return GuardedTools(system, lambda _release: chat, policy.tools, log=log, approvals=None, observer=Observer())


def _all_guards(policy: Policy) -> tuple[ArmedText, ...]:
    """All guards read arguments, and all read results: what a tool answers goes to a model, and comes from a server."""
    specs = find_guards(())
    guards = (*arm_text(policy, specs, Stage.BEFORE), *arm_text(policy, specs, Stage.AFTER))
    return tuple({guard.spec.id: guard for guard in guards}.values())


def _chat(section: ToolServerSection, shared: Shared) -> Chat:
    premises = shared.premises
    policy = read_policy(premises.folder / section.policy)
    guards = _all_guards(policy)
    return Chat(
        system=section.system,
        release=section.releases[0].release,
        environment=shared.environment,
        gateway=premises.log.gateway,
        policy=policy,
        before=guards,
        after=guards,
        log=premises.log,
        clock=premises.clock,
        ids=premises.log.ids,
        vault=premises.vault,
        key=premises.vault.key("guards"),
    )


async def _host(section: ToolHostSection, folder: Path, kept: Kept) -> ToolHost:
    key = secret_of(section, folder)

    async def connect() -> ToolHost:
        return ToolHost(Upstream(Origin(section.upstream), Patience(answer=section.seconds)), key)

    made_of = f"mcp {section.model_dump_json()} {hashlib.sha256(key.encode()).hexdigest()}"
    return await kept.get(made_of, ToolHost, connect)
