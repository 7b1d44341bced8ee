"""The decision log: exchanges that are durable before they are answered, whole tables at once, sealing, proofs.

Beside it, on the same disk and in turns: SQLite (WAL, synchronous=FULL, a row a decision), a file of JSON lines synced
after each, and plain Parquet. None of the three can prove a row to a stranger; the ratio is what that costs, or not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.decisions.keeper import SealWhen
from holdfast.decisions.layout import leaves
from holdfast.decisions.log import SegmentLog
from holdfast.decisions.prove import prove
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.rows import row_of
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.stage import MAX_ROWS
from holdfast.domain.decision import Decision, Ended, Lane
from holdfast.domain.ids import Ids
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.log import Log
from holdfast.ledger.merkle import root
from holdfast.storage.keys import Ed25519Signer
from holdfast.version import __version__

SEED = 7
FEATURES = 20
SEALED = 30_000
NEVER = SealWhen(rows=10**9, bytes=10**12, seconds=1e9)
CONSTANT = {"release": "sha256:" + "a" * 64, "environment": "production", "lane": "live", "ended": "answered"}
IDS = Ids()
SIGNER = Ed25519Signer("bench.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.decisions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores")
    parser.add_argument("--folder", type=Path, help="measure on the disk that holds this folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-decisions-", dir=options.folder))
    try:
        report = measure(folder, rows=200_000 if options.quick else 1_000_000, seconds=1.0 if options.quick else 5.0)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(report))


def measure(folder: Path, *, rows: int, seconds: float) -> dict[str, object]:
    report: dict[str, object] = {
        "exchanges": exchanges(folder, seconds),
        "tables": tables(folder, rows),
        "sealing": sealing(folder, rows // 10),
        "load": os.getloadavg()[0],
        "versions": {
            "holdfast": __version__,
            "python": platform.python_version(),
            "pyarrow": pa.__version__,
            "sqlite": sqlite3.sqlite_version,
        },
        "seed": SEED,
    }
    report["goals"] = goals(report)
    return report


def one() -> Decision:
    values = tuple((f"f{number}", 0.25 * number) for number in range(FEATURES))
    return Decision(
        IDS.next(), "2026-11-28T10:00:00.000000Z", "credit", CONSTANT["release"], "production", Lane.LIVE,
        Ended.ANSWERED, "g1", "shop", "p" * 64, values, (("approved", True), ("score", 0.75)), micros=1200,
    )  # fmt: skip


@contextmanager
def opened(folder: Path, when: SealWhen = NEVER, *, apart: bool = False) -> Iterator[SegmentLog]:
    with Log(folder / "ledger", SIGNER) as ledger:
        place, registrar = FolderSegments(folder / "segments"), LedgerRegistrar(ledger)
        with SegmentLog(folder / "log", "g1", place, registrar, seal_when=when, apart=apart) as log:
            yield log


def exchanges(folder: Path, seconds: float) -> list[dict[str, object]]:
    """One decision a call, durable when it returns, from so many callers at once."""
    print(f"{'one decision a call':<34}" + "".join(f"{head:>10}" for head in ("per s", "p50 ms", "p99 ms", "CPU µs")))
    rows: list[dict[str, object]] = []
    for callers in (1, 16, 64):
        with opened(folder / f"threads-{callers}") as log:
            rows.append(told("holdfast, threads", callers, threads(lambda: log.append([one()]), callers, seconds)))
        with opened(folder / f"tasks-{callers}") as log:
            rows.append(told("holdfast, coroutines", callers, asyncio.run(tasks(log, callers, seconds))))
    for apart in (False, True):
        who = "holdfast, sealing apart" if apart else "holdfast, sealing in a thread"
        rows.append(told(who, 1, while_sealing(folder / f"sealing-{apart}", apart)))
    for callers in (1, 16, 64):
        rows.append(told("SQLite", callers, threads(sqlite_appender(folder / f"{callers}.db"), callers, seconds)))
    rows.append(told("JSON lines", 16, threads(lines_appender(folder / "lines"), 16, seconds)))
    return rows


def threads(append: Callable[[], object], callers: int, seconds: float) -> dict[str, float]:
    times: list[float] = []
    cpu, start = time.process_time(), time.perf_counter()

    def work() -> None:
        while (begin := time.perf_counter()) < start + seconds:
            append()
            times.append(time.perf_counter() - begin)

    workers = [threading.Thread(target=work) for _ in range(callers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return figures(times, time.perf_counter() - start, time.process_time() - cpu)


async def tasks(log: SegmentLog, callers: int, seconds: float) -> dict[str, float]:
    times: list[float] = []
    cpu, start = time.process_time(), time.perf_counter()

    async def work() -> None:
        while (begin := time.perf_counter()) < start + seconds:
            await log.append_async([one()])
            times.append(time.perf_counter() - begin)

    await asyncio.gather(*(work() for _ in range(callers)))
    return figures(times, time.perf_counter() - start, time.process_time() - cpu)


def while_sealing(folder: Path, apart: bool) -> dict[str, float]:
    """Calls at a slow pace, as long as the sealing of many thousand decisions goes on beside."""
    made = [one() for _ in range(SEALED)]
    times: list[float] = []
    with opened(folder, SealWhen(rows=SEALED, every=0.02), apart=apart) as log:
        for start in range(0, SEALED, 1000):
            log.append(made[start : start + 1000])
        cpu, start = time.process_time(), time.perf_counter()
        while not any((folder / "segments").rglob("*.parquet")):
            begin = time.perf_counter()
            log.append([one()])
            times.append(time.perf_counter() - begin)
            time.sleep(0.002)
        return figures(times, time.perf_counter() - start, time.process_time() - cpu)


def figures(times: list[float], wall: float, cpu: float) -> dict[str, float]:
    times.sort()
    return {
        "per_s": len(times) / wall,
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[len(times) * 99 // 100] * 1e3,
        "cpu_us": cpu / len(times) * 1e6,
    }


def told(who: str, callers: int, found: dict[str, float]) -> dict[str, object]:
    cells = (f"{found['per_s']:,.0f}", f"{found['p50_ms']:.2f}", f"{found['p99_ms']:.2f}", f"{found['cpu_us']:.0f}")
    print(f"{f'{who}, {callers} at once':<34}" + "".join(f"{cell:>10}" for cell in cells))
    return {"who": who, "callers": callers, **found}


def sqlite_appender(path: Path) -> Callable[[], object]:
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    names = list(row_of(one()))
    base.execute(f"CREATE TABLE decision ({', '.join(names)})")
    insert = f"INSERT INTO decision VALUES ({', '.join('?' * len(names))})"
    turn = threading.Lock()

    def append() -> None:
        row = list(row_of(one()).values())
        with turn:
            base.execute(insert, row)

    return append


def lines_appender(path: Path) -> Callable[[], object]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    turn = threading.Lock()

    def append() -> None:
        line = json.dumps(row_of(one())).encode() + b"\n"
        with turn:
            os.write(file, line)
            os.fdatasync(file)

    return append


def tables(folder: Path, rows: int) -> dict[str, float]:
    """A whole table of decisions at once, durable when it returns."""
    rng = np.random.default_rng(SEED)
    values = pa.table({
        **{f"input_f{number}": rng.normal(size=rows) for number in range(FEATURES)},
        "output_score": rng.random(rows),
        "output_approved": rng.random(rows) > 0.5,
    })  # fmt: skip
    with opened(folder / "table") as log:
        ours = timed(lambda: log.append_batch(values, system="credit", **CONSTANT))
        log.seal()
        paths = sorted((folder / "table/segments").rglob("*.parquet"))
        table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])
    cpu = time.process_time()
    hashes = leaves(table)
    root(hashes)
    hashing = time.process_time() - cpu
    plain = timed(lambda: write_plain(table, folder / "plain.parquet"))
    lite = timed(lambda: write_sqlite(table.slice(0, rows // 10), folder / "table.db")) * 10
    size = sum(path.stat().st_size for path in paths)
    found = {
        "rows": float(rows),
        "per_s": rows / ours,
        "plain_parquet_per_s": rows / plain,
        "sqlite_per_s": rows / lite,
        "encode_hash_root_cpu_us": hashing / rows * 1e6,
        "bytes_a_row": size / rows,
        "plain_bytes_a_row": (folder / "plain.parquet").stat().st_size / rows,
    }
    print(
        f"\n{rows:,} rows of {len(table.schema)} columns at once: {found['per_s']:,.0f} rows/s, durable and hashed;"
        f" plain Parquet {found['plain_parquet_per_s']:,.0f}, SQLite {found['sqlite_per_s']:,.0f}\n"
        f"encoding, leaf hash and root: {found['encode_hash_root_cpu_us']:.2f} µs of CPU a row;"
        f" {found['bytes_a_row']:.0f} bytes a row on disk, plain Parquet {found['plain_bytes_a_row']:.0f}"
    )
    return found


def write_plain(table: pa.Table, path: Path) -> None:
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        os.fsync(file.fileno())


def write_sqlite(table: pa.Table, path: Path) -> None:
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA synchronous=FULL")
    base.execute(f"CREATE TABLE decision ({', '.join(table.schema.names)})")
    insert = f"INSERT INTO decision VALUES ({', '.join('?' * len(table.schema))})"
    columns = [
        map(str, column.to_pylist()) if pa.types.is_timestamp(column.type) else column.to_pylist()
        for column in table.columns
    ]
    base.execute("BEGIN")
    base.executemany(insert, zip(*columns, strict=True))
    base.execute("COMMIT")
    base.close()


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sealing(folder: Path, rows: int) -> dict[str, float]:
    """From journal to registered segment, and one proof from it."""
    made = [one() for _ in range(rows)]
    with opened(folder / "sealing") as log:
        for start in range(0, rows, 1000):
            log.append(made[start : start + 1000])
        per_s = rows / timed(log.seal)
    reader = Reader(folder / "sealing/log", FolderSegments(folder / "sealing/segments"))
    finding = timed(lambda: reader.find(made[rows // 2].id))
    with Log(folder / "sealing/ledger", SIGNER) as ledger:
        registrar = LedgerRegistrar(ledger)
        start = time.perf_counter()
        proof = prove(made[rows // 3].id, reader, registrar).encode()
        making = time.perf_counter() - start
        checking = timed(lambda: verify_decision(proof, ledger.key))
    found = {
        "rows": float(rows),
        "per_s": per_s,
        "find_ms": finding * 1e3,
        "prove_ms": making * 1e3,
        "verify_ms": checking * 1e3,
        "proof_bytes": float(len(proof)),
    }
    print(
        f"\nsealing {rows:,} rows: {per_s:,.0f} rows/s; one found in {found['find_ms']:.0f} ms, proved in"
        f" {found['prove_ms']:.0f} ms ({len(proof):,} bytes; a segment has at most {MAX_ROWS:,} rows), verified in"
        f" {found['verify_ms']:.1f} ms\n"
    )
    return found


def goals(report: dict[str, object]) -> dict[str, bool]:
    """What was aimed at, met or short."""
    tables, rows = report["tables"], report["exchanges"]
    best = {who: max(row["per_s"] for row in rows if row["who"].startswith(who)) for who in ("holdfast", "SQLite")}
    results = {
        "encoding, leaf hash and root <= 3 us a row": tables["encode_hash_root_cpu_us"] <= 3,
        "a million rows within 10 s": 1_000_000 / tables["per_s"] <= 10,
        "more durable exchanges a second than SQLite": best["holdfast"] > best["SQLite"],
        "p99 <= 10 ms at 16 at once": min(row["p99_ms"] for row in rows if row["callers"] == 16) <= 10,
    }
    for goal, met in results.items():
        print(f"{'met  ' if met else 'SHORT'} {goal}")
    return results


if __name__ == "__main__":
    main()
