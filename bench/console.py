"""How long the console's pages take in a large organisation.

    python -m bench.console [--quick] [--database postgresql://…]

1,000 systems, 20,000 releases, each with evidence and a verdict, and 1,000,000 rows of measurements (a twentieth of it
all with `--quick`), on SQLite in a temporary folder, or on an empty `--database`. All releases but the newest of each
system were asked for and deployed, the one before the newest runs, and for every tenth system the newest waits for
answers. Pages are asked for in this process, without a network, by an approver who is signed in; each is another
system or release, so nothing is warm but the database. `admission` is what a gateway or a Kubernetes webhook asks,
`admit` the same without HTTP. No peer has these pages: the figures stand alone, and the machine decides them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi.testclient import TestClient
from sqlalchemy import insert

from holdfast import canonical
from holdfast.domain.account import Profile
from holdfast.domain.act import Act, ActRow, Verb
from holdfast.domain.classification import Classification
from holdfast.domain.evidence import Evidence
from holdfast.domain.gate import Gate, Request
from holdfast.domain.kinds import NAMES, Filed
from holdfast.domain.release import Deployment, Release
from holdfast.domain.verdict import judge, parse_time
from holdfast.flows.desk import Desk
from holdfast.flows.gate import admit
from holdfast.flows.register import trust_sealer
from holdfast.flows.sequence import Sequencer
from holdfast.server.app import create_app
from holdfast.server.limits import Limits
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import measurements
from holdfast.testing.desk import Office, office
from holdfast.testing.runs import sample_appetite, sample_evidence, sample_system
from holdfast.wiring import open_store

SYSTEMS, RELEASES_EACH, ROWS_EACH, VISITED, WAITING = 1_000, 20, 50, 30, 10
PRODUCTION = "production"
SEALER = "11" * 32
PASSWORD = "a phrase for the benchmark"
PACKAGES = ("fastapi", "sqlalchemy", "jinja2", "vl-convert-python")


def row(verb: Verb, key: str, record: object, at: str) -> ActRow:
    """An act as it lies in the table."""
    body = canonical.encode(record).decode()
    act = Act(f"{verb}:{key}", verb, NAMES[type(record)], key, 1, canonical.digest(record), "p-bench", at)
    return ActRow(act, body, None)


def evidence_of(system: str, number: int) -> Evidence:
    """Evidence on the `number`-th release of a system, each taken a day after the one before."""
    sample = sample_evidence()
    release = canonical.digest([system, number])
    return replace(sample, system=system, release=release, taken_at=f"2026-11-{number + 1:02}T09:00:00Z")


def acts(systems: int, keep: Callable[[bytes], str]) -> Iterator[ActRow]:
    """Everything that was done; the bytes of evidence go to `keep` where a page will show them."""
    appetite = sample_appetite()
    for index in range(systems):
        system = replace(sample_system(), name=f"system-{index:04}")
        yield row(Verb.REGISTER_SYSTEM, system.name, system, "2026-10-01T09:00:00Z")
        classified = Classification(system.name, "regime", "1", (("listed", True),), system.tier, (), ())
        yield row(Verb.CLASSIFY, f"{system.name}:regime", classified, "2026-10-01T09:00:00Z")
        for number in range(RELEASES_EACH):
            evidence = evidence_of(system.name, number)
            digest, at = canonical.digest(evidence), evidence.taken_at
            waits = number == RELEASES_EACH - 1 and index % WAITING == 0
            if index < VISITED or number >= RELEASES_EACH - 2:
                keep(canonical.encode(evidence))
            release = Release(evidence.release, system.name, f"1.{number}", evidence.materials, source="check")
            verdict = judge(
                evidence, appetite, tier=system.tier, now=parse_time(at), evidence_digest=digest,
                appetite_digest=canonical.digest(appetite), use_case=system.use_case,
            )  # fmt: skip
            yield row(Verb.REGISTER_RELEASE, release.digest, release, at)
            yield row(Verb.RECORD_EVIDENCE, digest, Filed.of(evidence, digest, envelope="", sealer=SEALER), at)
            yield row(Verb.GIVE_VERDICT, canonical.digest(verdict), verdict, at)
            if number < RELEASES_EACH - 1:
                yield from let_in(release, at, is_running=number == RELEASES_EACH - 2)
            elif waits:
                yield row(Verb.ASK_GATE, f"ask {release.digest}", asked(release, at), at)


def asked(release: Release, at: str) -> Request:
    """Somebody asked to let a release into production."""
    return Request(Gate.DEPLOYMENT, release.system, "p-bench", "it is better", at, release.digest, PRODUCTION)


def let_in(release: Release, at: str, *, is_running: bool) -> Iterator[ActRow]:
    """A release that was asked for and deployed, and runs or was replaced."""
    key = f"ask {release.digest}"
    yield row(Verb.ASK_GATE, key, asked(release, at), at)
    until = "" if is_running else at
    yield row(
        Verb.DEPLOY,
        f"run {release.digest}",
        Deployment(release.system, release.digest, PRODUCTION, at, key, (), until),
        at,
    )


def fill(store: SqlStore, house: Office, systems: int) -> None:
    """The organisation's records and rows of measurements."""
    store.load(acts(systems, house.desk.blobs.put), {})
    names = [m.measure for m in sample_evidence().measurements]
    for index in range(systems):
        rows = [
            {
                "evidence": str(number), "system": f"system-{index:04}", "release": str(number),
                "measure": names[place % len(names)], "scope": str(place), "value": 0.5, "low": 0.4, "high": 0.6,
                "n": 1, "taken_at": f"2026-11-{number + 1:02}T09:00:00Z",
            }
            for number in range(RELEASES_EACH)
            for place in range(ROWS_EACH)
        ]  # fmt: skip
        with store.begin(writes=True) as connection:
            connection.execute(insert(measurements), rows)


