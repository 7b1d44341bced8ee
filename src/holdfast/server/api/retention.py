"""Retention: how long decisions are kept, legal holds, and what went at the end of its time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.domain.view import DuePage
from holdfast.flows import retention
from holdfast.server.api.fields import OnlyReason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "retention")

MOST_DAYS = 36_600
Because = Annotated[str, Body(max_length=4000, description="The law that asks for fewer days than six months.")]
Day = Annotated[str, Body(max_length=10, description="A UTC day, as 2026-11-28; empty for no end.")]


@router.get("/retention", **needs(Permission.READ))
def list_retention(platform: Here, listing: Listed) -> Page[Retention]:
    """How long decisions are kept, by system. What has no retention is kept for ever."""
    return platform.desk.store.list(Retention, **listing.arguments)


@router.put("/retention/{system}", **needs(Permission.SET_RETENTION))
def set_retention(
    platform: Here,
    caller: Asking,
    system: str,
    days: Annotated[int, Body(ge=1, le=MOST_DAYS, description="Days; at least six months, unless a law says less.")],
    because: Because = "",
) -> Kept[Retention]:
    """Say how long decisions of a system are kept."""
    return retention.set_retention(platform.desk, caller, system, days, because=because)


@router.get("/retention/{system}/due", **needs(Permission.READ))
def list_due(
    platform: Here,
    system: str,
    after: Annotated[str, Query(max_length=1000, description="`after` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Segments that are looked at.")] = 50,
) -> DuePage:
    """Segments of a system whose time is over, the oldest first, and what keeps them. Nothing is removed by this."""
    return retention.due(platform.desk, system, after=after, limit=limit)


@router.post("/segments/{file}/remove", status_code=201, **needs(Permission.REMOVE_SEGMENTS))
def remove_segment(platform: Here, caller: Asking, file: str) -> Kept[Removal]:
    """Note that a segment goes at the end of its time; whoever asks deletes the file then. 409 where it stays."""
    return retention.remove_segment(platform.desk, caller, file)


@router.get("/removals", **needs(Permission.READ))
def list_removals(platform: Here, listing: Listed) -> Page[Removal]:
    """Segments that went; `about` is the digest of a segment's record."""
    return platform.desk.store.list(Removal, **listing.arguments)


@router.get("/holds", **needs(Permission.READ))
def list_holds(platform: Here, listing: Listed) -> Page[Hold]:
    """Legal holds; `state` is placed or lifted."""
    return platform.desk.store.list(Hold, **listing.arguments)


@router.post("/holds", status_code=201, **needs(Permission.MANAGE_HOLDS))
def place_hold(
    platform: Here,
    caller: Asking,
    system: Annotated[str, Body(max_length=200, description="The system's name.")],
    because: Annotated[str, Body(max_length=4000, description="The case, in a sentence.")],
    first: Day = "",
    last: Day = "",
) -> Kept[Hold]:
    """Keep what a system decided in these days, whatever its retention says."""
    return retention.place_hold(platform.desk, caller, system, because=because, first=first, last=last)


@router.post("/holds/{key}/lift", **needs(Permission.MANAGE_HOLDS))
def lift_hold(platform: Here, caller: Asking, key: str, reason: OnlyReason) -> Kept[Hold]:
    """Let retention go on."""
    return retention.lift_hold(platform.desk, caller, key, reason=reason)
