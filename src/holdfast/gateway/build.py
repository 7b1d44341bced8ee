"""From `gateway.yaml` to a running gateway: models opened, guards prepared, the control plane followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from holdfast import canonical
from holdfast.datasets.raw import Reader
from holdfast.decisions.log import SegmentLog
from holdfast.domain.credential import Credential
from holdfast.domain.guard import Stage
from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.flows.converse import Chat
from holdfast.flows.exchange import Post
from holdfast.gateway.app import Gateway, Reached
from holdfast.gateway.backends import Backend, Proxy, Worker
from holdfast.gateway.budgets import Meter, OwnPurse, Purse
from holdfast.gateway.conversing import Conversing
from holdfast.gateway.document import ChatSection, GatewayDocument, HostSection, ReleaseSection, SystemSection
from holdfast.gateway.follow import Follower
from holdfast.gateway.held import PLACE, HeldFolder
from holdfast.gateway.hosts import Host, Price
from holdfast.gateway.identity import Identities, read_issuer
from holdfast.gateway.lanes import Lanes
from holdfast.gateway.reviews import Reviews
from holdfast.gateway.scoring import Scoring
from holdfast.gateway.serving import Serving
from holdfast.gateway.upstream import Origin, Patience, Upstream
from holdfast.guards.armed import arm, everything_in_shadow
from holdfast.guards.armed_text import arm_text
from holdfast.guards.contract import Ground, Reads
from holdfast.ledger.note import Key
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.ports import Vault
from holdfast.settings import read_secret
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec, infer_format


@dataclass(frozen=True)
class Premises:
    """What a gateway needs from outside: its `folder` (of the document, and of relative paths), log, vault and time."""

    folder: Path
    home: Path
    token: str
    log: SegmentLog
    vault: Vault
    clock: Callable[[], datetime]


@asynccontextmanager
async def running(document: GatewayDocument, premises: Premises) -> AsyncIterator[Gateway]:
    """The gateway, as long as the block lasts; the control plane is asked once before it begins."""
    async with AsyncExitStack() as stack:
        follower = _follower(document, premises)
        await follower.refresh()
        reviews = _reviews(document, premises)
        servings = [_serving(section, document, premises, follower, reviews.folder) for section in document.systems]
        chats = [_conversing(section, document, premises, follower) for section in document.chats]
        for close in (*(one.close for one in servings), *(one.close for one in chats)):
            stack.push_async_callback(close)
        purse = await _purse(document, premises, stack)
        reached = {one.name: Reached(one, one.post.reader, premises.vault.pseudonym) for one in servings}

        issuers = [read_issuer(one.name, one.audience, premises.folder / one.keys) for one in document.issuers]

        def identities() -> Identities:
            return Identities(follower.clearance.credentials, premises.clock, issuers)

        def meter(credential: Credential) -> Meter:
            return Meter(credential, purse, lambda: premises.clock().timestamp(), document.budgets.when_cut_off)

        named = {one.name: one for one in chats}
        pseudonym = premises.vault.pseudonym
        gateway = Gateway(reached, named, reviews, identities=identities, meter=meter, pseudonym=pseudonym)
        gateway.ready_when(lambda: bool(follower.clearance.cleared))
        follower.changed = gateway.rebuild
        for following in (follower.follow(), reviews.follow()):
            stack.callback(asyncio.get_running_loop().create_task(following).cancel)
        yield gateway


def _follower(document: GatewayDocument, premises: Premises) -> Follower:
    plane = document.control_plane
    return Follower(
        Upstream(Origin(plane.url), Patience(answer=5.0, failures=1_000_000)),
        premises.token,
        Key.from_vkey(plane.key),
        document.environment,
        (*(section.system for section in document.systems), *(section.system for section in document.chats)),
        kept=premises.home / "clearance.json",
        clock=premises.clock,
        stale_after=3600 * plane.stale_after_hours,
    )


def _reviews(document: GatewayDocument, premises: Premises) -> Reviews:
    plane = Upstream(Origin(document.control_plane.url), Patience(answer=10.0, failures=1_000_000))
    return Reviews(HeldFolder(premises.home / PLACE), plane, premises.token, premises.vault.open)


def _serving(
    section: SystemSection, document: GatewayDocument, premises: Premises, follower: Follower, held: HeldFolder
) -> Serving:
    reference = canonical.decode(Reference, (premises.folder / section.reference).read_bytes())
    policy = read_policy(premises.folder / section.policy) if section.policy else everything_in_shadow(find_guards(()))
    post = _post(section, document, premises, policy, reference)
    return Serving(
        section.name,
        {one.release: replace(post, release=one.release) for one in section.releases},
        {one.release: _backend(one, premises.folder, reference) for one in section.releases},
        _lanes(section, follower, premises),
        follower=follower,
        log=premises.log,
        held=held,
    )


def _lanes(section: SystemSection | ChatSection, follower: Follower, premises: Premises) -> Lanes:
    return Lanes(
        section.system,
        [one.release for one in section.releases],
        follower,
        premises.clock,
        canary=(section.canary.release, section.canary.share) if section.canary else ("", 0.0),
        shadow=tuple(section.shadow),
    )


def _conversing(section: ChatSection, document: GatewayDocument, premises: Premises, follower: Follower) -> Conversing:
    chat = _chat(section, document, premises)
    return Conversing(
        section.name,
        {one.release: replace(chat, release=one.release) for one in section.releases},
        {one.release: _host(one, premises.folder) for one in section.releases},
        _lanes(section, follower, premises),
        follower=follower,
        log=premises.log,
    )


def _chat(section: ChatSection, document: GatewayDocument, premises: Premises) -> Chat:
    specs = find_guards(())
    policy = everything_in_shadow(specs, Reads.TEXT)
    policy = read_policy(premises.folder / section.policy) if section.policy else policy
    return Chat(
        system=section.system,
        release=section.releases[0].release,
        environment=document.environment,
        gateway=premises.log.gateway,
        policy=policy,
        before=arm_text(policy, specs, Stage.BEFORE),
        after=arm_text(policy, specs, Stage.AFTER),
        log=premises.log,
        clock=premises.clock,
        ids=premises.log.ids,
        vault=premises.vault,
    )


def _host(section: HostSection, folder: Path) -> Host:
    upstream = Upstream(Origin(section.upstream), Patience(answer=section.seconds))
    price = Price(section.price.asked, section.price.answered)
    key = _key(section, folder)
    return Host(upstream, section.provider, section.model, key, price=price, api_version=section.api_version)


def _key(section: HostSection, folder: Path) -> str:
    if section.key_env:
        return read_secret(section.key_env)
    return (folder / section.key_file).read_text().strip() if section.key_file else ""


def _post(
    section: SystemSection, document: GatewayDocument, premises: Premises, policy: Policy, reference: Reference
) -> Post:
    specs = find_guards(())
    return Post(
        system=section.system,
        release=section.releases[0].release,
        environment=document.environment,
        gateway=premises.log.gateway,
        policy=policy,
        ground=Ground(reference),
        reader=Reader(reference.schema, (policy.subject,) if policy.subject else ()),
        before=arm(policy, reference, specs, Stage.BEFORE),
        after=arm(policy, reference, specs, Stage.AFTER),
        log=premises.log,
        clock=premises.clock,
        ids=premises.log.ids,
        admissions=None,
        vault=premises.vault,
    )


def _backend(section: ReleaseSection, folder: Path, reference: Reference) -> Backend:
    if section.upstream and section.format == "mlflow":
        origin = Origin(section.upstream.rstrip("/").removesuffix("/invocations"))
        return Scoring(Upstream(origin), reference.schema)
    if section.upstream:
        return Proxy(Upstream(Origin(section.upstream.rstrip("/").removesuffix("/infer"))), reference.schema)
    location = str(folder / (section.model or ""))
    form = section.format or infer_format(location)
    spec = TargetSpec(form, location, allow=tuple(section.allow), threshold=section.threshold)
    return Worker(lambda: open_target(spec, reference.schema), reference.schema)


async def _purse(document: GatewayDocument, premises: Premises, stack: AsyncExitStack) -> Purse:
    if not document.budgets.valkey:
        return OwnPurse()
    from holdfast.gateway.valkey import SharedPurse

    return await stack.enter_async_context(SharedPurse(document.budgets.valkey, premises.log.gateway, time.time))
