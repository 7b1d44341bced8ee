"""From a chat's section in `gateway.yaml` to who serves it: its hosts, guards and releases."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from holdfast.domain.guard import Stage
from holdfast.flows.converse import Chat
from holdfast.gateway.chat.conversing import Conversing
from holdfast.gateway.chat.hosts import Host, Price
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.setup.build_systems import make_lanes
from holdfast.gateway.setup.document import ChatSection, HostSection, ToolHostSection
from holdfast.gateway.setup.generation import Kept
from holdfast.gateway.setup.premises import Shared
from holdfast.guards.armed import everything_in_shadow
from holdfast.guards.armed_text import arm_text
from holdfast.guards.contract import Reads
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.settings import read_secret


async def make_chat(section: ChatSection, shared: Shared, kept: Kept) -> Conversing:
    """Who serves a conversation; connections to its hosts are kept."""
    chat, folder = _chat(section, shared), shared.premises.folder
    return Conversing(
        section.name,
        {one.release: replace(chat, release=one.release) for one in section.releases},
        {one.release: await _host(one, folder, kept) for one in section.releases},
        make_lanes(section, shared),
        follower=shared.follower,
        log=shared.premises.log,
        prompts=shared.prompts,
        observer=shared.observer,
    )


def _chat(section: ChatSection, shared: Shared) -> Chat:
    premises, specs = shared.premises, find_guards(())
    policy = everything_in_shadow(specs, Reads.TEXT)
    policy = read_policy(premises.folder / section.policy) if section.policy else policy
    return Chat(
        system=section.system,
        release=section.releases[0].release,
        environment=shared.environment,
        gateway=premises.log.gateway,
        policy=policy,
        before=arm_text(policy, specs, Stage.BEFORE),
        after=arm_text(policy, specs, Stage.AFTER),
        log=premises.log,
        clock=premises.clock,
        ids=premises.log.ids,
        vault=premises.vault,
        key=premises.vault.key("guards"),
    )


async def _host(section: HostSection, folder: Path, kept: Kept) -> Host:
    key = secret_of(section, folder)

    async def connect() -> Host:
        upstream = Upstream(Origin(section.upstream), Patience(answer=section.seconds))
        price = Price(section.price.asked, section.price.answered)
        return Host(upstream, section.provider, section.model, key, price=price, api_version=section.api_version)

    return await kept.get(f"{section.model_dump_json()} {hashlib.sha256(key.encode()).hexdigest()}", Host, connect)


def secret_of(section: HostSection | ToolHostSection, folder: Path) -> str:
    """The upstream's secret; empty where it has none."""
    if section.key_env:
        return read_secret(section.key_env)
    return (folder / section.key_file).read_text().strip() if section.key_file else ""
