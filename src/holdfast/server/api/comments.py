"""Comments: what people say beside a thing. They decide nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.person import Comment
from holdfast.flows.comment import write_comment as write
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/comments", "comments")


@router.get("", **needs(Permission.READ))
def list_comments(platform: Here, listing: Listed) -> Page[Comment]:
    """Comments; `about` is a record's kind and key, such as ``release sha256:…``."""
    return platform.desk.store.list(Comment, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.COMMENT))
def write_comment(
    platform: Here,
    caller: Asking,
    about: Annotated[str, Body(max_length=300, description="A record's kind and key, a space between.")],
    text: Annotated[str, Body(max_length=10_000)],
) -> Kept[Comment]:
    """Say something about a record."""
    return write(platform.desk, caller, about, text)
