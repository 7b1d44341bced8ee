"""The application: routes, security headers, and the translation of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.staticfiles import StaticFiles

from holdfast import charts
from holdfast.domain.errors import TooMany
from holdfast.server import health
from holdfast.server.api.routers import API
from holdfast.server.console.routers import CONSOLE
from holdfast.server.limits import Limits
from holdfast.server.openapi import PROBLEMS, describe, operation_id
from holdfast.server.platform import Platform
from holdfast.server.problems import handle_problems, problem, too_many
from holdfast.server.repeats import answer_once
from holdfast.version import __version__

STATIC = Path(__file__).parent / "static"
SHARED = Path(__file__).parent.parent / "reports" / "templates"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
MOST_BYTES = 32 * 1024 * 1024
"""No request is longer; evidence of the widest table that was tried has 6 MB."""


def create_app(platform: Platform, limits: Limits | None = None) -> FastAPI:
    """The control plane's ASGI application; `limits` of its own where none are given."""
    app = FastAPI(
        title="Holdfast",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.state.platform = platform
    app.state.limits = limits or Limits()
    handle_problems(app)
    app.middleware("http")(answer_once)
    app.middleware("http")(_guard)
    app.include_router(health.router, include_in_schema=False)
    api = APIRouter(prefix="/api/v1", responses=PROBLEMS)
    for router in API:
        api.include_router(router)
    app.include_router(api)
    for router in CONSOLE:
        app.include_router(router, include_in_schema=False)
    app.get("/static/{sheet}.css", include_in_schema=False)(_sheet)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _sheet(sheet: str) -> Response:
    """A style sheet; all but the console's own are the report's, so that both look alike."""
    if sheet not in ("tokens", "atoms", "charts", "console"):
        raise HTTPException(404, "There is no such style sheet")
    if sheet == "charts":
        return Response(charts.stylesheet(), media_type="text/css")
    folder = STATIC if sheet == "console" else SHARED
    return Response((folder / f"{sheet}.css").read_text(encoding="utf-8"), media_type="text/css")


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what is too much or too long before it is read; send every answer with the headers that browsers heed."""
    answer = _refusal(request) or await call_next(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _refusal(request: Request) -> Response | None:
    address = request.client.host if request.client else ""
    try:
        request.app.state.limits.admit(address, request.method, request.url.path)
    except TooMany as error:
        return too_many(error)
    length = request.headers.get("content-length", "0")
    if (
        not (length.isascii() and length.isdigit())
        or int(length) > MOST_BYTES
        or "transfer-encoding" in request.headers
    ):
        hint = "Send 32 MB at most, and say how long it is."
        return problem(413, "request.too-long", "The request is too long.", hint)
    return None
