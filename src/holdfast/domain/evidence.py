"""Evidence: everything that a run of probes established about one release, sealed under one digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.schema import Schema, Task


@dataclass(frozen=True, slots=True)
class Done:
    """A probe that ran to its end. `seconds` is wall time; `queries` the rows it asked the model about.

    Of a chat, `queries` are requests, and `tokens` what the provider counted for them, asked and answered.
    """

    probe: str
    version: str
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    queries: int = 0
    seconds: float = 0.0
    kind: Literal["done"] = "done"
    tokens: int = field(default=0, metadata={"added": True})


@dataclass(frozen=True, slots=True)
class Skipped:
    """A probe that does not apply here, and why: a fact for the reader, never a pass."""

    probe: str
    version: str
    reason: str
    kind: Literal["skipped"] = "skipped"


@dataclass(frozen=True, slots=True)
class Failed:
    """A probe that should have run and did not: a crash, a hang, a wrong shape. Never a pass."""

    probe: str
    version: str
    reason: str
    hint: str = ""
    kind: Literal["failed"] = "failed"


ProbeOutcome = Done | Skipped | Failed


@dataclass(frozen=True, slots=True)
class Material:
    """One input that was measured: the model file, a table. `digest` is ``sha256:<hex>`` over its exact bytes."""

    role: str
    name: str
    digest: str
    size: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ProbeCard:
    """What a probe that was planned asks, in words, so that evidence can be read without the code that made it."""

    id: str
    version: str
    title: str
    question: str
    catalogue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protection:
    """One protection of the model's worker: whether it was active while the model ran, and if not, why."""

    name: str
    active: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the evidence was made: versions by package name, platform, and the worker's protections."""

    holdfast: str
    python: str
    platform: str
    packages: tuple[tuple[str, str], ...]
    protections: tuple[Protection, ...]
    workers: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sealed bundle: what was measured, on what, by what, where, and what was not.

    `release` is the digest of all `materials` and the declared schema together; `measures` explains every measure id
    that appears; `taken_at` is an RFC 3339 UTC time, the moment of measuring, not of reading. A chat has no schema:
    `task` says so.
    """

    system: str
    release: str
    materials: tuple[Material, ...]
    schema: Schema | None
    probes: tuple[ProbeCard, ...]
    outcomes: tuple[ProbeOutcome, ...]
    measures: tuple[Measure, ...]
    environment: Environment
    effort: str
    seed: int
    taken_at: str
    format: str = "holdfast-evidence/1"
    task: Task | None = field(default=None, metadata={"added": True})

    @property
    def answers(self) -> Task | None:
        """What the release answers; None where neither a schema nor the evidence says it."""
        return self.schema.task if self.schema else self.task

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All measurements of all probes that ran."""
        return tuple(m for outcome in self.outcomes if isinstance(outcome, Done) for m in outcome.measurements)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first."""
        found = [f for outcome in self.outcomes if isinstance(outcome, Done) for f in outcome.findings]
        return tuple(sorted(found, key=lambda f: (-f.severity.rank, f.id)))

    def measure(self, id: str) -> Measure | None:
        """The definition of a measure id that appears here."""
        return next((measure for measure in self.measures if measure.id == id), None)
