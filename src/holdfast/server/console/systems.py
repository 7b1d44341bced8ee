"""Systems: the inventory, entering and changing one, and what is known of it on one page."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Tier
from holdfast.domain.gate import Gate, Request
from holdfast.domain.kinds import Filed
from holdfast.domain.person import Comment
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import USE_CASES, Owners, Status, System
from holdfast.domain.verdict import Verdict
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import end_deployment
from holdfast.flows.desk import Desk, require
from holdfast.flows.gate import Open, look
from holdfast.flows.register import change_system, classifications, file_evidence, register_system
from holdfast.ledger.note import Key
from holdfast.server.api.paging import Listed
from holdfast.server.console import shown
from holdfast.server.console.acts import tell
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link

router = APIRouter()
RECENT = 20
COLUMNS = ("name", "use_case", "tier", "status", "verdict", "in_production", "vacant_owners", "changed_at")


@router.get("/systems")
def list_systems(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """The inventory, filtered and sorted by its URL."""
    page = visit.desk.store.list(System, **listing.arguments)
    rows = [_row(visit.desk, kept) for kept in page.items]
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


def _row(desk: Desk, kept: Kept[System]) -> dict[str, object]:
    system = kept.record
    verdicts = desk.store.list(Verdict, system=system.name, limit=1).items
    running = desk.store.list(Deployment, system=system.name, state="running", limit=5).items
    return {
        "name": system.name,
        "use_case": system.use_case,
        "tier": system.tier.value,
        "status": system.status.value,
        "verdict": verdicts[0].record.outcome.value if verdicts else "",
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
        return go(_path(system.name), f"{system.name} is registered. Its tier is high until it is classified.")
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


def _path(name: str) -> str:
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
        return go(_path(name), "Changed. Approvals that were bound to what it said before have lapsed.")
    return _form(visit, form, 422, kept=kept)


@router.get("/systems/{name}")
def show_system(visit: Visitor, name: str) -> Response:
    """One system: in a sentence, then by part."""
    return _show(visit, name, Form())


def _show(visit: Visit, name: str, form: Form, status: int = 200) -> Response:
    desk, store = visit.desk, visit.desk.store
    kept = store.get(System, name)
    releases = store.list(Release, system=name, limit=RECENT)
    requests = [look(desk, one.key) for one in store.list(Request, system=name, limit=8).items]
    filed = store.list(Filed, system=name, limit=1).items
    latest = shown.newest(desk, kept.record, filed[0].record.release) if filed else None
    return visit.page(
        "system.html",
        status=status,
        form=form,
        kept=kept,
        classifications=classifications(desk, name),
        releases=[_release_row(desk, one) for one in releases.items],
        has_more=bool(releases.after),
        requests=requests,
        latest=latest,
        latest_version=_version(desk, latest),
        gates=[gate for gate in Gate if not gate.needs_evidence],
        trends=shown.trends(desk, kept.record, latest.run) if latest else (),
        deployments=store.list(Deployment, system=name, limit=RECENT).items,
        versions={one.key: one.record.version for one in releases.items},
        comments=store.list(Comment, about=f"system {name}", limit=RECENT).items,
        acts=[tell(row) for row in store.recent(system=name, about=_abouts(name, requests), limit=12)],
    )


def _abouts(name: str, requests: list[Open]) -> list[str]:
    """What else belongs to a system: comments on it, and answers to its requests and waivers."""
    waivers = [waived.digest for opened in requests for waived in opened.dossier.waivers]
    return [f"system {name}", *(opened.bound[0] for opened in requests), *waivers]


def _release_row(desk: Desk, kept: Kept[Release]) -> dict[str, object]:
    verdicts = desk.store.list(Verdict, about=kept.key, limit=1).items
    running = desk.store.list(Deployment, about=kept.key, state="running", limit=5).items
    return {
        "kept": kept,
        "verdict": verdicts[0].record if verdicts else None,
        "running": ", ".join(one.record.environment for one in running),
    }


def _version(desk: Desk, latest: shown.Shown | None) -> str:
    kept = desk.store.find(Release, latest.filed.record.release) if latest else None
    return kept.record.version if kept else ""


@router.post("/systems/{name}/comment")
def say(visit: Visitor, name: str, form: Sent) -> Response:
    """Say something about a system."""
    visit.desk.store.get(System, name)
    with form:
        text = form.need("text", "The comment")
        form.settle()
        write_comment(visit.desk, visit.caller, f"system {name}", text)
        return go(_path(name) + "#comments", "Your comment is on record.")
    return _show(visit, name, form, 422)


@router.post("/systems/{name}/evidence")
async def file(visit: Visitor, name: str, form: Sent) -> Response:
    """File evidence that `holdfast check` sealed."""
    visit.desk.store.get(System, name)
    upload = form.files.get("envelope")
    with form:
        if upload is None or not upload.filename:
            form.wrong["envelope"] = "The file is missing."
        form.need("version", "The version")
        sealer = Key.from_vkey(form.need("key", "The sealer's key")) if form.value("key").strip() else None
        form.settle()
        if upload is not None and sealer is not None:
            envelope = await upload.read()
            filing = file_evidence(visit.desk, visit.caller, envelope, sealer.public.hex(), form.value("version"))
            outcome = filing.verdict.record.outcome.value
            return go(f"/releases/{filing.filed.record.release}", f"The evidence is filed. The verdict: {outcome}.")
    return _show(visit, name, form, 422)


@router.post("/systems/{name}/end-deployment")
def end(visit: Visitor, name: str, form: Sent) -> Response:
    """Take a release of this system out of production."""
    with form:
        reason = form.need("end_reason", "The reason")
        form.settle()
        ended = end_deployment(visit.desk, visit.caller, form.value("deployment"), reason=reason)
        return go(_path(name) + "#production", f"It no longer counts as running in {ended.record.environment}.")
    return _show(visit, name, form, 422)
