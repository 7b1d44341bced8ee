"""Signing in through a real OpenID Connect provider."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from joserfc.jwk import RSAKey

from holdfast.domain.account import Profile
from holdfast.server.oidc import Provider
from holdfast.settings import SingleSignOn

from .conftest import Server
from .identity_provider import identity_provider

CALLBACK = "http://holdfast.test/sign-in/oidc/back"
ADA = {"sub": "1", "email": "Ada@Example.org", "email_verified": True}


@pytest.fixture
def there(server):
    with identity_provider(CALLBACK) as provider:
        provider.user = ADA
        settings = SingleSignOn(provider.issuer, "holdfast", "s3cret")
        server.platform.accounts.add(Profile("owner", "Ada", "ada@example.org"))
        yield provider, Server(server.office, replace(server.platform, provider=Provider(settings, CALLBACK)))


def back(client, address):
    """Follow the provider's redirect in the same browser."""
    answer = httpx.get(address)
    assert answer.status_code == 302, answer.text
    return client.get(answer.headers["location"])


def leave(client, next="/systems"):
    answer = client.get("/sign-in/oidc", params={"next": next})
    assert answer.status_code == 303
    return answer.headers["location"]


def test_somebody_who_was_invited_comes_in(there):
    _, server = there
    client = server.stranger()
    assert "/sign-in/oidc?next=/" in client.get("/sign-in").text
    answer = back(client, leave(client))
    assert (answer.status_code, answer.headers["location"]) == (303, "/systems")
    assert client.get("/").status_code == 200


def test_a_stranger_does_not(there):
    provider, server = there
    provider.user = {**ADA, "email": "eve@example.org"}
    client = server.stranger()
    answer = back(client, leave(client))
    assert (answer.status_code, "nobody here" in answer.text) == (403, True)


def test_an_address_that_nobody_verified_counts_for_nothing(there):
    provider, server = there
    for claims in ({"email_verified": False}, {"email_verified": "true"}, {"email": None}):
        provider.user = {**ADA, **claims}
        client = server.stranger()
        assert back(client, leave(client)).status_code == 403


@pytest.mark.parametrize("lie", ["key", "issuer", "nonce", "audience"])
def test_a_token_that_does_not_hold_is_refused(there, lie):
    provider, server = there
    client = server.stranger()
    address = leave(client)
    if lie == "key":
        provider.shown_key = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
    if lie == "issuer":
        provider.issuer_in_tokens = "https://elsewhere.example"
    if lie == "nonce":
        provider.user = {**ADA, "nonce": "another"}
    if lie == "audience":
        provider.user = {**ADA, "aud": "another"}
    answer = back(client, address)
    assert (answer.status_code, "does not hold" in answer.text) == (403, True)


def test_nobody_finishes_what_another_browser_began(there):
    _, server = there
    victim, attacker = server.stranger(), server.stranger()
    address = leave(attacker)
    location = httpx.get(address).headers["location"]
    assert victim.get(location).status_code == 403
    leave(victim)
    assert victim.get(location).status_code == 403


def test_a_code_is_worth_nothing_twice_or_without_its_verifier(there):
    _, server = there
    client = server.stranger()
    location = httpx.get(leave(client)).headers["location"]
    kept = dict(client.cookies)
    assert client.get(location).status_code == 303
    client.cookies.update(kept)
    assert client.get(location).status_code == 403


def test_a_provider_that_is_away_is_said_to_be(there):
    provider, server = there
    settings = SingleSignOn("http://127.0.0.1:9", "holdfast", "s3cret")
    away = Server(server.office, replace(server.platform, provider=Provider(settings, CALLBACK)))
    assert away.stranger().get("/sign-in/oidc").status_code == 503
    named = SingleSignOn(provider.issuer + "/", "holdfast", "s3cret")
    other = Server(server.office, replace(server.platform, provider=Provider(named, CALLBACK)))
    assert other.stranger().get("/sign-in/oidc").status_code == 403


def test_without_a_provider_there_is_no_such_door(server):
    assert server.stranger().get("/sign-in/oidc").status_code == 404
    assert "organisation" not in server.stranger().get("/sign-in").text
