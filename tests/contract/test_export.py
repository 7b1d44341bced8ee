"""Exports and backups of every database: verified by a stranger, put back into another."""

from __future__ import annotations

import json

import pytest
from tests.unit.flows.journey import SYSTEM, asked, filed, registered

from holdfast.domain.account import Profile
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.flows.export import Premises, export, restore
from holdfast.flows.register import register_system
from holdfast.flows.sequence import sequence
from holdfast.ledger.export import verify_export
from holdfast.ledger.log import Log
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.blobs import FileBlobs
from holdfast.storage.engine import open_engine
from holdfast.storage.keys import load_or_create
from holdfast.storage.places import SqlPlaces
from holdfast.storage.schema import upgrade
from holdfast.storage.sql import SqlStore
from holdfast.testing.desk import office as open_office

PASSWORD = "correct horse battery"


def premises(folder):
    return Premises(ledger=folder / "ledger", blobs=folder / "blobs", key=folder / "key.pem")


@pytest.fixture
def office(store, tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    with open_office(folder, store) as made:
        made.home = folder
        registered(made.founded())
        asked(made, filed(made, "breach").filed.record.release)
        accounts = SqlAccounts(store, b"secret")
        accounts.add(Profile("owner", "Olu Owner", "owner@example.org"))
        accounts.set_password("owner", PASSWORD)
        sequence(store, made.desk.ledger)
        yield made


def write(office, folder, *, private):
    desk = office.desk
    export(
        desk.store, desk.ledger, desk.signer, desk.clock, premises=premises(office.home), folder=folder, private=private
    )
    return folder


def test_a_stranger_verifies_an_export_that_holds_no_secret(office, tmp_path):
    register_system(office.desk, office.caller("owner"), System("late", purpose="came after the last sequencing"))
    folder = write(office, tmp_path / "export", private=False)
    found = verify_export(folder, office.desk.ledger.key)
    assert (found.rows.pending, found.rows.acts) == (1, len((folder / "acts.jsonl").read_text().splitlines()) - 1)
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"argon2" not in everything
    assert b"PRIVATE KEY" not in everything
    assert b"Olu Owner" not in everything
    with pytest.raises(FixInput, match="is there already"):
        write(office, tmp_path / "export", private=False)


@pytest.mark.parametrize("file", ["acts.jsonl", "heads.jsonl"])
@pytest.mark.parametrize("change", ["removed", "edited", "cut"])
def test_a_changed_export_is_found(office, tmp_path, file, change):
    path = write(office, tmp_path / "export", private=False) / file
    lines = path.read_text().splitlines(keepends=True)
    kept = {
        "removed": lines[:2] + lines[3:],
        "edited": [*lines[:2], lines[2].replace('"revision":1', '"revision":2'), *lines[3:]],
        "cut": [*lines[:-1], lines[-1][:40]],
    }[change]
    path.write_text("".join(kept))
    with pytest.raises(Tampered):
        verify_export(tmp_path / "export", office.desk.ledger.key)


def test_what_is_no_export_says_so(office, tmp_path):
    folder = write(office, tmp_path / "export", private=False)
    (folder / "export.json").write_text("[]")
    with pytest.raises(FixInput, match="when the export was taken"):
        verify_export(folder, office.desk.ledger.key)
    (folder / "heads.jsonl").unlink()
    (folder / "export.json").write_text(json.dumps({"origin": "test/ledger", "taken_at": office.desk.at}))
    with pytest.raises(FixInput, match=r"heads\.jsonl"):
        verify_export(folder, office.desk.ledger.key)


def test_a_backup_starts_again_elsewhere(office, tmp_path):
    register_system(office.desk, office.caller("owner"), System("late", purpose="came after the last sequencing"))
    SqlPlaces(office.desk.store).put("w-1", b"\x00told")
    backup = write(office, tmp_path / "backup", private=True)
    home = tmp_path / "new"
    engine = open_engine(f"sqlite:///{home / 'holdfast.db'}")

    def empty():
        upgrade(engine)
        return SqlStore(engine)

    restore(backup, premises(home), empty, FileBlobs)
    store = SqlStore(engine)
    assert store.get(System, SYSTEM.name) == office.desk.store.get(System, SYSTEM.name)
    assert store.count(Release) == 1
    with store.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM measurements").scalar() > 0
    assert SqlAccounts(store, b"secret").check("owner@example.org", PASSWORD, "", office.clock.now) == "owner"
    assert SqlPlaces(store).get("w-1") == b"\x00told"
    signer = load_or_create(home / "key.pem", "test/ledger")
    assert signer.public_bytes() == office.desk.signer.public_bytes()
    with Log(home / "ledger", signer, "test/ledger") as log:
        assert sequence(store, log) == 1
        export(store, log, signer, office.clock, premises=premises(home), folder=tmp_path / "again", private=False)
    assert verify_export(tmp_path / "again", log.key).rows.pending == 0
    with pytest.raises(FixInput, match="in use"):
        restore(backup, premises(home), empty, FileBlobs)
    engine.dispose()


def test_only_a_backup_is_put_back(office, tmp_path):
    folder = write(office, tmp_path / "export", private=False)
    with pytest.raises(FixInput, match="not a backup"):
        restore(folder, premises(tmp_path / "new"), lambda: office.desk.store, FileBlobs)
