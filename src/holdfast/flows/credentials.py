"""Credentials: by what programs come in at the gateways, to which systems, and how much they may use."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.credential import UNLIMITED, Budget, Credential, Route, Way
from holdfast.domain.errors import Conflict, FixInput
from holdfast.domain.system import System
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.flows.desk import Caller, Desk, every, random_id, require, stated

LONGEST = timedelta(days=366)


def issue_key(
    desk: Desk,
    caller: Caller,
    name: str,
    *,
    systems: tuple[str, ...],
    routes: tuple[Route, ...],
    until: datetime,
    budget: Budget = UNLIMITED,
) -> tuple[Kept[Credential], str]:
    """A key by which a program may ask `systems` at the gateways; its secret, shown once, is nowhere kept."""
    secret = f"hf-{secrets.token_urlsafe(32)}"
    match = hashlib.sha256(secret.encode()).hexdigest()
    credential = Credential(random_id(), name, Way.KEY, match, systems, routes, timestamp(until), budget)
    return grant(desk, caller, credential), secret


def grant(desk: Desk, caller: Caller, credential: Credential) -> Kept[Credential]:
    """Let a program in: by a key, by a name in its certificate, or by the subject of a signed token."""
    require(caller, Permission.ISSUE_CREDENTIALS)
    stated(credential.name, "name")
    stated(credential.match, "match")
    if not credential.systems or not credential.routes:
        raise FixInput("credential.empty", "A credential reaches no system.", "Name systems and routes.")
    for system in credential.systems:
        desk.store.get(System, system)
    until = parse_time(credential.expires_at)
    if not desk.now < until <= desk.now + LONGEST:
        raise FixInput("credential.expiry", "A credential lasts a year at most.", "Choose another day.")
    if desk.store.list(Credential, about=credential.match, state="live", limit=1).items:
        raise Conflict("credential.known", "Somebody comes in by this already.", "Revoke that first.")
    desk.do(caller, Draft(Verb.ISSUE_CREDENTIAL, credential.id, credential))
    return desk.store.get(Credential, credential.id)


def revoke(desk: Desk, caller: Caller, id: str) -> Kept[Credential]:
    """Let a program in no longer. To rotate a key, issue the next one first."""
    require(caller, Permission.ISSUE_CREDENTIALS)
    kept = desk.store.get(Credential, id)
    desk.do(caller, Draft(Verb.REVOKE_CREDENTIAL, id, replace(kept.record, is_revoked=True), kept.revision))
    return desk.store.get(Credential, id)


def live(desk: Desk, systems: frozenset[str]) -> tuple[Credential, ...]:
    """The credentials that reach any of `systems` now."""
    found = (kept.record for kept in every(desk.store, Credential, state="live"))
    return tuple(one for one in found if systems & set(one.systems) and parse_time(one.expires_at) > desk.now)
