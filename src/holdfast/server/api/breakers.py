"""Breakers: stopping a system, or one release of it, wherever it decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.clearance import Breaker
from holdfast.flows import breakers
from holdfast.server.api.fields import OnlyReason, Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/breakers", "breakers")


@router.get("", **needs(Permission.READ))
def list_breakers(platform: Here, listing: Listed) -> Page[Breaker]:
    """What is or was stopped; `state` is tripped or reset, `about` the digest of a release."""
    return platform.desk.store.list(Breaker, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.TRIP_BREAKER))
def trip_breaker(
    platform: Here,
    caller: Asking,
    system: Annotated[str, Body(max_length=100, description="The system's name.")],
    reason: Reason,
    release: Annotated[str, Body(max_length=80, description="The digest of one release; empty for all.")] = "",
) -> Kept[Breaker]:
    """Stop a system, or one release of it: gateways and admission hooks let it decide no more."""
    return breakers.trip(platform.desk, caller, system, release=release, reason=reason)


@router.post("/{key}/reset", **needs(Permission.RESET_BREAKER))
def reset_breaker(platform: Here, caller: Asking, key: str, reason: OnlyReason) -> Kept[Breaker]:
    """Let it go on; never the person who stopped it."""
    return breakers.reset(platform.desk, caller, key, reason=reason)
