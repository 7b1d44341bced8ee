"""Budgets: alone, shared over a real Redis, and cut off from it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from contextlib import asynccontextmanager

import pytest

from holdfast.domain.credential import Budget, Credential, Route, Way
from holdfast.domain.errors import FixInput, TooMany, Unavailable
from holdfast.gateway.access.budgets import Cut, Meter, OwnPurse
from holdfast.gateway.access.valkey import SECONDS, SharedPurse

pytestmark = pytest.mark.anyio
REDIS = shutil.which("valkey-server") or shutil.which("redis-server")
NOON = 20_000 * 86_400 + 43_200.0


def meter(purse=None, clock=lambda: NOON, cut=Cut.REFUSE, **budget):
    whose = Credential("c", "c", Way.KEY, "", ("s",), (Route.PREDICT,), "2030-01-01T00:00:00Z", Budget(**budget))
    return Meter(whose, purse or OwnPurse(), clock, cut)


async def entered(one, rows=1, most=10_000):
    """How many exchanges begin and end before one is refused."""
    for done in range(most):
        try:
            await one.enter(rows)
        except TooMany:
            return done
        one.leave()
    return most


async def test_no_limit():
    assert await entered(meter(), most=100) == 100


async def test_a_burst_then_a_rate():
    now = [NOON]
    one = meter(clock=lambda: now[0], per_second=2, burst=5)
    assert await entered(one) == 5
    with pytest.raises(TooMany) as error:
        await one.enter(1)
    assert error.value.seconds == 1
    now[0] += 1.0
    assert await entered(one) == 2
    now[0] -= 3600  # a clock that jumps back gives nothing and takes nothing
    assert await entered(one) == 0
    now[0] += 1.0
    assert await entered(one) == 2


async def test_so_many_at_once():
    one = meter(at_once=2)
    await one.enter(1)
    await one.enter(1)
    with pytest.raises(TooMany):
        await one.enter(1)
    one.leave()
    await one.enter(1)


async def test_rows_of_a_day_and_the_next_day():
    now = [NOON]
    one = meter(clock=lambda: now[0], rows=1000)
    assert await entered(one, rows=300) == 3
    assert await entered(one, rows=1) == 100
    with pytest.raises(TooMany) as error:
        await one.enter(1)
    assert error.value.seconds == 43_200
    now[0] += 43_200
    assert await entered(one, rows=1000) == 1


async def test_a_refused_exchange_uses_nothing():
    one = meter(rows=10, at_once=1)
    for _ in range(3):
        with pytest.raises(TooMany):
            await one.enter(11)
    assert await entered(one) == 10


async def test_tokens_and_money_are_known_afterwards_and_overdrawn_once():
    one = meter(tokens=100, money=1_000_000)
    await one.enter(1)
    one.leave(tokens=99, money=10)
    await one.enter(1)
    one.leave(tokens=500)
    assert await entered(one) == 0
    dear = meter(money=1_000_000)
    await dear.enter(1)
    dear.leave(money=1_000_000)
    assert await entered(dear) == 0


async def test_many_at_a_time_use_exactly_what_there_is():
    one = meter(rows=500)
    results = await asyncio.gather(*(one.enter(1) for _ in range(800)), return_exceptions=True)
    assert sum(result is None for result in results) == 500


class Server:
    """A Redis of its own, which can be stopped and let go on."""

    def __init__(self, port):
        words = ["--port", str(port), "--save", "", "--appendonly", "no"]
        self.url = f"redis://127.0.0.1:{port}"
        self.process = subprocess.Popen([REDIS, *words], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Redis did not start")


@pytest.fixture
def server():
    if REDIS is None:
        pytest.skip("no Valkey or Redis is installed")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = Server(port)
    yield server
    server.process.kill()
    server.process.wait()


@asynccontextmanager
async def gateways(server, count):
    purses = [SharedPurse(server.url, f"g{at}", time.time) for at in range(count)]
    for purse in purses:
        await purse.__aenter__()
    for purse in purses:
        await purse._beat()
    try:
        yield purses
    finally:
        for purse in purses:
            await purse.__aexit__(None, None, None)


async def test_gateways_together_use_no_more_than_the_amount(server):
    async with gateways(server, 3) as purses:
        meters = [meter(purse, time.time, rows=1000) for purse in purses]
        used = await asyncio.gather(*(entered(one) for one in meters))
        assert sum(used) == 1000
        assert [purse.gateways for purse in purses] == [3, 3, 3]


async def test_a_rate_is_split_among_gateways(server):
    async with gateways(server, 2) as purses:
        now = time.time()
        meters = [meter(purse, lambda: now, per_second=1, burst=10) for purse in purses]
        assert [await entered(one) for one in meters] == [5, 5]


@pytest.mark.parametrize("cut", list(Cut))
async def test_cut_off_a_gateway_spends_what_it_leased_then_does_what_was_said(server, cut):
    async with gateways(server, 2) as purses:
        one, other = (meter(purse, time.time, cut, rows=1000) for purse in purses)
        await one.enter(1)
        await other.enter(1)
        server.process.kill()
        server.process.wait()
        leased = 1000 // 50
        bound = 30 if cut is Cut.ALLOW else leased
        used = await entered(one, most=30) + 1
        assert used >= leased
        assert used <= bound + 1
        with pytest.raises(Unavailable):
            await purses[0].lease("1:x", 1, 1)


async def test_a_server_that_is_silent_is_waited_for_once_not_by_each_request():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with asyncio.timeout(10):
            purse = SharedPurse(f"redis://127.0.0.1:{silent.getsockname()[1]}", "g0", time.time)
            one = meter(purse, time.time, rows=1000)
            start = time.monotonic()
            results = await asyncio.gather(*(one.enter(1) for _ in range(50)), return_exceptions=True)
            assert {type(result) for result in results} == {TooMany}
            assert time.monotonic() - start < SECONDS + 0.7
            await purse._server.aclose()


@pytest.mark.parametrize("url", ["valkey", "http://x", "redis://h:port"])
async def test_what_is_no_address_of_shared_budgets(url):
    with pytest.raises(FixInput):
        SharedPurse(url, "g0", time.time)


async def test_a_clock_that_jumps_and_comes_back_gives_a_day_once():
    now = [NOON]
    one = meter(clock=lambda: now[0], rows=100)
    for jump in (0, 3, -3, -400, 400):
        now[0] += 86_400 * jump
        expected = 100 if jump in (0, 3, -400) else 0
        assert await entered(one) == expected
