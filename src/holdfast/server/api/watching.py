"""Watching: what is usual of a release, how a system is watched, what was seen, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.alert import Alert, Incident, Settled
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import Absent
from holdfast.domain.look import Backtest, Look
from holdfast.domain.release import Release
from holdfast.domain.rounds import Round
from holdfast.domain.watch import FiledBaseline, Rule, Span, Watch, Watched
from holdfast.flows import alerts, file_baseline, watch
from holdfast.server.api.fields import OnlyReason, Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "watching")
Envelope = Annotated[str, Body(description="The whole text of a run's baseline.json.")]
Sealer = Annotated[str, Body(description="The key that sealed it: raw Ed25519, 64 hex digits.")]
Names = Annotated[tuple[str, ...], Body(max_length=100)]


@router.get("/baselines", **needs(Permission.READ))
def list_baselines(platform: Here, listing: Listed) -> Page[FiledBaseline]:
    """What is filed of what is usual; `about` is the digest of a release."""
    return platform.desk.store.list(FiledBaseline, **listing.arguments)


@router.post("/baselines", status_code=201, **needs(Permission.REGISTER_RELEASES))
def submit_baseline(platform: Here, caller: Asking, envelope: Envelope, sealer: Sealer) -> Kept[FiledBaseline]:
    """File what `holdfast check` counted of a registered release; what is filed later takes its place."""
    return file_baseline.file_baseline(platform.desk, caller, envelope.encode(), sealer)


@router.get("/watch-rounds/latest", **needs(Permission.READ))
def show_round(platform: Here) -> Round:
    """What kept the watcher from looking the last time around, and which series stand out among the whole fleet."""
    found = platform.watching.round()
    if found is None:
        raise Absent("watch.not-yet", "Nobody looked yet.", "Wait a minute: every release that runs is looked at.")
    return found


@router.get("/watches/{system}", **needs(Permission.READ))
def show_watch(platform: Here, system: str) -> Watch:
    """How a system is watched; by the day, with alerts alone, where nobody said."""
    return watch.watch_of(platform.desk, system)


@router.put("/watches/{system}", **needs(Permission.SET_WATCH))
def set_watch(
    platform: Here,
    caller: Asking,
    system: str,
    span: Annotated[Span, Body(description="How long a batch is.")] = Span.DAY,
    rules: Annotated[tuple[Rule, ...], Body(max_length=200, description="What follows from alarms.")] = (),
    skip: Names = (),
    mail: Names = (),
    score: Annotated[str, Body(max_length=200, description="The output that holds the score.")] = "",
    decision: Annotated[str, Body(max_length=200, description="The output that holds the decision.")] = "",
) -> Kept[Watch]:
    """Say how a system is watched, and what follows from alarms."""
    return watch.set_watch(platform.desk, caller, Watch(system, span, rules, skip, mail, score, decision))


@router.get("/watched", **needs(Permission.READ))
def list_watched(platform: Here, listing: Listed) -> Page[Watched]:
    """What was measured while watching; `about` is the digest of a release, `state` the outcome."""
    return platform.desk.store.list(Watched, **listing.arguments)


@router.get("/releases/{digest}/look", **needs(Permission.READ))
def show_look(platform: Here, digest: str) -> Look:
    """What watching a release last showed: every series with its alarms, and the latest measurements."""
    platform.desk.store.get(Release, digest)
    found = platform.watching.last(digest)
    if found is None:
        hint = "It is looked at once it runs, and its baseline is filed."
        raise Absent("watch.unseen", "Nobody watched this release yet.", hint)
    return found


@router.get("/alerts", **needs(Permission.READ))
def list_alerts(platform: Here, listing: Listed) -> Page[Alert]:
    """Alerts; `state` is open or settled, `about` the digest of a release."""
    return platform.desk.store.list(Alert, **listing.arguments)


@router.get("/alerts/{key}", **needs(Permission.READ))
def show_alert(platform: Here, key: str) -> Kept[Alert]:
    """One alert."""
    return platform.desk.store.get(Alert, key)


@router.post("/alerts/{key}/settle", **needs(Permission.SETTLE_ALERTS))
def settle_alert(
    platform: Here,
    caller: Asking,
    key: str,
    how: Annotated[Settled, Body(description="How things are now, mended, or nothing.")],
    reason: Reason,
) -> Kept[Alert]:
    """Say what an alert came to. What is how things are now is what is usual from then on."""
    return alerts.settle(platform.desk, caller, key, how, reason=reason)


@router.get("/incidents", **needs(Permission.READ))
def list_incidents(platform: Here, listing: Listed) -> Page[Incident]:
    """Incidents; `state` is open or closed, `about` the digest of a release."""
    return platform.desk.store.list(Incident, **listing.arguments)


@router.post("/incidents/{key}/close", **needs(Permission.CLOSE_INCIDENTS))
def close_incident(platform: Here, caller: Asking, key: str, reason: OnlyReason) -> Kept[Incident]:
    """Say how an incident ended; its alerts have to be settled first."""
    return alerts.close_incident(platform.desk, caller, key, reason=reason)


@router.post("/backtests", **needs(Permission.READ))
def backtest(platform: Here, appetite: Annotated[Appetite, Body(embed=True)]) -> tuple[Backtest, ...]:
    """What an appetite would have made of the decisions that were watched: which series crossed a limit, and when."""
    return platform.watching.backtest(appetite)
