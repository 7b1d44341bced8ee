"""From the section of a server of tools in `gateway.yaml` to who serves it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Stage
from holdfast.flows.converse import Chat
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.setup.build_chats import secret_of
from holdfast.gateway.setup.document import ToolHostSection, ToolServerSection
from holdfast.gateway.setup.generation import Kept
from holdfast.gateway.setup.premises import Shared
from holdfast.gateway.tools.host import ToolHost
from holdfast.gateway.tools.serving import ToolServing
from holdfast.guards.armed_text import arm_text
from holdfast.plugins import find_guards
from holdfast.policy import read_policy


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


def _chat(section: ToolServerSection, shared: Shared) -> Chat:
    """All guards read arguments, and all read results: what a tool answers goes to a model, and comes from a server."""
    premises, specs = shared.premises, find_guards(())
    policy = read_policy(premises.folder / section.policy)
    guards = (*arm_text(policy, specs, Stage.BEFORE), *arm_text(policy, specs, Stage.AFTER))
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
    )


async def _host(section: ToolHostSection, folder: Path, kept: Kept) -> ToolHost:
    key = secret_of(section, folder)

    async def connect() -> ToolHost:
        return ToolHost(Upstream(Origin(section.upstream), Patience(answer=section.seconds)), key)

    made_of = f"mcp {section.model_dump_json()} {hashlib.sha256(key.encode()).hexdigest()}"
    return await kept.get(made_of, ToolHost, connect)
