"""Stopping a system at once, and letting it go on."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.flows import breakers
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.system import show
from holdfast.server.console.systems import path_of

router = APIRouter(prefix="/systems/{name}")


@router.post("/stop")
def stop(visit: Visitor, name: str, form: Sent) -> Response:
    """Stop it wherever it decides."""
    with form:
        reason = form.need("stop_reason", "The reason")
        form.settle()
        breakers.trip(visit.desk, visit.caller, name, reason=reason)
        return go(path_of(name), "Stopped. Gateways and admission hooks let it decide no more.")
    return _again(visit, name, form)


@router.post("/go-on")
def go_on(visit: Visitor, name: str, form: Sent) -> Response:
    """Let it go on."""
    with form:
        reason = form.need("go_on_reason", "The reason")
        form.settle()
        breakers.reset(visit.desk, visit.caller, form.value("breaker"), reason=reason)
        return go(path_of(name), "It may decide again, as far as its gates are open.")
    return _again(visit, name, form)


def _again(visit: Visit, name: str, form: Form) -> Response:
    return show(visit, name, form, 422)
