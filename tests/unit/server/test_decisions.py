"""Decisions as the control plane shows them: explained, proved, opened on record, labelled, kept and let go."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.server.deciding import WHO, decided

from holdfast import wiring
from holdfast.decisions.verify import records_among, verify_segments
from holdfast.domain.act import Verb
from holdfast.domain.decision import Ended, Lane, Segment
from holdfast.domain.errors import Conflict, Tampered
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.system import Owners
from holdfast.flows.deploy import deploy
from holdfast.flows.register import change_system
from holdfast.flows.retention import due, lift_hold, place_hold, remove_segment, set_retention
from holdfast.flows.sequence import sequence
from holdfast.flows.subjects import erase_subject
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.note import Key

from .conftest import form_token

PATH = f"/systems/{SYSTEM.name}/decisions"
BLOCKED = GuardVerdict("table.range", "2", Mode.ENFORCE, Action.BLOCK, 3.5, 1.0, ("age",), "age is out of range.")
SHADOW = GuardVerdict("table.schema", "1", Mode.SHADOW, Action.REVIEW, failed=True)


@pytest.fixture
def house(server):
    """A release in production that decided, on the strength of approvals, under owners who have changed since."""
    office = server.office
    registered(office)
    release = filed(office).filed.record.release
    request = asked(office, release).request.key
    answered_by_all(office, request)
    deploy(office.desk, office.caller("owner"), request)
    office.clock.pass_days(1)
    said = {"release": release, "verdicts": (BLOCKED, SHADOW), "ended": Ended.BLOCKED, "policy": "sha256:" + "b" * 64}
    server.made = decided(server.folder, office, 3, **said)
    sequence(office.desk.store, office.desk.ledger)
    office.clock.pass_days(1)
    change_system(
        office.desk, office.caller("owner"), SYSTEM.name, replace(SYSTEM, owners=Owners("x", "x", "x", "x")), 1
    )
    return server


def nobodys(id: str) -> str:
    """An id like this one that no decision has."""
    return id[:-1] + ("1" if id[-1] == "0" else "0")


def files(server):
    return sorted((server.folder / "decisions/segments/decisions").rglob("*.parquet"))


def test_a_decision_is_explained_and_its_proof_verifies(house):
    id, key = house.made[1].id, Key(house.office.desk.signer.name, house.office.desk.signer.public_bytes())
    page = house.browser("auditor").get(f"/decisions/{id}")
    assert page.status_code == 200, page.text
    for words in (
        "Blocked by a guard",
        "table.range 2 blocked it (score 3.5, from 1 on it acts): age is out of range.",
        "table.schema 1 broke, and by its policy for errors would have asked for a person.",
        "AA01",
        f'href="/releases/{house.made[1].release}"',
        "row 2 of 3 leads to its root",
        "for IT",
        "the reference was not noted",
    ):
        assert words in page.text, words
    assert page.text.count("<dd>d</dd>") == 1, "the owners are those of then"
    assert "<dd>41</dd>" not in page.text, "the age is sealed"
    found = house.program("risk").get(f"/api/v1/decisions/{id}").json()
    assert found["owners"]["data"] == "a"
    assert len(found["approvals"]) == 5
    assert [one["record"]["environment"] for one in found["deployments"]] == ["production"]
    proof = house.program("risk").get(f"/api/v1/decisions/{id}/proof").content
    assert verify_decision(proof, key).record.id == id
    assert house.browser("owner").get(f"/search?q={id}").headers["location"] == f"/decisions/{id}"
    assert house.program("owner").get(f"/decisions/{nobodys(house.made[0].id)}").status_code == 404


def test_lists_turn_pages_and_end(house):
    day, client = house.made[0].at[:10], house.program("auditor")
    ask = {"system": SYSTEM.name, "day": day, "limit": 2}
    first = client.get("/api/v1/decisions", params=ask).json()
    then = client.get("/api/v1/decisions", params={**ask, "after": first["after"]}).json()
    assert [one["id"] for one in first["items"] + then["items"]] == [one.id for one in house.made[::-1]]
    assert (then["after"], first["items"][0]["action"], first["items"][0]["is_sealed"]) == ("", "block", True)
    assert house.made[2].id in house.browser("owner").get(f"{PATH}?day={day}").text
    assert house.made[2].id not in house.browser("viewer").get(f"{PATH}?day={day}").text
    assert f"{PATH}?day={day}".replace(" ", "%20") in house.browser("viewer").get(f"/systems/{SYSTEM.name}").text
    assert client.get("/api/v1/decisions", params={**ask, "day": "yesterday"}).status_code == 422


def test_where_files_cannot_be_read_the_ledgers_word_is_shown(house):
    id, (file,) = house.made[0].id, files(house)
    client, data = house.browser("auditor"), file.read_bytes()
    at = data.index(b"car") if b"car" in data else len(data) // 2
    file.unlink()
    page = client.get(f"/decisions/{id}")
    assert (page.status_code, "do not lie where they are looked for" in page.text) == (200, True)
    assert "3 decisions" in page.text.replace("three decisions", "3 decisions")
    file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    page = client.get(f"/decisions/{id}").text
    assert "is not the file that was registered" in page or "is no segment" in page
    assert house.program("auditor").get(f"/api/v1/decisions/{id}").json()["decision"] is None
    assert house.program("auditor").get(f"/api/v1/decisions/{id}/proof").status_code == 409


def test_one_bad_file_keeps_no_other_back_and_denies_nothing(house):
    one, other = (decided(house.folder, house.office)[0] for _ in range(2))
    known = [kept.record for kept in house.office.desk.store.list(Segment).items]
    file = house.folder / "decisions/segments" / house.platform.room.archive.find(one.id, known)[1].place
    whole, client = file.read_bytes(), house.program("auditor")
    file.write_bytes(whole[: len(whole) // 2])
    assert client.get(f"/api/v1/decisions/{other.id}").json()["decision"]["id"] == other.id
    assert "is no segment" in client.get(f"/api/v1/decisions/{one.id}").json()["trouble"]
    table = pq.read_table(io.BytesIO(whole))
    pq.write_table(table.set_column(0, "id", [[house.office.desk.store.list(Segment).items[0].key]]), file)
    assert "is not the file that was registered" in client.get(f"/api/v1/decisions/{one.id}").json()["trouble"]
    assert client.get(f"/api/v1/decisions/{one.id}/proof").status_code == 409
    file.write_bytes(whole)
    assert client.get(f"/api/v1/decisions/{one.id}").json()["trouble"] == ""
    assert client.get(f"/api/v1/decisions/{nobodys(house.made[0].id)}").status_code == 404


def test_a_release_that_only_listens_stands_beside_the_live_one(house):
    live, day = house.made[0], house.made[0].at[:10]
    house.office.clock.pass_days(-1)
    beside = {"release": "sha256:" + "c" * 64, "lane": Lane.SHADOW, "outputs": (("approved", False), ("score", 0.75))}
    decided(house.folder, house.office, 1, follows=live.id, **beside)
    house.office.clock.pass_days(1)
    page = house.browser("auditor").get(PATH, params={"day": day}).text
    assert "Shadow <code>cccccccccccc</code>" in page
    assert "score: the same in 0.0 % of 1 cases that both heard" in page
    told = house.program("auditor").get("/api/v1/comparisons", params={"system": SYSTEM.name, "day": day}).json()
    assert (told["live"]["rows"], told["others"][0]["agreements"][1]["mean_gap"]) == (3, 0.25)
    shadow = house.office.desk.store.list(Segment).items[0].record
    listening = house.program("auditor").get(f"/api/v1/decisions/{live.id}").json()["followers"]
    assert [(one["lane"], one["at"]) for one in listening] == [("shadow", shadow.first)]
    page = house.browser("auditor").get(f"/decisions/{live.id}").text
    assert f'Heard by a shadow as</dt><dd><a href="/decisions/{listening[0]["id"]}">' in page
    assert house.program("auditor").get(f"/api/v1/decisions/{listening[0]['id']}").json()["followers"] == []
    assert "Releases beside" not in house.browser("viewer").get(PATH, params={"day": day}).text


def test_personal_fields_are_read_on_record_until_they_are_erased(house):
    id, store = house.made[0].id, house.office.desk.store
    client = house.browser("compliance")
    page = client.get(f"/decisions/{id}").text
    sent = {"csrf": form_token(page), "reason": ""}
    assert "The reason is missing" in client.post(f"/decisions/{id}/personal", data=sent).text
    assert store.acts(kind="reading").items == ()
    answer = client.post(f"/decisions/{id}/personal", data={**sent, "reason": "a complaint"})
    assert "<dt>age</dt><dd>40</dd>" in answer.text
    (entry,) = store.acts(kind="reading").items
    assert (entry.act.verb, entry.act.actor) == (Verb.READ_PERSONAL, "compliance")
    assert "read personal fields of decision" in house.browser("owner").get(f"/systems/{SYSTEM.name}").text
    assert house.program("auditor").post(f"/api/v1/decisions/{id}/personal", json={"reason": "x"}).status_code == 403
    ask = {"url": f"/api/v1/decisions/{id}/personal", "json": {"reason": "again"}}
    (key := house.folder / "master.key").rename(house.folder / "elsewhere")
    assert house.program("compliance").post(**ask).json()["code"] == "personal.keys"
    assert not key.exists(), "looking makes no other key"
    (house.folder / "elsewhere").rename(key)
    with wiring.open_subjects(house.folder) as subjects:
        assert erase_subject(subjects, WHO, wiring.now).had_key
    gone = house.program("compliance").post(**ask)
    assert (gone.status_code, gone.json()["code"]) == (404, "subject.erased")
    assert len(store.acts(kind="reading").items) == 1
    proof = house.program("auditor").get(f"/api/v1/decisions/{id}/proof")
    assert proof.status_code == 200, "the proof holds after the erasure"


def test_labels_come_late_twice_and_corrected(house):
    id, client = house.made[0].id, house.program("developer")
    said = {
        "system": SYSTEM.name,
        "decision": id,
        "outcome": True,
        "observed_at": "2027-03-01T00:00:00Z",
        "source": "x",
    }
    for one in (said, said, {**said, "outcome": False}):
        answer = client.post("/api/v1/labels", json={"labels": [one]})
        assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    found = house.program("auditor").get(f"/api/v1/decisions/{id}").json()["labels"]
    assert [label["outcome"] for label in found] == [True, False]
    assert "<del>yes</del>" in house.browser("auditor").get(f"/decisions/{id}").text
    house.platform.room.log.seal()
    kinds = {kept.record.format for kept in house.office.desk.store.list(Segment).items}
    assert kinds == {"holdfast-decisions/1", "holdfast-labels/1"}
    unknown = client.post("/api/v1/labels", json={"labels": [{**said, "system": "other"}]})
    assert unknown.status_code == 404
    assert client.post("/api/v1/labels", json={"labels": [{**said, "decision": "7"}]}).status_code == 422


def test_what_is_past_its_time_goes_unless_a_hold_keeps_it(house):
    desk, clock = house.office.desk, house.office.clock
    by = house.office.caller
    (file,) = (kept.key for kept in desk.store.list(Segment).items)
    with pytest.raises(Conflict, match="nobody set"):
        remove_segment(desk, by("owner"), file)
    set_retention(desk, by("legal"), SYSTEM.name, 184)
    clock.pass_days(183)
    with pytest.raises(Conflict, match="184 days are not over"):
        remove_segment(desk, by("owner"), file)
    assert due(desk, SYSTEM.name).items == ()
    clock.pass_days(1)
    hold = place_hold(desk, by("legal"), SYSTEM.name, because="case 7", last="2026-12-31").key
    assert [one.hold for one in due(desk, SYSTEM.name).items] == [hold]
    with pytest.raises(Conflict, match="legal hold"):
        remove_segment(desk, by("owner"), file)
    lift_hold(desk, by("compliance"), hold, reason="closed")
    assert [one.hold for one in due(desk, SYSTEM.name).items] == [""]
    removal = remove_segment(desk, by("owner"), file)
    assert remove_segment(desk, by("owner"), file).act == removal.act
    assert due(desk, SYSTEM.name).items == ()
    gone = house.program("auditor").get(f"/api/v1/decisions/{house.made[0].id}")
    assert (gone.status_code, "removed at the end of their time: 1" in gone.json()["title"]) == (404, True)
    late = place_hold(desk, by("legal"), SYSTEM.name, because="case 8").key
    with pytest.raises(Conflict, match="legal hold"):
        remove_segment(desk, by("owner"), file)
    lift_hold(desk, by("legal"), late, reason="closed")
    assert remove_segment(desk, by("owner"), file).act == removal.act


def test_retention_and_holds_in_the_console(house):
    legal = house.browser("legal")
    sent = {"csrf": form_token(legal.get(PATH).text)}
    assert "At least 184" in legal.get(PATH).text
    short = legal.post(f"{PATH}/retention", data={**sent, "days": "100", "law": ""})
    assert (short.status_code, "six months" in short.text) == (422, True)
    assert legal.post(f"{PATH}/retention", data={**sent, "days": "365", "law": ""}).status_code == 303
    assert "365 days" in legal.get(PATH).text
    wrong = legal.post(f"{PATH}/hold", data={**sent, "because": "case 7", "first": "soon", "last": ""})
    assert (wrong.status_code, "is no day" in wrong.text) == (422, True)
    placed = {**sent, "because": "<i>case 7</i>", "first": "2026-01-01", "last": ""}
    assert legal.post(f"{PATH}/hold", data=placed).status_code == 303
    page = legal.get(PATH).text
    assert "&lt;i&gt;case 7" in page
    key = json.loads(house.program("viewer").get("/api/v1/holds").text)["items"][0]["key"]
    lifted = {**sent, "hold": key, "lift_reason": "closed"}
    assert legal.post(f"{PATH}/lift", data=lifted).status_code == 303
    assert "lifted it" in legal.get(PATH).text
    assert house.browser("viewer").post(f"{PATH}/hold", data=placed).status_code == 403


def test_a_removal_past_a_hold_is_named_by_whoever_verifies(house):
    """As a control plane that somebody changed would make it: the acts say so themselves."""
    desk, clock = house.office.desk, house.office.clock
    by = house.office.caller
    (kept,) = desk.store.list(Segment).items
    set_retention(desk, by("legal"), SYSTEM.name, 184)
    clock.pass_days(200)
    remove_segment(desk, by("owner"), kept.key)
    files(house)[0].unlink()
    place = wiring.decision_files(house.folder).segments

    def held_against(rows):
        known = records_among(rows)
        return verify_segments(place, known.segments.values(), known.removals, held=known.held)

    with desk.store.snapshot() as rows:
        acts = list(rows.acts)
    assert held_against(acts).removed == 1
    place_hold(desk, by("legal"), SYSTEM.name, because="too late")
    with desk.store.snapshot() as rows:
        *before, late = list(rows.acts)
    assert held_against([*before, late]).removed == 1
    with pytest.raises(Tampered, match="while a legal hold covered it"):
        held_against([late, *before])
