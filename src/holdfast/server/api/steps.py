"""Lineage: recorded steps and attested sources, each as it was sealed, and what was made by which step."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.lineage import FiledOutput, FiledSource, FiledStep
from holdfast.flows import steps
from holdfast.server.api.evidence import DSSE, SEALED
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "lineage")
Envelope = Annotated[str, Body(description="The whole text of the sealed file.")]
Sealer = Annotated[str, Body(description="The key that sealed it: raw Ed25519, 64 hex digits.")]


@router.get("/steps", **needs(Permission.READ))
def list_steps(platform: Here, listing: Listed) -> Page[FiledStep]:
    """Recorded steps; `state` is succeeded or failed, `text` is looked for in the command."""
    return platform.desk.store.list(FiledStep, **listing.arguments)


@router.post("/steps", status_code=201, **needs(Permission.REGISTER_RELEASES))
def file_step(platform: Here, caller: Asking, envelope: Envelope, sealer: Sealer) -> Kept[FiledStep]:
    """File what `holdfast record` sealed."""
    return steps.file_step(platform.desk, caller, envelope.encode(), sealer)


@router.get("/steps/{key}", **needs(Permission.READ))
def show_step(platform: Here, key: str) -> Kept[FiledStep]:
    """One recorded step, as far as lineage looks at it."""
    return platform.desk.store.get(FiledStep, key)


@router.get("/steps/{key}/envelope", **SEALED, **needs(Permission.READ))
def show_step_envelope(platform: Here, key: str) -> Response:
    """The sealed provenance itself, byte for byte: an in-toto statement with the SLSA v1 predicate."""
    filed = platform.desk.store.get(FiledStep, key).record
    return Response(platform.desk.blobs.get(filed.envelope), media_type=DSSE)


@router.get("/outputs", **needs(Permission.READ))
def list_outputs(platform: Here, listing: Listed) -> Page[FiledOutput]:
    """Files that recorded steps made; `about` is the digest of one, and `step` in the answer who made it."""
    return platform.desk.store.list(FiledOutput, **listing.arguments)


@router.get("/sources", **needs(Permission.READ))
def list_sources(platform: Here, listing: Listed) -> Page[FiledSource]:
    """Attested sources of files that are no tables; `about` is the digest of one."""
    return platform.desk.store.list(FiledSource, **listing.arguments)


@router.post("/sources", status_code=201, **needs(Permission.REGISTER_RELEASES))
def file_source(platform: Here, caller: Asking, envelope: Envelope, sealer: Sealer) -> Kept[FiledSource]:
    """File what `holdfast data attest` sealed."""
    return steps.file_source(platform.desk, caller, envelope.encode(), sealer)
