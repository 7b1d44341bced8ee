"""The gateway's HTTP server against clients that are slow, endless, silent or broken: real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress

import pytest
import uvicorn

from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.gateway.http import server as room
from holdfast.gateway.http.server import (
    CERTIFICATE,
    MOST_PIPELINED,
    Reply,
    Room,
    ServerConnection,
    Streamed,
    problem,
    read_body,
    send_reply,
    send_stream,
)


async def echo(scope, receive, send):
    if scope["type"] != "http":
        return
    try:
        body = await read_body(receive, 1_000_000)
        names = list(scope["state"].get(CERTIFICATE, ()))
        await send_reply(send, Reply(200, json.dumps({"length": len(body), "names": names}).encode()))
    except HoldfastError as error:
        await send_reply(send, problem(error))


@pytest.fixture
def serving(monkeypatch):
    monkeypatch.setattr(room, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(room, "BODY_SECONDS", 0.4)
    running = []

    def start(app=echo, **tls):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        config = uvicorn.Config(
            app, port=port, http=ServerConnection, loop="asyncio", log_level="critical", lifespan="off", **tls
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return port

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


def asked(port, raw, pieces=()):
    """What comes back for raw bytes, and for pieces sent a tenth of a second apart."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(raw)
        for piece in pieces:
            time.sleep(0.1)
            try:
                client.sendall(piece)
            except OSError:
                break
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"


def test_a_request_in_one_piece_and_in_many(serving):
    port = serving()
    assert b'"length": 5' in asked(port, HEAD + b"content-length: 5\r\n\r\nhello")
    assert b'"length": 5' in asked(port, HEAD + b"content-length: 5\r\n\r\nhe", [b"l", b"lo"])
    assert b'"length": 5' in asked(port, HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("raw", "pieces"),
    [(b"", []), (b"POST / HT", []), (HEAD, [b"x-%d: y\r\n" % at for at in range(12)])],
    ids=["silent", "half a line", "a header at a time"],
)
def test_who_does_not_get_on_with_it_is_cut_off(serving, raw, pieces):
    port = serving()
    start = time.monotonic()
    assert asked(port, raw, pieces) == b""
    assert time.monotonic() - start < 2.5
    assert b'"length": 0' in asked(port, HEAD + b"content-length: 0\r\n\r\n")


def test_a_body_that_comes_too_slowly(serving):
    answer = asked(serving(), HEAD + b"content-length: 50\r\n\r\n", [b"z"] * 8)
    assert answer.startswith(b"HTTP/1.1 422")
    assert b"request.slow" in answer


@pytest.mark.parametrize("how", [b"content-length: 3000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n2dc6c0\r\n"])
def test_a_body_that_is_too_long_is_refused_before_all_of_it_is_held(serving, how):
    port = serving()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(HEAD + how + b"z" * 1_200_000)
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


