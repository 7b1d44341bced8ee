"""Segments: files of decisions, as gateways register them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.decision import Segment
from holdfast.flows import register_segments
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/segments", "segments")


@router.get("", **needs(Permission.READ))
def list_segments(platform: Here, listing: Listed) -> Page[Segment]:
    """Files of decisions; `state` is the gateway that wrote it."""
    return platform.desk.store.list(Segment, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.RUN_GATEWAY))
def register_segment(
    platform: Here, caller: Asking, segment: Annotated[Segment, Body(embed=True, description="What was written.")]
) -> Kept[Segment]:
    """Enter a file of decisions into the ledger, by its Merkle root. The same file again is the same."""
    return register_segments.register_segment(platform.desk, caller, segment)


@router.get("/{file}", **needs(Permission.READ))
def show_segment(platform: Here, file: str) -> Kept[Segment]:
    """One file, by the digest of its bytes."""
    return platform.desk.store.get(Segment, file)
