"""Decisions as gateways logged them, and labels: what they turned out to be."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response

from holdfast.domain.access import Permission
from holdfast.domain.comparison import Comparison
from holdfast.domain.decision import Label
from holdfast.domain.view import DecidedPage, Explained, Labelled, Opened
from holdfast.flows import compare_releases as flow
from holdfast.flows import explain_decision
from holdfast.flows import label_decisions as labelling
from holdfast.server.api.fields import OnlyReason
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "decisions")

Id = Annotated[str, Path(max_length=40, description="The decision's id, a UUID of version 7.")]
PROOF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The proof."}
}


@router.get("/decisions", **needs(Permission.READ_DECISIONS))
def list_decisions(
    platform: Here,
    caller: Asking,
    system: Annotated[str, Query(max_length=200, description="The system's name.")],
    day: Annotated[str, Query(max_length=10, description="A UTC day, as 2026-11-28.")],
    after: Annotated[str, Query(max_length=100, description="`after` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Decisions on the page.")] = 50,
) -> DecidedPage:
    """The decisions of a system and day that segments hold, the latest first."""
    archive = platform.decisions.archive
    return explain_decision.list_decisions(platform.desk, caller, archive, system, day, before=after, limit=limit)


@router.get("/decisions/{id}", **needs(Permission.READ_DECISIONS))
def show_decision(platform: Here, caller: Asking, id: Id) -> Explained:
    """One decision, its release, who let that in, who answered for the system then, and what it turned out to be."""
    return explain_decision.explain_decision(platform.desk, caller, platform.decisions.archive, id)


@router.get("/decisions/{id}/proof", response_class=Response, responses=PROOF, **needs(Permission.READ_DECISIONS))
def show_decision_proof(platform: Here, caller: Asking, id: Id) -> Response:
    """The proof that it was logged, for whoever has the ledger's public key: `holdfast verify FILE` checks it."""
    proof = explain_decision.prove_decision(platform.desk, caller, platform.decisions.archive, id)
    return Response(proof.encode(), media_type="application/json")


@router.get("/comparisons", **needs(Permission.READ_DECISIONS))
def compare_releases(
    platform: Here,
    caller: Asking,
    system: Annotated[str, Query(max_length=200, description="The system's name.")],
    day: Annotated[str, Query(max_length=10, description="A UTC day, as 2026-11-28.")],
) -> Comparison:
    """What each release decided on a day: a shadow of the same cases as the live one, a canary of a share of them."""
    return flow.compare_releases(platform.desk, caller, platform.decisions.archive, system, day)


@router.post("/decisions/{id}/personal", status_code=201, **needs(Permission.READ_PERSONAL))
def read_personal(platform: Here, caller: Asking, id: Id, reason: OnlyReason) -> Opened:
    """Its personal fields. That they were read, by whom and why, goes into the ledger."""
    room = platform.decisions
    return explain_decision.read_personal(platform.desk, caller, room.archive, room.keys, id, reason=reason)


@router.post("/labels", **needs(Permission.LABEL_DECISIONS))
def label_decisions(
    platform: Here,
    caller: Asking,
    labels: Annotated[tuple[Label, ...], Body(embed=True, description="What was observed, and who says so.")],
) -> Labelled:
    """Say what decisions turned out to be, however late. The same again changes nothing; a different one corrects."""
    return labelling.label_decisions(platform.desk, caller, platform.decisions.log, labels)
