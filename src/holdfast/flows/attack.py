"""The middle of the check: which probes apply, which results still stand, and the rest side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from holdfast import canonical
from holdfast.artifacts.scan import scan_paths
from holdfast.compute import run_all
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.evidence import Done, Material, ProbeCard, ProbeOutcome, Protection
from holdfast.domain.schema import Schema, Task
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.domain.watch import Baseline
from holdfast.ledger.bundle import release_of
from holdfast.monitors.contract import MonitorSpec
from holdfast.ports import Cache, Clock
from holdfast.probes.contract import ProbeSpec
from holdfast.releases.attack import Job, attack
from holdfast.releases.baseline import make_baseline
from holdfast.releases.chat import ChatJob
from holdfast.releases.plan import Frames, Obstacle, Plan, Tables, make_plan, read_frames, to_tables
from holdfast.releases.release import Release
from holdfast.settings import Settings
from holdfast.targets.isolated import describe
from holdfast.targets.reuse import borrow_target, release_target
from holdfast.targets.spec import ModelFacts
from holdfast.version import __version__

MODEL_MB = 700
"""What a worker with a model is expected to hold beside the probe's own `memory_mb`."""


FEW_ROWS = 16
"""Rows of the first question that a model is asked."""


class Watcher(Protocol):
    """Somebody who looks on. `progress` is the folder in which running probes say what they do, if anyone reads it."""

    progress: Path | None

    def planned(self, cards: tuple[ProbeCard, ...]) -> None:
        """The probes that will run, before the first does."""

    def finished(self, outcome: ProbeOutcome, *, cached: bool) -> None:
        """One probe's outcome, as soon as it is known."""

    def doing(self, words: str) -> None:
        """What happens between the probes."""


class Silence:
    """A watcher who does not look."""

    progress: Path | None = None

    def planned(self, cards: tuple[ProbeCard, ...]) -> None:
        """Says nothing."""

    def finished(self, outcome: ProbeOutcome, *, cached: bool) -> None:
        """Says nothing."""

    def doing(self, words: str) -> None:
        """Says nothing."""


@dataclass(frozen=True)
class Request:
    """What is asked: a release, held to an appetite. `only` limits the probes; `fresh` ignores kept results; those that
    count for less than `due` days more are measured again.
    """

    release: Release
    appetite: Appetite
    effort: str = "standard"
    only: tuple[str, ...] = ()
    fresh: bool = False
    due: int = 0

    @property
    def days_kept(self) -> int:
        """How many days old a kept result may be."""
        return max(0, self.appetite.evidence_days - self.due)

    @property
    def may_keep(self) -> bool:
        """Whether earlier results may stand in: not where digests do not fix what the model answers."""
        return not self.fresh and self.release.is_fixed

    def overrides(self, spec: ProbeSpec) -> Mapping[str, Any]:
        """The manifest's parameters for one probe."""
        return self.release.manifest.probes.params.get(spec.id, {})


@dataclass(frozen=True, slots=True)
class Timed:
    """A probe's outcome and when it was measured. The cache keeps it in this form."""

    taken_at: str
    outcome: ProbeOutcome


