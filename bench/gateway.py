"""The gateway beside nginx as a plain proxy (the limit) and LiteLLM (the peer), on one core, over loopback.

    python -m bench.gateway [--quick] [--folder DISK] [--litellm PROGRAM]

One core runs the proxy under test, the other wrk and the upstream, which is nginx with an answer of 1 kB that never
changes. wrk puts rows of a credit decision, a thousand different ones, at 16 and at 64 connections. The gateway runs as
`holdfast gateway` does, following a control plane whose clearance is signed: a key, a release that is let in, with each
guard there is or with none, and with a log that is durable before each answer or within a tenth of a second after it.
LiteLLM relays a chat of the same size under a key, without guards or log; it has no tables, so the gateway relays that
chat, too. "Added" is the latency at
the same number of connections less that of wrk on the upstream itself. All keep as busy as they can, so that latency
follows from throughput: at 16 connections a proxy of 5,000 requests a second cannot have a median below 3 ms.

wrk and nginx come from the system (`apt-get install wrk nginx-light`), LiteLLM from a place of its own (`make
.tools/litellm/bin/litellm`). What is missing is named and left out.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import http.server
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast import canonical
from holdfast.datasets.encode import decode
from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.credential import Credential, Route, Way
from holdfast.domain.verdict import timestamp
from holdfast.guards.learn import learn_reference
from holdfast.ledger.envelope import seal
from holdfast.ledger.note import Key
from holdfast.storage.keys import Ed25519Signer
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.version import __version__

SEED = 7
ROUTES = (Route.PREDICT, Route.CHAT)
ROWS = 1_000
CONNECTIONS = (16, 64)
SECRET, RELEASE = "sk-bench", "sha256:" + "a" * 64
SIGNER = Ed25519Signer("bench.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LITELLM = Path(".tools/litellm/bin/litellm")
CORES = sorted(os.sched_getaffinity(0))[:2]
TICK = os.sysconf("SC_CLK_TCK")

SCRIPT = """\
local bodies, at = {}, 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
request = function()
  at = at % #bodies + 1
  return wrk.format("POST", nil, {["content-type"] = "application/json", ["authorization"] = "Bearer KEY"}, bodies[at])
