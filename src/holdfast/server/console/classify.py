"""Classification: a regime's questions with the clause behind each, and the tier that a named role sets against it."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.appetite import LIMITABLE, Tier
from holdfast.domain.classification import Classification, Questionnaire
from holdfast.domain.errors import Absent
from holdfast.domain.system import System
from holdfast.flows.desk import require
from holdfast.flows.register import classify_system, override_tier
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go

router = APIRouter(prefix="/systems/{name}/classification")


@router.get("")
def show(visit: Visitor, name: str, regime: str = "") -> Response:
    """The questions of one regime, with the answers given before."""
    known = visit.platform.questionnaires
    chosen = known.get(regime) or next(iter(known.values()), None)
    earlier = visit.desk.store.find(Classification, f"{name}:{chosen.regime}") if chosen else None
    given = dict(earlier.record.answers) if earlier else {}
    form = Form.of(**{f"q.{id}": "yes" if answer else "no" for id, answer in given.items()})
    return _page(visit, name, chosen, form)


def _page(visit: Visit, name: str, chosen: Questionnaire | None, form: Form, status: int = 200) -> Response:
    earlier = visit.desk.store.find(Classification, f"{name}:{chosen.regime}") if chosen else None
    rules = {rule.id: rule for rule in chosen.rules} if chosen else {}
    return visit.page(
        "classification.html",
        status=status,
        kept=visit.desk.store.get(System, name),
        regimes=list(visit.platform.questionnaires.values()),
        chosen=chosen,
        earlier=earlier,
        applied=[rules[id] for id in earlier.record.rules if id in rules] if earlier else [],
        form=form,
        tiers=LIMITABLE,
    )


@router.post("")
def answer(visit: Visitor, name: str, form: Sent) -> Response:
    """Classify by the answers; what is not answered stays open, and the system unclassified."""
    chosen = _chosen(visit, form)
    said = {question.id: form.value(f"q.{question.id}") for question in chosen.questions}
    answers = tuple((id, value == "yes") for id, value in said.items() if value in ("yes", "no"))
    kept = classify_system(visit.desk, visit.caller, name, chosen, answers).record
    if kept.tier is None:
        rest = len(kept.unanswered)
        return go(_path(name, chosen), f"Kept. {rest} question{'' if rest == 1 else 's'} left; the tier is open.")
    return go(_path(name, chosen), f"{name} is {kept.tier} risk under {chosen.title}.")


def _chosen(visit: Visit, form: Form) -> Questionnaire:
    found = visit.platform.questionnaires.get(form.value("regime"))
    if found is None:
        raise Absent("classification.regime", "There is no such questionnaire.", "Choose one that is listed.")
    return found


def _path(name: str, chosen: Questionnaire) -> str:
    return f"/systems/{quote(name, safe='')}/classification?regime={quote(chosen.regime)}"


@router.post("/override")
def override(visit: Visitor, name: str, form: Sent) -> Response:
    """Set the tier against the questionnaire."""
    require(visit.caller, Permission.OVERRIDE_TIER)
    chosen = _chosen(visit, form)
    with form:
        tier = form.choice("tier", Tier, "The tier")
        reason = form.need("reason", "The reason")
        form.settle()
        override_tier(visit.desk, visit.caller, name, regime=chosen.regime, tier=tier, reason=reason)
        return go(_path(name, chosen), f"{name} is {tier} risk by your decision.")
    return _page(visit, name, chosen, form, 422)
