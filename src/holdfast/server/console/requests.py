"""Requests: who asked to pass which gate, what it says, who answered, and answering."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from holdfast import words
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Limit
from holdfast.domain.approval import Approval, Discipline, Waiver, holds
from holdfast.domain.gate import Request, waiver_counts
from holdfast.domain.release import Deployment, Release
from holdfast.domain.verdict import Outcome, Reason
from holdfast.flows import approve
from holdfast.flows.alert_groups import waiting_alerts
from holdfast.flows.deploy import deploy, running_in
from holdfast.flows.desk import Desk
from holdfast.flows.gate import Open, look, withdraw
from holdfast.flows.inbox import answerable, enactable, look_all, waiting, waivers_of
from holdfast.flows.review import awaiting
from holdfast.reports import reading
from holdfast.server.api.paging import Listed
from holdfast.server.console import shown
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.lineage import flow_of
from holdfast.server.console.pages import Visit, Visitor, discipline, go
from holdfast.server.console.tables import As, export, link

router = APIRouter()
PAGE = 50
COLUMNS = ("request", "gate", "system", "release", "environment", "requester", "asked_at", "ruling", "waiting_for")


@router.get("/inbox")
def inbox(visit: Visitor, after: Annotated[str, Query(max_length=200)] = "") -> Response:
    """What waits for me, a page at a time; `after` is the last request of the page before."""
    lapsed = [one.opened.request for one in visit.platform.lapses.find(visit.desk)]
    found = tuple(islice(waiting(visit.desk, visit.caller, after, lapsed=lapsed), PAGE + 1))
    shown = found[:PAGE]
    return visit.page(
        "inbox.html",
        waiting=shown,
        after=shown[-1].opened.request.key if len(found) > PAGE else "",
        proposals=enactable(visit.desk, visit.caller),
        reviews=awaiting(visit.desk, visit.caller, PAGE),
        alerts=waiting_alerts(visit.desk, visit.caller, PAGE),
    )


@router.get("/requests")
def list_requests(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """All requests, each as the gate answers now."""
    page = visit.desk.store.list(Request, **{**listing.arguments, "limit": min(listing.limit, 25)})
    found = look_all(visit.desk, page.items)
    releases = visit.desk.store.many(Release, {opened.request.record.release for opened in found})
    if as_:
        return export("requests", as_, COLUMNS, [_exported(opened) for opened in found])
    return visit.page(
        "requests.html",
        found=found,
        listing=listing,
        after=page.after,
        versions={"": "", **{digest: kept.record.version for digest, kept in releases.items()}},
        link=lambda **changes: link(visit.request, **changes),
    )


def _exported(opened: Open) -> list[object]:
    request, ruling = opened.request.record, opened.ruling
    about = [request.gate.value, request.system, request.release, request.environment, request.requester, request.at]
    return [opened.request.key, *about, ruling.outcome.value, ", ".join(ruling.waiting_for)]


def _version(desk: Desk, request: Request) -> str:
    kept = desk.store.find(Release, request.release) if request.release else None
    return kept.record.version if kept else ""


@router.get("/requests/{key}")
def show_request(visit: Visitor, key: str) -> Response:
    """One request."""
    return _show(visit, look(visit.desk, key), Form())


def _show(visit: Visit, opened: Open, form: Form, status: int = 200) -> Response:
    desk, request = visit.desk, opened.request.record
    version = _version(desk, request)
    dossier = opened.dossier
    run = shown.judged(desk, dossier.system, dossier.verdict) if dossier.verdict else None
    in_the_way = {reason.limit for reason in _in_the_way(opened) if reason.limit}
    rows = shown.waived(reading.rows(run), in_the_way) if run else ()
    return visit.page(
        "request.html",
        status=status,
        form=form,
        opened=opened,
        version=version,
        sentence=decision_sentence(opened, version),
        rows=rows,
        matters=reading.matters(run)[:4] if run else (),
        grave=[r for r in _in_the_way(opened) if r.limit is None and r.outcome is Outcome.BREACH],
        open_ends=[r for r in _in_the_way(opened) if r.limit is None and r.outcome is not Outcome.BREACH],
        waivable=[row for row in rows if row.state != "waived" and _waivable(row.reason, in_the_way)],
        waivers=[(kept, _answers(opened, kept), _counts(desk, opened, kept)) for kept in waivers_of(desk, opened)],
        answers=[(kept, _holds(desk, opened, kept.record)) for kept in _all_answers(desk, opened)],
        mine=answerable(desk, visit.caller, opened),
        running=_replaced(desk, request),
        flow=flow_of(desk, request.release, dossier.lineage) if request.gate.needs_evidence else None,
        is_live=any(kept.record.gate == opened.request.key for kept in _running(desk, request)),
        now=desk.at,
    )


def decision_sentence(opened: Open, version: str) -> str:
    """The gate's answer in one sentence."""
    request, ruling = opened.request.record, opened.ruling
    what = f"{request.system} {version}".strip()
    where = f" into {request.environment}" if request.environment else f" past the {request.gate} gate"
    if request.is_withdrawn:
        return f"The request to let {what}{where} was withdrawn."
    if ruling.outcome is Outcome.PASS:
        return f"{what} may go{where}: nothing stands in the way, and everybody who must has said yes."
    blocking = [reason for reason in _in_the_way(opened) if not reason.sentence.startswith("Waiting for ")]
    if ruling.outcome is Outcome.BREACH:
        breaches = sum(reason.outcome is Outcome.BREACH for reason in blocking)
        named = "one breach" if breaches == 1 else f"{words.spelled(breaches)} breaches"
        return f"{what} may not go{where}: {named} must be mended or waived first."
    if blocking:
        matter = "thing is" if len(blocking) == 1 else "things are"
        return f"{what} may not go{where} yet: {words.spelled(len(blocking))} {matter} still open."
    return f"{what} may go{where} once {_listed(ruling.waiting_for)} {_say(ruling.waiting_for)} yes."


