"""Kill -9 at every step towards the disk, a disk that is full, a torn journal, a clock that jumps.

After each, everything that was acknowledged is in a segment, once, and the whole log verifies.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.decisions.making import SIGNER, decision, ledger, segment_log, wait_for
from tests.unit.decisions.test_proof import checked
from tests.unit.ledger.test_crash import SEGMENT, Disk, PowerCut

from holdfast.decisions.commit import Committer
from holdfast.decisions.payload import encode
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.rows import row_of
from holdfast.decisions.seal import Sealer
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.wal import Wal
from holdfast.domain.decision import Label
from holdfast.domain.errors import Unavailable
from holdfast.domain.ids import Ids, day_of, time_of
from holdfast.ledger.decided import DECISIONS, LABELS
from holdfast.ledger.log import Log
from holdfast.ledger.note import Key
from holdfast.ledger.verify import verify_log

STEPS = ("pwrite", "fsync", "fdatasync", "replace", "rename", "posix_fallocate", "mkdir", "unlink", "link")
FORK = multiprocessing.get_context("fork")
BATCH = 30


def ids_in(folder: Path, form=None) -> Counter[str]:
    reader = Reader(folder / "log", FolderSegments(folder / "segments"))
    options = {"form": form} if form else {}
    return Counter(id for batch in reader.batches(**options) for id in batch.column("id").to_pylist())


def check(folder: Path, acknowledged: set[str]) -> None:
    """Open as the next process would, seal all, and look."""
    before = ids_in(folder)
    with segment_log(folder) as log:
        assert log.seal() == 0
    found = ids_in(folder)
    assert set(found.values()) <= {1}
    assert set(ids_in(folder, LABELS).values()) <= {1}
    assert acknowledged <= set(before)
    assert set(before) == set(found)
    batches = Reader(folder / "log", FolderSegments(folder / "segments")).batches(system="batch")
    assert sum(batch.num_rows for batch in batches) % BATCH == 0
    assert checked(folder).pending == ()
    verify_log(folder / "ledger", Key(SIGNER.name, SIGNER.public_bytes()))
    assert not list((folder / "log").rglob("*.parquet*"))


def life(folder: Path, tell: Callable[[list[str]], None]) -> None:
    """What a process does in its life: appends, seals, takes in a batch and labels, drains."""
    with segment_log(folder) as log:
        for _ in range(2):
            made = [decision(number) for number in range(5)]
            log.append(made)
            tell([each.id for each in made])
            log.append_labels([Label("credit", made[0].id, True, "2027-01-01T00:00:00Z", "x")])
            log.seal()
        values = pa.table({"input_age": list(range(BATCH))})
        ids = log.append_batch(values, system="batch", release="r", lane="live", ended="answered")
        tell(ids)
        log.append(last := [decision(system="fraud")])
        tell([last[0].id])


def die_at(step: int, folder: Path, pipe: int) -> None:
    calls = 0

    def wrap(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step:
                if name == "pwrite":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2], args[2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in STEPS:
        setattr(os, name, wrap(name))
    life(folder, lambda ids: os.write(pipe, ("\n".join(ids) + "\n").encode()) and None)
    os._exit(0)


def killed(step: int, folder: Path) -> tuple[set[str], int | None]:
    ours, theirs = os.pipe()
    process = FORK.Process(target=die_at, args=(step, folder, theirs))
    process.start()
    os.close(theirs)
    with os.fdopen(ours) as reader:
        acknowledged = {line.strip() for line in reader if line.endswith("\n")}
    process.join(60)
    return acknowledged, process.exitcode


def test_kill_at_every_step_loses_and_doubles_nothing(tmp_path):
    """A log lives through ten crashes, so that each process starts from what the one before left."""
    acknowledged: set[str] = set()
    stride, survived = int(os.environ.get("HOLDFAST_CRASH_STRIDE", "7")), 0
    for number, step in enumerate(range(1, 2000, stride)):
        folder = tmp_path / f"log-{number // 10}"
        more, ended = killed(step, folder)
        acknowledged = more | (acknowledged if number % 10 else set())
        check(folder, acknowledged)
        if ended == 0:
            survived = step
            break
        assert ended == -signal.SIGKILL
    assert survived > 100


@pytest.mark.parametrize("keep", ["synced", "everything", "mixed"])
def test_a_power_cut_at_every_step_loses_and_doubles_nothing(tmp_path, monkeypatch, keep):
    draw, cut_at, is_finished = random.Random(11), 0, False
    while not is_finished:
        cut_at += int(os.environ.get("HOLDFAST_CRASH_STRIDE", "11"))
        root = tmp_path / f"disk-{cut_at}"
        root.mkdir()
        disk, acknowledged = Disk(root, cut_at), set()
        with disk.watched(monkeypatch), suppress(PowerCut):
            with Log(root / "ledger", SIGNER, publish_every=1000, segment_bytes=SEGMENT) as log:
                wal = Wal.create(root / "log/wal/g1")
                sealer = Sealer(wal.folder)
                for count in (3, 1, 7):
                    made = [decision(number) for number in range(count)]
                    wal.append([encode(DECISIONS, row_of(each)) for each in made])
                    acknowledged |= {each.id for each in made}
                    sealer.seal()
                    sealer.deliver(FolderSegments(root / "segments"), LedgerRegistrar(log))
            is_finished = True
        disk.restore(tmp_path / f"after-{cut_at}", draw, keep)
        check(tmp_path / f"after-{cut_at}", acknowledged)
    assert cut_at > 150


def test_a_full_disk_refuses_and_takes_again_once_there_is_room(tmp_path, monkeypatch):
    real, is_full = os.pwrite, False

    def pwrite(file, data, offset):
        if is_full:
            real(file, bytes(data)[:100], offset)  # a part still fits
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    made = [decision(number) for number in range(6)]
    with segment_log(tmp_path) as log:
        log.append(made[:2])
        is_full = True
        for each in made[2:4]:
            with pytest.raises(Unavailable, match="No space left") as caught:
                log.append([each])
            assert "Nothing that was acknowledged is lost" in caught.value.hint
        with pytest.raises(Unavailable, match="sealed"):
            log.seal()
        is_full = False
        log.append(made[4:])
    check(tmp_path, {each.id for each in (*made[:2], *made[4:])})
    assert set(ids_in(tmp_path)) == {each.id for each in (*made[:2], *made[4:])}


def test_a_bound_says_that_the_disk_is_full_and_keeps_what_it_took():
    taken: list[bytes] = []
    is_full = True

    def commit(payloads):
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.extend(payloads)

    committer = Committer(commit, within=0.01)
    committer.submit([b"first"])

    def is_refused() -> bool:
        try:
            committer.submit([b"more"])
        except Unavailable:
            return True
        return False

    assert wait_for(is_refused)
    is_full = False
    committer.close()
    assert taken[0] == b"first"


def test_a_record_that_a_crash_tore_was_not_acknowledged(tmp_path):
    with segment_log(tmp_path) as log:
        log.append(kept := [decision(1)])
        log._keeper.stop()
        log.append([decision(2)])
        journal = next((tmp_path / "log/wal/g1/journal").glob("0*"))
        data = bytearray(journal.read_bytes())
        data[2 * 4096 + 200] ^= 1  # the last record: one block for the head, one a record
        journal.write_bytes(data)
        log._sealer.seal()
        assert set(ids_in(tmp_path)) == {kept[0].id}


@pytest.mark.parametrize("jump", [-3_600_000, -86_400_000 * 3, 86_400_000])
def test_ids_rise_whatever_the_clock_does(jump):
    now = 1_795_862_338_194

    def clock() -> int:
        return now

    ids = Ids(clock)
    before = [ids.next() for _ in range(5000)]
    now += jump
    after = [ids.next() for _ in range(5000)]
    assert before + after == sorted({*before, *after})
    assert time_of(after[-1]).timestamp() * 1000 >= 1_795_862_338_194
    assert len({day_of(id) for id in before}) == 1


def test_a_decision_stays_findable_where_its_time_and_its_id_disagree(tmp_path):
    """The clock went back two days after the id was made: the id's day is the segment's."""
    made = decision(at="2026-11-20T10:00:00.000000Z")
    with segment_log(tmp_path) as log:
        log.append([made])
        log.seal()
    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    assert reader.find(made.id).at == made.at
    check(tmp_path, {made.id})


def test_the_ledger_and_the_log_may_be_two_folders_of_one_disk_or_not(tmp_path, monkeypatch):
    """Where no link can be made (another disk), segments are copied, and then as durable."""

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", link)
    with segment_log(tmp_path) as log:
        log.append(made := [decision()])
        log.seal()
    check(tmp_path, {made[0].id})
    with ledger(tmp_path) as log:
        assert log.head()[0] == 1
