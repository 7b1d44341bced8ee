"""Credentials: by what a program shows who it is at the gateway, what it may ask there, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How somebody shows who they are."""

    KEY = "key"
    CERTIFICATE = "certificate"
    TOKEN = "token"  # noqa: S105 - a way to sign in, not a secret


class Route(StrEnum):
    """What a gateway can be asked for."""

    PREDICT = "predict"
    CHAT = "chat"
    EMBED = "embed"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a credential may use; None is no limit.

    `per_second` exchanges on average, `burst` of them on top at a moment; `at_once` exchanges under way together; and a
    day (UTC) of `rows` (one row put to a model, one turn of a conversation), of `tokens`, and of `money`, in millionths
    of the currency unit.
    """

    per_second: float | None = None
    burst: int = 10
    at_once: int | None = None
    rows: int | None = None
    tokens: int | None = None
    money: int | None = None


UNLIMITED = Budget()


@dataclass(frozen=True, slots=True)
class Credential:
    """One program's way in, until `expires_at` (RFC 3339): to `systems` by name, and by `routes`.

    `match` is what it is known by, never a secret: the SHA-256 of a key (hex), a name in a client certificate, or
    ``issuer|subject`` of a signed token.
    """

    id: str
    name: str
    way: Way
    match: str
    systems: tuple[str, ...]
    routes: tuple[Route, ...]
    expires_at: str
    budget: Budget = UNLIMITED
    is_revoked: bool = False

    def may_ask(self, system: str, route: Route) -> bool:
        """Whether it reaches this system by this route."""
        return system in self.systems and route in self.routes