def visitor(house: Office) -> TestClient:
    """Somebody signed in who may read."""
    desk = house.desk
    accounts = SqlAccounts(desk.store, b"bench")
    accounts.add(Profile("legal", "Legal", "legal@example.org"))
    accounts.set_password("legal", PASSWORD)
    platform = Platform(desk, accounts, Sequencer(desk.store, desk.ledger), "http://bench")
    client = TestClient(create_app(platform, Limits(clock=lambda: time.monotonic() * 1_000)), base_url="http://bench")
    answer = client.post("/sign-in", data={"email": "legal@example.org", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


PAGES: dict[str, Callable[[int], str]] = {
    "home": lambda _n: "/",
    "systems": lambda n: f"/systems?sort=title&text=system-0{n % 10}",
    "one system": lambda n: f"/systems/system-{n:04}",
    "one release": lambda n: f"/releases/{evidence_of(f'system-{n:04}', n % RELEASES_EACH).release}",
    "requests": lambda _n: "/requests",
    "one request": lambda n: f"/requests/ask {newest(WAITING * (n % 5))}",
    "inbox": lambda _n: "/inbox",
    "search": lambda n: f"/search?q=system-{n:04}",
    "ledger": lambda _n: "/ledger",
    "admission": lambda n: f"/api/v1/admission?environment=production&digest={newest(WAITING * (n % 5))}",
}


def newest(index: int) -> str:
    """The digest of a system's newest release."""
    return evidence_of(f"system-{index:04}", RELEASES_EACH - 1).release


def timed(client: TestClient, path: Callable[[int], str]) -> list[float]:
    """Milliseconds of each visit."""
    taken = []
    for number in range(VISITED):
        start = time.perf_counter()
        answer = client.get(path(number))
        taken.append(1_000 * (time.perf_counter() - start))
        assert answer.status_code == 200, (path(number), answer.status_code)
    return taken


def admitted_per_second(desk: Desk) -> float:
    """How often the gate answers whether a digest may run."""
    digests = [newest(WAITING * (n % 5)) for n in range(VISITED)]
    start = time.perf_counter()
    for digest in digests:
        assert admit(desk, digest, PRODUCTION).request
    return VISITED / (time.perf_counter() - start)


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    systems = SYSTEMS // 20 if options.quick else SYSTEMS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        store = stack.enter_context(open_store(folder, options.database))
        house = stack.enter_context(office(folder, store))
        fill(store, house, systems)
        house.founded()
        trust_sealer(house.desk, house.caller("it"), "CI", SEALER)
        client = visitor(house)
        taken = {name: sorted(timed(client, path)) for name, path in PAGES.items()}
        admitted = admitted_per_second(house.desk)
    figures = {name: (statistics.median(ms), ms[int(0.95 * len(ms))]) for name, ms in taken.items()}
    print(f"{'milliseconds':<16}{'p50':>8}{'p95':>8}")
    for name, (middle, late) in figures.items():
        print(f"{name:<16}{middle:>8.0f}{late:>8.0f}")
    print(f"{'admit, a second':<16}{admitted:>8.0f}")
    versions = {package: metadata.version(package) for package in PACKAGES}
    size = {"systems": systems, "releases": systems * RELEASES_EACH, "rows": systems * RELEASES_EACH * ROWS_EACH}
    print(
        json.dumps({"bench": "console", **size, "p50_p95_ms": figures, "admit_per_s": admitted, "versions": versions})
    )


if __name__ == "__main__":
    main()
