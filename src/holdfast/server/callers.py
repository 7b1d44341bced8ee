"""Who is behind a request: a person in a signed-in browser, or a program with a token."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from holdfast.domain.account import Session
from holdfast.domain.errors import Forbidden, SignInFirst
from holdfast.flows.desk import Caller, random_id
from holdfast.flows.people import by_session, by_token
from holdfast.server.platform import Platform

COOKIE = "holdfast_session"
SAFE = {"GET", "HEAD", "OPTIONS"}
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def platform_of(request: Request) -> Platform:
    """The control plane that serves this request."""
    found: Platform = request.app.state.platform
    return found


Here = Annotated[Platform, Depends(platform_of)]


async def request_id(request: Request) -> str:
    """What makes a repeated request the same request: its `Idempotency-Key`, or a form's field `once`, with all that it
    says; random without either.
    """
    key = request.headers.get("idempotency-key")
    if key:
        said = f"{key}\n{request.method}\n{request.url.path}\n".encode() + await request.body()
    else:
        said = await sent_once(request)
    return hashlib.sha256(said).hexdigest()[:24] if said else random_id()


async def sent_once(request: Request) -> bytes:
    """All that a form says, and to which page; nothing for a request without a field `once`."""
    if not request.headers.get("content-type", "").startswith(FORMS):
        return b""
    form = await request.form()
    if not form.get("once"):
        return b""
    fields = [[name, await _said(value)] for name, value in form.multi_items()]
    return json.dumps([request.method, request.url.path, fields]).encode()


async def _said(value: UploadFile | str) -> str:
    if isinstance(value, str):
        return value
    digest = hashlib.sha256(await value.read()).hexdigest()
    await value.seek(0)
    return f"{value.filename}:{digest}"


async def shown_token(request: Request) -> str:
    """The token by which a form shows that it is ours: in a header, or in its field `csrf`."""
    header = request.headers.get("x-csrf-token", "")
    if header or not request.headers.get("content-type", "").startswith(FORMS):
        return header
    value = (await request.form()).get("csrf", "")
    return value if isinstance(value, str) else ""


def session_of(request: Request, platform: Here) -> Session | None:
    """The browser's session, if it has one."""
    secret = request.cookies.get(COOKIE)
    return platform.accounts.session(secret, platform.desk.now) if secret else None


Browser = Annotated[Session | None, Depends(session_of)]


def caller_of(
    request: Request,
    platform: Here,
    session: Browser,
    id: Annotated[str, Depends(request_id)],
    shown: Annotated[str, Depends(shown_token)],
) -> Caller:
    """Who asks. A token counts before a cookie; a browser that changes something must show its form's own token."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        caller = by_token(platform.desk, platform.accounts, secret.strip(), id)
        if caller is None:
            raise SignInFirst("access.token", "This token is unknown, revoked or expired.", "Issue a new one.")
        return caller
    caller = by_session(platform.desk, session.person, id) if session else None
    if caller is None or session is None:
        raise SignInFirst("access.nobody", "Nobody is signed in.", "Sign in, or send `Authorization: Bearer TOKEN`.")
    if request.method not in SAFE and not hmac.compare_digest(shown.encode(), session.csrf.encode()):
        # A page elsewhere can make a browser send its cookie, but cannot read the token in our forms.
        raise Forbidden("access.form", "The form has expired, or came from elsewhere.", "Reload the page; try again.")
    return caller


Asking = Annotated[Caller, Depends(caller_of)]
