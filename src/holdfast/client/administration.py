"""How the house is run: appetite, committee, people, tokens, sealers, comments, and the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from holdfast.client.transport import Transport, segment
from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page, Trail, Verb
from holdfast.domain.appetite import Appetite
from holdfast.domain.gate import Committee
from holdfast.domain.person import Comment, Person, Proposal, Role, Sealer, Token
from holdfast.domain.view import Invitation, Issued, Known, People
from holdfast.domain.webhook import Subscribed, Webhook
from holdfast.ledger.acts import Reconciled


class Administration(Transport):
    """Rules, people, and proof."""

    def show_appetite(self) -> Kept[Appetite]:
        """The appetite in force."""
        return self._get(Kept[Appetite], "/appetite")

    def appetite_history(self) -> tuple[Kept[Appetite], ...]:
        """Every appetite that was in force, the first one first."""
        return self._get(tuple[Kept[Appetite], ...], "/appetite/history")

    def propose_appetite(self, appetite: Appetite, *, reason: str) -> Kept[Proposal]:
        """Propose an appetite; somebody else must enact it."""
        return self._make(Kept[Proposal], "/appetite/proposals", appetite=appetite, reason=reason)

    def show_committee(self) -> Kept[Committee]:
        """The committee that decides, and its rules."""
        return self._get(Kept[Committee], "/committee")

    def committee_history(self) -> tuple[Kept[Committee], ...]:
        """Every committee that decided, the first one first."""
        return self._get(tuple[Kept[Committee], ...], "/committee/history")

    def propose_committee(self, committee: Committee, *, reason: str) -> Kept[Proposal]:
        """Propose a committee and its rules; somebody else must enact it."""
        return self._make(Kept[Proposal], "/committee/proposals", committee=committee, reason=reason)

    def list_proposals(self, **filters: Any) -> Page[Proposal]:
        """Proposals; `state` is open, enacted or dropped."""
        return self._get(Page[Proposal], "/proposals", **filters)

    def show_proposal(self, key: str) -> Kept[Proposal]:
        """One proposal."""
        return self._get(Kept[Proposal], f"/proposals/{segment(key)}")

    def enact_proposal(self, key: str) -> Kept[Proposal]:
        """Let somebody else's proposal take effect."""
        return self._make(Kept[Proposal], f"/proposals/{segment(key)}/enact")

    def drop_proposal(self, key: str) -> Kept[Proposal]:
        """Take a proposal off the table."""
        return self._make(Kept[Proposal], f"/proposals/{segment(key)}/drop")

    def list_people(self, **filters: Any) -> People:
        """Who is here, with which roles; `state` is active or inactive."""
        return self._get(People, "/people", **filters)

    def show_me(self) -> Known:
        """Whose token this is."""
        return self._get(Known, "/people/me")

    def change_profile(self, name: str, email: str, *, password: str = "", code: str = "") -> Known:
        """Say anew what one is called and where one is reached; another address asks for the password."""
        said = {"name": name, "email": email, "password": password, "code": code}
        return self._make(Known, "/people/me/profile", method="PUT", **said)

    def invite_person(self, name: str, email: str, roles: tuple[Role, ...]) -> Invitation:
        """Propose a person; their link works once somebody else has enacted it."""
        return self._make(Invitation, "/people", name=name, email=email, roles=roles)

    def renew_link(self, id: str, *, reason: str, forgets_factor: bool = False) -> Invitation:
        """A new link for somebody; who may have signed in already must have it enacted by somebody else first."""
        return self._make(Invitation, f"/people/{segment(id)}/link", reason=reason, forgets_factor=forgets_factor)

    def propose_roles(self, id: str, roles: tuple[Role, ...], *, reason: str) -> Kept[Proposal]:
        """Propose other roles for somebody."""
        return self._make(Kept[Proposal], f"/people/{segment(id)}/roles", roles=roles, reason=reason)

    def propose_deactivation(self, id: str, *, reason: str) -> Kept[Proposal]:
        """Propose that somebody can do nothing here any more."""
        return self._make(Kept[Proposal], f"/people/{segment(id)}/deactivate", reason=reason)

    def erase_profile(self, id: str) -> Kept[Person]:
        """Forget the name, address and password of somebody inactive."""
        return self._make(Kept[Person], f"/people/{segment(id)}/profile", method="DELETE")

    def list_tokens(self, **filters: Any) -> Page[Token]:
        """One's own tokens, without their secrets; `state` is live or revoked."""
        return self._get(Page[Token], "/tokens", **filters)

    def issue_token(self, name: str, permissions: tuple[Permission, ...], *, until: datetime) -> Issued:
        """A token for the caller's programs, until an aware `until`. Its secret is shown now and never again."""
        return self._make(Issued, "/tokens", name=name, permissions=permissions, until=until.isoformat())

    def revoke_token(self, id: str) -> Kept[Token]:
        """End a token."""
        return self._make(Kept[Token], f"/tokens/{segment(id)}/revoke")

    def list_sealers(self, **filters: Any) -> Page[Sealer]:
        """Keys by which evidence was or is trusted; `state` is trusted or revoked."""
        return self._get(Page[Sealer], "/sealers", **filters)

    def trust_sealer(self, name: str, key: str) -> Kept[Sealer]:
        """Count evidence that this key (raw Ed25519, hex) sealed."""
        return self._make(Kept[Sealer], "/sealers", name=name, key=key)

    def revoke_sealer(self, id: str) -> Kept[Sealer]:
        """Count evidence that this key sealed no longer."""
        return self._make(Kept[Sealer], f"/sealers/{segment(id)}/revoke")

    def list_comments(self, **filters: Any) -> Page[Comment]:
        """Comments; `about` is a record's kind and key."""
        return self._get(Page[Comment], "/comments", **filters)

    def write_comment(self, about: str, text: str) -> Kept[Comment]:
        """Say something about a record, named by its kind and key (``release sha256:…``)."""
        return self._make(Kept[Comment], "/comments", about=about, text=text)

    def list_webhooks(self, **filters: Any) -> Page[Webhook]:
        """Who is told; `state` is active or ended."""
        return self._get(Page[Webhook], "/webhooks", **filters)

    def subscribe(self, name: str, url: str, verbs: tuple[Verb, ...] = ()) -> Subscribed:
        """Tell an address of acts from now on. The secret is shown now and never again."""
        return self._make(Subscribed, "/webhooks", name=name, url=url, verbs=verbs)

    def end_webhook(self, key: str) -> Kept[Webhook]:
        """Tell an address nothing more."""
        return self._make(Kept[Webhook], f"/webhooks/{segment(key)}/end")

    def list_acts(self, **filters: Any) -> Trail:
        """What was done, the latest first; filters are kind, key, actor, after and limit."""
        return self._get(Trail, "/acts", **filters)

    def show_checkpoint(self) -> bytes:
        """The signed checkpoint over everything that is in the ledger now."""
        return self._raw("/ledger/checkpoint")

    def show_vkey(self) -> str:
        """The ledger's public key."""
        return self._raw("/ledger/vkey").decode()

    def read_entries(self, start: int = 0, limit: int = 256) -> bytes:
        """Entries from `start`, each behind its length, as C2SP entry bundles have them."""
        return self._send("GET", "/ledger/entries", query={"start": start, "limit": limit}).content

    def read_rows(self) -> AbstractContextManager[Iterator[bytes]]:
        """Every act, an empty line, every head and an empty line, one a line as they arrive."""
        return self._lines("/ledger/rows")

    def show_entry(self, index: int) -> bytes:
        """One entry, byte for byte."""
        return self._raw(f"/ledger/entries/{index}")

    def show_proof(self, index: int) -> bytes:
        """The proof that an entry is in the ledger (C2SP tlog-proof)."""
        return self._raw(f"/ledger/entries/{index}/proof")

    def verify_ledger(self) -> Reconciled:
        """Have every row held against the ledger there; Tampered names the first difference."""
        return self._make(Reconciled, "/ledger/verify")
