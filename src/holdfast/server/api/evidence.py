"""Evidence: what `holdfast check` sealed, filed on a release, and the verdicts that were given on it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.kinds import Filed
from holdfast.domain.verdict import Verdict
from holdfast.flows.register import file_evidence
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "evidence")
DSSE = "application/vnd.dsse.envelope.v1+json"
SEALED: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"content": {DSSE: {"schema": {"type": "object"}}}, "description": "The envelope, as it came."}},
}


@router.get("/evidence", **needs(Permission.READ))
def list_evidence(platform: Here, listing: Listed) -> Page[Filed]:
    """What is filed; `about` is the digest of a release."""
    return platform.desk.store.list(Filed, **listing.arguments)


@router.post("/evidence", status_code=201, **needs(Permission.REGISTER_RELEASES))
def submit_evidence(
    platform: Here,
    caller: Asking,
    envelope: Annotated[str, Body(description="The whole text of a run's evidence.json.")],
    sealer: Annotated[str, Body(description="The key that sealed it: raw Ed25519, 64 hex digits.")],
    version: Annotated[str, Body(max_length=100, description="What people call the release.")],
) -> Kept[Verdict]:
    """File evidence, and its release if that is new; the verdict on it under the appetite in force here."""
    return file_evidence(platform.desk, caller, envelope.encode(), sealer, version).verdict


@router.get("/evidence/{digest}", **needs(Permission.READ))
def show_evidence(platform: Here, digest: str) -> Kept[Filed]:
    """How one evidence is filed."""
    return platform.desk.store.get(Filed, digest)


@router.get("/evidence/{digest}/envelope", **SEALED, **needs(Permission.READ))
def show_envelope(platform: Here, digest: str) -> Response:
    """The sealed evidence itself, byte for byte."""
    filed = platform.desk.store.get(Filed, digest).record
    return Response(platform.desk.blobs.get(filed.envelope), media_type=DSSE)


@router.get("/verdicts", **needs(Permission.READ))
def list_verdicts(platform: Here, listing: Listed) -> Page[Verdict]:
    """Verdicts as they were given; `about` is the digest of a release, `state` the outcome."""
    return platform.desk.store.list(Verdict, **listing.arguments)


@router.get("/verdicts/{digest}", **needs(Permission.READ))
def show_verdict(platform: Here, digest: str) -> Kept[Verdict]:
    """One verdict, with all its reasons."""
    return platform.desk.store.get(Verdict, digest)
