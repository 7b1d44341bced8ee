"""Requests: somebody asks to pass a gate, and the gate answers from what is known now."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.gate import Gate, Request
from holdfast.domain.view import Asked
from holdfast.flows import gate as gates
from holdfast.server.api.fields import Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/requests", "requests")


@router.get("", **needs(Permission.READ))
def list_requests(platform: Here, listing: Listed) -> Page[Request]:
    """Requests; `about` is the digest of a release, `state` open or withdrawn."""
    return platform.desk.store.list(Request, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.ASK_GATE))
def ask_gate(
    platform: Here,
    caller: Asking,
    gate: Annotated[Gate, Body()],
    system: Annotated[str, Body(description="The system's name.")],
    reason: Reason,
    release: Annotated[str, Body(description="The release's digest, where one is to be let through.")] = "",
    environment: Annotated[str, Body(max_length=100, description="Where it is to run.")] = "",
    datasets: Annotated[tuple[str, ...], Body(description="Digests of data sets, for data and training.")] = (),
) -> Kept[Request]:
    """Ask to pass a gate. What the gate says is shown with the request."""
    said = {"release": release, "environment": environment}
    return gates.ask(platform.desk, caller, gate, system, reason=reason, datasets=datasets, **said).request


@router.get("/{key}", **needs(Permission.READ))
def show_request(platform: Here, key: str) -> Asked:
    """A request: what the gate says now and why, whose answer is missing, and what an approval would be bound to."""
    opened = gates.look(platform.desk, key)
    return Asked(opened.request, opened.ruling, opened.bound, opened.dossier.verdict, opened.dossier.data)


@router.post("/{key}/withdraw", **needs(None))
def withdraw_request(platform: Here, caller: Asking, key: str) -> Kept[Request]:
    """Take one's own request back."""
    return gates.withdraw(platform.desk, caller, key)
