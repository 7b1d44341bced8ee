"""How long decisions are kept, what stops their removal, and the record that stays of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from holdfast.domain.errors import FixInput

SIX_MONTHS = 184
"""Days; the longest that six months can be. Regulation (EU) 2024/1689, Article 19(1): at least so long."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Keep a system's decisions for `days`. Fewer than six months need the law that says so in `because`."""

    system: str
    days: int
    because: str = ""

    def __post_init__(self) -> None:
        if self.days < 1 or (self.days < SIX_MONTHS and not self.because.strip()):
            raise FixInput(
                "retention.short",
                f"{self.system}: {self.days} days are fewer than six months ({SIX_MONTHS} days).",
                "Keep them longer, or name in `because` the law that asks for less (AI Act, Article 19(1)).",
            )

    def is_over(self, day: date, today: date) -> bool:
        """Whether decisions of `day` may go."""
        return today - day > timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing of a system from `first` to `last` (days, inclusive; empty for no end) may go.

    `person` placed it `at` a moment (RFC 3339); once it is lifted, `lifted_because` says why.
    """

    system: str
    because: str
    first: str = ""
    last: str = ""
    person: str = ""
    at: str = ""
    is_lifted: bool = False
    lifted_because: str = ""

    def covers(self, system: str, day: str) -> bool:
        """Whether decisions of a system and day (YYYY-MM-DD) must stay."""
        is_within = self.first <= day and (not self.last or day <= self.last)
        return not self.is_lifted and system == self.system and is_within


@dataclass(frozen=True, slots=True)
class Removal:
    """That a segment was deleted at the end of its time: which (digest of its record and place), when and under what.

    `days` is the retention then in force and `because` the law behind it where that was less than six months.
    `system` is empty in records from before it was noted.
    """

    segment: str
    place: str
    days: int
    because: str
    at: str
    system: str = field(default="", metadata={"added": True})
    format: str = "holdfast-removal/1"
