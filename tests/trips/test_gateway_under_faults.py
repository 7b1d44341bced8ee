"""A gateway whose clients, upstreams, disk and memory turn against it: clear errors, and nobody else is harmed."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.trips.gateways import SECRET, Clients, Gateway, Model, Plane, key_for, prove_all, question, started

MB = 1024 * 1024
SLOWEST = 2.0
"""Seconds that nobody waits longer for, whatever others do, on a machine that does much else."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A gateway before two upstreams: `loans` is what faults befall, `cards` what must not notice."""
    with ExitStack() as stack:
        loans, cards = stack.enter_context(Model()), stack.enter_context(Model())
        plane = stack.enter_context(Plane("loans", "cards"))
        gateway = Gateway(tmp_path_factory.mktemp("faults"), plane, {"loans": loans.url, "cards": cards.url})
        yield stack.enter_context(started(gateway)), loans, plane


@contextmanager
def unharmed(gateway):
    """Others go on while the block lasts, each answered, and soon."""
    with Clients(gateway, "cards", count=2) as others:
        time.sleep(0.2)
        yield others
    assert set(others.statuses) == {200}
    assert max(others.seconds) < SLOWEST
    assert len(others.seconds) > 10


def told(answer):
    status, _, body = answer
    return status, json.loads(body)["code"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("reset", (503, "upstream.broken")),
        ("half", (503, "upstream.broken")),
        ("garbage", (502, "upstream.malformed")),
        ("rude", (502, "upstream.status")),
    ],
)
def test_an_upstream_that_fails_is_named_and_logged(stage, mode, expected):
    gateway, loans, _ = stage
    loans.mode = mode
    with unharmed(gateway):
        status, _, body = gateway.infer("loans")
    loans.mode = "well"
    said = json.loads(body)
    assert (status, said["code"]) == expected
    assert "secret words" not in body.decode()
    assert said["hint"].startswith("Decision 0")
    assert gateway.infer("loans")[0] == 200


def test_an_upstream_that_stalls_holds_up_only_those_who_ask_it(stage):
    gateway, loans, _ = stage
    loans.mode = "stall"
    loans.go_on.clear()
    with unharmed(gateway), Clients(gateway, "loans", count=8) as waiting:
        time.sleep(1.0)
        assert not waiting.ids
        loans.mode = "well"
        loans.go_on.set()
        time.sleep(0.5)
        assert len(waiting.ids) >= 8
    assert set(waiting.statuses) == {200}