end
done = function(all, latency, requests)
  local failed = all.errors.connect + all.errors.read + all.errors.write + all.errors.status + all.errors.timeout
  io.write(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\\n',
    all.requests, all.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
NGINX = """\
daemon off; worker_processes 1; pid PLACE/pid; error_log PLACE/error.log;
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path PLACE/body; proxy_temp_path PLACE/proxy;
  fastcgi_temp_path PLACE/f; uwsgi_temp_path PLACE/u; scgi_temp_path PLACE/s; client_body_buffer_size 64k;
  upstream behind { server 127.0.0.1:UPSTREAM; keepalive 256; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:PORT; default_type application/json;
    SERVED
  }
}
"""
PROXIED = 'location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header connection ""; }'
DOCUMENT = """\
holdfast: 1
environment: bench
gateway: bench
listen: {{port: {port}}}
control_plane: {{url: "{plane}", key: "{key}"}}
log: {{{log}}}
systems:
  - system: bench
    name: rows
    reference: reference.json
    {policy}
    releases: [{{release: "{release}", upstream: "{upstream}/v2/models/bench"}}]
chats:
  - system: bench
    name: bench
    policy: {words}.yaml
    releases: [{{release: "{release}", upstream: "{upstream}/v1", model: bench}}]
"""
WORDS = """\
name: words
version: "1"
guards:
  text.phrases: {mode: enforce, action: redact, params: {phrases: [blue heron, project k-7713, red fox]}}
"""
CHAT = """\
model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench, api_base: "{upstream}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
"""


@dataclass(frozen=True)
class Stack:
    """Something that answers at `url`: the process whose time counts (None: nobody's), and wrk's script."""

    name: str
    url: str
    script: Path
    process: subprocess.Popen[bytes] | None = None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(
    command: list[str], core: int, ready: Callable[[], bool], seconds: float = 60, **more: Any
) -> Iterator[Any]:
    """A process on one core, once it is ready; ended with all of its children."""
    with tempfile.TemporaryFile() as said:
        pinned = ["taskset", "-c", str(core), *command]
        process = subprocess.Popen(pinned, start_new_session=True, stdout=subprocess.DEVNULL, stderr=said, **more)
        try:
            deadline = time.monotonic() + seconds
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(f"{command[0]} did not start: {said.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.05)
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def answers(port: int, path: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            client.request("GET", path)
            return client.getresponse().status == 200
        except OSError:
            return False

    return ask


def bodies() -> tuple[list[str], str]:
    """Requests of the Open Inference Protocol, and an answer of 1 kB."""
    table = decode(credit_rows(ROWS, SEED).X, credit_schema())
    asked = []
    for row in table.to_dict("records"):
        inputs = [
            {"name": name, "shape": [1, 1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
            for name, value in row.items()
        ]
        asked.append(json.dumps({"inputs": inputs}, default=float))
    outputs = [{"name": "predict_proba", "datatype": "FP64", "shape": [1, 2], "data": [0.25, 0.75]}]
    answer = {"model_name": "bench", "model_version": "1", "outputs": outputs, "parameters": {"pad": ""}}
    answer["parameters"] = {"pad": "x" * (1024 - len(json.dumps(answer)))}
    return asked, json.dumps(answer)


def chats() -> tuple[list[str], str]:
    """Requests for a chat completion, and an answer, of the same sizes."""
    asked = [
        json.dumps({"model": "bench", "messages": [{"role": "user", "content": f"{number} " + "word " * 120}]})
        for number in range(ROWS)
    ]
    choice = {"index": 0, "message": {"role": "assistant", "content": "word " * 150}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 120, "completion_tokens": 150, "total_tokens": 270}
    about = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "bench"}
    return asked, json.dumps({**about, "choices": [choice], "usage": usage})


@contextmanager
def nginx(folder: Path, core: int, served: str, upstream: int = 1) -> Iterator[tuple[int, Any]]:
    folder.mkdir()
    port = free_port()
    text = NGINX.replace("PLACE", str(folder)).replace("PORT", str(port)).replace("UPSTREAM", str(upstream))
    (folder / "nginx.conf").write_text(text.replace("SERVED", served))
    command = [found("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running(command, core, answers(port, "/")) as process:
        yield port, process


def found(program: str) -> str:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin") or ""


@contextmanager
def plane() -> Iterator[str]:
    """A control plane that has cleared one release for a month, and says so under its key."""
    now = datetime.now(UTC)
    until = timestamp(now + timedelta(days=30))
    credential = Credential(
        "c-1",
        "bench",
        Way.KEY,
        hashlib.sha256(SECRET.encode()).hexdigest(),
        ("bench",),
        (Route.PREDICT, Route.CHAT),
        until,
    )
    cleared = (Cleared("bench", RELEASE, "1", "", "r-1", timestamp(now), until),)
    body = seal(Clearance("bench", ("bench",), timestamp(now), cleared, (credential,)), SIGNER)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_known = self.headers.get("if-none-match") == '"1"'
            self.send_response(304 if is_known else 200)
            self.send_header("etag", '"1"')
            self.send_header("content-length", "0" if is_known else str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if is_known else body)

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.daemon_threads = True
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@contextmanager
def gateway(folder: Path, upstream: int, url: str, *, guards: bool, within: float | None) -> Iterator[tuple[int, Any]]:
    folder.mkdir()
    port = free_port()
    train = decode(credit_rows(4_000, SEED + 1).X, credit_schema())
    (folder / "reference.json").write_bytes(canonical.encode(learn_reference(train, credit_schema())))
    (folder / "none.yaml").write_text("name: none\nversion: '1'\nguards: {}\n")
    (folder / "words.yaml").write_text(WORDS)
    fields = {
        "port": port, "plane": url, "key": Key(SIGNER.name, SIGNER.public_bytes()).vkey, "release": RELEASE,
        "log": f"within: {within}" if within else "", "policy": "" if guards else "policy: none.yaml",
        "words": "words" if guards else "none",
        "upstream": f"http://127.0.0.1:{upstream}",
    }  # fmt: skip
    (folder / "gateway.yaml").write_text(DOCUMENT.format(**fields))
    program = "from holdfast.cli.main import run; run()"
    command = [sys.executable, "-c", program, "gateway", str(folder / "gateway.yaml")]
    told = {**os.environ, "HOLDFAST_TOKEN": "bench", "HOLDFAST_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    with running(command, CORES[0], answers(port, "/health/ready"), env=told) as process:
        yield port, process


@contextmanager
def litellm(folder: Path, upstream: int, program: Path) -> Iterator[tuple[int, Any]]:
    folder.mkdir()
    port = free_port()
    (folder / "config.yaml").write_text(CHAT.format(upstream=f"http://127.0.0.1:{upstream}", key=SECRET))
    command = [str(program.absolute()), "--config", "config.yaml", "--port", str(port), "--num_workers", "1"]
    quiet = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    ready = answers(port, "/health/liveliness")
    with running(command, CORES[0], ready, seconds=180, cwd=folder, env=quiet) as process:
        yield port, process


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += map(int, task.read_text().split())
    return found


def used(pid: int) -> tuple[float, float, float]:
    """CPU seconds of a process and all that it started, with those that ended; its resident memory in MB, and theirs
    with it: a gateway seals its log in a process of its own.
    """
    seconds, memory = 0.0, list[float]()
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        seconds += sum(map(int, fields[11:15])) / TICK
        memory.append(int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return seconds, memory[0], sum(memory)


def load(stack: Stack, connections: int, seconds: float) -> dict[str, Any]:
    """What wrk sees, and what it costs the proxy."""
    wrk = ["wrk", "-t1", "--timeout", "30s", f"-c{connections}", "-s", str(stack.script), stack.url]
    base = ["taskset", "-c", str(CORES[-1]), *wrk]
    subprocess.run([*base, "-d1s"], check=True, capture_output=True)
    before = used(stack.process.pid) if stack.process else (0.0, 0.0, 0.0)
    told = subprocess.run([*base, f"-d{seconds:g}s"], check=True, capture_output=True, text=True).stdout
    after = used(stack.process.pid) if stack.process else (0.0, 0.0, 0.0)
    seen = json.loads(told.splitlines()[-1])
    return {
        "stack": stack.name,
        "connections": connections,
        "per_second": seen["requests"] / seen["seconds"],
        "cpu_us": 1e6 * (after[0] - before[0]) / seen["requests"],
        "p50_ms": seen["p50"],
        "p99_ms": seen["p99"],
        "memory_mb": after[1],
        "whole_mb": after[2],
        "failed": seen["failed"],
    }


def script(folder: Path, name: str, lines: list[str]) -> Path:
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    path = folder / f"{name}.lua"
    path.write_text(SCRIPT.replace("BODIES", str(folder / f"{name}.txt")).replace("KEY", SECRET))
    return path


def measure(folder: Path, seconds: float, connections: tuple[int, ...], peer: Path | None) -> list[dict[str, Any]]:
    """One row for each stack and number of connections."""
    (asked, answer), (said, reply) = bodies(), chats()
    infer, chat = script(folder, "infer", asked), script(folder, "chat", said)
    served = f"location / {{ return 200 '{answer}'; }} location /v1/ {{ return 200 '{reply}'; }}"
    rows: list[dict[str, Any]] = []

    def take(stack: Stack) -> None:
        rows.extend(load(stack, many, seconds) for many in connections)

    with ExitStack() as outer:
        upstream, _ = outer.enter_context(nginx(folder / "upstream", CORES[-1], served))
        url = outer.enter_context(plane())
        take(Stack("upstream alone", f"http://127.0.0.1:{upstream}/v2/models/bench/infer", infer))
        with nginx(folder / "proxy", CORES[0], PROXIED, upstream) as (port, process):
            take(Stack("nginx", f"http://127.0.0.1:{port}/v2/models/bench/infer", infer, process))
        for guards in (False, True):
            for within in (None, 0.1):
                how = f"guards {'on' if guards else 'off'}, log {'within 0.1 s' if within else 'durable'}"
                place = folder / hashlib.sha256(how.encode()).hexdigest()[:8]
                with gateway(place, upstream, url, guards=guards, within=within) as (port, process):
                    at = f"http://127.0.0.1:{port}"
                    take(Stack(f"holdfast rows, {how}", f"{at}/v2/models/rows/infer", infer, process))
                    if within is None:
                        take(Stack(f"holdfast chat, {how}", f"{at}/v1/chat/completions", chat, process))
        if peer is not None:
            with litellm(folder / "litellm", upstream, peer) as (port, process):
                take(Stack("litellm", f"http://127.0.0.1:{port}/v1/chat/completions", chat, process))
    return rows


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with what each stack adds, and how much of nginx's time it takes, and of LiteLLM's."""
    alone = {row["connections"]: row for row in rows if row["stack"] == "upstream alone"}
    plain = {row["connections"]: row for row in rows if row["stack"] == "nginx"}
    peer = {row["connections"]: row["cpu_us"] for row in rows if row["stack"] == "litellm"}
    made = []
    for row in rows:
        base, limit = alone[row["connections"]], plain[row["connections"]]
        added = {f"added_{p}": row[f"{p}_ms"] - base[f"{p}_ms"] for p in ("p50", "p99")}
        told = peer.get(row["connections"], 0.0)
        ratios = {"times_nginx": row["cpu_us"] / limit["cpu_us"], "of_litellm": row["cpu_us"] / told if told else None}
        made.append({**row, **added, **ratios})
    return made


def table(rows: list[dict[str, Any]]) -> None:
    heads = ("requests/s", "CPU us", "x nginx", "of LiteLLM", "p50 ms", "added", "p99 ms", "added", "MB", "whole MB")
    names = ("per_second", "cpu_us", "times_nginx", "of_litellm")
    names += ("p50_ms", "added_p50", "p99_ms", "added_p99", "memory_mb", "whole_mb")
    print(f"{'':<44}{'conns':>6}" + "".join(f"{head:>11}" for head in heads))
    for row in rows:
        cells = [row[name] for name in names]
        shown = ["" if cell is None else f"{cell:.4f}" if cell < 0.1 and cell > 0 else f"{cell:.1f}" for cell in cells]
        failed = f"  {row['failed']} requests failed" if row["failed"] else ""
        print(f"{row['stack']:<44}{row['connections']:>6}" + "".join(f"{cell:>11}" for cell in shown) + failed)


def versions(peer: Path | None) -> dict[str, str]:
    """Of all that took part."""
    nginx, wrk = (
        subprocess.run([found(program), "-v"], check=False, capture_output=True, text=True)
        for program in ("nginx", "wrk")
    )
    known = {"holdfast": __version__, "python": platform.python_version(), "uvicorn": metadata.version("uvicorn")}
    known |= {"nginx": nginx.stderr.strip().rpartition("/")[2], "wrk": wrk.stdout.split()[1]}
    if peer is not None:
        ask = "from importlib import metadata; print(metadata.version('litellm'))"
        told = subprocess.run([peer.with_name("python"), "-c", ask], check=True, capture_output=True, text=True)
        known["litellm"] = told.stdout.strip()
    return known


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: short runs, without LiteLLM")
    parser.add_argument("--folder", type=Path, help="put logs on the disk that holds this folder")
    parser.add_argument("--litellm", type=Path, default=LITELLM, help="the peer's program")
    options = parser.parse_args()
    missing = [program for program in ("wrk", "nginx", "taskset") if not found(program)]
    if missing:
        print(f"Missing: {', '.join(missing)} (apt-get install wrk nginx-light util-linux). Nothing was measured.")
        print(json.dumps({"bench": "gateway", "missing": missing, "figures": []}))
        return
    peer = options.litellm if options.litellm.exists() and not options.quick else None
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-gateway-") as folder:
        rows = compared(
            measure(
                Path(folder), 1.0 if options.quick else 5.0, CONNECTIONS[:1] if options.quick else CONNECTIONS, peer
            )
        )
    table(rows)
    if peer is None:
        print("LiteLLM was left out: " + ("--quick." if options.quick else f"there is no {options.litellm}."))
    known = versions(peer)
    print("Versions: " + ", ".join(f"{name} {version}" for name, version in known.items()))
    print(json.dumps({"bench": "gateway", "figures": rows, "cores": CORES, "seed": SEED, "versions": known}))


if __name__ == "__main__":
    main()
