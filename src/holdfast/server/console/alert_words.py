"""Alerts and incidents in words: how large, how sure, what follows, and what each way to settle one does."""

from __future__ import annotations

from holdfast import words
from holdfast.domain.alert import Alert, Seen, Settled
from holdfast.domain.measure import Measure
from holdfast.domain.watch import Consequence
from holdfast.reports.look_chart import TWO_SIDED
from holdfast.reports.look_reading import sureness

KINDS = {Seen.CHANGED: "A level changed", Seen.BEYOND: "Beyond a limit", Seen.FOUND: "Found"}

CONSEQUENCES = {
    Consequence.NOTE: "A note, and nothing else: it says what would have followed.",
    Consequence.ALERT: "An alert: whoever answers for it has to look. Nothing was stopped.",
    Consequence.RELEASE: "The release was stopped. The previous one, the policy's fallback or a person takes over.",
    Consequence.SYSTEM: "The whole system was stopped. Nothing of it decides.",
}

SETTLING = {
    Settled.NORMAL: ("It is how things are now", "The present level is what is usual from then on, and learned anew."),
    Settled.MENDED: ("It was mended", "What was usual stays usual. If it shows again, a new alert is raised."),
    Settled.NOTHING: ("There was nothing", "A false alarm. What was usual stays usual, and it is counted as one."),
}
"""What each is called, and what follows."""

SETTLED = {
    Settled.NORMAL: "it is how things are now",
    Settled.MENDED: "it was mended",
    Settled.NOTHING: "there was nothing",
}

OWNERS = {
    "data": "whoever answers for data quality",
    "model": "whoever answers for the model's behaviour",
    "deployment": "whoever answers for its deployment",
    "monitoring": "whoever answers for monitoring",
}


def largeness(alert: Alert, measure: Measure) -> str:
    """How large it is: ``+0.4 (0.302 to 0.498)``, ``14 %; the limit is 10 %``."""
    if alert.value is None:
        return "it has no size"
    sign = "+" if alert.kind is Seen.CHANGED and alert.value > 0 else ""
    said = f"{sign}{words.number(alert.value, measure.unit)}"
    if alert.error:
        ends = (alert.value - TWO_SIDED * alert.error, alert.value + TWO_SIDED * alert.error)
        said += f" ({words.number(ends[0], measure.unit)} to {words.number(ends[1], measure.unit)})"
    return said if alert.limit is None else f"{said}; the limit is {words.number(alert.limit, measure.unit)}"


def sure(alert: Alert) -> str:
    """How sure."""
    return sureness(alert.evalue)


def owner(alert: Alert) -> str:
    """Who has to look."""
    return OWNERS.get(alert.owner, alert.owner)
