"""Two `holdfast serve` on one PostgreSQL under load: each acknowledged act is in the ledger once, all in order.

    HOLDFAST_ACTS=10000 python -m pytest tests/trips/test_two_servers.py

makes as many acts as the number says; CI makes a thousand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from tests.postgresql import database, free_port

from holdfast.client import Client
from holdfast.domain.access import permissions
from holdfast.domain.act import Draft, Verb
from holdfast.domain.errors import Conflict
from holdfast.domain.person import Person, Role
from holdfast.domain.system import System
from holdfast.flows.desk import Caller
from holdfast.flows.people import issue_token
from holdfast.ledger.acts import act_in, reconcile
from holdfast.ledger.log import Log
from holdfast.ledger.verify import verify_log
from holdfast.storage.tables import acts
from holdfast.wiring import ORIGIN, now, open_key, open_platform, open_store

ACTS = int(os.environ.get("HOLDFAST_ACTS", "1000"))
PEOPLE = 16
"""Each acts from an address of their own, so that the rate limits let them."""
SHARED = ("shared-0", "shared-1", "shared-2", "shared-3")
"""The systems that everybody changes at once."""

Done = tuple[str, int, str]
"""A system, its revision, and what it says since."""


@contextmanager
def served(home: Path, url: str):
    """The address of a `holdfast serve` of its own."""
    words = ["serve", "--home", str(home), "--database", url, "--port", str(free_port()), "--json"]
    command = [sys.executable, "-c", "from holdfast.cli.main import run; run()", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(process.stdout.readline, "")
        yield json.loads("".join(lines_until(lines, "}")))["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)


def lines_until(lines, last):
    for line in lines:
        yield line
        if line.strip() == last:
            return


def tokens_of_owners(home: Path, url: str) -> list[str]:
    """Tokens of people who may register systems."""
    owners = [Person(f"p-{number}", (Role.OWNER,)) for number in range(PEOPLE)]
    with open_platform(home, database=url, url="http://localhost") as platform:
        desk, until = platform.desk, now() + timedelta(days=1)
        drafts = [Draft(Verb.SET_PERSON, owner.id, owner) for owner in owners]
        drafts += [Draft(Verb.REGISTER_SYSTEM, name, System(name, purpose="everybody's")) for name in SHARED]
        desk.store.commit(drafts, actor="founder", at=desk.at, id="founding")
        callers = [Caller(owner, permissions(owner)) for owner in owners]
        return [
            issue_token(desk, platform.accounts, one, name="load", allowed=tuple(one.permissions), until=until)[1]
            for one in callers
        ]


@dataclass
class Worker:
    """Somebody who acts by turns on all servers: registers systems, and changes those that everybody changes."""

    number: int
    clients: list[Client]
    conflicts: int = 0

    def work(self) -> list[Done]:
        """What was acknowledged."""
        return [self.act(turn) for turn in range(ACTS // PEOPLE)]

    def act(self, turn: int) -> Done:
        client, said = self.clients[turn % len(self.clients)], f"{self.number} said {turn}"
        if turn % 8:
            kept = client.register_system(System(f"system-{self.number}-{turn}", purpose=said))
        else:
            kept = self.change(client, SHARED[turn // 8 % len(SHARED)], said)
        return kept.record.name, kept.revision, kept.record.purpose

    def change(self, client: Client, name: str, said: str):
        """Change a system as it stands; once more where somebody else was first."""
        while True:
            found = client.show_system(name)
            try:
                return client.change_system(name, replace(found.record, purpose=said), found.revision)
            except Conflict:
                self.conflicts += 1


def client_from(url: str, token: str, number: int) -> Client:
    """A client whose requests come from an address of its own."""
    transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")
    return Client(url, token, http=httpx.Client(transport=transport, timeout=60))


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_out_of_order(postgresql_server, tmp_path):
    with database(postgresql_server) as url:
        tokens = tokens_of_owners(tmp_path, url)
        with served(tmp_path, url) as one, served(tmp_path, url) as other:
            workers = [
                Worker(number, [client_from(address, token, number) for address in (one, other)])
                for number, token in enumerate(tokens)
            ]
            with ThreadPoolExecutor(PEOPLE) as pool:
                done = [said for found in pool.map(Worker.work, workers) for said in found]
        assert len(done) == ACTS // PEOPLE * PEOPLE
        assert sum(worker.conflicts for worker in workers) > 0
        with open_store(tmp_path, url) as store:
            check_records(store, done)
            check_ledger(store, tmp_path)


def check_records(store, done: list[Done]) -> None:
    """Every acknowledged revision is there as it was answered, and each record's revisions are those and no others."""
    expected = defaultdict(dict, {name: {1: "everybody's"} for name in SHARED})
    for name, revision, said in done:
        assert expected[name].setdefault(revision, said) == said
    for name, revisions in expected.items():
        found = [(kept.revision, kept.record.purpose) for kept in store.history(System, name)]
        assert found == sorted(revisions.items())
        assert [revision for revision, _ in found] == list(range(1, len(found) + 1))


def check_ledger(store, home: Path) -> None:
    """Each act stands in the ledger once, in the order in which acts were made; rows and ledger agree."""
    signer, _ = open_key(home)
    with store.begin() as connection:
        rows = connection.execute(select(acts.c.ledger_index, acts.c.id).order_by(acts.c.seq)).all()
    assert [index for index, _ in rows] == list(range(len(rows)))
    with Log(home / "ledger", signer, ORIGIN) as log:
        size, _ = log.head()
        verify_log(home / "ledger", log.key, origin=ORIGIN)
        assert [act_in(entry).id for entry in log.read(0, size)] == [id for _, id in rows]
        with store.snapshot() as snapshot:
            found = reconcile(log.read(0, size), snapshot.acts, snapshot.heads, now=now())
        assert (found.acts, found.pending, found.others) == (len(rows), 0, 0)
