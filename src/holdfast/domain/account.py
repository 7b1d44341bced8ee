"""What is known of people outside the ledger: it can be erased, and every proof still holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a pseudonym is."""

    person: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser: whose it is, and the token that its forms must carry."""

    person: str
    csrf: str
