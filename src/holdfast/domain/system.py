"""Systems and releases: one use of AI, and one exact version of it."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.appetite import Tier


@dataclass(frozen=True, slots=True)
class Owners:
    """Who answers for each part of a system. An empty name means nobody does."""

    data: str = ""
    model: str = ""
    deployment: str = ""
    monitoring: str = ""

    @property
    def vacant(self) -> tuple[str, ...]:
        """The parts that nobody answers for."""
        return tuple(part for part in ("data", "model", "deployment", "monitoring") if not getattr(self, part))


@dataclass(frozen=True, slots=True)
class System:
    """One use of AI: what it decides, about whom, for what, and who owns it.

    `decisions_per_year` and `currency` turn shares into counts and money.
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
