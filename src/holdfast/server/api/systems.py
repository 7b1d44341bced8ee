"""Systems: what AI there is, who answers for it, and its risk tier."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.system import System
from holdfast.flows import register
from holdfast.flows.desk import require
from holdfast.server.api.paging import Listed
from holdfast.server.callers import Asking, Here

router = APIRouter(prefix="/systems", tags=["systems"])


@router.get("")
def list_systems(platform: Here, caller: Asking, listing: Listed) -> Page[System]:
    """The inventory."""
    require(caller, Permission.READ)
    return platform.desk.store.list(System, **listing.arguments)


@router.post("", status_code=201)
def register_system(platform: Here, caller: Asking, system: System) -> Kept[System]:
    """Enter a system. Its tier is high until it is classified."""
    return register.register_system(platform.desk, caller, system)


@router.get("/{name}")
def show_system(platform: Here, caller: Asking, name: str) -> Kept[System]:
    """One system."""
    require(caller, Permission.READ)
    return platform.desk.store.get(System, name)


@router.put("/{name}")
def change_system(
    platform: Here, caller: Asking, name: str, system: System, revision: Annotated[int, Body(ge=1)]
) -> Kept[System]:
    """Change what is said of a system, as it stood at `revision`."""
    return register.change_system(platform.desk, caller, name, system, revision)