def test_headers_that_are_too_long(serving):
    port = serving()
    raw = HEAD + b"".join(b"x-%d: %b\r\n" % (at, b"y" * 1000) for at in range(100)) + b"\r\n"
    assert asked(port, raw)[:12] in (b"HTTP/1.1 400", b"")
    assert b'"length": 0' in asked(port, HEAD + b"content-length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nhost: x\r\n\x00: y\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_no_request(serving, raw):
    port = serving()
    assert asked(port, raw)[:12] in (b"HTTP/1.1 400", b"")
    assert b'"length": 0' in asked(port, HEAD + b"content-length: 0\r\n\r\n")


def test_a_client_that_hangs_up_leaves_the_others_alone(serving):
    port = serving()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(HEAD + b"content-length: 50\r\n\r\nhalf")
    assert b'"length": 0' in asked(port, HEAD + b"content-length: 0\r\n\r\n")


def test_the_names_in_a_client_certificate(serving, tmp_path):
    for name, more in (("server", "DNS:localhost"), ("client", "URI:spiffe://bank/scoring,DNS:batch.bank")):
        words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName={more}"
        files = ["-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"]
        subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    port = serving(
        ssl_certfile=tmp_path / "server.pem", ssl_keyfile=tmp_path / "server.key",
        ssl_ca_certs=str(tmp_path / "client.pem"), ssl_cert_reqs=ssl.CERT_OPTIONAL,
    )  # fmt: skip
    context = ssl.create_default_context(cafile=tmp_path / "server.pem")
    told = []
    for with_certificate in (False, True):
        if with_certificate:
            context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        client = http.client.HTTPSConnection("localhost", port, context=context, timeout=5)
        client.request("POST", "/", b"{}")
        told.append(json.loads(client.getresponse().read())["names"])
        client.close()
    assert told == [[], ["spiffe://bank/scoring", "batch.bank", "client"]]


def test_who_sends_headers_and_then_nothing_is_cut_off_too(serving):
    answer = asked(serving(), HEAD + b"content-length: 50\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 422")
    assert b"request.slow" in answer


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nhost: x\r\nx: ", *[b"y" * 8_000] * 40],
        [b"GET /", *[b"y" * 8_000] * 40],
        [b"\r\n" * 8_000] * 40,
        [HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx: ", *[b"y" * 8_000] * 40],
        [HEAD + b"transfer-encoding: chunked\r\n\r\n1;", *[b"y" * 8_000] * 40],
    ],
    ids=["a header", "an address", "empty lines", "a trailer", "an extension"],
)
def test_a_line_without_end_is_held_no_longer_than_headers_may_be(serving, pieces):
    port, sent = serving(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client, suppress(OSError):
        for piece in pieces:
            client.sendall(piece)
            sent += 1
            time.sleep(0.01)
        while client.recv(65_536):
            pass
    assert sent < len(pieces)
    assert b'"length": 0' in asked(port, HEAD + b"content-length: 0\r\n\r\n")


def test_chunks_of_one_byte_are_a_body_like_any(serving):
    raw = HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nz\r\n" * 100_000 + b"0\r\n\r\n"
    assert b'"length": 100000' in asked(serving(), raw)


def test_an_answer_before_the_body_is_heard_though_the_body_goes_on_but_not_for_ever(serving):
    port = serving()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(HEAD.replace(b"close", b"keep-alive") + b"content-length: 90000000\r\n\r\n" + b"z" * 2_000_000)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413")
        start = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - start < 5:
                client.sendall(b"z" * 1000)
                time.sleep(0.02)
        assert time.monotonic() - start < 2


def test_more_requests_at_once_than_anybody_has_are_no_http(serving):
    one = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    port = serving()
    assert asked(port, one * (MOST_PIPELINED - 1) + HEAD + b"content-length: 0\r\n\r\n").count(b"200 OK") == 32
    assert asked(port, one * 5_000).count(b"200 OK") < 100


@pytest.mark.anyio
async def test_bodies_share_a_room_in_which_small_ones_always_fit():
    async def parts(*sizes):
        for size in sizes:
            yield {"type": "http.request", "body": b"z" * size, "more_body": True}

    room = Room(100_000)
    async with room.taken(parts(100_000, 60_000).__anext__) as first:
        await first()
        async with room.taken(parts(60_000).__anext__) as small, room.taken(parts(200_000).__anext__) as large:
            await small()
            with pytest.raises(Unavailable):
                await large()
        await first()
    async with room.taken(parts(160_000).__anext__) as large:
        await large()


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_stream_ends_when_its_client_reads_nothing_or_is_gone_while_nothing_comes(serving, is_silent):
    begun, ended = threading.Event(), threading.Event()

    async def parts():
        try:
            while True:
                yield b"z" * 65_536
                begun.set()
                if is_silent:
                    await asyncio.Event().wait()
        finally:
            ended.set()

    async def telling(scope, receive, send):
        if scope["type"] == "http":
            await send_stream(receive, send, Streamed((), parts()))

    port = serving(telling)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert begun.wait(5)
        assert ended.wait(0.6 if is_silent else 3) is not is_silent
    assert ended.wait(3)
