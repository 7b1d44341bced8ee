"""What is so at a gateway now: numbers for whoever looks at its counts, and troubles for whoever has to act."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from holdfast.decisions.log import SegmentLog
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.issuers import IssuerKeys
from holdfast.gateway.chat.prompts import Prompts
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.observe.figures import Family, Kind, Labels
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.review.reviews import Reviews
from holdfast.gateway.setup.generation import Generation

EVERY = 1.0
SILENT = 10.0
"""Seconds for which the control plane may say nothing before that is a trouble: it is asked every second."""

LOG = logging.getLogger("holdfast.gateway")

_UPSTREAMS: tuple[tuple[str, str, Kind, Callable[[Upstream], float]], ...] = (
    ("resting", "How many are left alone, because they failed too often.", Kind.GAUGE, lambda one: one.is_resting),
    ("under_way", "Exchanges under way.", Kind.GAUGE, lambda one: one.under_way),
    ("waiting", "Exchanges that wait for a turn.", Kind.GAUGE, lambda one: one.waiting),
    ("failures", "Failures to answer.", Kind.COUNTER, lambda one: one.failures),
    ("retries", "Connections tried again.", Kind.COUNTER, lambda one: one.retries),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody should look at, under a stable `code`, in a `system` or in the whole gateway."""

    code: str
    message: str
    system: str = ""


@dataclass(frozen=True)
class Standing:
    """Looks at what a gateway is made of. `generation` and `issuers` say what they are at that moment."""

    follower: Follower
    log: SegmentLog
    reviews: Reviews
    prompts: Prompts
    generation: Callable[[], Generation]
    issuers: Callable[[], Iterable[IssuerKeys]]

    def families(self) -> Iterator[Family]:
        """Numbers of now."""
        follower, generation = self.follower, self.generation()
        cleared = [({"system": system}, float(count)) for system, count in _cleared(generation).items()]
        yield _gauge("holdfast_clearance_age_seconds", "Since the control plane was heard.", [({}, follower.age)])
        yield _gauge("holdfast_cleared_releases", "Releases that are cleared and served here.", cleared)
        yield _gauge("holdfast_log_waiting_bytes", "Decisions that wait for the disk.", [({}, self.log.waiting_bytes)])
        unfiled = "Exchanges held for people that did not reach them yet."
        yield _gauge("holdfast_reviews_unfiled", unfiled, [({}, float(self.reviews.waiting))])
        policies = [
            ({"system": one.system, "policy": one.name, "version": one.version, "digest": one.digest}, 1.0)
            for one in generation.policies
        ]
        yield _gauge("holdfast_policy_info", "The policies in force.", policies)
        troubles = [
            ({"code": code, "system": system}, 1.0) for code, system in {(t.code, t.system) for t in self.troubles()}
        ]
        yield _gauge("holdfast_troubles", "What somebody should look at.", troubles)
        yield from _of_upstreams(generation)

    def troubles(self) -> Iterator[Trouble]:
        """What is wrong now."""
        follower, generation = self.follower, self.generation()
        if follower.is_stale:
            yield Trouble("clearance.stale", "The control plane was silent for too long: nothing may run any more.")
        elif follower.age > SILENT:
            why = follower.trouble.code if follower.trouble else "clearance.silent"
            yield Trouble(why, "The control plane is not heard; what was cleared last goes on.")
        for system, count in _cleared(generation).items():
            if not count:
                yield Trouble("system.stopped", "No release of this system may decide here now.", system)
        for labels, upstream in _upstreams(generation):
            if upstream.is_resting:
                yield Trouble("upstream.resting", f"{labels['upstream']} failed too often.", labels["system"])
        if self.log.trouble is not None:
            yield Trouble(self.log.trouble.code, "Decisions are kept here and cannot be sealed or delivered.")
        if self.reviews.trouble is not None:
            yield Trouble(self.reviews.trouble.code, "What waits for people is kept here and does not reach them.")
        if self.prompts.trouble is not None:
            yield Trouble(self.prompts.trouble.code, "The prompt of a release is not here, so it does not answer.")
        for keys in self.issuers():
            if keys.trouble is not None:
                yield Trouble(keys.trouble.code, f"The keys of {keys.section.name} cannot be fetched.")


async def watch(standing: Standing, observer: Observer) -> None:
    """Tell when a trouble begins and when it is over, until cancelled."""
    known: set[Trouble] = set()
    while True:
        await asyncio.sleep(EVERY)
        now = set(standing.troubles())
        for trouble in now - known:
            LOG.warning("%s: %s %s", trouble.code, trouble.message, trouble.system)
            observer.state(trouble.code, trouble.message, system=trouble.system)
        for trouble in known - now:
            LOG.warning("%s: over. %s", trouble.code, trouble.system)
            observer.state(trouble.code, f"Over: {trouble.message}", system=trouble.system, is_over=True)
        known = now


def _cleared(generation: Generation) -> dict[str, int]:
    """How many of its releases here each system may run."""
    counted = dict.fromkeys((one.system for one in generation.systems()), 0)
    for one in generation.systems():
        counted[one.system] += len(one.lanes.cleared())
    return counted


def _upstreams(generation: Generation) -> Iterator[tuple[Labels, Upstream]]:
    for one in generation.systems():
        for upstream in one.upstreams():
            yield {"system": one.system, "upstream": f"{upstream.origin.host}:{upstream.origin.port}"}, upstream


def _of_upstreams(generation: Generation) -> Iterator[Family]:
    """By server and system: several of its releases may be at the same one."""
    found = list(_upstreams(generation))
    for name, help, kind, count in _UPSTREAMS:
        summed: defaultdict[tuple[tuple[str, str], ...], float] = defaultdict(float)
        for labels, upstream in found:
            summed[tuple(labels.items())] += count(upstream)
        yield Family(f"holdfast_upstream_{name}", help, kind, tuple((dict(to), value) for to, value in summed.items()))


def _gauge(name: str, help: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, help, Kind.GAUGE, tuple(samples))
