"""The systems of one document, ready to be served; and the files of which they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.gateway.app import Reached
from holdfast.gateway.backends import Backend
from holdfast.gateway.document import GatewayDocument
from holdfast.gateway.routes import Routes
from holdfast.gateway.serving import Serving

DRAIN_SECONDS = 120.0
"""Seconds that requests of the generation before may take; then its models and connections go."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy by which a system is guarded now."""

    system: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True)
class Generation:
    """What one document asks for. `backends` are by what they are made of, so that the next generation keeps them."""

    document: GatewayDocument
    servings: Sequence[Serving]
    reached: Mapping[str, Reached]
    policies: Sequence[InForce]
    backends: Mapping[str, Backend]

    async def retire(self, routes: Routes, kept: Mapping[str, Backend]) -> None:
        """Let go of what the next generation does not keep, once nothing is under way by `routes` of this one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await routes.idle()
        for serving in self.servings:
            await serving.close()
        for name, backend in self.backends.items():
            if kept.get(name) is not backend:
                await backend.close()


def files_of(document: GatewayDocument, path: Path) -> tuple[Path, ...]:
    """The files that a reload reads: the document at `path`, and what it names but for models."""
    listen = document.listen
    named = [
        listen.certificate,
        listen.key,
        *(file for one in document.systems for file in (one.reference, one.policy)),
    ]
    return (path, *(path.parent / file for file in named if file is not None))
