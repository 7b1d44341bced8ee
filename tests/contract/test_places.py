"""What all processes on a database share: how far webhooks were told, and what forms were answered."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from holdfast.domain.errors import Unavailable
from holdfast.storage.answers import KEPT, SqlAnswers
from holdfast.storage.locks import one_process
from holdfast.storage.places import SqlPlaces


def test_a_note_is_read_as_it_was_written_last(store):
    places = SqlPlaces(store)
    assert places.get("w-1") is None
    places.put("w-1", b"first")
    places.put("w-1", b"\x00second")
    places.put("w-2", b"other")
    assert (places.get("w-1"), places.get("w-2")) == (b"\x00second", b"other")


def test_one_of_several_processes_writes(store):
    one, another = SqlPlaces(store), SqlPlaces(store)
    with one.lock() as first, another.lock() as second, store.sequencer_lock() as sequencer:
        assert (first(), second(), sequencer()) == (True, False, True)
    with another.lock() as third:
        assert third()


def test_notes_that_were_files_are_taken_over_once(store, tmp_path):
    places, folder = SqlPlaces(store), tmp_path / "webhooks"
    folder.mkdir()
    for key in ("w-1", "w-2"):
        (folder / hashlib.sha256(key.encode()).hexdigest()[:32]).write_bytes(f"file of {key}".encode())
    (folder / "lock").touch()
    places.put("w-2", b"newer")
    places.adopt(folder, ["w-1", "w-2", "w-3"])
    assert [places.get(key) for key in ("w-1", "w-2", "w-3")] == [b"file of w-1", b"newer", None]
    assert not folder.exists()
    places.adopt(folder, ["w-1"])


def test_no_lock_without_a_database():
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable), one_process(engine, 1, "x"):
        pass


def test_an_answer_is_claimed_once_kept_for_a_while_and_given_up(store):
    answers, now = SqlAnswers(store), datetime(2026, 11, 24, 9, tzinfo=UTC)
    with ThreadPoolExecutor(8) as pool:
        claims = [future.result() for future in [pool.submit(answers.claim, "k", now) for _ in range(8)]]
    assert sorted(claims) == [False] * 7 + [True]
    assert (answers.find("k"), answers.find("other")) == (b"", None)
    answers.keep("k", b"sealed")
    assert answers.find("k") == b"sealed"
    assert not answers.claim("k", now + KEPT)
    assert answers.claim("k", now + KEPT + timedelta(seconds=1))
    answers.drop("k")
    assert answers.find("k") is None
