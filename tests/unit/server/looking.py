"""Looks in every state that a page can show, and a bank in which something was seen, for tests of pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.flows.watching import post_of
from tests.unit.server.watching import baseline

from holdfast import canonical
from holdfast.domain.act import Draft, Verb
from holdfast.domain.alert import Alert, Incident, Seen
from holdfast.domain.clearance import Breaker
from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.look import Line, Look
from holdfast.domain.measure import Direction, Interval, Measurement
from holdfast.domain.watch import Consequence, Span, Watched
from holdfast.flows.deploy import deploy
from holdfast.flows.file_baseline import file_baseline

HOSTILE = '"><script>alert(1)</script>'
STARTS = tuple(f"2026-{9 + at // 30:02}-{1 + at % 30:02}" for at in range(45))
ORDINARY, BEGAN, KNOWN = 28, 36, 39


def noise(seed: int, size: float = 1.0, steps: int = len(STARTS)) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(steps)


def line(measure: str, seed: int, *, level=0.0, size=0.01, monitor="drift.features", **about) -> Line:
    values = tuple((level + noise(seed, size)).tolist())
    quiet = (0.0,) * ORDINARY + tuple((-0.05 * np.arange(len(STARTS) - ORDINARY)).tolist())
    return Line(monitor, measure, tuple(sorted(about.items())), values, (300,) * len(STARTS), quiet)


def changed(one: Line, by: float, evidence: float = 7.6) -> Line:
    values = tuple(value if at < BEGAN or value is None else value + by for at, value in enumerate(one.values))
    money = (*one.money[:BEGAN], *np.linspace(0.5, evidence, len(STARTS) - BEGAN).tolist())
    return replace(one, values=values, money=money, since=BEGAN, alarm=KNOWN, shift=by, error=abs(by) / 9)


def beyond(one: Line, level: float, *, floor: float | None = None, ceiling: float | None = None) -> Line:
    out = {"out_since": BEGAN, "out_alarm": KNOWN, "level": level, "level_error": abs(level) / 20}
    return replace(one, floor=floor, ceiling=ceiling, beyond=(*one.money[:-1], 9.2), **out)


def gaps(one: Line, *places: int) -> Line:
    values = tuple(None if at in places else value for at, value in enumerate(one.values))
    return replace(one, values=values, rows=tuple(4 if at in places else n for at, n in enumerate(one.rows)))


def lines() -> tuple[Line, ...]:
    """One of every part and in every state, and enough quiet ones to turn a page."""
    ratio = changed(line("fairness.impact_ratio", 4, level=0.86, monitor="fairness.outcomes", group="sex=female"), -0.2)
    wandering = replace(line("drift.location", 7, feature="rate"), wanders=True, money=(0.0,) * len(STARTS))
    few = gaps(line("drift.location", 8, feature="region"), *range(2, len(STARTS)))
    return (
        changed(line("drift.location", 1, size=0.03, feature="income"), 0.4),
        line("drift.location", 2, column="score"),
        line("drift.location", 3, column="decision"),
        beyond(ratio, 0.66, floor=0.8),
        gaps(line("performance.accuracy", 5, level=0.83, monitor="outcome.performance"), 30, 31, 33),
        line("misuse.odd_share", 6, level=0.02, size=0.004, monitor="misuse.scraping"),
        wandering,
        replace(few, money=()),
        *(line("drift.missing_share", 10 + at, level=0.05, feature=f"column_{at:02}") for at in range(40)),
    )


def look_of(release: str, at: str, **changes) -> Look:
    """A look in which there is something of everything."""
    found = Finding(
        "scraping", "Somebody asks a great deal", "One of 40 principals sends most requests.", Severity.MEDIUM,
        Confidence.HIGH, "By counting.", "Limit how often one may ask.", probe="misuse.scraping",
    )  # fmt: skip
    share = Measurement(
        "drift.distance", 0.31, "share", Direction.LOWER_IS_BETTER, 300, Interval(0.28, 0.34), (("feature", "income"),)
    )
    whole = Look(
        SYSTEM.name, release, Span.DAY, STARTS, (300,) * len(STARTS), (180,) * len(STARTS), 0, ORDINARY, 28, lines(),
        (share,), (found,), (Skipped("outcome.calibration", "1", "It needs scores, not only decisions."),
        Failed("explanation.drift", "1", "It crashed: ValueError: no trees")), (), "sha256:" + "0" * 64, at,
    )  # fmt: skip
    return replace(whole, **changes)


def learning(release: str, at: str) -> Look:
    few = tuple(replace(one, values=one.values[:12], rows=one.rows[:12], money=()) for one in quiet_lines())
    counted = {"rows": (300,) * 12, "labelled": (0,) * 12, "starts": STARTS[:12]}
    return look_of(release, at, lines=few, ordinary=12, findings=(), measurements=(), unmet=(), **counted)


def quiet_lines() -> tuple[Line, ...]:
    return (line("drift.location", 2, column="score"), line("drift.location", 3, feature="income"))


def quiet(release: str, at: str) -> Look:
    return look_of(release, at, lines=quiet_lines(), findings=(), measurements=(), unmet=())


def empty(release: str, at: str) -> Look:
    nothing = {"lines": (), "starts": (), "rows": (), "labelled": (), "ordinary": 0}
    return look_of(release, at, findings=(), measurements=(), unmet=(), **nothing)


def troubled(release: str, at: str) -> Look:
    return replace(quiet(release, at), troubles=("The segment of 14 November cannot be read: it was moved.",))


def hostile(release: str, at: str) -> Look:
    worst = changed(line(HOSTILE, 1, feature=HOSTILE), 0.4)
    return look_of(release, at, lines=(worst,), troubles=(HOSTILE,), unmet=(Failed(HOSTILE, "1", HOSTILE),))


def hourly(release: str, at: str) -> Look:
    """By the hour, with everything in it."""
    starts = tuple(f"2026-11-{21 + hour // 24}T{hour % 24:02}" for hour in range(len(STARTS)))
    return look_of(release, at, span=Span.HOUR, starts=starts)


LOOKS = {
    "empty": empty,
    "learning": learning,
    "quiet": quiet,
    "loud": look_of,
    "troubled": troubled,
    "hostile": hostile,
    "hourly": hourly,
}
"""Every state, by name."""


def running(office, *, salt: str = "") -> str:
    """A release that runs, not yet watched; its digest."""
    if not salt:
        registered(office)
    release = filed(office, salt=salt).filed.record.release
    request = asked(office, release).request.key
    answered_by_all(office, request)
    deploy(office.desk, office.caller("owner"), request)
    return release


def with_baseline(office, release: str) -> str:
    """Say what is usual of it; the digest."""
    envelope, sealer = baseline(office, release)
    return file_baseline(office.desk, office.caller("developer"), envelope.encode(), sealer).record.digest


def looked(office, folder, look: Look) -> None:
    """Keep a look as if somebody had looked."""
    batches = post_of(office, folder).batches
    batches.begin(look.release, "counted so")
    batches.keep_look(look.release, canonical.encode(look))


def alert_of(release: str, at: str, **changes) -> Alert:
    what = "Where values lie (feature income) changed by +0.4 since 2026-10-07."
    alert = Alert(
        SYSTEM.name, release, "drift.location", "feature income", Seen.CHANGED, what, "data", STARTS[BEGAN], STARTS[-1],
        Consequence.ALERT, "sha256:" + "e" * 64, at, value=0.4, error=0.045, evalue=7.6,
    )  # fmt: skip
    return replace(alert, **changes)


def seen(office, folder, *, look=look_of) -> dict[str, str]:
    """A release in whose decisions something was seen, that was stopped for it, with alerts and an incident; keys."""
    desk = office.desk
    release = running(office)
    usual = with_baseline(office, release)
    looked(office, folder, replace(look(release, desk.at), baseline=usual))
    what = "Impact ratio (group sex=female) is 0.66 since 2026-10-07; the limit is at least 0.8."
    gone = {"measure": "fairness.impact_ratio", "scope": "group sex=female", "kind": Seen.BEYOND, "owner": "model"}
    size = {"value": 0.66, "error": 0.033, "limit": 0.8, "evalue": 9.2, "consequence": Consequence.RELEASE}
    head = alert_of(release, desk.at, what=what, **gone, **size)
    found = alert_of(
        release, desk.at, measure="misuse.scraping", scope="scraping", kind=Seen.FOUND,
        what="One of 40 asks a great deal.",
        owner="deployment", value=None, error=None, evalue=None, since=STARTS[10],
    )  # fmt: skip
    breaker = f"{SYSTEM.name}:{release}"
    drafts = [
        Draft(Verb.RAISE_ALERT, "ratio", head),
        Draft(Verb.RAISE_ALERT, "income", alert_of(release, desk.at, group="ratio")),
        Draft(Verb.RAISE_ALERT, "found", found),
        Draft(Verb.TRIP_BREAKER, breaker, Breaker(SYSTEM.name, what, "platform", desk.at, release)),
        Draft(Verb.OPEN_INCIDENT, "incident-ratio", Incident(SYSTEM.name, release, what, ("ratio",), desk.at, breaker)),
    ]
    evidence = Watched(SYSTEM.name, release, "sha256:" + "e" * 64, desk.blobs.put(b"{}"), STARTS[-1], "breach", desk.at)
    drafts.append(Draft(Verb.WATCH, evidence.digest, evidence))
    desk.store.commit(drafts, actor="platform", at=desk.at, id="seen")
    return {"release": release, "alert": "ratio", "other": "income", "found": "found", "incident": "incident-ratio"}
