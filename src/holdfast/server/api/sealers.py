"""Sealers: whose sealed evidence counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.person import Sealer
from holdfast.flows.register import trust_sealer as trust
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/sealers", "sealers")

Key = Annotated[str, Body(description="The raw Ed25519 public key, 64 hex digits.")]


@router.get("", **needs(Permission.READ))
def list_sealers(platform: Here, listing: Listed) -> Page[Sealer]:
    """Keys by which evidence was or is trusted; `state` is trusted or revoked."""
    return platform.desk.store.list(Sealer, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.TRUST_SEALERS))
def trust_sealer(platform: Here, caller: Asking, name: Annotated[str, Body(max_length=200)], key: Key) -> Kept[Sealer]:
    """Count evidence that this key sealed."""
    return trust(platform.desk, caller, name, key)


@router.post("/{id}/revoke", **needs(Permission.TRUST_SEALERS))
def revoke_sealer(platform: Here, caller: Asking, id: str) -> Kept[Sealer]:
    """Count evidence that this key sealed no longer; gates that rested on it shut."""
    sealer = platform.desk.store.get(Sealer, id).record
    return trust(platform.desk, caller, sealer.name, sealer.key, trusted=False)
