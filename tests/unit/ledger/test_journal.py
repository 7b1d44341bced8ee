"""The journal: what a crash may tear, and what only somebody can have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.domain.errors import Tampered
from holdfast.ledger.journal import BLOCK, Journal

SEGMENT = 16 * BLOCK


def journal_with(folder: Path, records: int) -> Journal:
    journal = Journal(folder, segment_bytes=SEGMENT)
    journal.refresh(0)
    for number in range(records):
        journal.append([b"%d" % number])
    return journal


def change(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.isdecimal())


def size_of(folder: Path) -> int:
    journal = Journal(folder, segment_bytes=SEGMENT)
    journal.refresh(0)
    return journal.size


def test_records_come_back_over_many_segments(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, 100)
    assert len(segments(tmp_path)) > 5
    assert size_of(tmp_path) == 100
    assert list(journal.read(3, 97)) == [b"%d" % n for n in range(3, 97)]


def test_a_torn_last_record_counts_as_absent_and_is_written_over(tmp_path: Path) -> None:
    journal_with(tmp_path, 5).close()
    change(segments(tmp_path)[0], 5 * BLOCK + 58, b"\xff")
    assert size_of(tmp_path) == 4
    journal = Journal(tmp_path, segment_bytes=SEGMENT)
    journal.refresh(0)
    assert journal.append([b"again"]) == 4
    assert list(journal.read(0, 5)) == [b"0", b"1", b"2", b"3", b"again"]


@pytest.mark.parametrize("at", [0, 5, 20, 50, 58])
def test_a_record_changed_before_the_last_is_tampering(tmp_path: Path, at: int) -> None:
    journal_with(tmp_path, 5).close()
    path = segments(tmp_path)[0]
    change(path, 3 * BLOCK + at, bytes([path.read_bytes()[3 * BLOCK + at] ^ 1]))
    with pytest.raises(Tampered, match="entry 2 was acknowledged"):
        size_of(tmp_path)


@pytest.mark.parametrize("at", [0, 8, 20, 50])
def test_a_changed_first_block_is_tampering(tmp_path: Path, at: int) -> None:
    journal_with(tmp_path, 2).close()
    path = segments(tmp_path)[0]
    change(path, at, bytes([path.read_bytes()[at] ^ 1]))
    with pytest.raises(Tampered, match="first block"):
        size_of(tmp_path)


def test_a_missing_or_torn_earlier_segment_is_tampering(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, 50)
    first, second, *_ = segments(tmp_path)
    change(second, BLOCK, bytes(BLOCK))
    with pytest.raises(Tampered, match="entries 15 to 49 were acknowledged and are gone"):
        list(journal.read(0, 50))
    first.unlink()
    with pytest.raises(Tampered, match="entries 0 to 49"):
        list(journal.read(0, 50))


def test_an_entry_cannot_pass_for_a_record(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    journal_with(other, 3).close()
    forged = segments(other)[0].read_bytes()[2 * BLOCK : 3 * BLOCK]  # a whole record, for index 1, of another journal
    mine = tmp_path / "mine"
    mine.mkdir()
    journal = Journal(mine, segment_bytes=SEGMENT)
    journal.refresh(0)
    journal.append([bytes(BLOCK - 58) + forged])
    assert segments(mine)[0].read_bytes()[2 * BLOCK : 3 * BLOCK] == forged
    journal.close()
    change(segments(mine)[0], BLOCK + 20, b"\xff\xff")  # the crash: the record's own head is torn
    journal = Journal(mine, segment_bytes=SEGMENT)
    journal.refresh(0)
    assert journal.size == 0
    assert journal.append([b"short"]) == 0
    assert size_of(mine) == 1


def test_trimmed_segments_are_used_again_and_their_old_records_stay_dead(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, 100)
    before = len(segments(tmp_path))
    journal.trim(100)
    assert len(segments(tmp_path)) == 1
    assert 0 < len(list(tmp_path.glob("spare-*"))) <= 8 < before + 8
    for number in range(100, 130):
        assert journal.append([b"%d" % number]) == number
    assert list(journal.read(100, 130)) == [b"%d" % n for n in range(100, 130)]
    journal.close()
    again = Journal(tmp_path, segment_bytes=SEGMENT)
    again.refresh(100)
    assert again.size == 130


def test_trimming_keeps_every_segment_with_an_entry_that_is_not_published(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, 100)
    for published in range(101):
        journal.trim(published)
        assert list(journal.read(published, 100)) == [b"%d" % n for n in range(published, 100)]


def test_another_process_sees_what_was_appended_rotated_and_trimmed(tmp_path: Path) -> None:
    one, two = Journal(tmp_path, segment_bytes=SEGMENT), Journal(tmp_path, segment_bytes=SEGMENT)
    one.refresh(0)
    two.refresh(0)
    size = 0
    for step in (1, 20, 3, 40, 1, 1, 25):
        for _ in range(step):
            one.refresh(0)
            assert one.append([b"%d" % size]) == size
            size += 1
        one.trim(size)
        two.refresh(0)
        assert two.size == size
        assert two.append([b"%d" % size]) == size
        size += 1


def test_a_lost_journal_starts_after_what_is_published(tmp_path: Path) -> None:
    journal_with(tmp_path, 5).close()
    for path in tmp_path.iterdir():
        path.unlink()
    journal = Journal(tmp_path, segment_bytes=SEGMENT)
    journal.refresh(7)
    assert journal.append([b"seven"]) == 7


def test_a_failed_write_is_not_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_with(tmp_path, 2)
    real = os.fdatasync

    def fail(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="Input/output"):
        journal.append([b"lost"])
    monkeypatch.setattr(os, "fdatasync", real)
    journal.refresh(0)
    assert journal.size == 2
    assert journal.append([b"kept"]) == 2
    assert list(journal.read(0, 3)) == [b"0", b"1", b"kept"]
