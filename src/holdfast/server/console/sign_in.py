"""The door: signing in and out, and the first password by a one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from holdfast.domain.errors import FixInput, Forbidden
from holdfast.flows.people import WELCOME, welcome
from holdfast.server.callers import COOKIE, Asking, Browser, Here
from holdfast.server.console.pages import go, page
from holdfast.server.platform import Platform

router = APIRouter()
WRONG = "Address, password or code is not right, or there were too many attempts. Wait a little and try again."


def from_here(request: Request) -> None:
    """Forbidden for a form that a page elsewhere sent; browsers say where a request comes from."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("access.elsewhere", "This form was sent from another site.", "Open the page here; try again.")


@router.get("/sign-in")
def door(request: Request, platform: Here, session: Browser, next: str = "/") -> Response:
    """The form."""
    if session is not None:
        return go(inside(next))
    return _door(request, platform, next=inside(next))


def _door(request: Request, platform: Platform, *, next: str, wrong: str = "", email: str = "") -> Response:
    content = {"next": next, "wrong": wrong, "email": email, "provider": platform.provider is not None}
    return page(request, "sign_in.html", session=None, caller=None, status=401 if wrong else 200, **content)


@router.post("/sign-in", dependencies=[Depends(from_here)])
def sign_in(
    request: Request,
    platform: Here,
    email: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    code: Annotated[str, Form(max_length=20)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Open a session; the same words for whatever is wrong."""
    person = platform.accounts.check(email, password, code, platform.desk.now)
    if person is None:
        return _door(request, platform, next=inside(next), wrong=WRONG, email=email)
    return let_in(platform, person, inside(next))


def let_in(platform: Platform, person: str, next: str) -> Response:
    """A session for somebody who showed who they are, on the way to `next`."""
    answer = go(next)
    secret = platform.accounts.open_session(person, platform.desk.now)
    platform.accounts.revoke(WELCOME, person)
    answer.set_cookie(COOKIE, secret, httponly=True, samesite="lax", secure=platform.is_encrypted, path="/")
    return answer


def inside(path: str) -> str:
    """A path on this server; never another host."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


@router.post("/sign-out")
def sign_out(request: Request, platform: Here, _caller: Asking) -> Response:
    """End the session."""
    platform.accounts.close_session(request.cookies.get(COOKIE, ""))
    answer = go("/sign-in")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/welcome/{secret}")
def show_welcome(request: Request, secret: str) -> Response:
    """The form for a first password. The link is not spent by looking at it, as mail scanners do."""
    return page(request, "welcome.html", session=None, caller=None, secret=secret, wrong="", name="", email="")


@router.post("/welcome/{secret}", dependencies=[Depends(from_here)])
def set_first_password(
    request: Request,
    platform: Here,
    secret: str,
    password: Annotated[str, Form(max_length=1000)],
    name: Annotated[str, Form(max_length=200)] = "",
    email: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Set it, and go to the door."""
    try:
        welcome(platform.desk, platform.accounts, secret, name=name, email=email, password=password)
    except FixInput as error:
        said = {"secret": secret, "wrong": str(error), "name": name, "email": email}
        return page(request, "welcome.html", session=None, caller=None, status=422, **said)
    return go("/sign-in")
