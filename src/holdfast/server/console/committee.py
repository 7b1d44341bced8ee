"""Committee: who must say yes at which gate, and proposing other rules."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.appetite import LIMITABLE, Tier
from holdfast.domain.approval import Discipline
from holdfast.domain.gate import Committee, Gate, Rule
from holdfast.flows.desk import COMMITTEE, Desk, require
from holdfast.flows.propose import propose
from holdfast.server.console.appetite import open_proposals
from holdfast.server.console.forms import TEN_YEARS, Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go

router = APIRouter()
SPARE = 2
"""Empty rows at the end of the form, for rules to come."""


@router.get("/committee")
def show_committee(visit: Visitor) -> Response:
    """The rules in force."""
    store = visit.desk.store
    found = open_proposals(visit.desk, "committee", COMMITTEE)
    return visit.page(
        "committee.html",
        kept=store.find(Committee, COMMITTEE),
        history=store.history(Committee, COMMITTEE)[::-1],
        proposals=[(kept, canonical.decode(Committee, kept.record.body)) for kept in found],
    )


@router.get("/committee/propose")
def show_form(visit: Visitor) -> Response:
    """The form with the rules in force, or a start for those who have none."""
    require(visit.caller, Permission.PROPOSE_APPETITE)
    base = _base(visit.desk)
    fields: dict[str, object] = {"name": base.name, "version": base.version}
    for at, rule in enumerate(base.rules):
        fields |= {f"gate.{at}": rule.gate, f"tiers.{at}": rule.tiers, f"quorum.{at}": rule.quorum}
        fields |= {f"waiver.{at}": rule.waiver_quorum, f"days.{at}": rule.approval_days}
        fields |= {f"lineage.{at}": ["yes"] if rule.needs_lineage else []}
    return _form(visit, Form.of(**fields, rows=len(base.rules) + SPARE))


def _base(desk: Desk) -> Committee:
    kept = desk.store.find(Committee, COMMITTEE)
    everybody = tuple(discipline.value for discipline in Discipline)
    start = tuple(Rule(gate, (Tier.LIMITED, Tier.HIGH), everybody, ("risk", "legal")) for gate in Gate)
    return kept.record if kept else Committee("AI committee", "1", start)


def _form(visit: Visit, form: Form, status: int = 200) -> Response:
    return visit.page(
        "committee_form.html",
        status=status,
        form=form,
        rows=range(min(form.whole("rows") or SPARE, 60)),
        gates=list(Gate),
        tiers=LIMITABLE,
        disciplines=list(Discipline),
    )


@router.post("/committee/propose")
def propose_committee(visit: Visitor, form: Sent) -> Response:
    """Propose rules; somebody else must enact them."""
    require(visit.caller, Permission.PROPOSE_APPETITE)
    with form:
        rows = range(min(form.whole("rows") or 0, 60))
        rules = tuple(_rule(form, at) for at in rows if form.value(f"gate.{at}"))
        committee = Committee(form.need("name", "The name"), form.need("version", "The version"), rules)
        reason = form.need("reason", "The reason")
        form.settle()
        propose(visit.desk, visit.caller, committee, reason=reason)
        return go("/committee", "Proposed. It takes effect once somebody else enacts it.")
    return _form(visit, form, 422)


def _rule(form: Form, at: int) -> Rule:
    tiers = form.choices(f"tiers.{at}", Tier)
    quorum = form.choices(f"quorum.{at}", Discipline)
    if not tiers or not quorum:
        form.wrong[f"gate.{at}"] = "A rule names a tier and a discipline at least."
    return Rule(
        gate=form.choice(f"gate.{at}", Gate, "The gate"),
        tiers=tiers,
        quorum=tuple(discipline.value for discipline in quorum),
        waiver_quorum=tuple(discipline.value for discipline in form.choices(f"waiver.{at}", Discipline)),
        approval_days=form.whole(f"days.{at}", least=1, most=TEN_YEARS) or 180,
        needs_lineage=form.value(f"lineage.{at}") == "yes",
    )
