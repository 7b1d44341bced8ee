"""Systems: the inventory, and entering and changing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Tier
from holdfast.domain.release import Deployment
from holdfast.domain.system import USE_CASES, Owners, Status, System
from holdfast.domain.verdict import Verdict
from holdfast.flows.desk import Desk, require
from holdfast.flows.register import change_system, register_system
from holdfast.server.api.paging import Listed
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link

router = APIRouter()
COLUMNS = ("name", "use_case", "tier", "status", "verdict", "in_production", "vacant_owners", "changed_at")


@router.get("/systems")
def list_systems(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """The inventory, filtered and sorted by its URL."""
    page = visit.desk.store.list(System, **listing.arguments)
    rows = _rows(visit.desk, page.items)
    if as_:
        return export("systems", as_, COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    return visit.page(
        "systems.html",
        rows=rows,
        listing=listing,
        after=page.after,
        total=visit.desk.store.count(System, about=listing.about, state=listing.state),
        link=lambda **changes: link(visit.request, **changes),
        tiers=list(Tier),
        use_cases=USE_CASES,
    )


def _rows(desk: Desk, systems: Sequence[Kept[System]]) -> list[dict[str, object]]:
    names = [kept.key for kept in systems]
    verdicts = {kept.record.system: kept.record for kept in desk.store.newest(Verdict, systems=names)}
    running = desk.store.gather(Deployment, "system", names, state="running")
    return [_row(kept, verdicts.get(kept.key), running[kept.key]) for kept in systems]


def _row(kept: Kept[System], verdict: Verdict | None, running: Sequence[Kept[Deployment]]) -> dict[str, object]:
    system = kept.record
    return {
        "name": system.name,
        "use_case": system.use_case,
        "tier": system.tier.value,
        "status": system.status.value,
        "verdict": verdict.outcome.value if verdict else "",
        "in_production": ", ".join(sorted({one.record.environment for one in running})),
        "vacant_owners": len(system.owners.vacant),
        "changed_at": kept.at,
    }


@router.get("/new-system")
def new_system(visit: Visitor) -> Response:
    """The form."""
    require(visit.caller, Permission.MANAGE_SYSTEMS)
    return _form(visit, Form.of(currency="USD"))


@router.post("/new-system")
def register(visit: Visitor, form: Sent) -> Response:
    """Enter a system."""
    with form:
        form.need("name", "The name")
        form.need("purpose", "The purpose")
        system = _system(form, System(form.value("name").strip()))
        form.settle()
        register_system(visit.desk, visit.caller, system)
        return go(path_of(system.name), f"{system.name} is registered. Its tier is high until it is classified.")
    return _form(visit, form, 422)


def _form(visit: Visit, form: Form, status: int = 200, *, kept: Kept[System] | None = None) -> Response:
    return visit.page(
        "system_form.html", status=status, form=form, kept=kept, use_cases=USE_CASES, statuses=list(Status)
    )


def _system(form: Form, known: System) -> System:
    """The system as the form describes it; what the form does not hold stays."""
    categories = (part.strip() for part in form.value("data_categories").split(","))
    return replace(
        known,
        purpose=form.value("purpose").strip(),
        use_case=form.value("use_case").strip(),
        affected=form.value("affected").strip(),
        vendor=form.value("vendor").strip(),
        deployment=form.value("deployment").strip(),
        owners=Owners(*(form.value(f"owner_{part}").strip() for part in ("data", "model", "deployment", "monitoring"))),
        decisions_per_year=form.whole("decisions_per_year"),
        value_at_stake=form.number("value_at_stake", least=0),
        currency=form.value("currency").strip() or known.currency,
        data_categories=tuple(part for part in categories if part),
        status=Status(form.value("status")) if form.value("status") in list(Status) else known.status,
    )


def path_of(name: str) -> str:
    """The page of a system."""
    return f"/systems/{quote(name, safe='')}"


@router.get("/systems/{name}/change")
def show_change(visit: Visitor, name: str) -> Response:
    """The form with what is known."""
    require(visit.caller, Permission.MANAGE_SYSTEMS)
    kept = visit.desk.store.get(System, name)
    system = kept.record
    texts = ("name", "purpose", "use_case", "affected", "vendor", "deployment", "currency", "status")
    form = Form.of(
        **{text: getattr(system, text) for text in texts},
        **{f"owner_{part}": getattr(system.owners, part) for part in ("data", "model", "deployment", "monitoring")},
        decisions_per_year=system.decisions_per_year,
        value_at_stake=system.value_at_stake,
        data_categories=", ".join(system.data_categories),
        revision=kept.revision,
    )
    return _form(visit, form, kept=kept)


@router.post("/systems/{name}/change")
def change(visit: Visitor, name: str, form: Sent) -> Response:
    """Change it, as it stood when the form was opened."""
    kept = visit.desk.store.get(System, name)
    with form:
        form.need("purpose", "The purpose")
        system = _system(form, kept.record)
        base = form.whole("revision", least=1)
        form.settle()
        change_system(visit.desk, visit.caller, name, system, base or 0)
        return go(path_of(name), "Changed. Approvals that were bound to what it said before have lapsed.")
    return _form(visit, form, 422, kept=kept)
