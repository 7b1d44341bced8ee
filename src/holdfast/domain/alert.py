"""Alerts and incidents: what was seen in production that somebody has to look at, and what stopped something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.watch import Consequence


class Seen(StrEnum):
    """What was seen: a level that changed, one that lies beyond a limit, or something that a monitor found."""

    CHANGED = "changed"
    BEYOND = "beyond"
    FOUND = "found"


class Standing(StrEnum):
    """Whether somebody still has to look."""

    OPEN = "open"
    SETTLED = "settled"


class Settled(StrEnum):
    """What somebody says of an alert: it is how things are now, it was mended, or there was nothing."""

    NORMAL = "normal"
    MENDED = "mended"
    NOTHING = "nothing"


OWNERS = {
    "drift": "data",
    "feedback": "data",
    "outcome": "model",
    "performance": "model",
    "fairness": "model",
    "explain": "model",
    "misuse": "deployment",
}
"""Which owner of a system answers for a family of measures; the one for monitoring for all others."""


def owner_of(measure: str) -> str:
    """The part of a system's owners that answers for a measure."""
    return OWNERS.get(measure.partition(".")[0], "monitoring")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something seen in the decisions of a `release` of a `system`.

    `what` says it in a sentence. `since` is the batch at which it most likely began, `seen` the last one in which it
    was seen. `value` and `limit` are in the measure's unit, where there are such. `evalue` is the natural logarithm of
    the most evidence against chance that there was: 4.6 is one in a hundred over the whole life of a stream. `group` is
    the key of the alert that it came with: one cause shows in many columns. `evidence` is the digest of what it rests
    on. Of a settled one `settled`, `person` and `reason` say how.
    """

    system: str
    release: str
    measure: str
    scope: str
    kind: Seen
    what: str
    owner: str
    since: str
    seen: str
    consequence: Consequence
    evidence: str
    at: str
    value: float | None = None
    error: float | None = None
    limit: float | None = None
    evalue: float | None = None
    group: str = ""
    standing: Standing = Standing.OPEN
    settled: Settled | None = None
    person: str = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look."""
        return self.standing is Standing.OPEN


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that breached in production: the alerts behind it (keys), the breaker that it tripped (key, or empty),
    and how it ended.
    """

    system: str
    release: str
    title: str
    alerts: tuple[str, ...]
    opened_at: str
    breaker: str = ""
    closed_at: str = ""
    person: str = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return not self.closed_at
