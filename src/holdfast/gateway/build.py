"""From `gateway.yaml` to what a gateway is made of: models opened, guards prepared, the control plane followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from holdfast import canonical
from holdfast.datasets.raw import Reader
from holdfast.decisions.log import SegmentLog
from holdfast.domain.guard import Stage
from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.flows.exchange import Post
from holdfast.gateway.app import Reached
from holdfast.gateway.backends import Backend, Proxy, Worker
from holdfast.gateway.budgets import OwnPurse, Purse
from holdfast.gateway.document import GatewayDocument, ReleaseSection, SystemSection
from holdfast.gateway.follow import Follower
from holdfast.gateway.generation import Generation, InForce
from holdfast.gateway.observer import Observer
from holdfast.gateway.serving import Serving
from holdfast.gateway.upstream import Origin, Patience, Upstream
from holdfast.guards.armed import arm, everything_in_shadow
from holdfast.guards.contract import Ground
from holdfast.ledger.note import Key
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.ports import Vault
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


async def make_generation(
    document: GatewayDocument, premises: Premises, follower: Follower, observer: Observer, kept: Mapping[str, Backend]
) -> Generation:
    """Everything that a document serves, opened; of `kept`, what it serves too is taken over."""
    backends: dict[str, Backend] = {}
    servings, policies = [], []
    try:
        for section in document.systems:
            reference = canonical.decode(Reference, (premises.folder / section.reference).read_bytes())
            policy = _policy(section, premises.folder)
            mine = {one.release: _made_of(one, reference) for one in section.releases}
            for one in section.releases:
                name = mine[one.release]
                if name not in backends:
                    backends[name] = kept.get(name) or await _backend(one, premises.folder, reference)
            post = _post(section, document, premises, policy, reference)
            answering = {release: backends[name] for release, name in mine.items()}
            servings.append(_serving(section, post, answering, premises.log, follower=follower, observer=observer))
            policies.append(InForce(section.system, policy.name, policy.version, canonical.digest(policy)))
    except BaseException:
        for name, backend in backends.items():
            if kept.get(name) is not backend:
                await backend.close()
        raise
    reached = {one.name: Reached(one, one.post.reader, premises.vault.pseudonym) for one in servings}
    return Generation(document, servings, reached, policies, backends)


def _made_of(section: ReleaseSection, reference: Reference) -> str:
    """What tells one way to answer from another."""
    return f"{section.model_dump_json()} {canonical.digest(reference)}"


def _policy(section: SystemSection, folder: Path) -> Policy:
    return read_policy(folder / section.policy) if section.policy else everything_in_shadow(find_guards(()))


def make_follower(document: GatewayDocument, premises: Premises) -> Follower:
    """Follows the control plane of a document, once it is told to."""
    plane = document.control_plane
    return Follower(
        Upstream(Origin(plane.url), Patience(answer=5.0, failures=1_000_000)),
        premises.token,
        Key.from_vkey(plane.key),
        document.environment,
        tuple(section.system for section in document.systems),
        kept=premises.home / "clearance.json",
        clock=premises.clock,
        stale_after=3600 * plane.stale_after_hours,
    )


def _serving(
    section: SystemSection,
    post: Post,
    backends: Mapping[str, Backend],
    log: SegmentLog,
    *,
    follower: Follower,
    observer: Observer,
) -> Serving:
    canary = (section.canary.release, section.canary.share) if section.canary else ("", 0.0)
    return Serving(
        section.name,
        {one.release: replace(post, release=one.release) for one in section.releases},
        backends,
        follower=follower,
        log=log,
        clock=post.clock,
        canary=canary,
        shadow=tuple(section.shadow),
        observer=observer,
    )


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


async def _backend(section: ReleaseSection, folder: Path, reference: Reference) -> Backend:
    if section.upstream:
        return Proxy(Upstream(Origin(section.upstream.rstrip("/").removesuffix("/infer"))), reference.schema)
    location = str(folder / (section.model or ""))
    spec = TargetSpec(section.format or infer_format(location), location, allow=tuple(section.allow))
    return Worker(await asyncio.to_thread(open_target, spec, reference.schema), reference.schema)


async def make_purse(document: GatewayDocument, premises: Premises, stack: AsyncExitStack) -> Purse:
    """Where budgets are counted, until the stack's end."""
    if not document.budgets.valkey:
        return OwnPurse()
    from holdfast.gateway.valkey import SharedPurse

    return await stack.enter_async_context(SharedPurse(document.budgets.valkey, premises.log.gateway, time.time))
