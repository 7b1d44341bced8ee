"""One release: what it is made of, what the evidence says, and asking to let it in."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.appetite import Appetite
from holdfast.domain.gate import Gate, Request
from holdfast.domain.kinds import Filed
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import System
from holdfast.flows.desk import APPETITE
from holdfast.flows.gate import ask
from holdfast.flows.inbox import look_all
from holdfast.reports import reading
from holdfast.server.console import shown
from holdfast.server.console.acts import tell
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.lineage import flow_of
from holdfast.server.console.pages import Visit, Visitor, go

router = APIRouter()
GATES = tuple(gate for gate in Gate if gate.needs_evidence)


@router.get("/releases/{digest}")
def show_release(visit: Visitor, digest: str) -> Response:
    """One release."""
    return _show(visit, digest, Form.of(environment="production"))


def _show(visit: Visit, digest: str, form: Form, status: int = 200) -> Response:
    desk, store = visit.desk, visit.desk.store
    kept = store.get(Release, digest)
    system = store.get(System, kept.record.system)
    found = shown.newest(desk, system.record, digest)
    return visit.page(
        "release.html",
        status=status,
        form=form,
        kept=kept,
        system=system,
        shown=found,
        matters=reading.matters(found.run) if found else (),
        gaps=reading.gaps(found.run) if found else (),
        has_appetite=store.find(Appetite, APPETITE) is not None,
        flow=flow_of(desk, digest),
        filed=store.list(Filed, about=digest, limit=20).items,
        requests=look_all(desk, store.list(Request, about=digest, limit=8).items),
        deployments=store.list(Deployment, about=digest, limit=20).items,
        acts=tell(store, store.recent(about=[digest], limit=20)),
        gates=GATES,
    )


@router.post("/releases/{digest}/ask")
def ask_for_release(visit: Visitor, digest: str, form: Sent) -> Response:
    """Ask to let a release into an environment."""
    kept = visit.desk.store.get(Release, digest)
    with form:
        gate = form.choice("gate", Gate, "The gate")
        environment = form.need("environment", "The environment")
        reason = form.need("reason", "The reason")
        form.settle()
        opened = ask(
            visit.desk,
            visit.caller,
            gate,
            kept.record.system,
            reason=reason,
            release=digest,
            environment=environment,
        )
        return go(f"/requests/{opened.request.key}", "You asked. Those who must answer find it in their inbox.")
    return _show(visit, digest, form, 422)
