"""A gateway at half of what it can do, for half an hour: does its memory stay flat?

    python -m bench.soak                  thirty minutes
    python -m bench.soak --quick          ends within 50 s

First the peak is measured with all clients asking as fast as they are answered. Then they ask at half that rate: single
rows, small tables, keys that do not count, bodies that are no request, connections that come and go, and a control
plane that changes its mind every few seconds. Resident size and open files are noted all the while; after a warm-up a
line is fitted through them. The bound: the upper end of the 95 % interval of what the line rises over the measured time
is at most 4 % of the resident size. Ends with 1 where it is more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats
from tests.trips.gateways import SECRET, Gateway, Plane, answer_to, key_for, question, started

from holdfast.version import __version__

CLIENTS = 16
BOUND = 0.04
BLOCKS = 12
PEAK_SECONDS = 3.0
SAMPLE_SECONDS = 0.2
REQUESTS_A_CONNECTION = 200
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as folder:
        report = asyncio.run(soaked(Path(folder), 0.4 if options.quick else options.minutes))
    print(json.dumps(report))
    sys.exit(0 if report["is_flat"] else 1)


class Upstream(asyncio.Protocol):
    """Answers each request with the same scores, as many as it has rows."""

    ANSWERS: dict[bytes, bytes] = {}

    def connection_made(self, transport) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, split, body = self.data.partition(b"\r\n\r\n")
        if not split or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self.data = b""
        if body not in self.ANSWERS:
            said = answer_to(body)
            kind = b"content-type: application/json"
            self.ANSWERS[body] = b"HTTP/1.1 200 OK\r\n%b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(said), said)
        self.transport.write(self.ANSWERS[body])


def written(body: bytes, secret: str = SECRET) -> bytes:
    lines = ["POST /v2/models/loans/infer HTTP/1.1", "host: g", f"authorization: Bearer {secret}"]
    lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


REQUESTS = (
    [written(question(1, seed)) for seed in range(20)]
    + [written(question(30, 3)), written(question(), "nobody"), written(b"{"), written(question()[:-1] + b" ")]
)  # fmt: skip


@dataclass
class Load:
    """What was asked and answered so far."""

    port: int
    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    async def client(self, number: int, until: float, period: float) -> None:
        """Asks every `period` seconds, or as soon as it is answered where that is 0."""
        turn = number
        due = time.perf_counter() + period * number / CLIENTS
        while time.perf_counter() < until:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(REQUESTS_A_CONNECTION):
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if time.perf_counter() >= until:
                    break
                due = max(due, time.perf_counter() - 1.0) + period
                turn += 1
                await self._exchange(reader, writer, REQUESTS[turn % len(REQUESTS)])
            writer.close()

    async def _exchange(self, reader, writer, request: bytes) -> None:
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        self.seconds.append(time.perf_counter() - start)
        self.statuses[int(head[9:12])] += 1

    async def all_clients(self, seconds: float, rate: float = 0.0) -> float:
        """How many exchanges there were in a second."""
        before, start = self.statuses.total(), time.perf_counter()
        period = CLIENTS / rate if rate else 0.0
        await asyncio.gather(*(self.client(at, start + seconds, period) for at in range(CLIENTS)))
        return (self.statuses.total() - before) / (time.perf_counter() - start)


async def soaked(folder: Path, minutes: float) -> dict[str, object]:
    upstream = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    with Plane("loans") as plane:
        gateway = Gateway(folder, plane, {"loans": address})
        with started(gateway):
            load = Load(gateway.port)
            peak = await load.all_clients(PEAK_SECONDS)
            sampling = asyncio.create_task(sample(gateway, plane))
            load = Load(gateway.port)
            rate = await load.all_clients(60 * minutes, peak / 2)
            sampling.cancel()
            samples = await sampling
        text = gateway.errors.read_text()
    upstream.close()
    return told(np.array(samples), load, peak, rate, text)


async def sample(gateway: Gateway, plane: Plane) -> list[tuple[float, float, float]]:
    """Seconds, resident megabytes and open files, again and again until cancelled."""
    samples: list[tuple[float, float, float]] = []
    try:
        while True:
            files = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))  # noqa: PTH208
            samples.append((time.perf_counter(), gateway.memory(), files))
            if len(samples) % 25 == 0:
                plane.publish(credentials=(key_for(SECRET, "loans"), key_for(f"other-{len(samples)}", "loans", id="o")))
            await asyncio.sleep(SAMPLE_SECONDS)
    except asyncio.CancelledError:
        return samples


def rise(times, values) -> tuple[float, float]:
    """By how much a fitted line rises over the time, and the upper end of its 95 % interval.

    Neighbouring samples are alike, so the line goes through the means of blocks.
    """
    blocks = np.array_split(np.arange(len(times)), BLOCKS)
    x = np.array([times[block].mean() for block in blocks])
    y = np.array([values[block].mean() for block in blocks])
    fit, span = stats.linregress(x, y), times[-1] - times[0]
    return fit.slope * span, (fit.slope + stats.t.ppf(0.975, BLOCKS - 2) * fit.stderr) * span


def told(samples, load: Load, peak: float, rate: float, errors: str) -> dict[str, object]:
    warm = samples[len(samples) // 4 :]
    times, memory, files = warm.T
    size = float(memory.mean())
    grown, upper = rise(times, memory)
    asked = rate * (times[-1] - times[0])
    figures = {
        "peak per s": round(peak, 1),
        "rate per s": round(rate, 1),
        "exchanges": load.statuses.total(),
        "p50 ms": round(1000 * float(np.quantile(load.seconds, 0.5)), 2),
        "p99 ms": round(1000 * float(np.quantile(load.seconds, 0.99)), 2),
        "resident MB": round(size, 1),
        "rise MB": round(grown, 3),
        "rise MB, at most": round(upper, 3),
        "bytes an exchange, at most": round(max(upper, 0.0) * 2**20 / asked, 1),
        "bound MB": round(BOUND * size, 2),
        "files, first and last": [int(files[0]), int(files[-1])],
    }
    for name, value in figures.items():
        print(f"{name:<28}{value!s:>16}")
    expected = set(load.statuses) <= {200, 401, 403, 422}
    is_flat = upper <= BOUND * size and files[-1] <= files.min() + 2 * CLIENTS and "Traceback" not in errors
    versions = {"holdfast": __version__, "python": platform.python_version()}
    figures |= {"statuses": {str(status): count for status, count in sorted(load.statuses.items())}}
    return {**figures, "is_flat": bool(is_flat and expected), "seed": SEED, "versions": versions}


if __name__ == "__main__":
    main()
