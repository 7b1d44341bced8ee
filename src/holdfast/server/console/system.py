"""One system's page: what is known of it, and what can be done there."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.clearance import Breaker
from holdfast.domain.dataset import DatasetVersion
from holdfast.domain.gate import Gate, Request
from holdfast.domain.kinds import Filed
from holdfast.domain.person import Comment
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Verdict
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import end_deployment
from holdfast.flows.desk import Desk
from holdfast.flows.gate import Open, ask
from holdfast.flows.inbox import look_all
from holdfast.flows.register import classifications, file_evidence
from holdfast.flows.review import figures
from holdfast.ledger.note import Key
from holdfast.reports import look_reading
from holdfast.server.console import shown
from holdfast.server.console.acts import BY_THEMSELVES, tell
from holdfast.server.console.decisions import days_of
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.review_words import told
from holdfast.server.console.systems import path_of
from holdfast.server.console.watching import chosen, last_look

router = APIRouter(prefix="/systems/{name}")
RECENT = 20


@router.get("")
def show_system(visit: Visitor, name: str) -> Response:
    """One system: in a sentence, then by part."""
    return show(visit, name, Form())


def show(visit: Visit, name: str, form: Form, status: int = 200) -> Response:
    """One system's page, with a form as it was sent."""
    desk, store = visit.desk, visit.desk.store
    kept = store.get(System, name)
    releases = store.list(Release, system=name, limit=RECENT)
    requests = look_all(desk, store.list(Request, system=name, limit=8).items)
    filed = store.list(Filed, system=name, limit=1).items
    deployments = store.list(Deployment, system=name, limit=RECENT).items
    running = [one for one in deployments if not one.record.until]
    look = last_look(visit, chosen(desk, name, "", running))
    latest = shown.newest(desk, kept.record, filed[0].record.release) if filed else None
    return visit.page(
        "system.html",
        status=status,
        form=form,
        kept=kept,
        classifications=classifications(desk, name),
        regimes={regime: found.title for regime, found in visit.platform.questionnaires.items()},
        releases=_release_rows(desk, releases.items),
        has_more=bool(releases.after),
        requests=requests,
        latest=latest,
        latest_version=_version(desk, latest),
        stopped=store.list(Breaker, system=name, state="tripped", limit=RECENT).items,
        gates=[gate for gate in Gate if not gate.needs_evidence],
        datasets=store.list(DatasetVersion, limit=RECENT).items,
        trends=shown.trends(desk, kept.record, latest.run) if latest else (),
        deployments=deployments,
        reviewed=told(figures(desk, name)),
        versions={one.key: one.record.version for one in releases.items},
        decided=days_of(desk, name)[:5],
        look=look,
        look_sentence=look_reading.sentence(look) if look else "",
        alerts=store.list(Alert, system=name, state="open", limit=8).items,
        comments=store.list(Comment, about=f"system {name}", limit=RECENT).items,
        acts=tell(store, store.recent(system=name, about=_abouts(name, requests), but=BY_THEMSELVES, limit=12)),
    )


def _abouts(name: str, requests: list[Open]) -> list[str]:
    """What else belongs to a system: comments on it, and answers to its requests and waivers."""
    waivers = [waived.digest for opened in requests for waived in opened.dossier.waivers]
    return [f"system {name}", *(opened.bound[0] for opened in requests), *waivers]


def _release_rows(desk: Desk, releases: Sequence[Kept[Release]]) -> list[dict[str, object]]:
    digests = [kept.key for kept in releases]
    verdicts = desk.store.gather(Verdict, "about", digests)
    deployments = desk.store.gather(Deployment, "about", digests)
    return [
        {
            "kept": kept,
            "verdict": verdicts[kept.key][0].record if verdicts[kept.key] else None,
            "running": ", ".join(one.record.environment for one in deployments[kept.key] if not one.record.until),
        }
        for kept in releases
    ]


def _version(desk: Desk, latest: shown.Shown | None) -> str:
    kept = desk.store.find(Release, latest.filed.record.release) if latest else None
    return kept.record.version if kept else ""


@router.post("/ask")
def ask_gate(visit: Visitor, name: str, form: Sent) -> Response:
    """Ask to pass a gate with the system."""
    visit.desk.store.get(System, name)
    with form:
        gate = form.choice("gate", Gate, "The gate")
        reason = form.need("ask_reason", "The reason")
        form.settle()
        datasets = tuple(form.values("datasets")) if gate.needs_data else ()
        opened = ask(visit.desk, visit.caller, gate, name, reason=reason, datasets=datasets)
        return go(f"/requests/{opened.request.key}", "You asked. Those who must answer find it in their inbox.")
    return show(visit, name, form, 422)


@router.post("/comment")
def say(visit: Visitor, name: str, form: Sent) -> Response:
    """Say something about a system."""
    visit.desk.store.get(System, name)
    with form:
        text = form.need("text", "The comment")
        form.settle()
        write_comment(visit.desk, visit.caller, f"system {name}", text)
        return go(path_of(name) + "#comments", "Your comment is on record.")
    return show(visit, name, form, 422)


@router.post("/evidence")
def file(visit: Visitor, name: str, form: Sent) -> Response:
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
            envelope = upload.file.read()
            filing = file_evidence(visit.desk, visit.caller, envelope, sealer.public.hex(), form.value("version"))
            outcome = filing.verdict.record.outcome.value
            return go(f"/releases/{filing.filed.record.release}", f"The evidence is filed. The verdict: {outcome}.")
    return show(visit, name, form, 422)


@router.post("/end-deployment")
def end(visit: Visitor, name: str, form: Sent) -> Response:
    """Take a release of this system out of production."""
    with form:
        reason = form.need("end_reason", "The reason")
        form.settle()
        ended = end_deployment(visit.desk, visit.caller, form.value("deployment"), reason=reason)
        return go(path_of(name) + "#production", f"It no longer counts as running in {ended.record.environment}.")
    return show(visit, name, form, 422)