class Known(Protocol):
    """What is known of a release before it is attacked."""

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What stands between the model and this machine."""

    def without(self, spec: ProbeSpec) -> ProbeOutcome | None:
        """The outcome of a probe that cannot run here, in words; None where it can."""


@dataclass(frozen=True)
class Attack(ABC):
    """One release under attack: what was asked, what is known of it, and where results are kept."""

    request: Request
    settings: Settings
    clock: Clock
    cache: Cache
    watcher: Watcher
    probes: tuple[ProbeSpec, ...]
    materials: tuple[Material, ...]

    @property
    @abstractmethod
    def known(self) -> Known:
        """What decides which probes apply."""

    @property
    @abstractmethod
    def schema(self) -> Schema | None:
        """How the columns are read; None of a release that has none."""

    @property
    @abstractmethod
    def task(self) -> Task:
        """What the release answers."""

    @abstractmethod
    def baseline(self, monitors: tuple[MonitorSpec, ...]) -> Baseline | None:
        """What decisions of the release are to be watched against; None where nothing tells."""

    @abstractmethod
    def _job(self, spec: ProbeSpec) -> Job | ChatJob:
        """One probe's work."""

    @cached_property
    def digest(self) -> str:
        """The release's digest: everything that was given and how its columns are read."""
        return release_of(self.materials, self.schema)

    def _key(self, what: str, **more: object) -> str:
        """The digest of all that a result depends on besides `more`."""
        manifest = self.request.release.manifest
        said = manifest.model_dump(mode="json", include={"model", "data"})
        return canonical.digest(
            {"what": what, "holdfast": __version__, "materials": self.materials, "said": said, "seed": manifest.seed}
            | {"system": manifest.system.record(), **more}
        )

    def outcomes(self) -> Iterator[Timed]:
        """Each chosen probe's outcome: not applicable, kept from before, or attacked now, in that order."""
        todo = []
        for spec in self.probes:
            settled = self._settled(spec)
            if settled is None:
                todo.append(spec)
            else:
                self.watcher.finished(settled.outcome, cached=isinstance(settled.outcome, Done))
                yield settled
        yield from self._run(tuple(todo))

    def _settled(self, spec: ProbeSpec) -> Timed | None:
        """The outcome that is known without attacking; None if there is none."""
        without = self.known.without(spec)
        if without is not None:
            return Timed(timestamp(self.clock()), without)
        data = self.cache.get(self._outcome_key(spec)) if self.request.may_keep else None
        if data is None:
            return None
        kept = canonical.decode(Timed, data)
        age = (self.clock() - parse_time(kept.taken_at)).total_seconds()
        return kept if 0 <= age < 86_400 * self.request.days_kept else None

    def _outcome_key(self, spec: ProbeSpec) -> str:
        params = spec.params(self.request.effort, self.request.overrides(spec))
        return self._key("outcome", release=self.digest, probe=spec.id, version=spec.version, params=params)

    def _run(self, specs: tuple[ProbeSpec, ...]) -> Iterator[Timed]:
        self.watcher.planned(tuple(card(spec) for spec in specs))
        if not specs:
            return
        by_id = {spec.id: spec for spec in specs}
        jobs = [self._job(spec) for spec in specs]
        try:
            for outcome in run_all(attack, jobs, self.settings, job_memory(specs)):
                timed = Timed(timestamp(self.clock()), outcome)
                if isinstance(outcome, Done):  # a failure is tried again next time
                    self.cache.put(self._outcome_key(by_id[outcome.probe]), canonical.encode(timed))
                self.watcher.finished(outcome, cached=False)
                yield timed
        finally:
            release_target()


