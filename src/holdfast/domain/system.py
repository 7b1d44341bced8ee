"""Systems: one use of AI, what it decides about whom, and who answers for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.appetite import Tier


class Status(StrEnum):
    """Where a system is in its life."""

    PLANNED = "planned"
    IN_USE = "in-use"
    RETIRED = "retired"


USE_CASES = (
    "pricing",
    "credit",
    "procurement",
    "fraud",
    "talent",
    "supply chain",
    "customer engagement",
    "insurance",
    "health",
    "operations",
    "other",
)
"""Suggestions: a use case is free text, so that an organisation can keep its own words."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Who answers for each part of a system: a name, a role or a person's id. Empty means nobody does."""

    data: str = ""
    model: str = ""
    deployment: str = ""
    monitoring: str = ""

    @property
    def vacant(self) -> tuple[str, ...]:
        """The parts that nobody answers for."""
        return tuple(part for part in ("data", "model", "deployment", "monitoring") if not getattr(self, part).strip())


@dataclass(frozen=True, slots=True)
class System:
    """One use of AI: what it decides, about whom, for what, and who owns it.

    `decisions_per_year` and `currency` turn shares into counts and money; `value_at_stake` is what its decisions move
    in a year. `vendor` is empty for a system built in-house. `deployment` says where and among what it runs.
    """

    name: str
    purpose: str = ""
    use_case: str = ""
    affected: str = ""
    vendor: str = ""
    tier: Tier = Tier.HIGH
    owners: Owners = Owners()
    decisions_per_year: int | None = None
    currency: str = "USD"
    data_categories: tuple[str, ...] = ()
    deployment: str = ""
    value_at_stake: float | None = None
    status: Status = Status.PLANNED
