"""Tokens: by which programs act for a person, with no more than the token allows and the person still may."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.person import Token
from holdfast.domain.view import Issued
from holdfast.flows import people
from holdfast.server.api.fields import Until
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/tokens", "tokens")


@router.get("", **needs(None))
def list_tokens(platform: Here, caller: Asking, listing: Listed) -> Page[Token]:
    """One's own tokens, without their secrets; `state` is live or revoked."""
    return platform.desk.store.list(Token, **listing.arguments | {"about": caller.person.id})


@router.post("", status_code=201, **needs(None))
def issue_token(
    platform: Here,
    caller: Asking,
    name: Annotated[str, Body(max_length=100, description="What it is for.")],
    permissions: Annotated[tuple[Permission, ...], Body(description="What it may do; no more than the caller may.")],
    until: Until,
) -> Issued:
    """A token for the caller's programs. Its secret is shown now and never again."""
    token, secret = people.issue_token(
        platform.desk, platform.accounts, caller, name=name, allowed=permissions, until=until
    )
    return Issued(token, secret)


@router.post("/{id}/revoke", **needs(None))
def revoke_token(platform: Here, caller: Asking, id: str) -> Kept[Token]:
    """End a token: one's own, or as an admin anybody's."""
    return people.revoke_token(platform.desk, platform.accounts, caller, id)
