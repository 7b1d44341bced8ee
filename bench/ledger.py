"""The ledger against a SQLite hash chain: durable appends, proofs, verification.

Both sides run here, on this disk, in turns; quote the ratios. An append counts from the call until it is durable.
Meanwhile the ledger writes its tiles and signed checkpoints; "published" counts until the last entry stands under one,
and so does its CPU time. SQLite only chains hashes: nothing is signed, nothing can be proven to a stranger.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cryptography

from holdfast.ledger.log import Log
from holdfast.ledger.merkle import leaf_hash, root_from_inclusion
from holdfast.ledger.prove import inclusion, tile_subtree
from holdfast.ledger.verify import verify_log, verify_proof
from holdfast.storage.keys import load_or_create
from holdfast.version import __version__

SEED = 7
ENTRY_BYTES = 512
BATCHES = (1, 64, 256)
LEAVES = 1_000_000

Append = Callable[[Sequence[bytes]], object]


class SqliteChain:
    """A hash chain in SQLite: WAL, synchronous=FULL, one transaction a batch."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=FULL")
        self._base.execute("CREATE TABLE chain (id INTEGER PRIMARY KEY, entry BLOB, hash BLOB)")
        self._last = bytes(32)

    def append(self, entries: Sequence[bytes]) -> None:
        rows = []
        for entry in entries:
            self._last = hashlib.sha256(self._last + entry).digest()
            rows.append((entry, self._last))
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany("INSERT INTO chain (entry, hash) VALUES (?, ?)", rows)
        self._base.execute("COMMIT")

    def close(self) -> None:
        self._base.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ledger", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores")
    parser.add_argument("--folder", type=Path, help="measure on the disk that holds this folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-ledger-", dir=options.folder))
    try:
        report = measure(folder, seconds=0.5 if options.quick else 4.0, rounds=2 if options.quick else 5)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(report))


def measure(folder: Path, *, seconds: float, rounds: int) -> dict[str, object]:
    fsync = fsync_ms(folder)
    print(f"disk: fdatasync after a 4 kB append takes {fsync['p50']:.2f} ms (p99 {fsync['p99']:.2f})\n")
    report: dict[str, object] = {"fdatasync_ms": fsync}
    report["appends"] = compare_appends(folder, seconds, rounds)
    report["concurrent"] = concurrent(folder, seconds)
    report["proofs"] = proofs(folder)
    report["load"] = os.getloadavg()[0]
    report["goals"] = goals(report)
    report["versions"] = {
        "holdfast": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cryptography": cryptography.__version__,
    }
    report["seed"] = SEED
    return report


def fsync_ms(folder: Path) -> dict[str, float]:
    file = os.open(folder / "probe", os.O_RDWR | os.O_CREAT)
    block, times = os.urandom(4096), []
    for number in range(200):
        start = time.perf_counter()
        os.pwrite(file, block, number * 4096)
        os.fdatasync(file)
        times.append(time.perf_counter() - start)
    os.close(file)
    return {"p50": percentile(times, 50) * 1e3, "p99": percentile(times, 99) * 1e3}


def compare_appends(folder: Path, seconds: float, rounds: int) -> list[dict[str, float]]:
    """One thread, batch after batch; rounds alternate between the two, the median round counts."""
    heads = ("entries/s", "published/s", "p99 ms", "per CPU s", "SQLite/s", "p99 ms", "per CPU s", "ratio")
    print(f"{'one thread':<12}" + "".join(f"{head:>12}" for head in heads))
    rows = []
    for batch in BATCHES:
        ours, theirs = [], []
        for number in range(rounds):
            with fresh_log(folder / f"log-{batch}-{number}") as log:
                ours.append(drive(log.append, batch, 1, seconds, log.close))
            chain = SqliteChain(folder / f"chain-{batch}-{number}.db")
            theirs.append(drive(chain.append, batch, 1, seconds, chain.close))
        row = {"batch": float(batch)}
        row |= {key: statistics.median(run[key] for run in ours) for key in ours[0]}
        row |= {f"sqlite_{key}": statistics.median(run[key] for run in theirs) for key in theirs[0]}
        row["ratio"] = row["per_s"] / row["sqlite_per_s"]
        rows.append(row)
        names = ("per_s", "published_per_s", "p99_ms", "per_cpu_s", "sqlite_per_s", "sqlite_p99_ms", "sqlite_per_cpu_s")
        cells = [f"{row[name]:,.2f}" if name.endswith("ms") else f"{row[name]:,.0f}" for name in names]
        print(f"batch {batch:<6}" + "".join(f"{cell:>12}" for cell in [*cells, f"{row['ratio']:.2f}"]))
    return rows