def post(body: bytes, *more: bytes, path: bytes = b"/v2/models/loans/infer") -> bytes:
    lines = [
        b"POST %b HTTP/1.1" % path,
        b"host: x",
        b"authorization: Bearer " + SECRET.encode(),
        b"connection: close",
        *more,
        b"content-length: %d" % len(body),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sent(gateway, *parts: bytes, seconds: float = 20.0) -> bytes:
    """All that comes back for raw bytes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=seconds) as client:
        answer = b""
        with suppress(ConnectionResetError, BrokenPipeError):
            for part in parts:
                client.sendall(part)
        with suppress(ConnectionResetError):
            while more := client.recv(65_536):
                answer += more
        return answer


DEEP = b'{"inputs": ' + b"[" * 100_000
WIDE = json.dumps({"inputs": {f"c{at}": [1, 2] for at in range(20_000)}}).encode()
CSV = (b"content-type: text/csv",)
HOSTILE = {
    "no JSON": (post(b"{"), b"422", b"inference.malformed"),
    "nothing": (post(b""), b"422", b"inference.malformed"),
    "invalid UTF-8": (post(b'{"inputs": [{"name": "\xff\xfe"}]}'), b"422", b"inference.malformed"),
    "deep JSON": (post(DEEP), b"422", b"inference.malformed"),
    "deep data": (post(question()[:-2] + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}]}"), b"422", b"inference"),
    "endless shape": (post(question().replace(b"[1, 1]", b"[" + b"9," * 200_000 + b"1]", 1)), b"422", b"inference"),
    "digits": (post(question(), b"inference-header-content-length: " + b"9" * 5_000), b"422", b"inference.length"),
    "two lengths": (post(question(), *[b"inference-header-content-length: 9"] * 2), b"422", b"inference.length"),
    "wide table": (post(WIDE, path=b"/loans/invocations"), b"422", b"inference.columns"),
    "CSV of NUL": (post(b"a,b\n\x00,\xff", *CSV, path=b"/loans/invocations"), b"422", b"inference"),
    "other type": (post(b"<x/>", b"content-type: text/xml", path=b"/loans/invocations"), b"422", b"inference"),
    "two framings": (post(b"hello", b"transfer-encoding: chunked"), b"400", b"Invalid HTTP"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400", b"Invalid HTTP"),
    "a tunnel": (b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"4", b""),
    "no path": (b"GET http://x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"4", b""),
    "NUL in the path": (b"GET /%00%ff/../.. HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404", b"gateway.path"),
    "an upgrade": (b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n", b"404", b""),
}


def test_what_no_client_should_send_gets_a_clear_error(stage):
    gateway, _, _ = stage
    with unharmed(gateway):
        answers = {name: sent(gateway, raw) for name, (raw, _, _) in HOSTILE.items()}
    for name, (_, status, words) in HOSTILE.items():
        assert answers[name].startswith(b"HTTP/1.1 " + status), (name, answers[name][:200])
        assert words in answers[name], (name, answers[name][-300:])
    text = gateway.errors.read_text()
    assert "Traceback" not in text
    assert "Exception" not in text


def test_a_hundred_megabytes_and_headers_without_end_are_refused_in_bounded_memory(stage):
    gateway, _, _ = stage
    before = gateway.memory()
    gateway.forget_peak()
    head = post(b"").replace(b"content-length: 0", b"content-length: %d" % (100 * MB))
    chunks = post(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    piece = b"z" * MB
    line = [b"GET / HTTP/1.1\r\nhost: x\r\nx: ", *[piece] * 100]
    with unharmed(gateway):
        assert sent(gateway, head, *[piece] * 100)[:12] == b"HTTP/1.1 413"
        assert sent(gateway, chunks, *[b"%x\r\n%b\r\n" % (MB, piece)] * 100)[:12] == b"HTTP/1.1 413"
        assert sent(gateway, *line)[:12] in (b"HTTP/1.1 400", b"")
        assert sent(gateway, b"GET /", *[piece] * 100)[:12] in (b"HTTP/1.1 400", b"")
        assert sent(gateway, chunks, b"0\r\nx: ", *[piece] * 100)[:9] in (b"HTTP/1.1 ", b"")
        assert sent(gateway, *[b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n" * 30_000]).count(b"HTTP/1.1") < 30_000
    assert gateway.memory("VmHWM") - before < 150


def test_many_large_bodies_together_have_one_bound(stage):
    gateway, _, _ = stage
    before = gateway.memory()
    gateway.forget_peak()
    head = post(b"").replace(b"content-length: 0", b"content-length: %d" % (32 * MB))
    with ExitStack() as stack, unharmed(gateway):
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port))) for _ in range(10)]
        for client in clients:
            client.settimeout(20)
            client.sendall(head)
        refused = 0
        for client in clients:
            try:
                for _ in range(31):
                    client.sendall(b"z" * MB)
            except OSError:
                refused += 1
                continue
            client.settimeout(0.3)
            with suppress(TimeoutError):
                refused += client.recv(65_536).startswith(b"HTTP/1.1 503")
        assert 4 <= refused <= 8
    assert gateway.memory("VmHWM") - before < 350


def test_a_table_of_many_megabytes_holds_nobody_up(stage):
    gateway, _, _ = stage
    body = question(100_000)
    assert 5 * MB < len(body) < 32 * MB
    with unharmed(gateway):
        status, _, answer = gateway.ask("POST", "/v2/models/loans/infer", body)
        assert (status, len(json.loads(answer)["outputs"][0]["data"])) == (200, 100_000)


def test_who_sends_byte_by_byte_or_reads_nothing_is_cut_off(stage):
    gateway, _, _ = stage
    with ExitStack() as stack, unharmed(gateway):
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port))) for _ in range(300)]
        for at, client in enumerate(clients):
            client.sendall((b"", b"\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nx-")[at % 3])
        time.sleep(6)
        for client in clients:
            client.sendall(b"y" if client is not clients[0] else b"")
        deadline = time.monotonic() + 8
        for client in clients:
            client.settimeout(max(0.05, deadline - time.monotonic()))
            with suppress(ConnectionResetError):
                assert client.recv(65_536)[:12] in (b"", b"HTTP/1.1 400")


def test_no_file_descriptors_left_is_not_the_end(stage):
    gateway, _, _ = stage
    pid = gateway.process.pid
    _, hard = limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, hard))
    try:
        with ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            time.sleep(1.5)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert gateway.infer("cards", timeout=3)[0] == 200
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("it never came back")


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, which a few megabytes fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_answers_not_revocations_and_loses_nothing(small_disk):
    with Model() as model, Plane("loans") as plane:
        gateway = Gateway(small_disk, plane, {"loans": model.url})
        filler = small_disk / "filler"
        with started(gateway):
            with Clients(gateway, "loans", count=4) as before:
                time.sleep(0.5)
                fill(filler)
                deadline = time.monotonic() + 30
                while not before.statuses[503] and time.monotonic() < deadline:
                    time.sleep(0.05)
            assert before.statuses[503]
            deadline = time.monotonic() + 10  # one row may still fit where those of several requests did not
            while (answer := gateway.infer("loans"))[0] == 200 and time.monotonic() < deadline:
                before.ids.append(answer[1]["holdfast-decision"])
            assert told(answer) == (503, "decisions.disk")
            assert gateway.infer("loans", 5)[0] == 503
            assert gateway.ask("GET", "/health/live")[0] == 200

            plane.publish(credentials=(key_for("another", "loans"),))
            deadline = time.monotonic() + 5
            while gateway.infer("loans")[0] != 401 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert gateway.infer("loans")[0] == 401
            plane.publish(credentials=(key_for(SECRET, "loans"),))

            filler.unlink()
            deadline = time.monotonic() + 10
            while gateway.infer("loans")[0] != 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            with Clients(gateway, "loans", count=2) as after:
                time.sleep(0.3)
            assert set(after.statuses) == {200}
            assert gateway.stop() == 0
        prove_all(plane, gateway.home, before.ids + after.ids, [before.ids[0], after.ids[-1]])


def fill(path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)
