"""The keys of issuers of signed tokens: fetched beside everything else, bounded, and kept while an issuer is away.

A key set comes from a file, an address, or where the issuer's metadata says (OpenID Connect Discovery 1.0 section 4).
It is asked for every few minutes, and at once (but not more often than `AT_MOST_EVERY`) when a token names a key that
is not known. What was fetched is kept on disk, so that a gateway starts without the issuer too; keys that could not be
fetched again within their bound count no longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from holdfast.domain.errors import FixInput, HoldfastError, Unavailable
from holdfast.gateway.access.identity import Issuer
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.setup.sections import IssuerSection
from holdfast.ledger.files import replace as replace_file

EVERY = 300.0
AT_MOST_EVERY = 10.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 64
_WELL_KNOWN = "/.well-known/openid-configuration"
_KINDS = ("RSA", "EC", "OKP")
_PATIENCE = Patience(answer=5.0, failures=1_000_000)


class IssuerKeys:
    """One issuer's keys. `changed` is called when they are others, `trouble` says why they could not be fetched."""

    def __init__(self, section: IssuerSection, folder: Path, kept: Path, clock: Callable[[], datetime]) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.trouble: HoldfastError | None = None
        self.section = section
        self._folder, self._clock = folder, clock
        self._kept = kept / f"{hashlib.sha256(f'{section.name} {section.keys}'.encode()).hexdigest()[:32]}.json"
        self._keys: list[Key] = []
        self._text = b""
        self._heard = datetime.min.replace(tzinfo=clock().tzinfo)
        self._wanted = asyncio.Event()
        self._read_kept()

    @property
    def issuer(self) -> Issuer | None:
        """The issuer with its keys; None where there are none, or where they were not heard for too long."""
        if not self._keys or self._clock() - self._heard > timedelta(hours=self.section.stale_after_hours):
            return None
        return Issuer(self.section.name, self.section.audience, KeySet(list(self._keys)), self._wanted.set)

    async def follow(self) -> None:
        """Fetch them again and again, until cancelled."""
        while True:
            was = self.issuer is None
            await self.refresh()
            if was != (self.issuer is None):
                self.changed()
            await asyncio.sleep(AT_MOST_EVERY)
            try:
                async with asyncio.timeout(EVERY - AT_MOST_EVERY):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()

    async def refresh(self) -> None:
        """Fetch them once."""
        try:
            text = await self._fetched()
            if text != self._text:
                self._keys, self._text = read_keys(text), text
                replace_file(self._kept, text)
                self.changed()
            self._heard, self.trouble = self._clock(), None
            self._kept.touch()
        except HoldfastError as error:
            self.trouble = error
        except OSError as error:
            self.trouble = Unavailable("issuer.keys", f"The keys of {self.section.name} cannot be read: {error}.")

    async def _fetched(self) -> bytes:
        where = self.section.keys
        if where and not where.startswith(("https://", "http://")):
            return await asyncio.to_thread(_read, self._folder / where)
        if not where:
            about = _object(await _get(self.section.name.rstrip("/") + _WELL_KNOWN))
            if about.get("issuer") != self.section.name:
                raise Unavailable("issuer.other", f"{self.section.name} calls itself by another name.")
            where = str(about.get("jwks_uri", ""))
            if where.startswith("http://") and not self.section.name.startswith("http://"):
                raise Unavailable("issuer.plain", f"{self.section.name} would send its keys in the clear.")
        return await _get(where)

    def _read_kept(self) -> None:
        """What an earlier process fetched; it was heard when it was last confirmed."""
        try:
            text, when = self._kept.read_bytes(), self._kept.stat().st_mtime
            self._keys, self._text = read_keys(text), text
        except (OSError, HoldfastError):
            return
        self._heard = datetime.fromtimestamp(when, self._clock().tzinfo)


def read_keys(text: bytes) -> list[Key]:
    """The public keys in a JWK set (RFC 7517) by which something can be signed; Unavailable where there is none.

    Keys of kinds that are not known here are passed over (section 5), and so are secrets that both sides share.
    """
    listed = _object(text).get("keys")
    keys: list[Key] = []
    for one in listed[:MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("kty") not in _KINDS or one.get("use", "sig") != "sig":
            continue
        try:
            keys.append(JWKRegistry.import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not keys:
        raise Unavailable("issuer.keys", "There is no key by which a token could be verified.", "Look at its JWK set.")
    return keys


async def _get(url: str) -> bytes:
    upstream = Upstream(Origin(url), _PATIENCE)
    try:
        answer = await upstream.ask(b"GET", b"", [(b"accept", b"application/json")], b"")
        body = await answer.body(MOST_BYTES)
    finally:
        upstream.close()
    if answer.status != 200:
        raise Unavailable("issuer.refused", f"{url} answered {answer.status}.", "Look at the issuer.")
    return body


def _read(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise FixInput("issuer.too-large", f"{path.name} is too large for a JWK set.", "Is it another file?")
    return path.read_bytes()


def _object(text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise Unavailable("issuer.malformed", "The issuer's answer is no JSON.", "Look at the issuer.") from error
    return told if isinstance(told, dict) else {}
