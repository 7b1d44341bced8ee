"""Who asks: a key in a header, a certificate of the connection, or a signed token of an issuer that is trusted."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from holdfast.domain.credential import Credential, Way
from holdfast.domain.errors import SignInFirst
from holdfast.domain.verdict import parse_time

ALGORITHMS = ["RS256", "ES256", "EdDSA", "PS256"]
REMEMBERED = 10_000
"""Tokens whose signatures were verified and are not verified again; the ones used longest ago are forgotten."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whoever signs tokens that count here: its name, for whom the tokens must be meant, and its keys.

    `miss` is called when a token names a key that is not among them.
    """

    name: str
    audience: str
    keys: KeySet
    miss: Callable[[], None] = lambda: None


class Identities:
    """Finds the credential of whoever asks, in memory. `clock` tells the time, aware."""

    def __init__(
        self, credentials: Iterable[Credential], clock: Callable[[], datetime], issuers: Iterable[Issuer] = ()
    ) -> None:
        self._clock = clock
        self._known = {(one.way, one.match): (one, parse_time(one.expires_at)) for one in credentials}
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._verified: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def by_header(self, authorization: str, key: str = "") -> Credential:
        """Whose key or token stands in ``Authorization: Bearer``, or is the password of ``Basic`` (RFC 7617), or stands
        in `key`, a header of its own.

        SignInFirst where there is none, and in the same words where it is unknown, expired or not signed.
        """
        secret = key or _shown(authorization)
        if not secret:
            raise SignInFirst("gateway.nobody", "Nobody says who asks.", "Send `Authorization: Bearer KEY`.")
        if self._issuers and secret.count(".") == 2:
            return self._credential(Way.TOKEN, self._subject(secret))
        return self._credential(Way.KEY, hashlib.sha256(secret.encode()).hexdigest())

    def by_certificate(self, names: Iterable[str]) -> Credential | None:
        """The credential of one of the names in a verified client certificate; None where none is known."""
        known = (name for name in names if (Way.CERTIFICATE, name) in self._known)
        name = next(known, None)
        return self._credential(Way.CERTIFICATE, name) if name is not None else None

    def _credential(self, way: Way, match: str) -> Credential:
        found = self._known.get((way, match))
        if found is None or self._clock() >= found[1]:
            raise _unknown()
        return found[0]

    def _subject(self, token: str) -> str:
        """``issuer|subject`` of a token that is signed, meant for us and valid now."""
        digest, now = hashlib.sha256(token.encode()).digest(), self._clock().timestamp()
        known = self._verified.pop(digest, None)
        subject, until = known if known is not None and now < known[1] else self._verify(token, now)
        self._verified[digest] = (subject, until)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return subject

    def _verify(self, token: str, now: float) -> tuple[str, float]:
        try:
            issuer = self._issuers[_claimed(token)]
            claims = _verified(token, issuer)
            _require(claims, issuer, now)
            return f"{issuer.name}|{claims['sub']}", float(claims["exp"])
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise _unknown() from error


def _shown(authorization: str) -> str:
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(shown.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _claimed(token: str) -> str:
    """Who says that they signed it: only that chooses the keys, and what follows proves it."""
    return str(json.loads(jws.extract_compact(token.encode()).payload)["iss"])


def _verified(token: str, issuer: Issuer) -> dict[str, Any]:
    try:
        return jwt.decode(token, issuer.keys, algorithms=ALGORITHMS).claims
    except InvalidKeyIdError:
        issuer.miss()
        raise


def _require(claims: Mapping[str, object], issuer: Issuer, now: float) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=lambda: int(now),
        leeway=30,
        iss={"essential": True, "value": issuer.name},
        aud={"essential": True, "value": issuer.audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    registry.validate(dict(claims))


def _unknown() -> SignInFirst:
    return SignInFirst("gateway.unknown", "This key, certificate or token does not count here, or no longer.", "")
