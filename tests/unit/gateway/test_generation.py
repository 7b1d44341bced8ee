"""What is open stays open for as long as somebody uses it, and not longer, whatever documents follow one another."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from holdfast.gateway.access.budgets import Cut, OwnPurse
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.routes import Routes
from holdfast.gateway.setup.generation import Generation, Kept
from holdfast.gateway.site import Site

pytestmark = pytest.mark.anyio


class Opened:
    def __init__(self):
        self.closed = False

    async def close(self):
        self.closed = True


async def make():
    return Opened()


async def test_a_generation_that_cannot_be_made_closes_only_what_it_opened():
    before = {"a": Opened()}
    kept = Kept(before)
    old, new = [await kept.get(name, Opened, make) for name in ("a", "b")]
    assert old is before["a"]
    assert await kept.get("b", Opened, make) is new
    await kept.give_back()
    assert (old.closed, new.closed) == (False, True)


async def test_what_the_generation_before_the_last_still_uses_is_not_closed_under_it():
    host, other = Opened(), Opened()
    document = SimpleNamespace(environment="production", budgets=SimpleNamespace(when_cut_off=Cut.REFUSE))
    premises = SimpleNamespace(vault=SimpleNamespace(pseudonym=str), clock=None)
    follower = SimpleNamespace(clearance=SimpleNamespace(credentials=(), cleared=()))
    reviews = SimpleNamespace(folder=None, review=None)
    site = Site(document, premises, Observer(), follower=follower, purse=OwnPurse(), reviews=reviews, prompts=None)
    first, second = Generation(open={"host": host, "other": other}), Generation(open={"host": host})
    oldest, older = Routes(), Routes()
    with oldest:
        site._retire(first, oldest, second)
        site._retire(second, older, Generation())
        await asyncio.sleep(0.2)
        assert (host.closed, other.closed) == (False, False)
    await asyncio.sleep(0.3)
    assert (host.closed, other.closed) == (True, True)
    await site.close()
