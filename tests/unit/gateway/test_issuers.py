"""Keys of issuers: fetched over real HTTP, changed by the issuer, kept while it is away, and not for ever."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from holdfast.documents import parse_document
from holdfast.domain.credential import Credential, Route, Way
from holdfast.domain.errors import FixInput, SignInFirst, Unavailable
from holdfast.domain.verdict import timestamp
from holdfast.gateway.access import issuers
from holdfast.gateway.access.identity import Identities
from holdfast.gateway.access.issuers import IssuerKeys, read_keys
from holdfast.gateway.setup.sections import IssuerSection

pytestmark = pytest.mark.anyio
FIRST, SECOND = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("1", "2"))


class Issuer(http.server.BaseHTTPRequestHandler):
    answers: dict[str, object] = {}

    def do_GET(self):
        found = self.answers.get(self.path)
        self.send_response(200 if found is not None else 404)
        self.end_headers()
        self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

    def log_message(self, *words):
        pass


@pytest.fixture
def issuer():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{serving.server_port}"
        about = {"issuer": url, "jwks_uri": f"{url}/keys"}
        Issuer.answers = {"/.well-known/openid-configuration": about, "/keys": published(FIRST)}
        yield url
        serving.shutdown()


def published(*keys):
    return {"keys": [key.as_dict(private=False) for key in keys]}


def now():
    return datetime.now(UTC)


def keys_of(url, folder, **more):
    return IssuerKeys(IssuerSection(name=url, audience="holdfast", **more), folder, folder, now)


def token(url, key):
    claims = {"iss": url, "aud": "holdfast", "sub": "batch", "exp": int(time.time()) + 300}
    return "Bearer " + jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def identities(keys, url):
    until = timestamp(now() + timedelta(days=1))
    credential = Credential("c-1", "b", Way.TOKEN, f"{url}|batch", ("s",), (Route.PREDICT,), until)
    return Identities([credential], now, [keys.issuer] if keys.issuer else [])


async def test_a_key_that_the_issuer_changed_counts_once_a_token_names_it(issuer, tmp_path, monkeypatch):
    monkeypatch.setattr(issuers, "AT_MOST_EVERY", 0.05)
    keys = keys_of(issuer, tmp_path)
    following = asyncio.create_task(keys.follow())
    while keys.issuer is None:
        await asyncio.sleep(0.01)
    assert identities(keys, issuer).by_header(token(issuer, FIRST)).id == "c-1"
    Issuer.answers["/keys"] = published(SECOND)
    with pytest.raises(SignInFirst):
        identities(keys, issuer).by_header(token(issuer, SECOND))
    async with asyncio.timeout(5):
        while [key.kid for key in keys.issuer.keys.keys] != ["2"]:
            await asyncio.sleep(0.01)
    assert identities(keys, issuer).by_header(token(issuer, SECOND)).id == "c-1"
    with pytest.raises(SignInFirst):
        identities(keys, issuer).by_header(token(issuer, FIRST))
    following.cancel()


async def test_an_issuer_that_is_away_keeps_its_keys_for_a_while(issuer, tmp_path):
    await keys_of(issuer, tmp_path).refresh()
    Issuer.answers = {}
    again = keys_of(issuer, tmp_path)
    await again.refresh()
    assert again.trouble.code == "issuer.refused"
    assert identities(again, issuer).by_header(token(issuer, FIRST)).id == "c-1"
    kept = next(tmp_path.glob("*.json"))
    long_ago = time.time() - 25 * 3600
    os.utime(kept, (long_ago, long_ago))
    late = keys_of(issuer, tmp_path)
    await late.refresh()
    assert late.issuer is None


@pytest.mark.parametrize(
    ("path", "said", "code"),
    [
        ("/keys", {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}, "issuer.keys"),
        ("/keys", b"<html>", "issuer.malformed"),
        ("/keys", b" " * 300_000, "upstream.broken"),
        ("/.well-known/openid-configuration", {"issuer": "https://else", "jwks_uri": "x"}, "issuer.other"),
    ],
)
async def test_what_is_no_key_set(issuer, tmp_path, path, said, code):
    Issuer.answers[path] = said
    keys = keys_of(issuer, tmp_path)
    await keys.refresh()
    assert keys.issuer is None
    assert keys.trouble.code == code


async def test_keys_from_a_file_and_keys_of_kinds_to_come(tmp_path):
    rsa = RSAKey.generate_key(2048, {"kid": "r", "use": "sig"})
    mixed = published(rsa, FIRST)["keys"] + [{"kty": "post-quantum"}, {"kty": "RSA", "n": "!"}, {"kty": "oct"}, 3]
    encrypting = RSAKey.generate_key(2048, {"kid": "e", "use": "enc"}).as_dict(private=False)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [*mixed, encrypting]}))
    kept = tmp_path / "kept"
    kept.mkdir()
    keys = IssuerKeys(IssuerSection(name="bank", audience="a", keys="jwks.json"), tmp_path, kept, now)
    await keys.refresh()
    assert sorted(key.kid for key in keys.issuer.keys.keys) == ["1", "r"]
    half = {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}
    for said in (None, [], {}, {"keys": []}, {"keys": [1]}, {"keys": [{"kty": "EC"}]}, {"keys": [half]}):
        with pytest.raises(Unavailable):
            read_keys(json.dumps(said).encode())


def test_keys_do_not_come_in_the_clear():
    for text in (
        "name: bank\naudience: a",
        "name: http://id.bank\naudience: a",
        "name: b\naudience: a\nkeys: http://b/k",
    ):
        with pytest.raises(FixInput):
            parse_document(text, IssuerSection, "gateway.yaml")
