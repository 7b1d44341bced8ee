"""Appetite: the limits in force, how they came about, and proposing others after seeing what they would do."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.appetite import parse_appetite, read_appetite, write_appetite
from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Appetite, Limit
from holdfast.domain.person import Proposal
from holdfast.flows.desk import APPETITE, Desk, require
from holdfast.flows.preview import Preview, preview
from holdfast.flows.propose import drop, enact, opened, propose
from holdfast.server.console.forms import TEN_YEARS, Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export

router = APIRouter()
COLUMNS = ("measure", "scope", "at_least", "at_most", "tiers", "use_cases", "owner", "why", "requires", "waivable")


@router.get("/appetite")
def show_appetite(visit: Visitor, as_: As = "") -> Response:
    """The limits in force."""
    store = visit.desk.store
    kept = store.find(Appetite, APPETITE)
    if as_ and kept:
        return export("appetite", as_, COLUMNS, [_exported(limit) for limit in kept.record.limits])
    return visit.page(
        "appetite.html",
        kept=kept,
        measures=visit.platform.measures,
        history=store.history(Appetite, APPETITE)[::-1],
        proposals=open_proposals(visit.desk, "appetite", APPETITE),
    )


def _exported(limit: Limit) -> list[object]:
    scope = ", ".join(f"{name} {value}" for name, value in limit.scope)
    bounds = [limit.minimum, limit.maximum, ", ".join(limit.tiers), ", ".join(limit.use_cases)]
    return [limit.measure, scope, *bounds, limit.owner, limit.why, limit.requires, limit.waivable]


def open_proposals(desk: Desk, kind: str, key: str) -> tuple[Kept[Proposal], ...]:
    """What waits for somebody else's consent."""
    return desk.store.list(Proposal, about=f"{kind} {key}", state="open", limit=20).items


@router.get("/appetite/propose")
def show_form(visit: Visitor) -> Response:
    """The form with the limits in force, or those that ship with Holdfast."""
    require(visit.caller, Permission.PROPOSE_APPETITE)
    base = _base(visit.desk)
    fields: dict[str, object] = {"name": base.name, "version": base.version, "approved_by": base.approved_by}
    for at, limit in enumerate(base.limits):
        fields |= {f"minimum.{at}": limit.minimum, f"maximum.{at}": limit.maximum, f"owner.{at}": limit.owner}
        fields |= {f"why.{at}": limit.why, f"keep.{at}": "yes"}
    form = Form.of(**fields, evidence_days=base.evidence_days, document=write_appetite(base))
    return _form(visit, form, base)


def _base(desk: Desk) -> Appetite:
    kept = desk.store.find(Appetite, APPETITE)
    return kept.record if kept else read_appetite(None)


def _form(visit: Visit, form: Form, base: Appetite, status: int = 200, *, would: Preview | None = None) -> Response:
    known = visit.platform.measures
    return visit.page("appetite_form.html", status=status, form=form, base=base, measures=known, would=would)


@router.post("/appetite/propose")
def propose_appetite(visit: Visitor, form: Sent) -> Response:
    """Show what the proposal would do, or make it."""
    require(visit.caller, Permission.PROPOSE_APPETITE)
    base = _base(visit.desk)
    with form:
        by_document = form.value("by") == "document"
        proposed = _document(form) if by_document else _edited(form, base)
        form.settle()
        if form.value("do") == "preview":
            return _form(visit, form, base, would=preview(visit.desk, proposed))
        reason = form.need("reason", "The reason")
        form.settle()
        kept = propose(visit.desk, visit.caller, proposed, reason=reason)
        return go(f"/appetite/proposals/{kept.key}", "Proposed. It takes effect once somebody else enacts it.")
    return _form(visit, form, base, 422)


def _document(form: Form) -> Appetite:
    return parse_appetite(form.need("document", "The document"))


def _edited(form: Form, base: Appetite) -> Appetite:
    limits = tuple(_limit(form, at, limit) for at, limit in enumerate(base.limits) if form.value(f"keep.{at}"))
    return Appetite(
        name=form.need("name", "The name"),
        version=form.need("version", "The version"),
        approved_by=form.need("approved_by", "The body that approved it"),
        limits=limits,
        evidence_days=form.whole("evidence_days", least=1, most=TEN_YEARS) or base.evidence_days,
    )


def _limit(form: Form, at: int, limit: Limit) -> Limit:
    low, high = form.number(f"minimum.{at}"), form.number(f"maximum.{at}")
    if low is None and high is None and f"minimum.{at}" not in form.wrong and f"maximum.{at}" not in form.wrong:
        form.wrong[f"minimum.{at}"] = "A limit needs one end at least."
    if f"minimum.{at}" in form.wrong or f"maximum.{at}" in form.wrong:
        return limit
    why = form.need(f"why.{at}", "Why the limit is what it is")
    return replace(limit, minimum=low, maximum=high, owner=form.value(f"owner.{at}").strip(), why=why)


@router.get("/appetite/proposals/{key}")
def show_proposal(visit: Visitor, key: str) -> Response:
    """A proposal: what changes, and what it would have let in or stopped."""
    kept, proposed = opened(visit.desk, key)
    if not isinstance(proposed, Appetite):
        return go("/committee" if kept.record.kind == "committee" else f"/people/{kept.record.key}")
    current = visit.desk.store.find(Appetite, APPETITE)
    return visit.page(
        "appetite_proposal.html",
        kept=kept,
        proposed=proposed,
        current=current.record if current else None,
        differences=differences(current.record if current else None, proposed),
        would=preview(visit.desk, proposed),
    )


def differences(current: Appetite | None, proposed: Appetite) -> list[tuple[str, Limit | None, Limit | None]]:
    """The limits that differ: (measure and scope, before, after), None where there is none."""
    before = {_named(limit): limit for limit in current.limits} if current else {}
    after = {_named(limit): limit for limit in proposed.limits}
    names = [*after, *(name for name in before if name not in after)]
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _named(limit: Limit) -> str:
    scope = ", ".join(f"{name} {value}" for name, value in limit.scope)
    tiers = "" if len(limit.tiers) == 3 else f" ({', '.join(limit.tiers)})"
    return f"{limit.measure}{f', {scope}' if scope else ''}{tiers}"


HOMES = {"appetite": "/appetite", "committee": "/committee", "person": "/people", "reset": "/people"}


@router.post("/proposals/{key}/enact")
def enact_proposal(visit: Visitor, key: str) -> Response:
    """Let a proposal take effect."""
    kind = opened(visit.desk, key)[0].record.kind
    enact(visit.desk, visit.caller, key)
    return go(HOMES[kind], "Enacted. It is in force now.")


@router.post("/proposals/{key}/drop")
def drop_proposal(visit: Visitor, key: str) -> Response:
    """Take a proposal off the table."""
    kind = drop(visit.desk, visit.caller, key).record.kind
    return go(HOMES[kind], "Dropped. It stays on record.")
