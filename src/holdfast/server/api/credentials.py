"""Credentials: by what programs come in at the gateways."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.credential import UNLIMITED, Budget, Credential, Route, Way
from holdfast.domain.verdict import timestamp
from holdfast.domain.view import LetIn
from holdfast.flows import credentials
from holdfast.flows.desk import random_id
from holdfast.server.api.fields import Until
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/credentials", "credentials")


@router.get("", **needs(Permission.READ))
def list_credentials(platform: Here, listing: Listed) -> Page[Credential]:
    """Who may come in at the gateways; `state` is live or revoked. There are no secrets here."""
    return platform.desk.store.list(Credential, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.ISSUE_CREDENTIALS))
def issue_credential(
    platform: Here,
    caller: Asking,
    name: Annotated[str, Body(max_length=100, description="What it is for.")],
    systems: Annotated[tuple[str, ...], Body(description="The systems that it reaches, by name.")],
    routes: Annotated[tuple[Route, ...], Body(description="By which routes.")],
    until: Until,
    way: Annotated[Way, Body(description="How the program shows who it is.")] = Way.KEY,
    match: Annotated[
        str,
        Body(max_length=300, description="A name in its certificate, or ``issuer|subject`` of its tokens; no key."),
    ] = "",
    budget: Annotated[Budget, Body(description="How much it may use.")] = UNLIMITED,
) -> LetIn:
    """Let a program in. The secret of a key is shown now and never again."""
    desk = platform.desk
    if way is Way.KEY:
        kept, secret = credentials.issue_key(
            desk, caller, name, systems=systems, routes=routes, until=until, budget=budget
        )
        return LetIn(kept, secret)
    asked = Credential(random_id(), name, way, match, systems, routes, timestamp(until), budget)
    return LetIn(credentials.grant(desk, caller, asked))


@router.post("/{id}/revoke", **needs(Permission.ISSUE_CREDENTIALS))
def revoke_credential(platform: Here, caller: Asking, id: str) -> Kept[Credential]:
    """Let a program in no longer."""
    return credentials.revoke(platform.desk, caller, id)
