"""How a page is made: templates, what every page shows, and the page of an error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from holdfast import words
from holdfast.domain.account import Session
from holdfast.flows.desk import Caller

TEMPLATES = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Room:
    """A part of the console in its navigation."""

    title: str
    path: str


ROOMS = (Room("Home", "/"),)
"""The rooms that exist, in the order of the product's sentence."""


@cache
def environment() -> Environment:
    """Templates with autoescape on; what they print goes through `holdfast.words`."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    made.filters |= {
        "moment": words.moment,
        "number": words.number,
        "sentence_case": words.sentence_case,
        "short": words.short,
    }
    made.globals["rooms"] = ROOMS
    return made


def page(
    request: Request,
    template: str,
    /,
    *,
    session: Session | None,
    caller: Caller | None,
    status: int = 200,
    **content: Any,
) -> HTMLResponse:
    """The `template` with `content`, in the frame that every page has."""
    html = (
        environment()
        .get_template(template)
        .render(path=request.url.path, csrf=session.csrf if session else "", caller=caller, **content)
    )
    return HTMLResponse(html, status)


def go(path: str) -> RedirectResponse:
    """To another page, after something was done."""
    return RedirectResponse(path, 303)


def error_page(request: Request, status: int, code: str, message: str, hint: str) -> Response:
    """What happened and what to do next. Nobody signed in: to the door, and back here after."""
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
    return page(request, "error.html", session=None, caller=None, status=status, code=code, message=message, hint=hint)
