"""The systems of one document, ready to be served; and the files of which they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from holdfast import canonical
from holdfast.domain.policy import Policy
from holdfast.gateway.chat.conversing import Conversing
from holdfast.gateway.routes import Routes
from holdfast.gateway.rows.serving import Serving
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.gateway.tools.serving import ToolServing

DRAIN_SECONDS = 600.0
"""Seconds that requests of the generation before may take; then its models and connections go."""


class Open(Protocol):
    """A model in a worker, or connections to a server."""

    async def close(self) -> None:
        """Let it go."""


T = TypeVar("T", bound=Open)


class Kept:
    """What is open for a generation, by what it is made of; what the generation `before` has of it is taken over."""

    def __init__(self, before: Mapping[str, Open]) -> None:
        self._before = before
        self.all: dict[str, Open] = {}

    async def get(self, made_of: str, kind: type[T], open: Callable[[], Awaitable[T]]) -> T:
        """The one that is made of this, opened if it is not yet."""
        known = self.all.get(made_of) or self._before.get(made_of)
        found = known if isinstance(known, kind) else await open()
        self.all[made_of] = found
        return found

    async def give_back(self) -> None:
        """Close what the generation before does not have."""
        await close_but(self.all, self._before)


async def close_but(these: Mapping[str, Open], kept: Mapping[str, Open]) -> None:
    """Close these, except for those that are kept."""
    for made_of, one in these.items():
        if kept.get(made_of) is not one:
            await one.close()


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy by which a system is guarded now."""

    system: str
    name: str
    version: str
    digest: str


def in_force(system: str, policy: Policy) -> InForce:
    """The same of a policy."""
    return InForce(system, policy.name, policy.version, canonical.digest(policy))


@dataclass(frozen=True)
class Generation:
    """What one document asks for: its systems, how they are guarded, and what is open for them."""

    servings: Sequence[Serving] = ()
    chats: Sequence[Conversing] = ()
    tools: Sequence[ToolServing] = ()
    policies: frozenset[InForce] = frozenset()
    open: Mapping[str, Open] = field(default_factory=dict)

    def systems(self) -> Iterator[Serving | Conversing | ToolServing]:
        """All that are asked."""
        yield from self.servings
        yield from self.chats
        yield from self.tools

    async def retire(self, routes: Routes, kept: Mapping[str, Open]) -> None:
        """Let go of what the next generation does not keep, once nothing is under way by `routes` of this one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await routes.idle()
        for system in self.systems():
            await system.close()
        await close_but(self.open, kept)


def files_of(document: GatewayDocument, path: Path) -> tuple[Path, ...]:
    """The files that a reload reads: the document at `path`, and what it names but for models."""
    listen = document.listen
    systems = [file for one in document.systems for file in (one.reference, one.policy)]
    chats = [file for one in document.chats for file in (one.policy, *(host.key_file for host in one.releases))]
    tools = [file for one in document.mcp for file in (one.policy, *(host.key_file for host in one.releases))]
    named = (listen.certificate, listen.key, *systems, *chats, *tools)
    return (path, *(path.parent / file for file in named if file is not None))
