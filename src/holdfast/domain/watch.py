"""Watching: what decisions were made in a span of time, as counts that add up, and what is usual of a release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from holdfast.domain.profile import Bins, Cross, Numbers, Profile
from holdfast.domain.schema import Schema

SCORE, DECISION, LABEL = "score", "decision", "label"
"""Columns of decisions beside their inputs: the score of the favourable class (or a regression's value), what was
decided, and what turned out to be true.
"""

INPUT = "input_"
"""How the columns of features are called: ``input_income``."""


class Span(StrEnum):
    """How long a batch is."""

    HOUR = "hour"
    DAY = "day"


Facts = tuple[tuple[str, str], ...]
"""What monitors that read rows found, as JSON by the monitor's id."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The decisions of one release in one span of time, which is one observation.

    `start` is ``2026-11-28``, or ``2026-11-28T13`` for an hour, in UTC. `labelled` counts the rows whose outcome is
    known. `profile` has every column alone, `crosses` those that monitors ask for together, in their order.
    """

    start: str
    rows: int
    labelled: int
    profile: Profile
    crosses: tuple[Cross, ...] = ()
    facts: Facts = ()

    def cross(self, by: tuple[Bins, ...]) -> Cross:
        """The table over these bins; an empty one where there is none."""
        return next((cross for cross in self.crosses if cross.by == by), Cross(by))

    def fact(self, monitor: str) -> str:
        """What a monitor that reads rows found, as JSON; empty where it found nothing."""
        return dict(self.facts).get(monitor, "")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual of a `release`, made by `holdfast check`: counts, never a row.

    `training` are the features of what the model learned from. `usual` is held-out data that it answered, as one batch:
    features, score, decision and label, and all that monitors ask for. `past` are batches of held-out data by time,
    where it has a column of time. `weights` are the features' shares in the model's decisions, in schema order.
    """

    release: str
    schema: Schema
    data: str
    training: Profile
    usual: Batch
    past: tuple[Batch, ...] = ()
    weights: Numbers = ()
    format: str = "holdfast-baseline/1"

    def bins(self, name: str) -> Bins | None:
        """The bins of a column (``input_income``, ``score``, ``decision``, ``label``); None where there is none."""
        return next((bins for bins in self.usual.profile.bins if bins.name == name), None)


def coarse(bins: Bins, counts: tuple[int, ...], most: int) -> Bins:
    """At most `most` bins of a number, with about equally many of the `counts`; of a category the `most` - 1 most
    frequent labels.
    """
    if bins.labels is not None:
        order = sorted(range(len(bins.labels)), key=lambda place: (-counts[place], place))
        return replace(bins, labels=tuple(bins.labels[place] for place in sorted(order[: most - 1])))
    total, seen, edges = sum(counts), 0, list[float]()
    for edge, count in zip(bins.edges, counts, strict=False):
        seen += count
        if seen * most >= total * (len(edges) + 1) and len(edges) < most - 1:
            edges.append(edge)
    return replace(bins, edges=tuple(edges) or bins.edges[:1])


@dataclass(frozen=True, slots=True)
class FiledBaseline:
    """A baseline as the control plane files it, by its release: its bytes lie among the blobs under `envelope`, sealed
    by the key `sealer` (hex).
    """

    system: str
    release: str
    digest: str
    envelope: str
    sealer: str


class Consequence(StrEnum):
    """What follows from an alarm: nothing but a note of what would have followed, an alert, or an alert and a stop.

    Where a `RELEASE` is stopped, the previous one, the policy's fallback or a person takes over at the gateways; where
    a `SYSTEM` is, nothing decides.
    """

    NOTE = "note"
    ALERT = "alert"
    RELEASE = "release"
    SYSTEM = "system"

    @property
    def stops(self) -> bool:
        """Whether something stops."""
        return self in (Consequence.RELEASE, Consequence.SYSTEM)


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from alarms on a `measure` (an id, the family of several, or ``*``), and why."""

    measure: str
    consequence: Consequence
    why: str

    def means(self, measure: str) -> bool:
        """Whether it is about that measure."""
        return self.measure in ("*", measure, measure.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Watch:
    """How a system is watched: how long a batch is, what follows from alarms (the first rule that means the measure; an
    alert where none does), which monitors are left out, and to whom alerts are written beside the owners (addresses).
    `score` and `decision` name the outputs that hold them, where their names do not say so.
    """

    system: str
    span: Span = Span.DAY
    rules: tuple[Rule, ...] = ()
    skip: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    score: str = ""
    decision: str = ""

    def consequence(self, measure: str) -> Consequence:
        """What follows from an alarm on a measure."""
        return next((rule.consequence for rule in self.rules if rule.means(measure)), Consequence.ALERT)


@dataclass(frozen=True, slots=True)
class Watched:
    """That a release was watched up to the batch that began at `until`; its evidence lies sealed among the blobs."""

    system: str
    release: str
    digest: str
    envelope: str
    until: str
    outcome: str
    at: str
