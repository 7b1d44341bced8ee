"""The trip of watching: decisions are counted, looked at, judged by the appetite, and what was seen has consequences.

segments → batches of counts → monitors → measurements and series → the same appetite as before release → alerts →
breaker and incident, all of it as acts. Only batches that are over are looked at.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.alert import Alert, Incident
from holdfast.domain.clearance import Breaker
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Done, Environment, Evidence, ProbeCard
from holdfast.domain.look import Look
from holdfast.domain.measure import Measure
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import System
from holdfast.domain.verdict import judge
from holdfast.domain.watch import Baseline, Consequence, FiledBaseline, Span, Watch, Watched
from holdfast.flows.alerts import alerts_in, drafts_for, of_release
from holdfast.flows.count_decisions import Counter, Observing, start_of
from holdfast.flows.desk import Caller, Desk, every, require, stated
from holdfast.flows.file_baseline import baseline_of
from holdfast.flows.look import Ground, look_at
from holdfast.flows.register import appetite_in_force
from holdfast.ledger.envelope import seal
from holdfast.monitors.contract import MonitorSpec
from holdfast.ports import Batches
from holdfast.version import __version__

WATCHMAN = "platform"
"""Who acts where nobody asked: the control plane itself."""

SETTLES = {Span.DAY: timedelta(hours=1), Span.HOUR: timedelta(minutes=10)}
"""How long after a batch is over its decisions may still be on their way."""


@dataclass(frozen=True)
class Post:
    """From where decisions are watched: who reads them, where counts are kept, and by which monitors."""

    observing: Observing
    batches: Batches
    monitors: tuple[MonitorSpec, ...]
    measures: Mapping[str, Measure]


def watched_releases(desk: Desk) -> tuple[str, ...]:
    """The digests of releases that run and of which it is known what is usual."""
    running = dict.fromkeys(kept.record.release for kept in every(desk.store, Deployment, state="running"))
    return tuple(desk.store.many(FiledBaseline, running))


def watch_release(desk: Desk, post: Post, release: str) -> Look | None:
    """Watch one release up to now; what it showed. None where no key that sealed what is usual of it is trusted.

    The caller holds the lock of the batches. Absent where nobody filed what is usual of it.
    """
    filed = desk.store.get(FiledBaseline, release).record
    baseline = baseline_of(desk, filed)
    return None if baseline is None else _Watching(desk, post, filed, baseline).go()


def watch_of(desk: Desk, system: str) -> Watch:
    """How a system is watched: as somebody said, or by the day, with alerts and no stops."""
    kept = desk.store.find(Watch, system)
    return Watch(system) if kept is None else kept.record


def set_watch(desk: Desk, caller: Caller, watch: Watch) -> Kept[Watch]:
    """Say how a system is watched; FixInput where a rule has no reason."""
    require(caller, Permission.SET_WATCH)
    desk.store.get(System, watch.system)
    for rule in watch.rules:
        stated(rule.measure, "measure")
        stated(rule.why, "why")
    for address in watch.mail:
        if "@" not in address or any(part.isspace() or part == "," for part in address):
            raise FixInput("watch.mail", f"{address!r:.80} is no address.", "Name one address each.")
    before = desk.store.find(Watch, watch.system)
    return desk.keep(caller, Verb.SET_WATCH, watch.system, watch, before.revision if before else 0)


def last_look(batches: Batches, release: str) -> Look | None:
    """What watching a release last showed; None where nobody looked yet."""
    body = batches.look(release)
    return canonical.decode(Look, body) if body else None


@dataclass(frozen=True)
class _Watching:
    """One release being watched."""

    desk: Desk
    post: Post
    filed: FiledBaseline
    baseline: Baseline

    @cached_property
    def watch(self) -> Watch:
        return watch_of(self.desk, self.filed.system)

    @cached_property
    def system(self) -> System:
        return self.desk.store.get(System, self.filed.system).record

    @cached_property
    def monitors(self) -> tuple[MonitorSpec, ...]:
        return tuple(spec for spec in self.post.monitors if spec.id not in self.watch.skip)

    @cached_property
    def known(self) -> tuple[Kept[Alert], ...]:
        return of_release(self.desk, self.filed.release)

    def go(self) -> Look:
        """The look, anew where anything that it depends on is new. Acts come before it is kept: if this process dies in
        between, they are made already when somebody looks again.
        """
        post, release = self.post, self.filed.release
        counter = Counter(self.desk.store, post.batches, post.observing, self.monitors, self.baseline, self.watch)
        counted, ground = counter.catch_up(), self._ground()
        until = start_of(self.desk.now - SETTLES[self.watch.span], self.watch.span)
        mark = self._mark(ground, counter, until)
        last = None if counted.files else last_look(post.batches, release)
        if last is not None and last.mark == mark and last.troubles == counted.troubles:
            return last
        over = tuple(batch for batch in post.batches.all(release) if batch.start < until)
        look = replace(look_at(ground, over, troubles=counted.troubles, at=self.desk.at), mark=mark)
        if over:
            self._act(look)
        post.batches.keep_look(release, canonical.encode(look))
        return look

    def _ground(self) -> Ground:
        system, task = self.system, self.baseline.schema.task
        limits = appetite_in_force(self.desk).binding(system.tier, task, system.use_case)
        settled = tuple(kept for kept in self.known if not kept.record.is_open)
        return Ground(system.name, self.baseline, self.watch, self.monitors, limits, settled)

    def _mark(self, ground: Ground, counter: Counter, until: str) -> str:
        """The digest of all that a look depends on beside the counts."""
        settled = sorted((kept.key, kept.revision) for kept in ground.settled)
        said = {"asked": counter.asked, "until": until, "limits": ground.limits, "settled": settled}
        return canonical.digest({**said, "watch": self.watch})

    def _act(self, look: Look) -> None:
        """File what was measured, once for each batch; raise what is new, and let it have its consequences."""
        evidence = self._evidence(look)
        digest, until = canonical.digest(evidence), look.starts[-1]
        alerts = alerts_in(look, self.watch, self.post.measures, evidence=digest, at=self.desk.at)
        raised = drafts_for(look, alerts, self.known)
        newest = self.desk.store.list(Watched, about=look.release, limit=1).items
        if not raised and any(kept.record.until >= until for kept in newest):
            return
        envelope = self.desk.blobs.put(seal(evidence, self.desk.signer))
        outcome = self._outcome(evidence)
        record = Watched(look.system, look.release, digest, envelope, until, outcome, self.desk.at)
        drafts = [Draft(Verb.WATCH, digest, record), *raised, *_consequences(self.desk, look, raised)]
        id = f"watch:{digest.removeprefix('sha256:')}"
        self.desk.store.commit(drafts, actor=WATCHMAN, at=self.desk.at, id=id, evidence=evidence)
        self.desk.committed()

    def _evidence(self, look: Look) -> Evidence:
        """What was measured, in the form in which probes leave it."""
        unmet = {one.probe for one in look.unmet}
        ran = [spec for spec in self.monitors if spec.id not in unmet]
        measured = {one.measure for one in look.measurements}
        return Evidence(
            system=look.system,
            release=look.release,
            materials=self.desk.store.get(Release, look.release).record.materials,
            schema=self.baseline.schema,
            probes=tuple(ProbeCard(one.id, one.version, one.title, one.question, one.catalogue) for one in ran),
            outcomes=(*(_done(spec, look) for spec in ran), *look.unmet),
            measures=tuple(one for id, one in sorted(self.post.measures.items()) if id in measured),
            environment=Environment(__version__, platform.python_version(), platform.system(), (), (), 1, 0),
            effort="watch",
            seed=0,
            taken_at=look.at,
        )

    def _outcome(self, evidence: Evidence) -> str:
        """The measurements held against those limits of the appetite that speak of them."""
        appetite, system = appetite_in_force(self.desk), self.system
        measured = {one.measure for one in evidence.measurements}
        meant = replace(appetite, limits=tuple(limit for limit in appetite.limits if limit.measure in measured))
        verdict = judge(evidence, meant, tier=system.tier, now=self.desk.now, use_case=system.use_case)
        return verdict.outcome.value


def _done(spec: MonitorSpec, look: Look) -> Done:
    measurements = tuple(one for one in look.measurements if one.probe == spec.id)
    return Done(spec.id, spec.version, measurements, tuple(one for one in look.findings if one.probe == spec.id))


def _consequences(desk: Desk, look: Look, raised: Sequence[Draft]) -> Iterator[Draft]:
    """The breaker that the gravest of the new alerts asks for, and an incident that says so."""
    alerts = [(draft.key, draft.record) for draft in raised if isinstance(draft.record, Alert)]
    stopping = [(key, alert) for key, alert in alerts if alert.consequence.stops]
    if not stopping:
        return
    stops_all = any(alert.consequence is Consequence.SYSTEM for _, alert in stopping)
    release = "" if stops_all else look.release
    key, first = look.system if stops_all else f"{look.system}:{release}", stopping[0]
    before = desk.store.find(Breaker, key)
    if before is None or not before.record.is_tripped:
        breaker = Breaker(look.system, first[1].what, WATCHMAN, desk.at, release)
        yield Draft(Verb.TRIP_BREAKER, key, breaker, before.revision if before else 0)
    alerted = tuple(key for key, _ in stopping)
    incident = Incident(look.system, look.release, first[1].what, alerted, desk.at, breaker=key)
    yield Draft(Verb.OPEN_INCIDENT, f"incident-{first[0]}", incident)
