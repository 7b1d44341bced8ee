"""The control plane's application for tests. FastAPI works a second at its routes: here once for a whole process."""

from __future__ import annotations

from copy import copy
from functools import cache

from fastapi import FastAPI
from starlette.datastructures import State

from holdfast.server.app import create_app
from holdfast.server.limits import Limits


def app_of(platform, limits: Limits | None = None) -> FastAPI:
    """As `create_app`, with the routes of the one that was made first."""
    app = copy(_first())
    app.state = State({"platform": platform, "limits": limits or Limits()})
    return app


@cache
def _first() -> FastAPI:
    return create_app(None)