def concurrent(folder: Path, seconds: float) -> list[dict[str, float]]:
    """Threads that append at once: as fast as they can, and paced at 20,000 entries/s."""
    print(f"\n{'concurrent':<31}" + "".join(f"{head:>11}" for head in ("entries/s", "p50 ms", "p99 ms", "per CPU s")))
    rows = []
    for threads, batch, pace in ((64, 1, 0), (16, 16, 0), (4, 64, 0), (8, 64, 20_000), (64, 1, 5_000)):
        with fresh_log(folder / f"many-{threads}-{batch}-{pace}") as log:
            run = drive(log.append, batch, threads, 2 * seconds, log.close, pace=pace)
        rows.append({"threads": threads, "batch": batch, "pace": pace, **run})
        label = f"{threads} threads x {batch}" + (f", {pace:,}/s offered" if pace else "")
        show(label, run)
    chain = SqliteChain(folder / "many.db")
    turn = threading.Lock()

    def append(entries: Sequence[bytes]) -> None:
        with turn:
            chain.append(entries)

    run = drive(append, 1, 64, 2 * seconds, chain.close)
    rows.append({"threads": 64, "batch": 1, "pace": 0, "sqlite": True, **run})
    show("SQLite, 64 threads x 1", run)
    return rows


def show(label: str, run: dict[str, float]) -> None:
    numbers = (f"{run['per_s']:,.0f}", f"{run['p50_ms']:.2f}", f"{run['p99_ms']:.2f}", f"{run['per_cpu_s']:,.0f}")
    print(f"{label:<31}" + "".join(f"{number:>11}" for number in numbers))