def _say(disciplines: tuple[str, ...]) -> str:
    return "says" if len(disciplines) == 1 else "say"


def _listed(names: tuple[str, ...]) -> str:
    spoken = [discipline(name) for name in names]
    return " and ".join([", ".join(spoken[:-1]), spoken[-1]]) if len(spoken) > 1 else spoken[0]


def _in_the_way(opened: Open) -> list[Reason]:
    return [reason for reason in opened.ruling.reasons if reason.outcome is not Outcome.PASS]


def _waivable(reason: Reason, in_the_way: set[Limit]) -> bool:
    return reason.limit is not None and reason.limit.waivable and reason.limit in in_the_way


def _answers(opened: Open, kept: Kept[Waiver]) -> tuple[Approval, ...]:
    return next((w.approvals for w in opened.dossier.waivers if w.waiver == kept.record), ())


def _all_answers(desk: Desk, opened: Open) -> tuple[Kept[Approval], ...]:
    return desk.store.list(Approval, about=opened.bound[0], limit=100).items


def _holds(desk: Desk, opened: Open, approval: Approval) -> bool:
    return holds(approval, digests=opened.dossier.digests, barred=opened.dossier.barred, now=desk.now)


def _counts(desk: Desk, opened: Open, kept: Kept[Waiver]) -> bool:
    rule = opened.dossier.rule
    found = next((w for w in opened.dossier.waivers if w.waiver == kept.record), None)
    return rule is not None and found is not None and waiver_counts(found, opened.dossier, rule, desk.now)


def _running(desk: Desk, request: Request) -> tuple[Kept[Deployment], ...]:
    return running_in(desk, request.system, request.environment) if request.gate.needs_evidence else ()


def _replaced(desk: Desk, request: Request) -> tuple[str, ...]:
    """The versions that would end with a deployment."""
    found = [desk.store.find(Release, kept.record.release) for kept in _running(desk, request)]
    return tuple(kept.record.version for kept in found if kept)


@router.post("/requests/{key}/answer")
def answer(visit: Visitor, key: str, form: Sent) -> Response:
    """Say yes or no, in a discipline that I speak for."""
    with form:
        says_yes = _said(form)
        discipline = form.choice("discipline", Discipline, "Your discipline")
        reason = form.need("reason", "The reason")
        form.settle()
        approve.answer(visit.desk, visit.caller, key, discipline, reason=reason, says_yes=says_yes)
        return go(f"/requests/{key}", f"Your {'yes' if says_yes else 'no'} is on record for {discipline}.")
    return _show(visit, look(visit.desk, key), form, 422)


def _said(form: Form) -> bool:
    if form.value("says") not in ("yes", "no"):
        form.wrong["says"] = "Say yes or no."
    return form.value("says") == "yes"


@router.post("/requests/{key}/revoke")
def revoke(visit: Visitor, key: str, form: Sent) -> Response:
    """Take my answer back."""
    approve.revoke(visit.desk, visit.caller, form.value("answer"))
    return go(f"/requests/{key}", "Your answer ends now. It stays on record.")


@router.post("/requests/{key}/withdraw")
def take_back(visit: Visitor, key: str) -> Response:
    """Take my request back."""
    withdraw(visit.desk, visit.caller, key)
    return go(f"/requests/{key}", "The request is withdrawn.")


@router.post("/requests/{key}/waiver")
def ask_waiver(visit: Visitor, key: str, form: Sent) -> Response:
    """Ask that a breach be accepted for a while."""
    with form:
        measure = form.value("measure")
        waiver_reason = form.need("waiver_reason", "The reason")
        controls = form.need("controls", "The compensating control")
        until = form.day("until", "The last day")
        form.settle()
        approve.ask_waiver(visit.desk, visit.caller, key, measure, reason=waiver_reason, controls=controls, until=until)
        return go(f"/requests/{key}#waivers", "You asked for the waiver. It counts once those who must have agreed.")
    return _show(visit, look(visit.desk, key), form, 422)


@router.post("/requests/{key}/waivers/{waiver}")
def answer_waiver(visit: Visitor, key: str, waiver: str, form: Sent) -> Response:
    """Say whether a breach may be accepted."""
    form.typed["about"] = [waiver]
    with form:
        says_yes = _said(form)
        discipline = form.choice("discipline", Discipline, "Your discipline")
        reason = form.need("reason", "The reason")
        form.settle()
        approve.answer_waiver(visit.desk, visit.caller, key, waiver, discipline, reason=reason, says_yes=says_yes)
        return go(f"/requests/{key}#waivers", f"Your {'yes' if says_yes else 'no'} to the waiver is on record.")
    return _show(visit, look(visit.desk, key), form, 422)


@router.post("/requests/{key}/deploy")
def put_into_production(visit: Visitor, key: str) -> Response:
    """Put the release into production."""
    made = deploy(visit.desk, visit.caller, key).record
    return go(f"/requests/{key}", f"It runs in {made.environment} since now, let in by {len(made.let_in_by)} people.")
