"""Webhooks: addresses that are told of acts, in signed messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page, Verb
from holdfast.domain.errors import Unavailable
from holdfast.domain.webhook import Subscribed, Webhook
from holdfast.flows import webhooks
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/webhooks", "webhooks")


@router.get("", **needs(Permission.MANAGE_WEBHOOKS))
def list_webhooks(platform: Here, listing: Listed) -> Page[Webhook]:
    """Who is told; `state` is active or ended."""
    return platform.desk.store.list(Webhook, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.MANAGE_WEBHOOKS))
def subscribe(
    platform: Here,
    caller: Asking,
    name: Annotated[str, Body(max_length=200, description="What it is for.")],
    url: Annotated[str, Body(max_length=1000, description="Where messages are posted, over TLS.")],
    verbs: Annotated[tuple[Verb, ...], Body(description="Which acts; all where there are none.")] = (),
) -> Subscribed:
    """Tell an address of acts from now on, once they are in the ledger. The secret is shown now and never again."""
    if platform.courier is None:
        raise Unavailable("webhook.off", "Nobody here delivers messages.", "Start the platform with `holdfast serve`.")
    kept = webhooks.subscribe(platform.desk, caller, name, url, verbs)
    return Subscribed(kept, platform.courier.secret_of(kept.key))


@router.post("/{key}/end", **needs(Permission.MANAGE_WEBHOOKS))
def end_webhook(platform: Here, caller: Asking, key: str) -> Kept[Webhook]:
    """Tell an address nothing more."""
    return webhooks.unsubscribe(platform.desk, caller, key)
