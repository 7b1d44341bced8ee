"""Personal fields open for whoever asks about himself, until his key is destroyed; proofs hold either way."""

from __future__ import annotations

import base64
import math
import multiprocessing
import sqlite3
from dataclasses import replace

import pytest
from tests.unit.decisions.making import decision, segment_log
from tests.unit.decisions.test_proof import KEY, proof_of

from holdfast.decisions.master import MasterKey
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.subjects import Subjects
from holdfast.domain.errors import Absent, FixInput, Tampered
from holdfast.ledger.decision_proof import verify_decision

AT = "2026-11-28T10:00:00Z"
PERSONAL = {"age", "purpose", "score"}


@pytest.fixture
def subjects(tmp_path):
    opened = Subjects(tmp_path / "subjects.db", MasterKey.in_file(tmp_path / "master.key"))
    yield opened
    opened.close()


def about(subjects, who, number=7):
    return decision(number, subject=subjects.pseudonym(who))


def test_personal_fields_are_sealed_and_open_again(subjects):
    made = replace(about(subjects, "ada"), inputs=(("age", 2**60), ("income", 1.0), ("purpose", "ü"), ("x", math.inf)))
    sealed = subjects.seal(made, PERSONAL)
    assert sealed.inputs == (("income", 1.0), ("x", math.inf))
    assert sealed.outputs == (("approved", False),)
    assert b"age" not in base64.b64decode(sealed.sealed)
    opened = subjects.open(sealed)
    assert (sorted(opened.inputs), sorted(opened.outputs)) == (sorted(made.inputs), sorted(made.outputs))
    assert subjects.seal(made, {"nothing"}) == made


def test_many_are_sealed_together_or_not_at_all(subjects, tmp_path):
    made = [about(subjects, f"person {number % 40}", number) for number in range(60)]
    sealed = subjects.seal_all(made, PERSONAL)
    other = Subjects(tmp_path / "subjects.db", MasterKey.in_file(tmp_path / "master.key"))
    assert [dict(other.open(one).inputs)["age"] for one in sealed] == list(range(60))
    with pytest.raises(FixInput):
        subjects.seal_all([about(subjects, "new"), decision()], PERSONAL)
    assert not other.erase(other.pseudonym("new"), AT)
    assert subjects.open(subjects.seal(about(subjects, "new"), PERSONAL))
    other.close()


def test_a_sealed_text_opens_in_its_own_decision_only(subjects):
    one = subjects.seal(about(subjects, "ada"), PERSONAL)
    other = subjects.seal(about(subjects, "ada"), PERSONAL)
    with pytest.raises(Tampered):
        subjects.open(replace(one, sealed=other.sealed))
    with pytest.raises(Tampered):
        subjects.open(replace(one, sealed=base64.b64encode(bytes(60)).decode()))


def test_pseudonyms_are_stable_and_need_the_key(subjects, tmp_path):
    assert subjects.pseudonym("ada") == subjects.pseudonym("ada") != subjects.pseudonym("bob")
    again = Subjects(tmp_path / "subjects.db", MasterKey.in_file(tmp_path / "master.key"))
    assert again.pseudonym("ada") == subjects.pseudonym("ada")
    elsewhere = Subjects(tmp_path / "other.db", MasterKey(bytes(32)))
    assert elsewhere.pseudonym("ada") != subjects.pseudonym("ada")
    with pytest.raises(Tampered, match="master key"):
        Subjects(tmp_path / "subjects.db", MasterKey(bytes(32)))
    again.close()
    elsewhere.close()


def test_personal_fields_of_nobody_are_refused(subjects):
    with pytest.raises(FixInput, match="subject"):
        subjects.seal(decision(), PERSONAL)


def test_erasing_closes_the_fields_for_good_and_leaves_proofs_whole(subjects, tmp_path):
    ada, bob = about(subjects, "ada"), about(subjects, "bob")
    with segment_log(tmp_path) as log:
        log.append([subjects.seal(ada, PERSONAL), subjects.seal(bob, PERSONAL)])
        log.seal()
    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    everything = [reader.find(ada.id), reader.find(bob.id)]
    assert [dict(one.inputs)["age"] for one in subjects.export(ada.subject, everything)] == [7]
    before = proof_of(tmp_path, ada.id)
    kept = subjects._base.execute("SELECT wrapped FROM subject WHERE pseudonym = ?", (ada.subject,)).fetchone()[0]
    assert kept in (tmp_path / "subjects.db").read_bytes()

    assert subjects.erase(ada.subject, AT)
    assert not subjects.erase(ada.subject, AT)

    with pytest.raises(Absent, match="destroyed"):
        subjects.open(reader.find(ada.id))
    assert all(kept not in path.read_bytes() for path in tmp_path.glob("subjects.db*"))
    (left,) = subjects.export(ada.subject, everything)
    assert left.sealed
    assert "age" not in dict(left.inputs)
    assert dict(subjects.open(reader.find(bob.id)).inputs)["age"] == 7
    assert verify_decision(before, KEY).record == verify_decision(proof_of(tmp_path, ada.id), KEY).record

    again = subjects.seal(about(subjects, "ada", 8), PERSONAL)
    assert dict(subjects.open(again).inputs)["age"] == 8
    with pytest.raises(Absent, match="destroyed"):
        subjects.open(reader.find(ada.id))


def _erase(folder, pseudonym):
    store = Subjects(folder / "subjects.db", MasterKey.in_file(folder / "master.key"))
    assert store.erase(pseudonym, AT)


def test_a_key_that_another_process_destroyed_is_not_used_again(subjects, tmp_path):
    sealed = subjects.seal(about(subjects, "ada"), PERSONAL)
    process = multiprocessing.get_context("spawn").Process(target=_erase, args=(tmp_path, sealed.subject))
    process.start()
    process.join()
    assert process.exitcode == 0
    with pytest.raises(Absent):
        subjects.open(sealed)


def test_a_master_key_comes_from_a_file_or_the_environment(tmp_path):
    text = base64.b64encode(bytes(range(32))).decode()
    wrapped = MasterKey.from_text(text).wrap(b"k", b"c")
    assert MasterKey.from_text(text + "\n").unwrap(wrapped, b"c") == b"k"
    with pytest.raises(Tampered):
        MasterKey.from_text(text).unwrap(wrapped, b"d")
    for wrong in ("", "short", base64.b64encode(bytes(16)).decode()):
        with pytest.raises(FixInput):
            MasterKey.from_text(wrong)
    path = tmp_path / "keys/master.key"
    wrapped = MasterKey.in_file(path).wrap(b"k", b"c")
    assert MasterKey.in_file(path).unwrap(wrapped, b"c") == b"k"
    path.chmod(0o644)
    with pytest.raises(FixInput, match="Others may read"):
        MasterKey.in_file(path)


def test_the_key_store_holds_nothing_in_the_clear(subjects, tmp_path):
    subjects.seal(about(subjects, "ada@example.com"), PERSONAL)
    data = (tmp_path / "subjects.db").read_bytes()
    assert b"ada@example.com" not in data
    rows = sqlite3.connect(tmp_path / "subjects.db").execute("SELECT length(wrapped) FROM subject").fetchall()
    assert rows == [(12 + 32 + 16,)]
