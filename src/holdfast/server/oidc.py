"""Signing in with the organisation's own identity provider: OpenID Connect Core 1.0, the authorization code flow.

With PKCE (RFC 7636), a state and a nonce; the ID token's signature, issuer, audience, expiry and nonce are checked
(§3.1.3.7), and its address must be verified. Whoever comes in must be a person here already: the provider says who
somebody is, never what they may do.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from holdfast.domain.errors import Forbidden, Unavailable
from holdfast.settings import SingleSignOn

ALGORITHMS = ["RS256", "ES256", "EdDSA", "PS256"]
SECONDS = 10
METADATA_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser keeps while it is at the provider: without all three nobody can finish the attempt."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        """Random throughout."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))


class Provider:
    """The identity provider of `settings`; `callback` is where it sends people back."""

    def __init__(self, settings: SingleSignOn, callback: str, client: httpx.Client | None = None) -> None:
        self._settings = settings
        self._callback = callback
        self._http = client or httpx.Client(timeout=SECONDS)
        self._metadata: tuple[float, dict[str, Any]] = (0.0, {})

    def address(self, attempt: Attempt) -> str:
        """Where to send the browser."""
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._callback,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._about()['authorization_endpoint']}?{urlencode(query)}"

    def email(self, code: str, attempt: Attempt) -> str:
        """The verified address of who came back with `code`; Forbidden where the provider's answer does not hold."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": attempt.verifier,
        }
        pair = (self._settings.client_id, self._settings.client_secret)
        answer = self._ask("POST", self._about()["token_endpoint"], data=form, auth=pair)
        claims = self._claims(str(answer.get("id_token", "")), attempt.nonce)
        if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
            raise _refused("it did not vouch for an e-mail address")
        return str(claims["email"])

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(self._ask("GET", self._about()["jwks_uri"]))  # type: ignore[arg-type]
        rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
            leeway=60,
        )
        try:
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            raise _refused(f"its token does not hold ({type(error).__name__})") from error
        return claims

    def _about(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0 §4), asked for once an hour."""
        taken, found = self._metadata
        if not found or time.monotonic() - taken > METADATA_SECONDS:
            found = self._ask("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise _refused("it calls itself by another name")
            self._metadata = (time.monotonic(), found)
        return found

    def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, url, **more)
            answer.raise_for_status()
            content = answer.json()
        except httpx.HTTPStatusError as error:
            raise _refused(f"it answered {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError) as error:
            hint = "Sign in with a password, or try again later."
            raise Unavailable("oidc.away", "The identity provider does not answer.", hint) from error
        return content if isinstance(content, dict) else {}


def _refused(why: str) -> Forbidden:
    return Forbidden("oidc.refused", f"The identity provider was asked who you are, but {why}.", "Try again.")
