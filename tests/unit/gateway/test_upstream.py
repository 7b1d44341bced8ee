"""Upstreams that behave, and all the ways in which they do not: real sockets, answers byte by byte."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.gateway.http.connection import AHEAD, Broken
from holdfast.gateway.http.upstream import Origin, Patience, Upstream

pytestmark = pytest.mark.anyio
QUICK = Patience(connect=0.5, answer=0.3, at_once=4, waiting=2, failures=3, rest=0.2)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Server:
    """Answers each request with the next of `script`: bytes, a number of seconds to wait, or None to hang up."""

    def __init__(self, *script):
        self.script = list(script)
        self.connections = 0
        self.requests = []

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                for step in self.script.pop(0) if self.script else (OK,):
                    if step is None:
                        return
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    else:
                        await asyncio.sleep(step)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*script, patience=QUICK, tls=None, trust=None):
    server = Server(*script)
    running = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    origin = Origin(f"{scheme}://{host}:{running.sockets[0].getsockname()[1]}/base", trust)
    upstream = Upstream(origin, patience)
    try:
        yield server, upstream
    finally:
        upstream.close()
        running.close()


async def fetch(upstream, body=b"{}"):
    answer = await upstream.ask(b"POST", b"/infer", [(b"accept", b"*/*"), (b"connection", b"x")], body)
    return answer.status, await answer.body(10_000_000)


async def test_exchanges_follow_one_another_on_one_connection():
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    pieces = tuple(bytes([byte]) for byte in OK)
    async with serving((OK,), (chunked,), (interim, OK), pieces) as (server, upstream):
        assert [await fetch(upstream) for _ in range(4)] == [(200, b"hi"), (200, b"abc"), (200, b"hi"), (200, b"hi")]
        assert server.connections == 1
        request = server.requests[0]
        assert request.startswith(b"POST /base/infer HTTP/1.1\r\nhost: 127.0.0.1:")
        assert b"accept: */*" in request
        assert b"connection: x" not in request
        assert request.endswith(b"\r\n\r\n{}")


async def test_an_answer_without_a_length_ends_with_its_connection():
    async with serving((b"HTTP/1.1 200 OK\r\n\r\nall of it", None)) as (server, upstream):
        assert await fetch(upstream) == (200, b"all of it")
        assert await fetch(upstream) == (200, b"hi")
        assert server.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_replaced_unseen():
    async with serving((OK, None)) as (server, upstream):
        assert await fetch(upstream) == (200, b"hi")
        assert await fetch(upstream) == (200, b"hi")
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ((None,), "closed the connection before"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", None), "closed the connection before"),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", None), "closed the connection before"),
        ((1.0,), "silent for 0.3 s"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 1.0), "silent for 0.3 s"),
        ((b"SMTP hello\r\n\r\n",), "not HTTP"),
        ((b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",), "not HTTP"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 20000000\r\n\r\n", *[b"z" * 100_000] * 101, 1.0), "too long"),
    ],
)
async def test_a_broken_answer_is_named_and_its_connection_never_used_again(script, message):
    async with serving(script) as (server, upstream):
        with pytest.raises(Broken, match=message):
            await fetch(upstream)
        assert await fetch(upstream) == (200, b"hi")
        assert server.connections == 2


async def test_what_comes_unasked_is_no_answer_to_the_next_request():
    evil = OK.replace(b"hi", b"no")
    async with serving((OK + evil,)) as (server, upstream):
        assert await fetch(upstream) == (200, b"hi")
        assert await fetch(upstream) == (200, b"hi")
    async with serving((OK, 0.05, evil, 0.2)) as (server, upstream):
        assert await fetch(upstream) == (200, b"hi")
        await asyncio.sleep(0.15)
        assert await fetch(upstream) == (200, b"hi")
        assert server.connections == 2


async def test_a_reader_that_waits_holds_little_in_memory():
    size = 40 * AHEAD
    script = (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[b"z" * AHEAD] * 40)
    async with serving(script, patience=Patience()) as (_, upstream):
        answer = await upstream.ask(b"GET", b"/", [], b"")
        await asyncio.sleep(0.3)
        assert answer._connection._held < 4 * AHEAD
        assert len(await answer.body(size)) == size


async def test_an_answer_that_nobody_reads_gives_its_turn_back():
    async with serving(*[(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 1.0)] * 8) as (_, upstream):
        for _ in range(8):
            (await upstream.ask(b"GET", b"/", [], b"")).close()
        assert not upstream._turns.locked()


async def test_only_so_many_ask_at_once_and_only_so_many_wait():
    async with serving(*[(0.2, OK)] * 6) as (server, upstream):
        results = await asyncio.gather(*(fetch(upstream) for _ in range(8)), return_exceptions=True)
        assert sum(result == (200, b"hi") for result in results) == 6
        assert {r.code for r in results if isinstance(r, Unavailable)} == {"upstream.busy"}
        assert server.connections == 4


async def test_an_upstream_that_fails_again_and_again_is_left_alone_then_tried():
    async with serving((None,), (None,), (None,)) as (server, upstream):
        for _ in range(3):
            with pytest.raises(Broken):
                await fetch(upstream)
        with pytest.raises(Unavailable, match="failed too often"):
            await fetch(upstream)
        assert len(server.requests) == 3
        await asyncio.sleep(0.25)
        assert await fetch(upstream) == (200, b"hi")
        assert not upstream.is_resting


async def test_a_cancelled_exchange_leaves_nothing_behind():
    async with serving((1.0, OK)) as (_, upstream):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await fetch(upstream)
        assert await fetch(upstream) == (200, b"hi")
        assert upstream._turns._value == QUICK.at_once


async def test_nobody_there():
    upstream = Upstream(Origin("http://127.0.0.1:1"), QUICK)
    with pytest.raises(Broken, match="cannot be reached"):
        await fetch(upstream)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    return folder


async def test_tls_is_verified(certificate):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trust = ssl.create_default_context(cafile=certificate / "cert.pem")
    async with serving(tls=tls, trust=trust) as (_, upstream):
        assert await fetch(upstream) == (200, b"hi")
    async with serving(tls=tls) as (_, upstream):
        with pytest.raises(Broken, match="certificate"):
            await fetch(upstream)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://user:secret@host", "http://host/?q=1", "host:80"])
def test_what_is_no_upstream(url):
    with pytest.raises(FixInput) as error:
        Origin(url)
    assert "secret@" not in str(error.value) or "user" not in str(error.value)


async def test_a_connection_is_tried_again_once_and_not_for_everybody(monkeypatch):
    async with serving() as (_, upstream):
        real, fails = upstream._loop.create_connection, [True]

        async def flaky(*words, **more):
            if fails and fails.pop():
                raise OSError("reset")
            return await real(*words, **more)

        monkeypatch.setattr(upstream, "_loop", Loop(upstream._loop, flaky))
        answer = await upstream.ask(b"GET", b"/", [], b"")
        assert await answer.body(10) == b"hi"
        assert (upstream.retries, upstream.failures, upstream.under_way) == (1, 0, 0)
    nobody = Upstream(Origin("http://127.0.0.1:9"), Patience(connect=0.5, failures=1_000))
    for _ in range(40):
        with pytest.raises(Broken):
            await nobody.ask(b"GET", b"/", [], b"")
    assert nobody.failures == 40
    assert nobody.retries <= 10 + 40 * 0.1 + 1


class Loop:
    """A loop whose connections are made by something else."""

    def __init__(self, loop, create_connection):
        self._loop, self.create_connection = loop, create_connection

    def __getattr__(self, name):
        return getattr(self._loop, name)