def drive(
    append: Append, batch: int, threads: int, seconds: float, close: Callable[[], None], *, pace: int = 0
) -> dict[str, float]:
    """Append for `seconds`: entries/s until the last was durable, and until `close` published it; call latency."""
    entries = [random.Random(SEED).randbytes(ENTRY_BYTES) for _ in range(batch)]
    latencies: list[list[float]] = [[] for _ in range(threads)]
    cpu, start = time.process_time(), time.perf_counter()
    gap = batch * threads / pace if pace else 0.0

    def work(mine: list[float], due: float) -> None:
        while (now := time.perf_counter()) - start < seconds:
            if now < due:
                time.sleep(due - now)
            begin = due if pace else now  # where arrivals are paced, a late start counts as waiting
            append(entries)
            mine.append(time.perf_counter() - begin)
            due += gap

    if threads == 1:
        work(latencies[0], start)
    else:
        workers = [
            threading.Thread(target=work, args=(mine, start + gap * number / threads))
            for number, mine in enumerate(latencies)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    durable = time.perf_counter() - start
    close()
    wall, spent = time.perf_counter() - start, time.process_time() - cpu
    calls = sorted(time for mine in latencies for time in mine)
    count = len(calls) * batch
    return {
        "per_s": count / durable,
        "published_per_s": count / wall,
        "per_cpu_s": count / spent,
        "p50_ms": percentile(calls, 50) * 1e3,
        "p99_ms": percentile(calls, 99) * 1e3,
        "max_ms": calls[-1] * 1e3,
    }


def proofs(folder: Path) -> dict[str, float]:
    """A log of a million leaves: making, size and verification of proofs, and of the whole log."""
    draw = random.Random(SEED)
    with fresh_log(folder / "million") as log:
        start = time.perf_counter()
        for first in range(0, LEAVES, 10_000):
            log.append([number.to_bytes(8, "big") for number in range(first, first + 10_000)])
        log.checkpoint()
        built = time.perf_counter() - start
        indices = [draw.randrange(LEAVES) for _ in range(200)]
        texts, making = timed(log.proof, indices)
        checked, verifying = timed(lambda index: verify_proof(texts[index], index.to_bytes(8, "big"), log.key), indices)
        head = checked[indices[0]][1]
        subtree = tile_subtree(folder / "million", LEAVES)
        paths = {index: inclusion(index, LEAVES, subtree) for index in indices}
        reached, walking = timed(
            lambda index: root_from_inclusion(leaf_hash(index.to_bytes(8, "big")), index, LEAVES, paths[index]), indices
        )
        assert all(checked[index][0] == index and reached[index] == head.root for index in indices)
        key = log.key
    start = time.perf_counter()
    assert verify_log(folder / "million", key).checkpoint.size == LEAVES
    whole = time.perf_counter() - start
    result = {
        "leaves": float(LEAVES),
        "text_bytes": float(max(map(len, texts.values()))),
        "path_bytes": float(max(32 * len(path) for path in paths.values())),
        "make_ms": making * 1e3,
        "verify_us": verifying * 1e6,
        "verify_path_us": walking * 1e6,
        "build_per_s": LEAVES / built,
        "verify_log_per_s": LEAVES / whole,
    }
    print(
        f"\n{LEAVES:,} leaves: proof {result['path_bytes']:.0f} B of hashes, {result['text_bytes']:.0f} B as tlog-proof"
        f" with its signed checkpoint; made in {result['make_ms']:.2f} ms"
        f"\nverified in {result['verify_path_us']:.0f} µs under a checkpoint already verified,"
        f" {result['verify_us']:.0f} µs with the signature; the whole log at"
        f" {result['verify_log_per_s']:,.0f} entries/s\n"
    )
    return result


def timed(work: Callable[[int], object], items: Sequence[int]) -> tuple[dict[int, object], float]:
    """Results by item, and the median seconds of one call."""
    results, times = {}, []
    for item in items:
        start = time.perf_counter()
        results[item] = work(item)
        times.append(time.perf_counter() - start)
    return results, statistics.median(times)


def goals(report: dict[str, object]) -> dict[str, bool]:
    """What was aimed at, met or short."""
    ours = [row for row in report["concurrent"] if "sqlite" not in row]
    fast = [row["per_cpu_s"] for row in ours if row["p99_ms"] <= 10]
    paced = next(row for row in ours if row["pace"] == 20_000)
    made = report["proofs"]
    results = {
        "20,000 durable entries per CPU second at p99 <= 10 ms": max(fast, default=0) >= 20_000,
        "20,000 entries/s offered and kept at p99 <= 10 ms": paced["per_s"] >= 19_000 and paced["p99_ms"] <= 10,
        "proof at a million leaves <= 1 kB (hashes)": made["path_bytes"] <= 1_000,
        "proof at a million leaves <= 1 kB (whole text, signed checkpoint inside)": made["text_bytes"] <= 1_000,
        "verification of a proof <= 50 us (checkpoint verified once)": made["verify_path_us"] <= 50,
        "verification of a proof <= 50 us (with its signature)": made["verify_us"] <= 50,
    }
    for goal, met in results.items():
        print(f"{'met  ' if met else 'SHORT'} {goal}")
    return results


@contextmanager
def fresh_log(path: Path) -> Iterator[Log]:
    signer = load_or_create(path.parent / "key.pem", "bench.example/log")
    with Log(path, signer) as log:
        yield log


def percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


if __name__ == "__main__":
    main()
