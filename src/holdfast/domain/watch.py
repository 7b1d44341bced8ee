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
