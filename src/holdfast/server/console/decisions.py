"""Decisions: those of a system by day, one with all that is known of it, and how long they are kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.decision import Segment
from holdfast.domain.errors import HoldfastError
from holdfast.domain.retention import Hold, Retention
from holdfast.domain.system import System
from holdfast.domain.view import DecidedPage, Explained, Opened
from holdfast.flows.compare_releases import compare_releases
from holdfast.flows.desk import Desk
from holdfast.flows.explain_decision import explain_decision, list_decisions, prove_decision, read_personal
from holdfast.flows.retention import lift_hold, place_hold, set_retention
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.systems import path_of

router = APIRouter()
RECENT = 200
"""Segments by which the latest days are counted."""


@router.get("/decisions/{id}")
def show_decision(visit: Visitor, id: str) -> Response:
    """One decision."""
    return _show(visit, id, Form())


def _show(visit: Visit, id: str, form: Form, opened: Opened | None = None, status: int = 200) -> Response:
    found = explain_decision(visit.desk, visit.caller, visit.platform.decisions.archive, id)
    return visit.page("decision.html", status=status, found=found, form=form, opened=opened, proof=_proof(visit, found))


def _proof(visit: Visit, found: Explained) -> dict[str, Any]:
    """Where the row stands, and why it cannot be proved where that is so."""
    if found.decision is None:
        return {}
    try:
        proof = prove_decision(visit.desk, visit.caller, visit.platform.decisions.archive, found.id)
    except HoldfastError as error:
        return {"trouble": str(error)}
    return {"row": proof.row, "rows": proof.segment.rows}


@router.get("/decisions/{id}/proof")
def download_proof(visit: Visitor, id: str) -> Response:
    """The proof, for `holdfast verify FILE`."""
    data = prove_decision(visit.desk, visit.caller, visit.platform.decisions.archive, id).encode()
    headers = {"Content-Disposition": f'attachment; filename="{id}.proof.json"'}
    return Response(data, media_type="application/json", headers=headers)


@router.post("/decisions/{id}/personal")
def open_personal(visit: Visitor, id: str, form: Sent) -> Response:
    """Show what is personal, on record."""
    room = visit.platform.decisions
    with form:
        reason = form.need("reason", "The reason")
        form.settle()
        opened = read_personal(visit.desk, visit.caller, room.archive, room.keys, id, reason=reason)
        return _show(visit, id, Form(), opened)
    return _show(visit, id, form, status=422)


@router.get("/systems/{name}/decisions")
def show_decisions(
    visit: Visitor, name: str, day: Annotated[str, Query(max_length=10)] = "", after: str = ""
) -> Response:
    """The decisions of one day, how long they are kept, and what the law holds back."""
    return _listed(visit, name, Form(), day, after)


def _listed(visit: Visit, name: str, form: Form, day: str = "", after: str = "", status: int = 200) -> Response:
    desk = visit.desk
    kept, days = desk.store.get(System, name), days_of(desk, name)
    chosen = day or (days[0][0] if days else desk.at[:10])
    page, beside = DecidedPage(()), None
    if visit.may(Permission.READ_DECISIONS):
        archive = visit.platform.decisions.archive
        page = list_decisions(desk, visit.caller, archive, name, chosen, before=after)
        beside = compare_releases(desk, visit.caller, archive, name, chosen)
    return visit.page(
        "decisions.html",
        status=status,
        form=form,
        system=kept.record,
        days=days,
        day=chosen,
        found=page,
        beside=beside,
        retention=desk.store.find(Retention, name),
        holds=desk.store.list(Hold, system=name, limit=RECENT).items,
    )


def days_of(desk: Desk, name: str) -> list[tuple[str, int]]:
    """The latest days on which files of a system were registered, with the number of their rows."""
    rows: dict[str, int] = {}
    for kept in desk.store.list(Segment, system=name, limit=RECENT).items:
        rows[kept.record.day] = rows.get(kept.record.day, 0) + kept.record.rows
    return sorted(rows.items(), reverse=True)


@router.post("/systems/{name}/decisions/retention")
def retain(visit: Visitor, name: str, form: Sent) -> Response:
    """Say how long they are kept."""
    with form:
        days = form.whole("days", least=1, most=36_600)
        if days is None and not form.wrong["days"]:
            form.wrong["days"] = "The number of days is missing."
        form.settle()
        set_retention(visit.desk, visit.caller, name, days or 0, because=form.value("law"))
        return go(_path(name), f"Decisions are kept for {days} days from now on.")
    return _listed(visit, name, form, status=422)


@router.post("/systems/{name}/decisions/hold")
def hold(visit: Visitor, name: str, form: Sent) -> Response:
    """Keep some whatever their retention says."""
    with form:
        because = form.need("because", "The case")
        form.settle()
        first, last = form.value("first").strip(), form.value("last").strip()
        place_hold(visit.desk, visit.caller, name, because=because, first=first, last=last)
        return go(_path(name), "The hold is placed. Nothing that it covers is removed.")
    return _listed(visit, name, form, status=422)


@router.post("/systems/{name}/decisions/lift")
def lift(visit: Visitor, name: str, form: Sent) -> Response:
    """Let retention go on."""
    with form:
        reason = form.need("lift_reason", "The reason")
        form.settle()
        lift_hold(visit.desk, visit.caller, form.value("hold"), reason=reason)
        return go(_path(name), "The hold is lifted.")
    return _listed(visit, name, form, status=422)


def _path(name: str) -> str:
    return f"{path_of(name)}/decisions"
