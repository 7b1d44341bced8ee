"""The appetite and the committee in force, and the proposals that change them or people: one asks, another enacts."""

from __future__ import annotations

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.appetite import Appetite
from holdfast.domain.gate import Committee
from holdfast.domain.person import Proposal
from holdfast.flows import propose
from holdfast.flows.desk import APPETITE, COMMITTEE
from holdfast.server.api.fields import Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "rules")


@router.get("/appetite", **needs(Permission.READ))
def show_appetite(platform: Here) -> Kept[Appetite]:
    """The appetite in force."""
    return platform.desk.store.get(Appetite, APPETITE)


@router.get("/appetite/history", **needs(Permission.READ))
def appetite_history(platform: Here) -> tuple[Kept[Appetite], ...]:
    """Every appetite that was in force, the first one first."""
    return platform.desk.store.history(Appetite, APPETITE)


@router.post("/appetite/proposals", status_code=201, **needs(Permission.PROPOSE_APPETITE))
def propose_appetite(platform: Here, caller: Asking, appetite: Appetite, reason: Reason) -> Kept[Proposal]:
    """Propose an appetite; somebody else must enact it."""
    return propose.propose(platform.desk, caller, appetite, reason=reason)


@router.get("/committee", **needs(Permission.READ))
def show_committee(platform: Here) -> Kept[Committee]:
    """The committee that decides, and its rules."""
    return platform.desk.store.get(Committee, COMMITTEE)


@router.get("/committee/history", **needs(Permission.READ))
def committee_history(platform: Here) -> tuple[Kept[Committee], ...]:
    """Every committee that decided, the first one first."""
    return platform.desk.store.history(Committee, COMMITTEE)


@router.post("/committee/proposals", status_code=201, **needs(Permission.PROPOSE_APPETITE))
def propose_committee(platform: Here, caller: Asking, committee: Committee, reason: Reason) -> Kept[Proposal]:
    """Propose a committee and its rules; somebody else must enact it."""
    return propose.propose(platform.desk, caller, committee, reason=reason)


@router.get("/proposals", **needs(Permission.READ))
def list_proposals(platform: Here, listing: Listed) -> Page[Proposal]:
    """Proposals; `state` is open, enacted or dropped."""
    return platform.desk.store.list(Proposal, **listing.arguments)


@router.get("/proposals/{key}", **needs(Permission.READ))
def show_proposal(platform: Here, key: str) -> Kept[Proposal]:
    """One proposal."""
    return platform.desk.store.get(Proposal, key)


@router.post("/proposals/{key}/enact", **needs(None))
def enact_proposal(platform: Here, caller: Asking, key: str) -> Kept[Proposal]:
    """Let somebody else's proposal take effect. Who may depends on what it changes."""
    propose.enact(platform.desk, caller, key)
    return platform.desk.store.get(Proposal, key)


@router.post("/proposals/{key}/drop", **needs(None))
def drop_proposal(platform: Here, caller: Asking, key: str) -> Kept[Proposal]:
    """Take a proposal off the table: one's own, or one that one could enact."""
    return propose.drop(platform.desk, caller, key)
