"""Alerts: the inbox of what was seen in production, and the page on which one is looked at and settled."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert, Settled, Standing
from holdfast.domain.clearance import Breaker
from holdfast.domain.kinds import Filed
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.watch import Watched
from holdfast.flows.alert_groups import beside, grouped, incidents_of, settle_together
from holdfast.server.api.paging import Listed, Listing
from holdfast.server.console import alert_words, look_shown
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link
from holdfast.server.console.watching import last_look, words_of_looks

router = APIRouter(prefix="/alerts")
ANY = "any"
DAYS = 14
"""Days of decisions behind an alert that are named."""

COLUMNS = (
    "alert", "system", "release", "state", "kind", "measure", "about", "what", "owner", "since", "seen", "value",
    "error", "limit", "log_evidence", "consequence", "group", "raised_at", "settled", "person", "reason",
)  # fmt: skip


@router.get("")
def list_alerts(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """Alerts by what they came with: the open ones, the latest first, unless the address says something else."""
    listing = _open_first(visit, listing)
    state = "" if listing.state == ANY else listing.state
    store = visit.desk.store
    page = store.list(Alert, **{**listing.arguments, "state": state})
    if as_:
        return export("alerts", as_, COLUMNS, [_exported(kept) for kept in page.items])
    releases = store.many(Release, {kept.record.release for kept in page.items})
    return visit.page(
        "alerts.html",
        groups=grouped(page.items),
        shown=len(page.items),
        open=store.count(Alert, state=Standing.OPEN),
        versions={digest: kept.record.version for digest, kept in releases.items()},
        listing=listing,
        after=page.after,
        states=[Standing.OPEN.value, Standing.SETTLED.value, ANY],
        words=alert_words,
        link=lambda **changes: link(visit.request, **changes),
    )


def _open_first(visit: Visit, listing: Listing) -> Listing:
    state = listing.state or Standing.OPEN.value
    if state == ANY and "sort" not in visit.request.query_params:
        return replace(listing, state=state, sort="state", descending=False)
    return replace(listing, state=state)


def _exported(kept: Kept[Alert]) -> list[object]:
    one = kept.record
    about = [kept.key, one.system, one.release, one.standing.value, one.kind.value, one.measure, one.scope, one.what]
    size = [one.owner, one.since, one.seen, one.value, one.error, one.limit, one.evalue, one.consequence.value]
    return [*about, *size, one.group, one.at, one.settled.value if one.settled else "", one.person, one.reason]


@router.get("/{key}")
def show_alert(visit: Visitor, key: str) -> Response:
    """One alert."""
    return _show(visit, visit.desk.store.get(Alert, key), Form())


def _show(visit: Visit, kept: Kept[Alert], form: Form, status: int = 200) -> Response:
    desk, store, alert = visit.desk, visit.desk.store, kept.record
    look = last_look(visit, alert.release)
    line = look_shown.line_of(look, alert.measure, alert.scope)
    incidents = incidents_of(desk, kept)
    keys = {one.record.breaker for one in incidents if one.record.breaker}
    measure = visit.platform.measures.get(alert.measure) or _unknown(alert)
    days = look_shown.days_since(look, alert.since, max(alert.seen, look.starts[-1] if look and look.starts else ""))
    return visit.page(
        "alert.html",
        status=status,
        form=form,
        kept=kept,
        system=store.get(System, alert.system).record,
        release=store.find(Release, alert.release),
        measure=measure,
        look=look,
        row=look_shown.row_of(look, line, visit.platform.measures) if look and line else None,
        group=beside(desk, kept),
        days=days if len(days) <= DAYS else [*days[: DAYS - 1], days[-1]],
        more_days=max(len(days) - DAYS, 0),
        watched=store.find(Watched, alert.evidence) if alert.evidence else None,
        filed=store.list(Filed, about=alert.release, limit=1).items,
        incidents=incidents,
        breakers=store.many(Breaker, keys).values(),
        words=alert_words,
        may_read=visit.may(Permission.READ_DECISIONS),
        **words_of_looks(),
    )


def _unknown(alert: Alert) -> Measure:
    """A measure that nothing here declares."""
    return Measure(alert.measure, alert.measure, "", Direction.NEUTRAL, "")


@router.post("/{key}")
def settle_alert(visit: Visitor, key: str, form: Sent) -> Response:
    """Settle it and, where that was ticked, the others of its group."""
    kept = visit.desk.store.get(Alert, key)
    with form:
        how = form.choice("how", Settled, "What it came to")
        reason = form.need("reason", "The reason")
        form.settle()
        others = bool(form.value("others"))
        done = settle_together(visit.desk, visit.caller, kept, how, others=others, reason=reason)
        more = f" So are {len(done) - 1} that came with it." if len(done) > 1 else ""
        return go(f"/alerts/{key}", f"Settled: {alert_words.SETTLED[how]}.{more}")
    return _show(visit, kept, form, 422)
