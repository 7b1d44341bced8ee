"""Acts per second on the control plane's store, with the ledger on and without it.

    python -m bench.acts [--quick] [--database postgresql://…]

Threads register systems, each act in its own transaction, on SQLite in a temporary folder, and on databases that are
made beside `--database` if one is named, and dropped again. "On" runs the sequencer beside them and ends when every act
is in the ledger; "off" is the same store with nobody sequencing. Both alternate, and the ratio is of medians. Commits
are synced to disk, so the disk decides the figures and only the ratio can be compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from holdfast.domain.access import permissions
from holdfast.domain.person import Person, Role
from holdfast.domain.system import System
from holdfast.flows.desk import Caller, Desk, random_id
from holdfast.flows.register import register_system
from holdfast.flows.sequence import Sequencer
from holdfast.ledger.log import Log
from holdfast.storage.blobs import FileBlobs
from holdfast.storage.keys import load_or_create
from holdfast.storage.sql import SqlStore
from holdfast.wiring import now, open_store

THREADS = 8
PACKAGES = ("sqlalchemy", "psycopg", "cryptography")


def acts_per_second(store: SqlStore, folder: Path, count: int, *, ledger_on: bool) -> float:
    """How fast `count` acts are made; with the ledger on, until the last one is in it."""
    signer = load_or_create(folder / "key.pem", "bench")
    with ExitStack() as stack:
        log = stack.enter_context(Log(folder / random_id(), signer, "bench"))
        wake = stack.enter_context(Sequencer(store, log)).wake if ledger_on else lambda: None
        desk = Desk(store, FileBlobs(folder), signer, log, now, committed=wake)
        start = time.perf_counter()
        _act(desk, count)
        while ledger_on and store.pending(1):
            time.sleep(0.002)
        seconds = time.perf_counter() - start
    return count / seconds


def _act(desk: Desk, count: int) -> None:
    owner = Person("p-bench", (Role.OWNER,))

    def work() -> None:
        for _ in range(count // THREADS):
            system = System(random_id(), purpose="a benchmark")
            register_system(desk, Caller(owner, permissions(owner)), system)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compare(database: str, *, count: int, rounds: int) -> dict[str, float]:
    """Medians with the ledger on and off, and their ratio."""
    on, off = [], []
    for _ in range(rounds):
        for figures, ledger_on in ((off, False), (on, True)):
            with TemporaryDirectory() as folder, _fresh(database) as empty, open_store(Path(folder), empty) as store:
                figures.append(acts_per_second(store, Path(folder), count, ledger_on=ledger_on))
    medians = statistics.median(on), statistics.median(off)
    return {"on": medians[0], "off": medians[1], "ratio": medians[0] / medians[1]}


@contextmanager
def _fresh(database: str) -> Iterator[str]:
    """A database of its own beside the one that was named, as long as the block lasts; SQLite's is new anyway."""
    if not database:
        yield ""
        return
    import psycopg

    name = f"bench_{random_id()}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield make_url(database).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    count, rounds = (400, 1) if options.quick else (4_000, 3)
    figures = {"sqlite": compare("", count=count, rounds=rounds)}
    if options.database:
        figures["postgresql"] = compare(options.database, count=count, rounds=rounds)
    print(f"{'acts per second':<16}{'ledger on':>12}{'off':>12}{'ratio':>8}")
    for name, row in figures.items():
        print(f"{name:<16}{row['on']:>12.0f}{row['off']:>12.0f}{row['ratio']:>8.2f}")
    versions = {package: metadata.version(package) for package in PACKAGES}
    print(json.dumps({"bench": "acts", "threads": THREADS, "acts": count, "figures": figures, "versions": versions}))


if __name__ == "__main__":
    main()
