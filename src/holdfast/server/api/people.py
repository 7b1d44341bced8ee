"""People: pseudonyms with roles in the ledger, and beside it the names that can be erased."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.person import Person, Proposal, Role
from holdfast.domain.view import Invitation, Known, People
from holdfast.flows import people
from holdfast.flows.propose import propose
from holdfast.server.api.fields import OnlyReason, Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/people", "people")

Roles = Annotated[tuple[Role, ...], Body(description="Everything that the person shall be; replaces what they were.")]


@router.get("", **needs(Permission.READ_PEOPLE))
def list_people(platform: Here, listing: Listed) -> People:
    """Who is here, with which roles; `state` is active or inactive."""
    page = platform.desk.store.list(Person, **listing.arguments)
    profiles = platform.accounts.profiles({kept.key for kept in page.items})
    return People(tuple(Known(kept, profiles.get(kept.key)) for kept in page.items), page.after)


@router.get("/me", **needs(None))
def show_me(platform: Here, caller: Asking) -> Known:
    """Who asks."""
    kept = platform.desk.store.get(Person, caller.person.id)
    return Known(kept, platform.accounts.profiles({kept.key}).get(kept.key))


@router.put("/me/profile", **needs(None))
def change_profile(
    platform: Here,
    caller: Asking,
    name: Annotated[str, Body(max_length=200)],
    email: Annotated[str, Body(max_length=200, description="Another one asks for the password.")],
    password: Annotated[str, Body(max_length=1000)] = "",
    code: Annotated[str, Body(max_length=20, description="From the authenticator app, where there is one.")] = "",
) -> Known:
    """Say anew what one is called and where one is reached. A token that may do less than its person cannot."""
    people.change_profile(
        platform.desk, platform.accounts, caller, name=name, email=email, password=password, code=code
    )
    return show_me(platform, caller)


@router.post("", status_code=201, **needs(Permission.PROPOSE_PEOPLE))
def invite_person(
    platform: Here,
    caller: Asking,
    name: Annotated[str, Body(max_length=200)],
    email: Annotated[str, Body(max_length=200)],
    roles: Roles,
) -> Invitation:
    """Propose a person; the link by which they set a password works once somebody else has enacted it."""
    proposal, secret = people.invite(platform.desk, platform.accounts, caller, name=name, email=email, roles=roles)
    return Invitation(proposal, f"{platform.url}/welcome/{secret}")


@router.post("/{id}/link", status_code=201, **needs(Permission.PROPOSE_PEOPLE))
def renew_link(
    platform: Here,
    caller: Asking,
    id: str,
    reason: Reason,
    forgets_factor: Annotated[bool, Body(description="Whether their second factor goes, too.")] = False,
) -> Invitation:
    """A new link, to set a password by; using it ends the person's sessions.

    It works at once for somebody who never signed in, for others once somebody else has enacted the proposal.
    """
    proposal, secret = people.renew_link(
        platform.desk, platform.accounts, caller, id, reason=reason, forgets_factor=forgets_factor
    )
    return Invitation(proposal, f"{platform.url}/welcome/{secret}")


@router.post("/{id}/roles", status_code=201, **needs(Permission.PROPOSE_PEOPLE))
def propose_roles(platform: Here, caller: Asking, id: str, roles: Roles, reason: Reason) -> Kept[Proposal]:
    """Propose other roles for somebody; somebody else must enact it."""
    person = platform.desk.store.get(Person, id).record
    return propose(platform.desk, caller, replace(person, roles=roles), reason=reason)


@router.post("/{id}/deactivate", status_code=201, **needs(Permission.PROPOSE_PEOPLE))
def propose_deactivation(platform: Here, caller: Asking, id: str, reason: OnlyReason) -> Kept[Proposal]:
    """Propose that somebody can do nothing here any more; somebody else must enact it."""
    person = platform.desk.store.get(Person, id).record
    return propose(platform.desk, caller, replace(person, is_active=False), reason=reason)


@router.delete("/{id}/profile", **needs(Permission.ENACT_PEOPLE))
def erase_profile(platform: Here, caller: Asking, id: str) -> Kept[Person]:
    """Forget the name, address and password of somebody inactive; their acts and all proofs stay."""
    return people.erase(platform.desk, platform.accounts, caller, id)
