"""Measurements: the one kind of fact that probes and monitors produce and that an appetite judges."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Direction(StrEnum):
    """Which way is worse for the people who rely on the decision."""

    LOWER_IS_BETTER = "lower-is-better"
    HIGHER_IS_BETTER = "higher-is-better"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval at confidence `level` (0.95), in the measurement's unit."""

    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"an interval needs finite ends in order, got [{self.low}, {self.high}]")
        if not 0 < self.level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, got {self.level}")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one digest.

    Shape: `value` is a finite float in `unit`; `n` is the number of rows (or draws, or files) it rests on. `scope` says
    which part it is about, as sorted (name, value) pairs: ``(("group", "sex=female"),)``; empty means the whole.
    `digest`, `probe`, `version` and `seed` are stamped by the run, not by the probe.
    """

    measure: str
    value: float
    unit: str
    direction: Direction
    n: int
    interval: Interval | None = None
    scope: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    probe: str = ""
    version: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.measure} must be finite, got {self.value}")
        if self.n < 0:
            raise ValueError(f"{self.measure} rests on {self.n} rows; a sample size is never negative")

    def stamped(self, *, digest: str, probe: str, version: str, seed: int) -> Measurement:
        """The same measurement, bound to what was measured and by what."""
        return replace(self, digest=digest, probe=probe, version=version, seed=seed)

    @property
    def where(self) -> str:
        """The scope in words: ``group sex=female``; empty for the whole."""
        return ", ".join(f"{name} {value}" for name, value in self.scope)


@dataclass(frozen=True, slots=True)
class Taken:
    """A measurement as a store indexes it: when which release showed which value.

    `scope` is in words (``group sex=female``, empty for the whole); `low` and `high` are None without an interval.
    """

    evidence: str
    release: str
    scope: str
    value: float
    low: float | None
    high: float | None
    n: int
    taken_at: str


@dataclass(frozen=True, slots=True)
class Measure:
    """What a measurement means, declared once by the probe or monitor that yields it.

    `id` is ``family.name``; `title` is the measure in plain words, `unit` its unit (``share``, ``USD``, ``rows``),
    `meaning` one sentence that a person who decides understands.
    """

    id: str
    title: str
    unit: str
    direction: Direction
    meaning: str
    bounds: tuple[float, float] | None = field(default=None)

    def of(self, value: float, *, n: int, interval: Interval | None = None, **scope: object) -> Measurement:
        """A measurement of this measure. `scope` keywords say which part of the whole it is about."""
        return Measurement(
            measure=self.id,
            value=float(value),
            unit=self.unit,
            direction=self.direction,
            n=int(n),
            interval=interval,
            scope=tuple(sorted((name, str(part)) for name, part in scope.items())),
        )
