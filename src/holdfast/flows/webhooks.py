"""Notify: somebody subscribes an address to acts, and ends that again."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import Conflict, FixInput
from holdfast.domain.webhook import Webhook
from holdfast.flows.desk import Caller, Desk, random_id, require, stated

LOCAL = {"localhost", "127.0.0.1", "::1"}


def subscribe(desk: Desk, caller: Caller, name: str, url: str, verbs: tuple[Verb, ...] = ()) -> Kept[Webhook]:
    """Tell an address of what is done from now on."""
    require(caller, Permission.MANAGE_WEBHOOKS)
    if not _is_safe(url):
        hint = "It starts https://, names a host, and holds no password; http:// only for this machine."
        raise FixInput("webhook.url", f"{url[:200]!r} cannot be told anything in confidence.", hint)
    webhook = Webhook(stated(name, "name"), url, caller.person.id, tuple(sorted(set(verbs))))
    key = f"w-{random_id()}"
    desk.do(caller, Draft(Verb.SUBSCRIBE, key, webhook))
    return desk.store.get(Webhook, key)


def unsubscribe(desk: Desk, caller: Caller, key: str) -> Kept[Webhook]:
    """Tell an address nothing more."""
    require(caller, Permission.MANAGE_WEBHOOKS)
    kept = desk.store.get(Webhook, key)
    if not kept.record.is_active:
        raise Conflict("webhook.ended", "It was ended already.", "There is nothing to end.")
    desk.do(caller, Draft(Verb.UNSUBSCRIBE, key, replace(kept.record, is_active=False), kept.revision))
    return desk.store.get(Webhook, key)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)
    return encrypted and bool(host) and url.isascii() and url.isprintable() and "@" not in parts.netloc
