"""Alerts and incidents in words: how large, how sure, what follows, and what each way to settle one does."""

from __future__ import annotations

from holdfast import words
from holdfast.domain.alert import Alert, Seen, Settled
from holdfast.domain.look import Line
from holdfast.domain.measure import Measure
from holdfast.domain.watch import Consequence
from holdfast.reports.look_chart import TWO_SIDED
from holdfast.reports.look_reading import evidence, sureness

KINDS = {Seen.CHANGED: "A level changed", Seen.BEYOND: "Beyond a limit", Seen.FOUND: "Found"}

CONSEQUENCES = {
    Consequence.NOTE: "A note, and nothing else: it says what would have followed.",
    Consequence.ALERT: "An alert: whoever answers for it has to look. Nothing was stopped.",
    Consequence.RELEASE: "The release was stopped. The previous one, the policy's fallback or a person takes over.",
    Consequence.SYSTEM: "The whole system was stopped. Nothing of it decides.",
}

FOLLOWS = {
    Consequence.NOTE: "Writes a note that says what would have followed. Nobody has to look.",
    Consequence.ALERT: "Raises an alert: whoever answers for it has to look. Nothing stops.",
    Consequence.RELEASE: "Stops the release as well. The previous one, the policy's fallback or a person takes over.",
    Consequence.SYSTEM: "Stops the whole system as well. Nobody whom it decides about gets an answer.",
}

SETTLING = {
    Settled.NORMAL: ("It is how things are now", "The present level is what is usual from then on, and learned anew."),
    Settled.MENDED: ("It was mended", "What was usual stays usual. If it shows again, a new alert is raised."),
    Settled.NOTHING: (
        "There was nothing",
        "A false alarm. What was usual stays usual. If it shows again, a new alert is raised.",
    ),
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


def sure(alert: Alert, line: Line | None) -> str:
    """How sure, by what was known when it was raised or, where its line is still watched, by all that is known now."""
    then = alert.evalue
    return sureness(then if then is None or line is None else max(then, evidence(line)))


def owner(alert: Alert) -> str:
    """Who has to look."""
    return OWNERS.get(alert.owner, alert.owner)
