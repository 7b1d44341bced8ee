"""The other door: through the organisation's identity provider."""

from __future__ import annotations

import base64
import hmac
import json

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from holdfast.domain.errors import Absent, Forbidden
from holdfast.server.callers import Here
from holdfast.server.console.sign_in import inside, let_in
from holdfast.server.oidc import Attempt, Provider
from holdfast.server.platform import Platform

router = APIRouter(prefix="/sign-in/oidc")
COOKIE = "holdfast_oidc"
SECONDS = 600


@router.get("")
def leave(platform: Here, next: str = "/") -> Response:
    """To the provider; the browser keeps what only it must be able to finish with."""
    attempt = Attempt.new()
    answer = RedirectResponse(_provider(platform).address(attempt), 303)
    kept = json.dumps([attempt.state, attempt.nonce, attempt.verifier, inside(next)])
    value = base64.urlsafe_b64encode(kept.encode()).decode()
    answer.set_cookie(
        COOKIE, value, SECONDS, httponly=True, samesite="lax", secure=platform.is_encrypted, path="/sign-in"
    )
    return answer


@router.get("/back")
def come_back(request: Request, platform: Here, code: str = "", state: str = "") -> Response:
    """From the provider: open a session for whoever it vouches for, if they are somebody here."""
    attempt, next = _kept(request)
    if not code or not hmac.compare_digest(state.encode(), attempt.state.encode()):
        raise Forbidden("oidc.state", "This answer belongs to another attempt to sign in.", "Start again.")
    email = _provider(platform).email(code, attempt)
    person = platform.accounts.by_email(email)
    if person is None:
        raise Forbidden("oidc.stranger", f"{email} is nobody here.", "An admin can invite you.")
    answer = let_in(platform, person, next)
    answer.delete_cookie(COOKIE, path="/sign-in")
    return answer


def _provider(platform: Platform) -> Provider:
    if platform.provider is None:
        raise Absent("oidc.none", "No identity provider is set up here.", "Sign in with a password.")
    return platform.provider


def _kept(request: Request) -> tuple[Attempt, str]:
    try:
        state, nonce, verifier, next = json.loads(base64.urlsafe_b64decode(request.cookies[COOKIE]))
    except (KeyError, ValueError, TypeError) as error:
        raise Forbidden("oidc.state", "Nobody here was about to sign in.", "Start again.") from error
    return Attempt(str(state), str(nonce), str(verifier)), inside(str(next))
