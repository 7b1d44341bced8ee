"""Who asks at the gateway: keys, certificates, signed tokens, and everything that is none of these."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from holdfast.domain.credential import Credential, Route, Way
from holdfast.domain.errors import SignInFirst
from holdfast.domain.verdict import timestamp
from holdfast.gateway.access.identity import Identities, Issuer

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY = Credential(
    "c-1", "branch", Way.KEY, hashlib.sha256(b"s3cret").hexdigest(), ("Loans",), (Route.PREDICT,),
    timestamp(NOW + timedelta(days=1)),
)  # fmt: skip
CERTIFICATE = replace(KEY, id="c-2", way=Way.CERTIFICATE, match="spiffe://bank/scoring")
SIGNED = replace(KEY, id="c-3", way=Way.TOKEN, match="https://id.bank|batch")
SIGNER = ECKey.generate_key("P-256", {"kid": "1"})
ISSUER = Issuer("https://id.bank", "holdfast", KeySet([SIGNER]))


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def identities(clock):
    return Identities([KEY, CERTIFICATE, SIGNED], clock, [ISSUER])


def signed(key=SIGNER, algorithm="ES256", **claims):
    about = {"iss": ISSUER.name, "aud": "holdfast", "sub": "batch", "exp": int(NOW.timestamp()) + 300} | claims
    return jwt.encode({"alg": algorithm, "kid": "1"}, {k: v for k, v in about.items() if v is not None}, key)


def test_a_key_in_either_header_or_as_a_password(identities):
    assert identities.by_header("Bearer s3cret") == KEY
    assert identities.by_header("bearer  s3cret ") == KEY
    assert identities.by_header("", "s3cret") == KEY
    assert identities.by_header("Basic " + base64.b64encode(b"anybody:s3cret").decode()) == KEY


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic s3cret",
        "Basic czNjcmV0",
        "Basic /v8=",
        "s3cret",
        "Bearer S3CRET",
        "Bearer a.b.c",
    ],
)
def test_what_is_no_key(identities, shown):
    with pytest.raises(SignInFirst):
        identities.by_header(shown)


def test_a_key_counts_until_it_expires(identities, clock):
    clock.now += timedelta(days=1)
    with pytest.raises(SignInFirst):
        identities.by_header("Bearer s3cret")


def test_the_hash_of_a_key_is_no_key(identities):
    with pytest.raises(SignInFirst):
        identities.by_header(f"Bearer {KEY.match}")


def test_a_certificate_is_known_by_any_of_its_names(identities):
    assert identities.by_certificate(["host.bank", "spiffe://bank/scoring"]) == CERTIFICATE
    assert identities.by_certificate(["host.bank"]) is None
    assert identities.by_certificate([KEY.match]) is None


def test_a_signed_token_counts_until_it_expires_though_it_was_verified_before(identities, clock):
    token = f"Bearer {signed()}"
    assert identities.by_header(token) == SIGNED
    assert identities.by_header(token) == SIGNED
    clock.now += timedelta(seconds=301)
    with pytest.raises(SignInFirst):
        Identities([SIGNED], clock, [ISSUER]).by_header(f"Bearer {signed(exp=int(NOW.timestamp()))}")
    clock.now += timedelta(seconds=60)
    with pytest.raises(SignInFirst):
        identities.by_header(token)


@pytest.mark.parametrize(
    "token",
    [
        signed(iss="https://evil"),
        signed(aud="else"),
        signed(sub="nobody"),
        signed(sub=None),
        signed(exp=None),
        signed(exp="soon"),
        signed(exp=1),
        signed(nbf=int(NOW.timestamp()) + 600),
        signed(key=ECKey.generate_key("P-256", {"kid": "1"})),
        signed()[:-8] + "AAAAAAAA",
        "eyJhbGciOiJub25lIn0." + signed().split(".")[1] + ".",
    ],
)
def test_tokens_that_do_not_hold(identities, token):
    with pytest.raises(SignInFirst, match="does not count"):
        identities.by_header(f"Bearer {token}")


def test_what_a_credential_reaches():
    assert KEY.may_ask("Loans", Route.PREDICT)
    assert not KEY.may_ask("Loans", Route.CHAT)
    assert not KEY.may_ask("Pricing", Route.PREDICT)
