"""People, as the ledger knows them: a pseudonym and what they may do. Names lie apart, and can be erased."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here. A person may have several; approvers answer in one discipline each."""

    VIEWER = "viewer"
    OWNER = "owner"
    DEVELOPER = "developer"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    APPROVER_IT = "approver:it"
    APPROVER_RISK = "approver:risk"
    APPROVER_LEGAL = "approver:legal"
    APPROVER_COMPLIANCE = "approver:compliance"
    APPROVER_BUSINESS = "approver:business"

    @property
    def discipline(self) -> str:
        """The discipline of an approver; empty for the others."""
        kind, _, discipline = self.partition(":")
        return discipline if kind == "approver" else ""


@dataclass(frozen=True, slots=True)
class Person:
    """One person or service account. `id` is a random pseudonym (``p-4f1c…``); inactive ones can do nothing."""

    id: str
    roles: tuple[Role, ...]
    is_active: bool = True

    @property
    def disciplines(self) -> tuple[str, ...]:
        """The disciplines in which this person may approve."""
        return tuple(role.discipline for role in self.roles if role.discipline)


@dataclass(frozen=True, slots=True)
class Reset:
    """A new link by which somebody sets a password; whoever opens it is that person from then on. `forgets_factor` says
    that their second factor goes with the old password.
    """

    person: str
    forgets_factor: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as the ledger knows it: whose, for what, until when. The secret itself is kept only as a hash."""

    id: str
    person: str
    name: str
    permissions: tuple[str, ...]
    expires_at: str
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about a thing (``release sha256:…``)."""

    about: str
    person: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that one person may not make alone: the record `body` (canonical JSON) under `kind` and `key`.

    It takes effect once somebody else with the same permission enacts it. `base` is the revision that it was made on;
    a proposal whose base is no longer current is void.
    """

    kind: str
    key: str
    body: str
    base: int
    proposer: str
    reason: str
    state: str = "open"
    enacted_by: str = ""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Whose sealed evidence counts: a CI system, a workstation. `key` is its raw Ed25519 public key in hex."""

    name: str
    key: str
    is_trusted: bool = True
