"""One probe's attack on one release, in whatever process or machine it runs: never raises, never passes by accident."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from holdfast import canonical
from holdfast.domain.errors import HoldfastError, ModelFailed
from holdfast.domain.evidence import Done, Failed, ProbeOutcome
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Schema, Task
from holdfast.plugins import find_probe
from holdfast.ports import Progress, Target
from holdfast.probes.contract import Case, ChatCase, Need, ProbeSpec
from holdfast.releases.chat import ChatJob
from holdfast.releases.plan import Tables
from holdfast.targets.reuse import borrow_target
from holdfast.targets.spec import TargetSpec

PROGRESS_EVERY_S = 0.2


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that one probe needs, in a form that travels to another process or machine.

    Paths must be readable where the job runs. `digest` is the release's, stamped on every measurement. `progress` is a
    file that the job overwrites with what it is doing; None where nobody looks.
    """

    probe: str
    plugins: tuple[str, ...]
    effort: str
    overrides: Mapping[str, Any]
    seed: int
    digest: str
    schema: Schema
    target: TargetSpec
    tables: Tables
    artifact: tuple[Path, ...]
    allow: tuple[str, ...]
    decisions_per_year: int | None
    seconds: int
    progress: Path | None = field(default=None)

    @contextmanager
    def opened(self, spec: ProbeSpec) -> Iterator[Case]:
        """The model, open, and its data as the case that a probe is asked about."""
        with _target(self, spec) as target:
            yield _case(self, target)

    @staticmethod
    def spent(case: Case) -> tuple[int, int]:
        """Rows that the case cost, and no tokens."""
        return case.target.queries, 0


def attack(job: Job | ChatJob) -> ProbeOutcome:
    """Run the job's probe to its end. A crash, a hang or an undeclared measure is `Failed`, with what to do."""
    spec = find_probe(job.probe, job.plugins)
    started = time.monotonic()
    try:
        with _time_limit(job.seconds), _opened(job, spec) as case:
            records = list(spec.run(case, spec.params(job.effort, job.overrides)))
            spent = job.spent(case)  # type: ignore[arg-type]  # of the job that opened it
        return _done(spec, job, records, spent, time.monotonic() - started)
    except HoldfastError as error:
        return Failed(spec.id, spec.version, error.message, error.hint)
    except MemoryError:
        return Failed(spec.id, spec.version, "It ran out of memory.", "Give it fewer rows, or more memory.")
    except Exception as error:  # a plug-in's own crash, whatever it is, must not end the run or count as a pass
        return Failed(
            spec.id, spec.version, f"It crashed: {type(error).__name__}: {error}", "Report it with this text."
        )


@contextmanager
def _opened(job: Job | ChatJob, spec: ProbeSpec) -> Iterator[Case | ChatCase]:
    with job.opened(spec) as case:
        yield replace(case, progress=_reporter(job.progress))


def _case(job: Job, target: Target) -> Case:
    return Case(
        target=target,
        schema=job.schema,
        test=job.tables.test,
        train=job.tables.train,
        artifact=job.artifact,
        allow=job.allow,
        seed=job.seed,
        decisions_per_year=job.decisions_per_year,
    )


@contextmanager
def _target(job: Job, spec: ProbeSpec) -> Iterator[Target]:
    """The isolated model, or for a probe that does not ask it, one that refuses to answer."""
    if Need.MODEL not in spec.needs and Need.SCORES not in spec.needs:
        yield Silent(job.schema.task)
        return
    with borrow_target(job.target, job.schema) as target:
        yield target


class Silent:
    """The target of a probe that declared no need of the model."""

    gives_scores = False
    queries = 0

    def __init__(self, task: Task) -> None:
        self.task = task

    def predict(self, _rows: Any) -> Any:
        """Refuses."""
        raise ModelFailed("probe.undeclared-need", "The probe asked the model without declaring that it needs it.")

    scores = predict


def _done(
    spec: ProbeSpec, job: Job | ChatJob, records: list[Any], spent: tuple[int, int], seconds: float
) -> ProbeOutcome:
    """Sort, check and stamp what the probe yielded."""
    measurements = [record for record in records if isinstance(record, Measurement)]
    findings = [record for record in records if isinstance(record, Finding)]
    undeclared = {m.measure for m in measurements} - {measure.id for measure in spec.measures}
    if undeclared:
        return Failed(spec.id, spec.version, f"It yielded {sorted(undeclared)[0]}, which it does not declare.")
    if len(measurements) + len(findings) < len(records):
        return Failed(spec.id, spec.version, "It yielded something that is neither a measurement nor a finding.")
    done = Done(
        probe=spec.id,
        version=spec.version,
        measurements=tuple(
            m.stamped(digest=job.digest, probe=spec.id, version=spec.version, seed=job.seed) for m in measurements
        ),
        findings=tuple(f.stamped(probe=spec.id) for f in findings),
        queries=spent[0],
        seconds=round(seconds, 3),
        tokens=spent[1],
    )
    try:
        canonical.encode(done)
    except (TypeError, ValueError) as error:
        return Failed(spec.id, spec.version, f"It yielded something that cannot be sealed: {error}")
    return done


def _reporter(path: Path | None) -> Progress:
    """Writes the latest progress to `path`, seldom enough to cost nothing. Progress is never worth failing for."""
    last = 0.0

    def report(share: float, words: str) -> None:
        nonlocal last
        if path is None or time.monotonic() - last < PROGRESS_EVERY_S:
            return
        last = time.monotonic()
        try:
            path.write_text(json.dumps([round(float(share), 3), words]), encoding="utf-8")
        except OSError:
            return

    return report


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Raise `ModelFailed` in a probe that runs longer; only in a main thread, where signals can be set."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def end(_signal: int, _frame: object) -> None:
        raise ModelFailed("probe.timed-out", f"It ran longer than {seconds} s.", "Raise HOLDFAST_PROBE_SECONDS.")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
