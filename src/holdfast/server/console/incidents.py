"""Incidents: what was stopped in production, and how it goes on from there until it is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert, Incident
from holdfast.domain.clearance import Breaker
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, Verdict
from holdfast.flows.alerts import close_incident
from holdfast.flows.desk import Desk
from holdfast.server.api.paging import Listed
from holdfast.server.console import alert_words
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link

router = APIRouter(prefix="/incidents")
ANY, RECENT = "any", 20
COLUMNS = ("incident", "system", "release", "state", "title", "opened_at", "breaker", "closed_at", "person", "reason")


@dataclass(frozen=True, slots=True)
class Chain:
    """What came of what: the alerts, the breaker as it stands, when it was reset (None: never), the verdicts that were
    given on the release since, and where the release, or another of the system, runs now.
    """

    alerts: tuple[Kept[Alert], ...]
    breaker: Kept[Breaker] | None
    reset: Kept[Breaker] | None
    verdicts: tuple[Kept[Verdict], ...]
    running: tuple[Kept[Deployment], ...]

    @property
    def is_stopped(self) -> bool:
        """Whether what was stopped still is."""
        return self.breaker is not None and self.breaker.record.is_tripped and self.reset is None

    @property
    def has_passed(self) -> bool:
        """Whether the release was checked again since, and passed."""
        return bool(self.verdicts) and self.verdicts[0].record.outcome is Outcome.PASS

    @property
    def is_settled(self) -> bool:
        """Whether every alert is."""
        return not any(kept.record.is_open for kept in self.alerts)


@router.get("")
def list_incidents(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """Incidents: those that go on, the latest first, unless the address says something else."""
    listing = replace(listing, state=listing.state or "open")
    if listing.state == ANY and "sort" not in visit.request.query_params:
        listing = replace(listing, sort="state", descending=True)
    store, state = visit.desk.store, "" if listing.state == ANY else listing.state
    page = store.list(Incident, **{**listing.arguments, "state": state})
    if as_:
        return export("incidents", as_, COLUMNS, [_exported(kept) for kept in page.items])
    releases = store.many(Release, {kept.record.release for kept in page.items})
    return visit.page(
        "incidents.html",
        found=page.items,
        breakers=store.many(Breaker, {kept.record.breaker for kept in page.items if kept.record.breaker}),
        versions={digest: kept.record.version for digest, kept in releases.items()},
        listing=listing,
        after=page.after,
        states=["open", "closed", ANY],
        link=lambda **changes: link(visit.request, **changes),
    )


def _exported(kept: Kept[Incident]) -> list[object]:
    one = kept.record
    about = [kept.key, one.system, one.release, "open" if one.is_open else "closed", one.title, one.opened_at]
    return [*about, one.breaker, one.closed_at, one.person, one.reason]


@router.get("/{key}")
def show_incident(visit: Visitor, key: str) -> Response:
    """One incident."""
    return _show(visit, visit.desk.store.get(Incident, key), Form())


def _show(visit: Visit, kept: Kept[Incident], form: Form, status: int = 200) -> Response:
    store, incident = visit.desk.store, kept.record
    return visit.page(
        "incident.html",
        status=status,
        form=form,
        kept=kept,
        system=store.get(System, incident.system).record,
        release=store.find(Release, incident.release),
        chain=chain_of(visit.desk, incident),
        words=alert_words,
        may_reset=visit.may(Permission.RESET_BREAKER),
    )


def chain_of(desk: Desk, incident: Incident) -> Chain:
    """What came of what, as it stands."""
    store = desk.store
    alerts = store.many(Alert, incident.alerts)
    given = store.list(Verdict, about=incident.release, limit=RECENT).items
    return Chain(
        tuple(alerts[key] for key in incident.alerts if key in alerts),
        store.find(Breaker, incident.breaker) if incident.breaker else None,
        _reset(desk, incident),
        tuple(one for one in given if one.record.judged_at > incident.opened_at),
        store.list(Deployment, system=incident.system, state="running", limit=RECENT).items,
    )


def _reset(desk: Desk, incident: Incident) -> Kept[Breaker] | None:
    """When what this incident stopped was first let go on; it may have been stopped again since."""
    history = desk.store.history(Breaker, incident.breaker) if incident.breaker else ()
    return next((one for one in history if not one.record.is_tripped and one.record.at >= incident.opened_at), None)


@router.post("/{key}")
def close(visit: Visitor, key: str, form: Sent) -> Response:
    """Say how it ended."""
    kept = visit.desk.store.get(Incident, key)
    with form:
        reason = form.need("reason", "How it ended")
        form.settle()
        close_incident(visit.desk, visit.caller, key, reason=reason)
        return go(f"/incidents/{key}", "The incident is closed.")
    return _show(visit, kept, form, 422)
