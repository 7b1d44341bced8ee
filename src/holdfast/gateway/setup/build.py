"""From `gateway.yaml` to what a gateway is made of: all of its systems, whom it follows, where budgets are counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from holdfast.gateway.access.budgets import OwnPurse, Purse
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.chat.prompts import PLACE as PROMPTS
from holdfast.gateway.chat.prompts import Prompts
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.review.held import PLACE, HeldFolder
from holdfast.gateway.review.reviews import Reviews
from holdfast.gateway.setup.build_chats import make_chat
from holdfast.gateway.setup.build_systems import make_serving
from holdfast.gateway.setup.build_tools import make_tool_serving
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.gateway.setup.generation import Generation, Kept, Open, in_force
from holdfast.gateway.setup.premises import Premises, Shared
from holdfast.ledger.note import Key


async def make_generation(document: GatewayDocument, shared: Shared, before: Mapping[str, Open]) -> Generation:
    """Everything that a document serves, opened; what is open `before` and serves it too is taken over."""
    kept = Kept(before)
    try:
        servings = [await make_serving(section, shared, kept) for section in document.systems]
        chats = [await make_chat(section, shared, kept) for section in document.chats]
        tools = [await make_tool_serving(section, shared, kept) for section in document.mcp]
    except BaseException:
        await kept.give_back()
        raise
    made = Generation(servings, chats, tools, open=kept.all)
    return replace(made, policies=frozenset(in_force(one.system, one.policy) for one in made.systems()))


def make_follower(document: GatewayDocument, premises: Premises) -> Follower:
    """Follows the control plane of a document, once it is told to."""
    plane = document.control_plane
    return Follower(
        Upstream(Origin(plane.url), Patience(answer=5.0, failures=1_000_000)),
        premises.token,
        Key.from_vkey(plane.key),
        document.environment,
        systems_of(document),
        kept=premises.home / "clearance.json",
        clock=premises.clock,
        stale_after=3600 * plane.stale_after_hours,
    )


def make_reviews(document: GatewayDocument, premises: Premises) -> Reviews:
    """Files what waits for people, once it is told to."""
    plane = Upstream(Origin(document.control_plane.url), Patience(answer=10.0, failures=1_000_000))
    return Reviews(HeldFolder(premises.home / PLACE), plane, premises.token, premises.vault.open)


def make_prompts(document: GatewayDocument, premises: Premises) -> Prompts:
    """Fetches the prompts of releases, once it is told to."""
    plane = Upstream(Origin(document.control_plane.url), Patience(answer=10.0, failures=1_000_000))
    return Prompts(plane, premises.token, premises.vault, premises.home / PROMPTS)


def systems_of(document: GatewayDocument) -> tuple[str, ...]:
    """The names, in the inventory, of all that a document serves."""
    return tuple(section.system for section in document.served)


async def make_purse(document: GatewayDocument, premises: Premises, stack: AsyncExitStack) -> Purse:
    """Where budgets are counted, until the stack's end."""
    if not document.budgets.valkey:
        return OwnPurse()
    from holdfast.gateway.access.valkey import SharedPurse

    return await stack.enter_async_context(SharedPurse(document.budgets.valkey, premises.log.gateway, time.time))
