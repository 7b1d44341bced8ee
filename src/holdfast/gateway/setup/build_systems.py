"""From a system's section in `gateway.yaml` to who serves it: its models, guards and releases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from holdfast import canonical
from holdfast.datasets.raw import Reader
from holdfast.domain.guard import Stage
from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.flows.exchange import Post
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.http.upstream import Origin, Upstream
from holdfast.gateway.rows.backends import Backend, Proxy, Worker
from holdfast.gateway.rows.scoring import Scoring
from holdfast.gateway.rows.serving import Serving
from holdfast.gateway.setup.document import ChatSection, ReleaseSection, SystemSection
from holdfast.gateway.setup.generation import Kept
from holdfast.gateway.setup.premises import Shared
from holdfast.guards.armed import arm, everything_in_shadow
from holdfast.guards.contract import Ground
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec, infer_format


async def make_serving(section: SystemSection, shared: Shared, kept: Kept) -> Serving:
    """Who serves a system; its models are opened, or kept."""
    premises = shared.premises
    reference = canonical.decode(Reference, (premises.folder / section.reference).read_bytes())
    post = _post(section, shared, reference)
    backends = {one.release: await _backend(one, premises.folder, reference, kept) for one in section.releases}
    return Serving(
        section.name,
        {one.release: replace(post, release=one.release) for one in section.releases},
        backends,
        make_lanes(section, shared),
        follower=shared.follower,
        log=premises.log,
        held=shared.held,
        observer=shared.observer,
    )


def make_lanes(section: SystemSection | ChatSection, shared: Shared) -> Lanes:
    """Which of its releases is asked."""
    return Lanes(
        section.system,
        [one.release for one in section.releases],
        shared.follower,
        shared.premises.clock,
        canary=(section.canary.release, section.canary.share) if section.canary else ("", 0.0),
        shadow=tuple(section.shadow),
    )


def _post(section: SystemSection, shared: Shared, reference: Reference) -> Post:
    premises, specs = shared.premises, find_guards(())
    policy = _policy(section, premises.folder)
    return Post(
        system=section.system,
        release=section.releases[0].release,
        environment=shared.environment,
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


def _policy(section: SystemSection, folder: Path) -> Policy:
    return read_policy(folder / section.policy) if section.policy else everything_in_shadow(find_guards(()))


async def _backend(section: ReleaseSection, folder: Path, reference: Reference, kept: Kept) -> Backend:
    made_of = f"{section.model_dump_json()} {canonical.digest(reference)}"
    if section.upstream:
        return await _proxy(section, reference, kept, made_of)
    location = str(folder / (section.model or ""))
    form = section.format or infer_format(location)
    spec = TargetSpec(form, location, allow=tuple(section.allow), threshold=section.threshold)

    async def start() -> Worker:
        return await asyncio.to_thread(Worker, lambda: open_target(spec, reference.schema), reference.schema)

    return await kept.get(made_of, Worker, start)


async def _proxy(section: ReleaseSection, reference: Reference, kept: Kept, made_of: str) -> Backend:
    url = section.upstream.rstrip("/")

    async def connect() -> Proxy:
        return Proxy(Upstream(Origin(url.removesuffix("/infer"))), reference.schema)

    async def connect_to_mlflow() -> Scoring:
        return Scoring(Upstream(Origin(url.removesuffix("/invocations"))), reference.schema)

    if section.format == "mlflow":
        return await kept.get(made_of, Scoring, connect_to_mlflow)
    return await kept.get(made_of, Proxy, connect)
