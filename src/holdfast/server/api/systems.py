"""Systems: what AI there is, who answers for it, and its risk tier."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.system import System
from holdfast.flows import register
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/systems", "systems")


@router.get("", **needs(Permission.READ))
def list_systems(platform: Here, listing: Listed) -> Page[System]:
    """The inventory."""
    return platform.desk.store.list(System, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.MANAGE_SYSTEMS))
def register_system(platform: Here, caller: Asking, system: System) -> Kept[System]:
    """Enter a system. Its tier is high until it is classified."""
    return register.register_system(platform.desk, caller, system)


@router.get("/{name}", **needs(Permission.READ))
def show_system(platform: Here, name: str) -> Kept[System]:
    """One system."""
    return platform.desk.store.get(System, name)


@router.get("/{name}/history", **needs(Permission.READ))
def system_history(platform: Here, name: str) -> tuple[Kept[System], ...]:
    """Every revision of a system, the first one first."""
    return platform.desk.store.history(System, name)


@router.put("/{name}", **needs(Permission.MANAGE_SYSTEMS))
def change_system(
    platform: Here, caller: Asking, name: str, system: System, revision: Annotated[int, Body(ge=1, le=2**31 - 2)]
) -> Kept[System]:
    """Change what is said of a system, as it stood at `revision`."""
    return register.change_system(platform.desk, caller, name, system, revision)
