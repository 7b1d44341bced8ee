"""Rows against the ledger, on every database: whatever is changed behind the platform's back is found, and named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.domain.act import Draft, Verb
from holdfast.domain.errors import Conflict, Tampered
from holdfast.domain.system import System
from holdfast.flows.sequence import Sequencer, catch_up, sequence
from holdfast.ledger.acts import OVERDUE, reconcile
from holdfast.ledger.log import Log
from holdfast.ledger.verify import verify_log
from holdfast.storage.keys import load_or_create

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
AT = "2026-11-01T12:00:00Z"


class House:
    def __init__(self, store, folder):
        self.store, self.folder = store, folder
        self.signer = load_or_create(folder / "key.pem", "test/ledger")
        self.log = Log(folder / "ledger", self.signer, "test/ledger")
        for name in ("loans", "cards", "leases"):
            self.act(Verb.REGISTER_SYSTEM, System(name), 0)
        self.act(Verb.CHANGE_SYSTEM, System("cards", purpose="changed"), 1)
        self.log.append([b'{"format":"holdfast-segment/1"}'])
        sequence(store, self.log)

    def act(self, verb, system, base):
        self.store.commit([Draft(verb, system.name, system, base)], actor="p-1", at=AT, id=f"{system.name}-{base}")

    def sql(self, statement):
        with self.store.begin(writes=True) as connection:
            assert connection.exec_driver_sql(statement).rowcount != 0

    def verify(self, now=NOW, remembered=()):
        size, _ = self.log.head()
        verify_log(self.folder / "ledger", self.log.key, origin="test/ledger", remembered=remembered)
        with self.store.snapshot() as rows:
            return reconcile(self.log.read(0, size), rows.acts, rows.heads, now=now)


@pytest.fixture
def house(store, tmp_path):
    made = House(store, tmp_path)
    yield made
    made.log.close()


def refused(house, **kwargs):
    with pytest.raises(Tampered) as error:
        house.verify(**kwargs)
    return error.value


def test_what_nobody_touched_holds(house):
    found = house.verify()
    assert (found.acts, found.pending, found.records, found.others) == (4, 0, 3, 1)
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    assert house.verify().pending == 1


EDITS = [
    ("UPDATE acts SET actor = 'p-2' WHERE id = 'cards-0.0'", "rows.edited", "system cards"),
    ("UPDATE acts SET at = '2026-10-01T12:00:00Z' WHERE id = 'cards-0.0'", "rows.edited", "as recorded: at"),
    ("UPDATE acts SET verb = 'system.retire' WHERE id = 'loans-0.0'", "rows.edited", "system loans"),
    (
        "UPDATE acts SET body = replace(body, 'changed', 'nothing') WHERE id = 'cards-1.0'",
        "rows.record",
        "system cards",
    ),
    ("UPDATE records SET state = 'minimal' WHERE key = 'loans'", "rows.head", "system loans"),
    ("UPDATE records SET key = 'other' WHERE key = 'loans'", "rows.head", "other"),
    ("DELETE FROM records WHERE key = 'leases'", "rows.head", "leases"),
    ("UPDATE records SET seq = 1, revision = 1 WHERE key = 'cards'", "rows.head", "cards"),
    ("UPDATE acts SET ledger_index = 40 WHERE id = 'loans-0.0'", "rows.removed", "index 1"),
    ("UPDATE acts SET ledger_index = NULL WHERE id = 'loans-0.0'", "rows.removed", "index 1"),
]


@pytest.mark.parametrize(("statement", "code", "named"), EDITS)
def test_an_edit_is_found(house, statement, code, named):
    house.sql(statement)
    error = refused(house)
    assert (error.code, named in error.message) == (code, True), error.message


def without_records(house, id):
    house.sql(f"DELETE FROM records WHERE seq IN (SELECT seq FROM acts WHERE id = '{id}')")
    house.sql(f"DELETE FROM acts WHERE id = '{id}'")


def test_a_deletion_is_found(house):
    without_records(house, "loans-0.0")
    error = refused(house)
    assert (error.code, "system loans of 2026-11-01T12:00:00Z" in error.message) == ("rows.removed", True)


def test_a_cut_off_tail_is_found(house):
    without_records(house, "cards-1.0")
    assert refused(house).code == "rows.removed"


def test_an_insertion_is_found(house):
    copy = "INSERT INTO acts (id, verb, kind, key, revision, record, actor, at, body, ledger_index) SELECT"
    house.sql(f"{copy} 'x', verb, kind, 'forged', 1, record, actor, at, body, 99 FROM acts WHERE id = 'loans-0.0'")
    error = refused(house, now=NOW + OVERDUE + timedelta(seconds=1))
    assert (error.code, "forged" in error.message) == ("rows.unrecorded", True)
    house.sql("UPDATE acts SET at = '2099-01-01T00:00:00Z' WHERE id = 'x'")
    assert refused(house).code == "rows.unrecorded", "nobody can hide a row by dating it ahead"
    house.sql("UPDATE acts SET ledger_index = 0 WHERE id = 'x'")
    error = refused(house)
    assert (error.code, "forged" in error.message) == ("rows.inserted", True)


def test_a_reorder_is_found(house):
    for old, new in ((1, 90), (2, 1), (90, 2)):
        house.sql(f"UPDATE acts SET ledger_index = {new} WHERE ledger_index = {old}")
    assert refused(house).code == "rows.edited"


def test_a_ledger_that_was_switched_off_is_found(house):
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="in secret"), 1)
    error = refused(house, now=NOW + OVERDUE + timedelta(seconds=1))
    assert (error.code, "is not in the ledger" in error.message) == ("rows.unrecorded", True)


def test_a_ledger_rolled_back_alone_is_found(house, tmp_path):
    house.log.close()
    shutil.copytree(tmp_path / "ledger", tmp_path / "old")
    house.log = Log(tmp_path / "ledger", house.signer, "test/ledger")
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    sequence(house.store, house.log)
    house.log.close()
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "old", tmp_path / "ledger")
    house.log = Log(tmp_path / "ledger", house.signer, "test/ledger")
    assert house.verify().pending == 1
    assert refused(house, now=NOW + OVERDUE + timedelta(seconds=1)).code == "rows.unrecorded"


def test_both_rolled_back_are_found_with_a_kept_checkpoint(house, tmp_path):
    house.log.close()
    shutil.copytree(tmp_path / "ledger", tmp_path / "old")
    house.log = Log(tmp_path / "ledger", house.signer, "test/ledger")
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    sequence(house.store, house.log)
    kept = house.log.checkpoint()
    house.log.close()
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "old", tmp_path / "ledger")
    house.log = Log(tmp_path / "ledger", house.signer, "test/ledger")
    house.sql("UPDATE records SET seq = 1, revision = 1 WHERE key = 'loans'")
    house.sql("DELETE FROM acts WHERE id = 'loans-1.0'")
    assert house.verify().acts == 4
    assert refused(house, remembered=[kept]).code == "ledger.rollback"


def test_an_act_that_was_appended_but_not_noted_is_noted_once(house):
    from holdfast import canonical

    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    (act,) = house.store.pending(10)
    house.log.append([canonical.encode(act)])
    assert catch_up(house.store, house.log) == house.log.head()[0]
    assert house.store.pending(1) == ()
    assert sequence(house.store, house.log) == 0
    assert house.verify().acts == 5


def test_a_sequencer_that_lost_its_lock_unknowingly_appends_nothing(house):
    size = catch_up(house.store, house.log)
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    assert sequence(house.store, house.log) == 1
    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="newer"), 2)
    with pytest.raises(Conflict):
        sequence(house.store, house.log, size)
    assert sequence(house.store, house.log) == 1
    assert (house.verify().acts, house.verify().others) == (6, 1)


def test_an_act_that_two_sequencers_appended_says_nothing_new(house):
    from holdfast import canonical

    house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
    (act,) = house.store.pending(10)
    house.log.append([canonical.encode(act), canonical.encode(act)])
    catch_up(house.store, house.log)
    assert (house.verify().acts, house.verify().others) == (5, 2)


def test_the_sequencer_takes_what_comes_and_what_is_left_at_the_end(house):
    with Sequencer(house.store, house.log, every=0.05) as sequencer:
        house.act(Verb.CHANGE_SYSTEM, System("loans", purpose="new"), 1)
        sequencer.wake()
        for _ in range(200):
            if not house.store.pending(1):
                break
            import time

            time.sleep(0.02)
        assert not house.store.pending(1)
        house.act(Verb.CHANGE_SYSTEM, replace(System("loans"), purpose="last"), 2)
    assert not house.store.pending(1)
    assert house.verify().acts == 6
