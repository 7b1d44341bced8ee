"""Approvals, dissent and waivers: people's word on exact digests. Delegations: who speaks for whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.approval import Approval, Delegation, Discipline, Waiver
from holdfast.domain.gate import Request
from holdfast.flows import approve
from holdfast.server.api.fields import Reason, Until, Yes
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "approvals")


@router.get("/approvals", **needs(Permission.READ))
def list_approvals(platform: Here, listing: Listed) -> Page[Approval]:
    """Answers; `about` is the digest that they are bound to first (a request's or a waiver's), `state` yes or no."""
    return platform.desk.store.list(Approval, **listing.arguments)


@router.get("/requests/{key}/approvals", **needs(Permission.READ))
def request_approvals(platform: Here, key: str, listing: Listed) -> Page[Approval]:
    """The answers to a request, whether they still count or not."""
    about = canonical.digest(platform.desk.store.get(Request, key).record)
    return platform.desk.store.list(Approval, **listing.arguments | {"about": about})


@router.post("/requests/{key}/approvals", status_code=201, **needs(Permission.APPROVE))
def answer_request(
    platform: Here, caller: Asking, key: str, discipline: Annotated[Discipline, Body()], reason: Reason, yes: Yes = True
) -> Kept[Approval]:
    """Answer a request in a discipline that one may speak for, bound to the digests that are current now."""
    return approve.answer(platform.desk, caller, key, discipline, reason=reason, says_yes=yes)


@router.post("/approvals/{key}/revoke", **needs(None))
def revoke_approval(platform: Here, caller: Asking, key: str) -> Kept[Approval]:
    """Take one's own answer back."""
    return approve.revoke(platform.desk, caller, key)


@router.get("/waivers", **needs(Permission.READ))
def list_waivers(platform: Here, listing: Listed) -> Page[Waiver]:
    """Waivers; `about` is the digest of the request that they were asked for on."""
    return platform.desk.store.list(Waiver, **listing.arguments)


@router.get("/waivers/{key}", **needs(Permission.READ))
def show_waiver(platform: Here, key: str) -> Kept[Waiver]:
    """One waiver."""
    return platform.desk.store.get(Waiver, key)


@router.post("/requests/{key}/waivers", status_code=201, **needs(Permission.ASK_WAIVER))
def ask_waiver(
    platform: Here,
    caller: Asking,
    key: str,
    measure: Annotated[str, Body(max_length=120, description="The measure whose limit is breached.")],
    reason: Reason,
    controls: Annotated[str, Body(max_length=4000, description="What keeps the harm small meanwhile.")],
    until: Until,
) -> Kept[Waiver]:
    """Ask that a breach be accepted for a while. It counts once those who must have approved it."""
    return approve.ask_waiver(platform.desk, caller, key, measure, reason=reason, controls=controls, until=until)


@router.post("/requests/{key}/waivers/{waiver}/approvals", status_code=201, **needs(Permission.APPROVE))
def answer_waiver(
    platform: Here,
    caller: Asking,
    key: str,
    waiver: str,
    discipline: Annotated[Discipline, Body()],
    reason: Reason,
    yes: Yes = True,
) -> Kept[Approval]:
    """Answer whether a breach may be accepted."""
    return approve.answer_waiver(platform.desk, caller, key, waiver, discipline, reason=reason, says_yes=yes)


@router.get("/delegations", **needs(Permission.READ))
def list_delegations(platform: Here, listing: Listed) -> Page[Delegation]:
    """Who lets whom answer; `about` is who gave it."""
    return platform.desk.store.list(Delegation, **listing.arguments)


@router.post("/delegations", status_code=201, **needs(Permission.APPROVE))
def delegate(
    platform: Here,
    caller: Asking,
    to: Annotated[str, Body(description="A person's id.")],
    discipline: Annotated[Discipline, Body()],
    until: Until,
    reason: Reason,
) -> Kept[Delegation]:
    """Let somebody else answer in one's discipline until a day."""
    return approve.delegate(platform.desk, caller, to, discipline, until=until, reason=reason)


@router.post("/delegations/{key}/end", **needs(None))
def end_delegation(platform: Here, caller: Asking, key: str) -> Kept[Delegation]:
    """Take one's own delegation back."""
    return approve.end_delegation(platform.desk, caller, key)
