"""The prompts of releases, which clients never see: fetched from the control plane, kept sealed, filled in here.

A gateway asks for the text of each prompt that its clearance names, checks it against the digest, and keeps it sealed,
so that it goes on while the control plane is away. A release whose prompt has not arrived does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import orjson

from holdfast import canonical
from holdfast.domain.clearance import Clearance
from holdfast.domain.errors import FixInput, HoldfastError, Tampered, Unavailable
from holdfast.domain.prompt import Prompt, parse_prompt
from holdfast.gateway.dialects.contract import Json, Slot
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.upstream import Upstream
from holdfast.ledger.files import make_folder, replace

PLACE = "prompts"
"""The folder's name in a home."""

EVERY = 1.0
LONGEST_REST = 30.0
MOST_BYTES = 2 * 1024 * 1024


class Safe(Protocol):
    """Keys by name, kept elsewhere."""

    def seal_bytes(self, name: str, data: bytes) -> bytes:
        """The data under the key called `name`, which is made where there is none."""

    def open_bytes(self, name: str, sealed: bytes) -> bytes | None:
        """The data again; None where its key was destroyed."""


class Prompts:
    """Prompts by digest. `trouble` says why one could not be had; None where all are here."""

    def __init__(self, plane: Upstream, token: str, safe: Safe, folder: Path) -> None:
        self.trouble: HoldfastError | None = None
        self._plane, self._safe, self._folder = plane, safe, folder
        self._headers: Headers = [(b"authorization", b"Bearer " + token.encode())]
        self._known: dict[str, Prompt] = {}
        make_folder(folder)
        folder.chmod(0o700)

    def of(self, clearance: Clearance, release: str) -> tuple[str, Prompt | None]:
        """The prompt that a release was cleared with, and its digest; empty and None where it has none of its own.

        Unavailable where it has one that is not here.
        """
        digest = next((one.prompt for one in clearance.cleared if one.release == release), "")
        if digest and digest not in self._known:
            hint = "Register its text: holdfast prompt add. It counts within seconds."
            raise Unavailable("prompt.absent", "The prompt of this release is not here.", hint)
        return digest, self._known.get(digest)

    async def follow(self, clearance: Callable[[], Clearance]) -> None:
        """Fetch what a clearance names, again and again, until cancelled, and more rarely while one fails."""
        rest = EVERY
        while True:
            await self.refresh(clearance())
            rest = EVERY if self.trouble is None else min(2 * rest, LONGEST_REST)
            await asyncio.sleep(rest)

    async def refresh(self, clearance: Clearance) -> None:
        """Fetch what is not here yet of what a clearance names."""
        trouble: HoldfastError | None = None
        for digest in sorted({one.prompt for one in clearance.cleared if one.prompt} - self._known.keys()):
            try:
                data = await asyncio.to_thread(self._kept, digest) or await self._fetched(digest)
                self._known[digest] = parse_prompt(data)
            except HoldfastError as error:
                trouble = error
            except OSError as error:
                what = f"A prompt cannot be kept in {self._folder}: {error.strerror}."
                trouble = Unavailable("prompt.disk", what, "Make room or mend the disk.")
        self.trouble = trouble

    async def _fetched(self, digest: str) -> bytes:
        listed = await self._ask("/api/v1/prompts?" + urlencode({"about": digest, "limit": 1}))
        try:
            found = next(iter(orjson.loads(listed)["items"]), None)
            named = None if found is None else [quote(found["record"][part], safe="") for part in ("name", "version")]
        except (ValueError, KeyError, TypeError) as error:
            what = "What the control plane says of prompts cannot be read."
            raise Unavailable("prompt.malformed", what, "Look what answers at its address.") from error
        if named is None:
            raise Unavailable("prompt.unknown", f"No prompt {digest} is registered.", "Run holdfast prompt add.")
        name, version = named
        data = await self._ask(f"/api/v1/prompts/{name}/{version}/text")
        if canonical.digest_bytes(data) != digest:
            raise Tampered("prompt.other", f"The text of prompt {digest} is another one.", "Look who sent it.")
        sealed = self._safe.seal_bytes(_name(digest), data)
        await asyncio.to_thread(replace, self._file(digest), sealed)
        return data

    async def _ask(self, path: str) -> bytes:
        answer = await self._plane.ask(b"GET", path.encode(), self._headers, b"")
        body = await answer.body(MOST_BYTES)
        if answer.status != 200:
            hint = "Look at the permissions of the gateway's token: it needs prompts.read."
            raise Unavailable("prompt.refused", f"The control plane answered {answer.status}.", hint)
        return body

    def _kept(self, digest: str) -> bytes | None:
        """What was fetched before; None where that is nothing, or not this."""
        try:
            data = self._safe.open_bytes(_name(digest), self._file(digest).read_bytes())
        except (OSError, HoldfastError):
            return None
        return data if data is not None and canonical.digest_bytes(data) == digest else None

    def _file(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")


def _name(digest: str) -> str:
    return f"prompt:{digest}"


def take_variables(body: Json) -> Json:
    """The variables that a request gives for the prompt, taken out of it; FixInput where they are none."""
    given: Any = body.pop("prompt", None)
    variables = given.get("variables") if isinstance(given, dict) else given
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise FixInput("prompt.variables", "`prompt.variables` is no object.", 'Send {"variables": {"name": "text"}}.')
    return variables


def slots_of(variables: Json) -> list[Slot]:
    """The variables as guards read them: whoever calls has said them."""
    return [Slot(variables, name, "user") for name, value in variables.items() if isinstance(value, str)]


def without_prompt(told: Json) -> None:
    """Take out where an answer repeats what the model was told."""
    for node in (told, told.get("response")):
        if isinstance(node, dict) and "instructions" in node:
            node["instructions"] = None
