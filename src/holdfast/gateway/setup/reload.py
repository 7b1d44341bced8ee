"""Hot reload: the document is read again when it, or a file it names, is another one, and at SIGHUP.

Systems, their policies and the issuers of tokens change without a request being lost. A document that cannot be used
changes nothing, and says why; so does one that would need a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.domain.errors import FixInput, HoldfastError
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.setup.document import GatewayDocument, read_gateway
from holdfast.gateway.setup.generation import files_of

EVERY = 1.0
LOG = logging.getLogger("holdfast.gateway")
CHANGES = {"systems", "chats", "mcp", "issuers"}
"""The parts of a document that can change while it is served."""

STAYS = {"gateway"}
"""A process keeps its name, which need not be the document's."""

Take = Callable[[GatewayDocument], Awaitable[None]]


class Reloader:
    """Reads the document at `path` again; `take` puts one in force, or raises and leaves what was."""

    def __init__(self, path: Path, document: GatewayDocument, take: Take, observer: Observer) -> None:
        self._path, self._document, self._take, self._observer = path, document, take, observer
        self._files = files_of(document, path)
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read it again soon, whether it looks changed or not (SIGHUP)."""
        self._asked.set()

    async def follow(self) -> None:
        """Look every second, until cancelled. What changed is read once it has not changed for a second."""
        known = before = self._looks()
        while True:
            is_asked = await self._wait()
            now = self._looks()
            if is_asked or (now != known and now == before):
                await self.reload()
                known = now = self._looks()
            before = now

    async def reload(self) -> bool:
        """Whether what it says now is in force."""
        try:
            document = await asyncio.to_thread(read_gateway, self._path)
            _need_no_restart(self._document, document)
            await self._take(document)
        except (HoldfastError, OSError, ValueError) as error:
            code = error.code if isinstance(error, HoldfastError) else "document.unreadable"
            LOG.warning("%s: not taken, what was in force goes on. %s", code, error)
            self._observer.figures.reload("refused")
            self._observer.state(code, "A changed document could not be taken; what was in force goes on.")
            return False
        self._document, self._files = document, files_of(document, self._path)
        LOG.warning("document.taken: %s is in force.", self._path.name)
        self._observer.figures.reload("taken")
        self._observer.state("document.taken", "A changed document is in force.", is_over=True)
        return True

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(EVERY):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    def _looks(self) -> tuple[object, ...]:
        return tuple(_look(file) for file in self._files)


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _need_no_restart(old: GatewayDocument, new: GatewayDocument) -> None:
    for name in GatewayDocument.model_fields.keys() - CHANGES - STAYS:
        if getattr(old, name) != getattr(new, name):
            raise FixInput("document.restart", f"`{name}` is another one.", "Start the gateway again for that.")
