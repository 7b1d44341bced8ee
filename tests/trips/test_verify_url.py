"""`holdfast verify URL`: a running platform verified from outside, whatever was changed in the database beneath it."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from tests.apps import app_of
from tests.unit.flows.journey import asked, filed, registered
from tests.unit.serving import secret_of, serving
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.domain.errors import Unavailable
from holdfast.domain.system import System
from holdfast.flows.register import register_system
from holdfast.flows.sequence import Sequencer, sequence
from holdfast.ledger import fetch
from holdfast.ledger.note import Key
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.testing.desk import office as open_office


class House:
    """A platform that serves from `folder`, with an auditor who has a token and the key from elsewhere."""

    def __init__(self, office, url, platform):
        self.office, self.url, self.platform = office, url, platform
        self.key = Key(office.desk.signer.name, office.desk.signer.public_bytes()).vkey
        self.token = ""

    def sequence(self):
        sequence(self.office.desk.store, self.office.desk.ledger)

    def sql(self, *statements):
        with self.office.desk.store.begin(writes=True) as connection:
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount != 0

    def verify(self, *words, who="auditor"):
        if not self.token or who != "auditor":
            self.token = secret_of(self.office, self.platform, who)
            self.sequence()
        done = CliRunner().invoke(
            app, ["verify", self.url, "--key", self.key, *words, "--json"], env={"HOLDFAST_TOKEN": self.token}
        )
        assert done.exit_code in (0, 1, 2), done.output
        return done.exit_code, json.loads(done.stdout)

    def refused(self, *words):
        code, said = self.verify(*words)
        assert (code, said["verified"]) == (1, False), said
        return said["error"]["code"], said["error"]["message"]


@contextmanager
def house_in(folder, *, is_new=True):
    with ExitStack() as stack:
        office = stack.enter_context(open_office(folder))
        office.clock.now = datetime.now(UTC)
        if is_new:
            registered(office.founded())
            asked(office, filed(office, "breach").filed.record.release)
        desk = office.desk
        platform = Platform(
            desk, SqlAccounts(desk.store, b"secret"), Sequencer(desk.store, desk.ledger), "http://h.test"
        )
        yield House(office, stack.enter_context(serving(app_of(platform))), platform)


@pytest.fixture
def house(tmp_path):
    with house_in(tmp_path / "home") as made:
        yield made


LAST = "(SELECT max(seq) FROM acts)"


def test_an_untouched_platform_verifies_and_its_checkpoint_is_kept(house, tmp_path):
    kept = tmp_path / "checkpoint"
    code, said = house.verify("--keep", str(kept))
    assert (code, said["verified"], said["on their way to the ledger"]) == (0, True, 0)
    rows = house.office.desk.store.acts(limit=200).items
    assert said["acts"] == len(rows)
    register_system(house.office.desk, house.office.caller("owner"), System("later", purpose="more"))
    code, said = house.verify("--remembered", str(kept))
    assert (code, said["acts"], said["on their way to the ledger"]) == (0, len(rows), 1)
    assert house.office.desk.store.engine.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("code", "named", "statements"),
    [
        ("rows.edited", "system Loan approval", ["UPDATE acts SET actor = 'p' WHERE verb = 'system.register'"]),
        ("rows.record", "evidence", ["UPDATE acts SET body = replace(body, '2026', '2027') WHERE kind = 'evidence'"]),
        (
            "rows.removed",
            "request",
            ["DELETE FROM records WHERE kind = 'request'", "DELETE FROM acts WHERE kind = 'request'"],
        ),
        (
            "rows.removed",
            "system last",
            [f"DELETE FROM records WHERE seq = {LAST}", f"DELETE FROM acts WHERE seq = {LAST}"],
        ),
        (
            "rows.unrecorded",
            "forged",
            [
                "INSERT INTO acts (id, verb, kind, key, revision, record, actor, at, body, ledger_index)"
                " SELECT 'x', verb, kind, 'forged', 1, record, actor, '2026-01-01T00:00:00Z', body, NULL"
                " FROM acts WHERE kind = 'system' LIMIT 1"
            ],
        ),
        ("rows.head", "system Loan approval", ["UPDATE records SET state = 'minimal' WHERE kind = 'system'"]),
    ],
    ids=["edited row", "edited record", "deleted row", "truncated tail", "inserted row", "edited list"],
)
def test_a_change_beneath_is_found_and_named_from_outside(house, code, named, statements):
    assert house.verify()[0] == 0
    register_system(house.office.desk, house.office.caller("owner"), System("last", purpose="the newest act"))
    house.sequence()
    assert house.verify()[0] == 0
    house.sql(*statements)
    found, message = house.refused()
    assert (found, named in message) == (code, True), message


def test_a_rollback_to_an_older_copy_is_found_with_a_kept_checkpoint(house, tmp_path):
    assert house.verify()[0] == 0
    shutil.copytree(tmp_path / "home", tmp_path / "old")
    register_system(house.office.desk, house.office.caller("owner"), System("cut off", purpose="hide it"))
    house.sequence()
    kept = tmp_path / "checkpoint"
    assert house.verify("--keep", str(kept))[0] == 0
    with house_in(tmp_path / "old", is_new=False) as old:
        old.key, old.token = house.key, house.token
        assert old.verify()[0] == 0, "an older copy is whole in itself"
        code, message = old.refused("--remembered", str(kept))
    assert (code, "the checkpoint that you hold covers" in message) == ("ledger.rollback", True)


def test_another_key_is_not_the_platforms(house, tmp_path):
    house.verify()
    house.key = Key(house.office.desk.signer.name, bytes(range(32))).vkey
    assert house.refused()[0] == "ledger.signature"


def test_only_who_may_read_all_can_and_the_key_must_come_from_elsewhere(house):
    code, said = house.verify(who="viewer")
    assert (code, said["error"]["code"]) == (2, "access.forbidden")
    done = CliRunner().invoke(app, ["verify", house.url, "--token", house.token, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, "verify.key")


def test_whoever_hangs_up_in_the_middle_leaves_no_transaction_open(house):
    for number in range(60):
        system = System(f"s{number}", purpose="x" * 50_000)
        register_system(house.office.desk, house.office.caller("owner"), system)
    token = secret_of(house.office, house.platform, "auditor")
    pool = house.office.desk.store.engine.pool
    headers = {"authorization": f"Bearer {token}"}
    with httpx.stream("GET", f"{house.url}/api/v1/ledger/rows", headers=headers) as answer:
        next(answer.iter_raw(1000))
        assert pool.checkedout() == 1
    until = time.monotonic() + 5
    while pool.checkedout() and time.monotonic() < until:
        time.sleep(0.05)
    assert pool.checkedout() == 0


def test_answers_that_end_too_early_verify_nothing(house, tmp_path):
    desk, key = house.office.desk, house.office.desk.ledger.key
    house.sequence()
    note = desk.ledger.checkpoint()
    with pytest.raises(Unavailable, match="0 came"):
        fetch.write_export(tmp_path / "a", key, note, bundles=lambda *_: b"", rows=None, taken_at=desk.at)


def test_a_log_over_many_bundles_is_fetched_in_parts(tmp_path):
    entries = [b"%d" % n for n in range(5000)]
    fetch.write_tiles(tmp_path / "log", iter(entries))
    from holdfast.ledger.tiles import entries_between

    assert list(entries_between(tmp_path / "log", 0, 5000, 5000)) == entries
