"""How close what runs is to its limits: the one limit of each release that leaves the least room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.domain.act import Kept
from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.release import Deployment
from holdfast.domain.verdict import Reason, Verdict
from holdfast.flows.desk import Desk


@dataclass(frozen=True, slots=True)
class Tightest:
    """What runs, and the limit to which its newest verdict is nearest: `room` is the margin as a share of the limit."""

    deployment: Kept[Deployment]
    measure: Measure
    reason: Reason
    room: float


def tightest(desk: Desk, measures: Mapping[str, Measure], most: int) -> list[Tightest]:
    """The tightest limit of each of the `most` deployments that began last, those with the least room first."""
    running = desk.store.list(Deployment, state="running", limit=most).items
    verdicts = desk.store.gather(Verdict, "about", {kept.record.release for kept in running})
    found = [
        min(_rooms(kept, verdicts[kept.record.release][0].record, measures), key=lambda one: one.room, default=None)
        for kept in running
        if verdicts[kept.record.release]
    ]
    return sorted((one for one in found if one is not None), key=lambda one: one.room)


def _rooms(kept: Kept[Deployment], verdict: Verdict, measures: Mapping[str, Measure]) -> Iterator[Tightest]:
    """What was measured against a limit. A limit of zero that is kept has no proportion, and is left out."""
    for reason in verdict.reasons:
        taken, limit, margin = reason.measurement, reason.limit, reason.margin
        if taken is None or limit is None or margin is None:
            continue
        bound = max(abs(end) for end in (limit.minimum, limit.maximum) if end is not None)
        if bound or margin < 0:
            measure = measures.get(taken.measure) or _unknown(taken)
            yield Tightest(kept, measure, reason, margin / bound if bound else margin)


def _unknown(taken: Measurement) -> Measure:
    """A measure that no probe here declares, as far as its measurement tells."""
    return Measure(taken.measure, taken.measure, taken.unit, taken.direction, "")
