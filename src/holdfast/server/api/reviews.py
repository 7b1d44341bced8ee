"""Reviews: decisions that wait for a person, as gateways file them and people decide them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.review import Held, HumanReview, ReviewFigures
from holdfast.domain.schema import Scalar
from holdfast.domain.system import System
from holdfast.domain.view import Forgotten, Shown
from holdfast.flows import review as flow
from holdfast.server.api.fields import Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/reviews", "reviews")


@router.get("", **needs(Permission.READ))
def list_reviews(platform: Here, listing: Listed) -> Page[HumanReview]:
    """Decisions that wait or waited for a person, sorted by when they are due; `state` is waiting, decided or lapsed,
    `about` the digest of a release.
    """
    return platform.desk.store.list(HumanReview, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.RUN_GATEWAY))
def file_review(
    platform: Here, caller: Asking, held: Annotated[Held, Body(embed=True, description="What has to be decided.")]
) -> Kept[HumanReview]:
    """Let a decision wait for a person. The same decision again is the same review."""
    return flow.file_held(platform.desk, caller, held)


@router.post("/forget", **needs(Permission.FORGET_SUBJECTS))
def forget_subject(
    platform: Here,
    caller: Asking,
    subject: Annotated[str, Body(embed=True, max_length=200, description="The pseudonym, as decisions have it.")],
) -> Forgotten:
    """Destroy what waiting reviews show of a person (GDPR Article 17); the reviews wait on without it."""
    flow.forget(platform.desk, caller, subject)
    return Forgotten(subject)


@router.get("/figures/{system}", **needs(Permission.READ))
def show_figures(platform: Here, system: str) -> ReviewFigures:
    """How many reviews of a system wait, were decided and lapsed; how often people overruled, and how long it took."""
    platform.desk.store.get(System, system)
    return flow.figures(platform.desk, system)


@router.get("/{decision}", **needs(Permission.READ))
def show_review(platform: Here, decision: str) -> Kept[HumanReview]:
    """One review, by its decision's id."""
    return flow.find_review(platform.desk, decision)


@router.get("/{decision}/outcome", **needs(Permission.RUN_GATEWAY))
def show_outcome(platform: Here, decision: str) -> Kept[HumanReview]:
    """The same for gateways, which tell whoever asked them."""
    return flow.find_review(platform.desk, decision)


@router.get("/{decision}/content", **needs(Permission.DECIDE_REVIEWS))
def show_content(platform: Here, caller: Asking, decision: str) -> Shown:
    """What a person has to see to decide it: the input and what the model proposes. Nothing once it is over."""
    return Shown(flow.read_content(platform.desk, caller, decision))


@router.post("/{decision}/decide", **needs(Permission.DECIDE_REVIEWS))
def decide_review(
    platform: Here,
    caller: Asking,
    decision: str,
    reason: Reason,
    answer: Annotated[Scalar | None, Body(description="The answer; null where nothing shall be answered.")] = None,
) -> Kept[HumanReview]:
    """Decide it. Never who runs the gateway that asks, nor who let the program in that asked it."""
    return flow.decide(platform.desk, caller, decision, answer=answer, reason=reason)
