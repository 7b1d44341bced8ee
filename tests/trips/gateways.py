"""Real `holdfast gateway` processes, upstreams that fail as they are told, and clients that count what was promised.

The control plane is a small one that seals clearances under a key of its own: trips about what is cleared and why have
the real one (`test_gateway.py`).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.unit.decisions.making import SIGNER

from holdfast import canonical
from holdfast.datasets.encode import decode
from holdfast.decisions.prove import prove
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.verify import records_in, verify_segments
from holdfast.domain.act import Kept
from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.credential import Budget, Credential, Route, Way
from holdfast.domain.decision import Segment
from holdfast.guards.learn import learn_reference
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.envelope import seal
from holdfast.ledger.log import Log
from holdfast.ledger.note import Key
from holdfast.ledger.verify import verify_log
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.wiring import decision_files

ROOT = Path(__file__).parents[2]
FAR = "2099-01-01T00:00:00Z"
RELEASE = "sha256:" + "a" * 64
SECRET = "hf_k3y-of-the-branch"
TOKEN = "hf_t0ken-of-the-gateway"


@cache
def reference() -> bytes:
    schema = credit_schema()
    return canonical.encode(learn_reference(decode(credit_rows(600, 1).X, schema), schema))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def key_for(
    secret: str, *systems: str, id: str = "c-1", until: str = FAR, routes=(Route.PREDICT,), **budget
) -> Credential:
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Credential(id, "branch", Way.KEY, digest, systems, routes, until, Budget(**budget))


class Serves:
    """An HTTP server in threads of this process, as long as the block lasts."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                outer.got(self)

            def do_POST(self):
                outer.posted(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def send(handler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Plane(Serves):
    """Tells gateways, sealed, that one release of each system is cleared, and who may ask."""

    key = Key(SIGNER.name, SIGNER.public_bytes()).vkey

    def __init__(self, *systems: str, credentials: tuple[Credential, ...] = ()):
        super().__init__()
        cleared = tuple(Cleared(one, RELEASE, "1", "", "r-1", "2026-01-01T00:00:00Z", FAR) for one in systems)
        self.clearance = Clearance("production", tuple(sorted(systems)), "", cleared)
        self.asked = 0
        self.folder = TemporaryDirectory()
        self.publish(credentials=credentials or (key_for(SECRET, *systems),))

    @contextmanager
    def ledger(self):
        """The ledger in which segments are registered; it outlives the server."""
        with Log(Path(self.folder.name), SIGNER, publish_every=0.01) as log:
            yield log

    def __enter__(self):
        self._stack = ExitStack()
        self._registrar = LedgerRegistrar(self._stack.enter_context(self.ledger()))
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        self._stack.close()

    def publish(self, **changes) -> None:
        at = f"2026-11-28T10:00:00.{time.monotonic_ns():018}Z"
        self.clearance = replace(self.clearance, at=at, **changes)

    def got(self, handler) -> None:
        self.asked += 1
        tag = f'"{canonical.digest(self.clearance)}"'
        if handler.headers.get("if-none-match") == tag:
            send(handler, 304, b"", etag=tag)
        else:
            send(handler, 200, seal(self.clearance, SIGNER), etag=tag)

    def posted(self, handler, body: bytes) -> None:
        if handler.path != "/api/v1/segments":
            send(handler, 404, b"{}")
            return
        segment = canonical.rebuild(Segment, json.loads(body)["segment"])
        self._registrar.register(segment)
        kept = Kept(segment.file, segment, 1, "a-1", "gateway", segment.last)
        send(handler, 201, json.dumps(canonical.plain(kept)).encode(), **{"content-type": "application/json"})


class Model(Serves):
    """An upstream in the Open Inference Protocol that does as `mode` says: well, stall, reset, half, garbage, rude."""

    def __init__(self):
        super().__init__()
        self.mode = "well"
        self.go_on = threading.Event()
        self.seen: list[bytes] = []

    def posted(self, handler, body: bytes) -> None:
        self.seen = [body]
        mode = self.mode
        if mode == "stall":
            self.go_on.wait(60)
        if mode in ("well", "stall"):
            send(handler, 200, answer_to(body), **{"content-type": "application/json"})
        elif mode == "garbage":
            send(handler, 200, b'{"outputs": [{"name": "\xff')
        elif mode == "rude":
            send(handler, 418, b"secret words of the upstream")
        else:
            if mode == "half":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")
                handler.wfile.flush()
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.close_connection = True
            handler.connection.close()


def answer_to(body: bytes) -> bytes:
    n = json.loads(body)["inputs"][0]["shape"][0]
    scores = [[0.25, 0.75]] * n
    output = {"name": "predict_proba", "datatype": "FP64", "shape": [n, 2], "data": scores}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


def question(n: int = 1, seed: int = 2) -> bytes:
    """So many rows, a tensor for each column."""
    frame = decode(credit_rows(n, seed).X, credit_schema())
    inputs = []
    for name in frame.columns:
        values = frame[name].tolist()
        kind = "BYTES" if isinstance(values[0], str) else "FP64"
        inputs.append({"name": name, "datatype": kind, "shape": [n, 1], "data": values})
    return json.dumps({"inputs": inputs}).encode()


class Gateway:
    """A `holdfast gateway` of its own in `folder`, for systems and chats by name, with the address of each upstream."""

    def __init__(
        self,
        folder: Path,
        plane: Plane,
        systems: dict[str, str],
        *,
        chats: dict[str, str] | None = None,
        more: str = "",
        name: str = "g1",
    ):
        self.folder, self.home, self.port = folder, folder / "home", free_port()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "reference.json").write_bytes(reference())
        served = "".join(
            f'  - {{system: {one}, name: {one}, reference: reference.json, releases: [{{release: "{RELEASE}", '
            f'upstream: "{url}"}}]}}\n'
            for one, url in systems.items()
        )
        talking = "".join(
            f'  - {{system: {one}, name: {one}, releases: [{{release: "{RELEASE}", upstream: "{url}", model: m}}]}}\n'
            for one, url in (chats or {}).items()
        )
        (folder / "gateway.yaml").write_text(
            f"holdfast: 1\nenvironment: production\ngateway: {name}\nlisten: {{port: {self.port}}}\n"
            f'control_plane: {{url: "{plane.url}", key: "{plane.key}"}}\n{more}systems:\n{served}'
            + (f"chats:\n{talking}" if talking else "")
        )
        self.process: subprocess.Popen | None = None
        self.errors = folder / "stderr"

    def begin(self) -> Gateway:
        words = ["gateway", str(self.folder / "gateway.yaml")]
        command = [sys.executable, "-c", "from holdfast.cli.main import run; run()", *words]
        environment = {**os.environ, "HOLDFAST_TOKEN": TOKEN, "HOLDFAST_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        with self.errors.open("ab") as errors, (self.folder / "stdout").open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        return self

    def start(self) -> Gateway:
        self.begin()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/health/ready")[0] == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError(self.errors.read_text() or "never ready")

    def stop(self, how=signal.SIGTERM) -> int:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)

    def ask(self, method: str, path: str, body: bytes = b"", secret: str = SECRET, timeout: float = 30.0, **headers):
        """Status, headers and body of one exchange on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            told = {"authorization": f"Bearer {secret}", "content-type": "application/json"} | headers
            client.request(method, path, body, told)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            client.close()

    def infer(self, system: str, n: int = 1, **more):
        return self.ask("POST", f"/v2/models/{system}/infer", question(n), **more)

    def memory(self, what: str = "VmRSS") -> float:
        """In megabytes; VmHWM is the most since `forget_peak`."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith(what))

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextmanager
def started(gateway: Gateway):
    try:
        yield gateway.start()
    finally:
        if gateway.process.poll() is None:
            gateway.stop()


@dataclass
class Clients:
    """So many clients, each on one connection, that ask as fast as they are answered until the block ends."""

    gateway: Gateway
    system: str
    count: int = 4
    rows: int = 1
    secret: str = SECRET
    ids: list[str] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def __enter__(self):
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self) -> None:
        body, path = question(self.rows), f"/v2/models/{self.system}/infer"
        headers = {"authorization": f"Bearer {self.secret}"}
        while not self._end.is_set():
            client = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
            with suppress(OSError, http.client.HTTPException):
                while not self._end.is_set():
                    start = time.perf_counter()
                    client.request("POST", path, body, headers)
                    answer = client.getresponse()
                    answer.read()
                    self.statuses[answer.status] += 1
                    self.seconds.append(time.perf_counter() - start)
                    if answer.status == 200:
                        self.ids.append(answer.headers["holdfast-decision"])
            client.close()
            time.sleep(0.02)


def logged(home: Path, segments: str = "") -> Counter:
    """How often each decision stands in the log of a gateway that ended."""
    batches = decision_files(home, segments).reader.batches(columns=["id"])
    return Counter(id for batch in batches for id in batch.column("id").to_pylist())


def prove_all(plane: Plane, home: Path, promised: list[str], proofs: list[str]) -> Counter:
    """Each promised decision is in a sealed segment once, all segments and the ledger verify, and so do some proofs."""
    found, files = logged(home), decision_files(home)
    assert set(found.values()) <= {1}
    assert set(promised) <= set(found)
    key = Key(SIGNER.name, SIGNER.public_bytes())
    with plane.ledger() as ledger:
        segments, removals = records_in(ledger.read(0, ledger.head()[0]))
        verified = verify_segments(files.segments, segments, removals)
        assert (verified.rows, verified.pending) == (sum(found.values()), ())
        texts = [prove(id, files.reader, LedgerRegistrar(ledger)).encode() for id in proofs]
    assert [verify_decision(text, key).record.id for text in texts] == proofs
    verify_log(Path(plane.folder.name), key)
    return found
