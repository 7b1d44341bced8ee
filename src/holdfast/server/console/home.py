"""Home: what waits for me."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.system import System
from holdfast.flows.desk import require
from holdfast.server.callers import Asking, Browser, Here
from holdfast.server.console.pages import page

router = APIRouter()


@router.get("/")
def home(request: Request, platform: Here, session: Browser, caller: Asking) -> Response:
    """The first page."""
    require(caller, Permission.READ)
    systems = platform.desk.store.list(System, limit=20)
    return page(request, "home.html", session=session, caller=caller, systems=systems)
