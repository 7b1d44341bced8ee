"""Appetite: how much risk the organisation accepts, as versioned limits on measures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.measure import Measurement
from holdfast.domain.schema import TABULAR, Task


class Tier(StrEnum):
    """How much a wrong decision can cost the people it is about. What is prohibited, nobody can approve."""

    MINIMAL = "minimal"
    LIMITED = "limited"
    HIGH = "high"
    PROHIBITED = "prohibited"

    @property
    def rank(self) -> int:
        """0 for MINIMAL up to 3 for PROHIBITED."""
        return list(Tier).index(self)


LIMITABLE = (Tier.MINIMAL, Tier.LIMITED, Tier.HIGH)
"""The tiers that limits can let in."""


class Basis(StrEnum):
    """Which end of an interval the limit looks at.

    `ESTIMATE`: the point value. `WORST`: the worse end must keep the limit too (a leak is to be ruled out).
    `PROVEN`: breached only when even the better end is beyond it (a difference between groups must be shown).
    """

    ESTIMATE = "estimate"
    WORST = "worst"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: `measure` at least `minimum` and at most `maximum`, on a sample of `sample` or more.

    It binds systems of these `tiers` and `use_cases` (all if empty) whose models answer these `tasks`. `scope` narrows
    it to measurements with these (name, value) pairs. `why` says why the number is what it is; `owner` answers for it.
    A `required` limit without a measurement makes the verdict Inconclusive; an optional one is only judged where it was
    measured (a fairness limit where no protected attribute is stored). A limit kept with less than `warn_within` (in
    the measure's unit) to spare is near. `requires` says what a breach asks of people; one that is not `waivable`
    cannot be waived by anybody.
    """

    measure: str
    why: str
    minimum: float | None = None
    maximum: float | None = None
    basis: Basis = Basis.ESTIMATE
    sample: int = 1
    scope: tuple[tuple[str, str], ...] = ()
    tiers: tuple[Tier, ...] = LIMITABLE
    use_cases: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = TABULAR
    owner: str = ""
    required: bool = True
    warn_within: float = 0.0
    requires: str = ""
    waivable: bool = True

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"the limit on {self.measure} needs a minimum or a maximum")

    def covers(self, measurement: Measurement) -> bool:
        """Whether this limit speaks about that measurement."""
        return measurement.measure == self.measure and set(self.scope) <= set(measurement.scope)


LONGEST_EVIDENCE = 3660
"""Days, about ten years."""


@dataclass(frozen=True, slots=True)
class Appetite:
    """A versioned set of limits, the body that approved it, and for how many days evidence stays fresh."""

    name: str
    version: str
    approved_by: str
    limits: tuple[Limit, ...]
    evidence_days: int = 90

    def __post_init__(self) -> None:
        if not 1 <= self.evidence_days <= LONGEST_EVIDENCE:
            raise ValueError(f"evidence counts for 1 to {LONGEST_EVIDENCE} days, not {self.evidence_days}")

    def binding(self, tier: Tier, task: Task | None = None, use_case: str | None = None) -> tuple[Limit, ...]:
        """The limits that bind a system of this tier and use case whose model answers this task; None: any."""
        bound = (limit for limit in self.limits if tier in limit.tiers)
        meant = (limit for limit in bound if use_case is None or not limit.use_cases or use_case in limit.use_cases)
        return tuple(limit for limit in meant if task is None or task in limit.tasks)
