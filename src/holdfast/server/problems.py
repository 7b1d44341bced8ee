"""Errors over HTTP: RFC 9457 problem documents for programs, pages for people."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from holdfast.domain.errors import HoldfastError, TooMany
from holdfast.problems import MEDIA_TYPE, document, status_of

HINTS = {404: ("Check the address.", "Absent")}


def problem(status: int, code: str, message: str, hint: str, kind: str = "FixInput") -> JSONResponse:
    """A problem document as an answer."""
    return JSONResponse(document(status, code, message, hint, kind), status, media_type=MEDIA_TYPE)


def too_many(error: TooMany) -> Response:
    """The document that says how long to wait."""
    answer = problem(429, error.code, error.message, error.hint, "TooMany")
    answer.headers["Retry-After"] = str(error.seconds)
    return answer


def handle_problems(app: FastAPI) -> None:
    """Translate every error once, here."""

    @app.exception_handler(TooMany)
    def _too_many(_request: Request, error: TooMany) -> Response:
        return too_many(error)

    @app.exception_handler(HoldfastError)
    def _known(request: Request, error: HoldfastError) -> Response:
        return _answer(request, status_of(error), error.code, error.message, error.hint, type(error).__name__)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = first.get("ctx", {}).get("error", "") if first["type"] == "json_invalid" else ""
        said = f"{where}: {first['msg']}{f' ({why})' if why else ''}."
        return _answer(request, 422, "request.invalid", said, "Mend the request and send it again.")

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        hint, kind = HINTS.get(error.status_code, ("See /api/openapi.json.", "FixInput"))
        answer = _answer(request, error.status_code, "http.error", f"{error.detail}.", hint, kind)
        answer.headers.update(error.headers or {})
        return answer


def _answer(request: Request, status: int, code: str, message: str, hint: str, kind: str = "FixInput") -> Response:
    if request.url.path.startswith("/api/"):
        return problem(status, code, message, hint, kind)
    from holdfast.server.console.pages import error_page

    return error_page(request, status, code, message, hint)