@dataclass(frozen=True)
class TableAttack(Attack):
    """A model under attack that is asked with rows."""

    @cached_property
    def frames(self) -> Frames:
        """The tables, read when the first step needs them, which an unchanged release never does."""
        return read_frames(self.request.release)

    @cached_property
    def tables(self) -> Tables:
        """The tables in matrix form."""
        return to_tables(self.frames, self.plan.schema, self.materials)

    @cached_property
    def plan(self) -> Plan:
        """What is known of the release: kept from last time, or made by opening the model once."""
        key = self._key("plan")
        kept = self.cache.get(key) if self.request.may_keep else None
        if kept is not None:
            return canonical.decode(Plan, kept)
        self.watcher.doing("scanning the artefact, then loading the model in an isolated worker")
        plan = self._asked(make_plan(self.request.release, self.frames, open_model(self.request.release)))
        if plan.obstacle is None:
            self.cache.put(key, canonical.encode(plan))
        return plan

    def _asked(self, plan: Plan) -> Plan:
        """The plan after one small question, which shows whether the model answers, in what shape, and with scores."""
        if plan.obstacle is not None:
            return plan
        head = replace(self.frames, test=self.frames.test.head(FEW_ROWS), train=None)
        few = to_tables(head, plan.schema, self.materials).test.X
        try:
            with borrow_target(self.request.release.target, plan.schema) as target:
                target.predict(few)
                return replace(plan, gives_scores=target.gives_scores)
        except ModelFailed as error:
            return replace(plan, obstacle=Obstacle(refused=False, reason=error.message, hint=error.hint))

    @property
    def known(self) -> Known:
        """The plan."""
        return self.plan

    @property
    def schema(self) -> Schema:
        """As the plan has it."""
        return self.plan.schema

    @property
    def task(self) -> Task:
        """By the schema."""
        return self.schema.task

    def baseline(self, monitors: tuple[MonitorSpec, ...]) -> Baseline | None:
        """What decisions of the release are to be watched against; None where the model does not answer."""
        if self.plan.obstacle is not None:
            return None
        known = [(spec.id, spec.version) for spec in monitors]
        key = self._key("baseline", release=self.digest, monitors=known, plan=self.plan)
        kept = self.cache.get(key) if self.request.may_keep else None
        if kept is not None:
            return canonical.decode(Baseline, kept)
        self.watcher.doing("counting what is usual, to watch decisions against")
        schema, tables, seed = self.plan.schema, self.tables, self.request.release.manifest.seed
        try:
            with borrow_target(self.request.release.target, schema) as target:
                made = make_baseline(self.digest, schema, target, tables, monitors, seed=seed)
        except ModelFailed:
            return None
        finally:
            release_target()
        self.cache.put(key, canonical.encode(made))
        return made

    def _job(self, spec: ProbeSpec) -> Job:
        release = self.request.release
        return Job(
            probe=spec.id,
            plugins=self.settings.plugins,
            effort=self.request.effort,
            overrides=self.request.overrides(spec),
            seed=release.manifest.seed,
            digest=self.digest,
            schema=self.plan.schema,
            target=release.target,
            tables=self.tables,
            artifact=release.model_files,
            allow=tuple(release.manifest.model.allow),
            decisions_per_year=release.manifest.system.decisions_per_year,
            seconds=self.settings.probe_seconds,
            progress=self.watcher.progress / spec.id if self.watcher.progress else None,
        )


def open_model(release: Release) -> ModelFacts | Obstacle:
    """Load the model once, in isolation, if the artefact scan allows every file of it."""
    for report in scan_paths(release.model_files, extra=frozenset(release.manifest.model.allow)):
        if not report.allowed:
            reason = f"The artefact scan did not allow {report.name}, so the model was not loaded."
            return Obstacle(refused=True, reason=reason)
    try:
        return describe(release.target)
    except ModelFailed as error:
        return Obstacle(refused=False, reason=error.message, hint=error.hint)


def choose(request: Request, probes: tuple[ProbeSpec, ...]) -> tuple[ProbeSpec, ...]:
    """The probes of this kind of release that manifest and request leave; FixInput for a name that fits none."""
    wanted = request.release.manifest.probes
    for name in (*request.only, *wanted.only, *wanted.skip, *wanted.params):
        if not any(_named(spec, name) for spec in probes):
            known = ", ".join(spec.id for spec in probes)
            raise FixInput("probe.unknown", f"There is no probe {name!r}.", f"There are: {known}.")
    only = request.only or tuple(wanted.only)
    left = [spec for spec in probes if not only or any(_named(spec, name) for name in only)]
    meant = [spec for spec in left if spec.is_of_chats == request.release.is_chat]
    if left and not meant:
        asks, is_ = ("chats", "a model of tables") if left[0].is_of_chats else ("models of tables", "a chat")
        raise FixInput("probe.other-kind", f"{left[0].id} is about {asks}; this release is {is_}.", "Leave it out.")
    return tuple(spec for spec in meant if not any(_named(spec, name) for name in wanted.skip))


def _named(spec: ProbeSpec, name: str) -> bool:
    return name in (spec.id, spec.family)


def card(spec: ProbeSpec) -> ProbeCard:
    """What the probe asks, for the evidence."""
    return ProbeCard(spec.id, spec.version, spec.title, spec.question, spec.catalogue)


def job_memory(specs: tuple[ProbeSpec, ...]) -> int:
    """Megabytes that one job of the heaviest of these probes may hold, its model's worker included."""
    return MODEL_MB + max((spec.memory_mb for spec in specs), default=0)
