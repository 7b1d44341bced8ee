"""Secrets by issuer, by checksum, by name, and in what encodes them; and what says that it is none."""

from __future__ import annotations

import base64
import codecs
import string
import urllib.parse
import zlib

import pytest
from tests.unit.guards.text.test_streams import CLAUDE, some

from holdfast.guards.passages import Passage
from holdfast.guards.text._credentials import entropy
from holdfast.guards.text.secrets import run


def found(text, **params):
    spans = run.prepare(run.with_params(params)).read(Passage("user", text)).spans
    return [(span.instead, text[span.start : span.end]) for span in spans if span.score >= run.threshold]


def with_checksum(prefix):
    body = some(30)
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
    return prefix + body + digits


@pytest.mark.parametrize("prefix", ["ghp_", "gho_", "npm_"])
def test_a_checksum_makes_a_token_certain(prefix):
    reading = run.prepare(run.params)
    certain, likely = (reading.read(Passage("user", t)).score for t in (with_checksum(prefix), prefix + some(36)))
    assert (certain, likely) == (1.0, 0.75)


ENCODED = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "url": urllib.parse.quote,
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) for c in text),
    "zero width": "\u200b".join,
}  # fmt: skip


@pytest.mark.parametrize("how", ENCODED)
def test_encoded_keys_are_found_where_they_stand(how):
    hidden = ENCODED[how](CLAUDE)
    (instead, what), *others = found(f"Take this one: {hidden} and go.")
    assert (instead, others) == ("[ANTHROPIC_KEY]", [])
    assert hidden.strip("=") in what or what in hidden
    assert len(what) >= 0.8 * len(hidden)


def test_encodings_can_be_left_alone():
    assert found(ENCODED["hex"](CLAUDE), encoded=False) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("password: Zq8!fLk2", "Zq8!fLk2"),
        ("api_key='9f8Kx0aPq2Lm7Zt4'", "9f8Kx0aPq2Lm7Zt4"),
        ('{"client_secret": "kE9-Lq0zRt5vXw7y"}', "kE9-Lq0zRt5vXw7y"),
        ("Das Passwort ist Sommer-2031!", "Sommer-2031"),
        ("mongodb+srv://app:Gx7kQ2vb@cluster0.example.net/x", "Gx7kQ2vb"),
        ("token = get_token()", None),
        ("password = None", None),
        ("password=password123", None),
        ("secret: ${{ secrets.NPM_TOKEN }}", None),
        ("the token is invalid", None),
        ("api_key=<api-key>", None),
        ("SECRET_KEY = settings.SECRET_KEY_2", None),
        ("password: ************", None),
        ("token_type_ids=[0, 0, 1, 1]", None),
        ("auth token expires=2030-01-01T00:00:00Z", None),
    ],
)
def test_what_is_named_a_secret(text, what):
    assert [told for _, told in found(text)] == ([what] if what else [])


def test_a_private_key_is_taken_whole_and_no_more():
    body = "\n".join(some(64) for _ in range(12))
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"
    assert found(f"Key:\n{key}\nThat was it.") == [("[PRIVATE_KEY]", key)]
    ((_, cut),) = found(f"Key:\n{key[:400]}\n\nand then the line broke.")
    assert cut.strip() == key[:400][: len(cut.strip())]
    assert len(cut) > 300


def test_entropy():
    assert (entropy(""), entropy("aaaa"), entropy("abcd")) == (0.0, 0.0, 2.0)
