"""Deployments: what is in production, since when, on the strength of which gate, and who let it in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.release import Deployment
from holdfast.flows import deploy
from holdfast.server.api.fields import OnlyReason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/deployments", "deployments")


@router.get("", **needs(Permission.READ))
def list_deployments(platform: Here, listing: Listed) -> Page[Deployment]:
    """What runs and what ran; `about` is the digest of a release, `state` running or ended."""
    return platform.desk.store.list(Deployment, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.DEPLOY))
def start_deployment(
    platform: Here,
    caller: Asking,
    request: Annotated[str, Body(embed=True, description="The key of the request whose gate is open.")],
) -> Kept[Deployment]:
    """Put what passed its gate into production; what ran there before ends with it."""
    return deploy.deploy(platform.desk, caller, request)


@router.get("/{key}", **needs(Permission.READ))
def show_deployment(platform: Here, key: str) -> Kept[Deployment]:
    """One deployment."""
    return platform.desk.store.get(Deployment, key)


@router.get("/{key}/history", **needs(Permission.READ))
def deployment_history(platform: Here, key: str) -> tuple[Kept[Deployment], ...]:
    """Its start, and its end if it came."""
    return platform.desk.store.history(Deployment, key)


@router.post("/{key}/end", **needs(Permission.DEPLOY))
def end_deployment(platform: Here, caller: Asking, key: str, reason: OnlyReason) -> Kept[Deployment]:
    """Take a release out of production."""
    return deploy.end_deployment(platform.desk, caller, key, reason=reason)
