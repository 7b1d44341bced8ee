"""The audit trail and the proofs, as a stranger gets them over HTTP."""

from __future__ import annotations

import json

import pytest
from tests.unit.flows.journey import SYSTEM, filed, registered

from holdfast import canonical
from holdfast.flows.sequence import sequence
from holdfast.ledger.acts import act_in
from holdfast.ledger.envelope import open_sealed
from holdfast.ledger.note import Key, open_checkpoint
from holdfast.ledger.verify import verify_proof


@pytest.fixture
def auditor(server):
    registered(server.office)
    filed(server.office)
    sequence(server.platform.desk.store, server.platform.desk.ledger)
    return server.program("auditor")


def sql(server, statement):
    with server.platform.desk.store.begin(writes=True) as connection:
        assert connection.exec_driver_sql(statement).rowcount != 0


def test_every_act_is_listed_with_its_place_and_can_be_proved(server, auditor):
    sequence(server.platform.desk.store, server.platform.desk.ledger)
    trail = auditor.get("/api/v1/acts", params={"kind": "system"}).json()["items"]
    assert {entry["act"]["verb"] for entry in trail} == {"system.register"}
    vkey = Key.from_vkey(auditor.get("/api/v1/ledger/vkey").text)
    for entry in trail:
        path = f"/api/v1/ledger/entries/{entry['index']}"
        said = auditor.get(path).content
        assert canonical.plain(act_in(said)) == entry["act"]
        index, checkpoint = verify_proof(auditor.get(f"{path}/proof").content, said, vkey)
        assert (index, checkpoint.size > index) == (entry["index"], True)
    assert open_checkpoint(auditor.get("/api/v1/ledger/checkpoint").content, vkey).size >= checkpoint.size


def test_acts_come_in_pages_and_by_actor_and_key(server, auditor):
    everything = auditor.get("/api/v1/acts", params={"limit": 200}).json()["items"]
    found, after = [], ""
    while True:
        page = auditor.get("/api/v1/acts", params={"limit": 3, "after": after}).json()
        found += page["items"]
        after = page["after"]
        if not after:
            break
    assert found == everything
    by_it = auditor.get("/api/v1/acts", params={"actor": "it"}).json()["items"]
    assert {entry["act"]["verb"] for entry in by_it} == {"sealer.trust"}
    by_key = auditor.get("/api/v1/acts", params={"kind": "system", "key": SYSTEM.name}).json()["items"]
    assert by_key
    assert auditor.get("/api/v1/acts", params={"after": "no number"}).json()["code"] == "store.cursor"


def test_the_ledger_verifies_until_a_row_is_changed(server, auditor):
    held = auditor.post("/api/v1/ledger/verify").json()
    assert held["acts"] + held["pending"] == len(auditor.get("/api/v1/acts", params={"limit": 200}).json()["items"])
    sql(server, "UPDATE acts SET actor = 'somebody' WHERE kind = 'sealer'")
    answer = auditor.post("/api/v1/ledger/verify")
    assert (answer.status_code, answer.json()["code"], answer.json()["kind"]) == (409, "rows.edited", "Tampered")


def test_entries_that_do_not_hash_to_the_root_are_found(server, auditor, monkeypatch):
    ledger = server.platform.desk.ledger
    size, _ = ledger.head()
    monkeypatch.setattr(ledger, "head", lambda: (size, "A" * 43 + "="))
    assert auditor.post("/api/v1/ledger/verify").json()["code"] == "ledger.root"


def test_an_entry_that_is_not_there_is_no_entry(auditor):
    for path in ("/api/v1/ledger/entries/9999", "/api/v1/ledger/entries/9999/proof"):
        assert auditor.get(path).json()["code"] == "ledger.index"
    assert auditor.get("/api/v1/ledger/entries/-1").status_code == 422


def test_the_envelope_comes_back_byte_for_byte(server, auditor):
    filed_evidence = auditor.get("/api/v1/evidence").json()["items"][0]
    envelope = auditor.get(f"/api/v1/evidence/{filed_evidence['key']}/envelope")
    key = server.platform.desk.signer.public_bytes()
    assert canonical.digest(open_sealed(envelope.content, key)) == filed_evidence["key"]
    assert json.loads(envelope.content)["payloadType"] == "application/vnd.in-toto+json"
