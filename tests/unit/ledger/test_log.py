"""The writer: what it acknowledges, proves and refuses; threads, processes, other keys, a full disk."""

from __future__ import annotations

import base64
import multiprocessing
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.domain.errors import FixInput, Tampered, Unavailable
from holdfast.ledger.consistency import verify_consistency
from holdfast.ledger.log import Log
from holdfast.ledger.verify import verify_log, verify_proof
from holdfast.storage.keys import Ed25519Signer

SIGNER = Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def entries(start: int, stop: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(start, stop)]


@pytest.mark.parametrize("sizes", [[1], [255, 1, 1], [256], [700, 3, 300], [1] * 20])
def test_every_entry_has_an_index_a_proof_and_its_bytes(tmp_path: Path, sizes: list[int]) -> None:
    indices: list[int] = []
    with Log(tmp_path / "log", SIGNER) as log:
        for size in sizes:
            indices += log.append(entries(len(indices), len(indices) + size))
            log.checkpoint()
        assert indices == list(range(sum(sizes)))
        for index in indices[:: max(1, len(indices) // 20)]:
            found, checkpoint = verify_proof(log.proof(index), b"entry %d" % index, log.key)
            assert (found, checkpoint.size) == (index, len(indices))
        assert list(log.read(0, len(indices))) == entries(0, len(indices))
        assert list(log.read(1, 1)) == []
    assert verify_log(tmp_path / "log", log.key).checkpoint.size == len(indices)


def test_a_proof_covers_an_entry_that_was_appended_just_now(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER, publish_every=1000) as log:
        for number in range(5):
            index = log.append([b"act %d" % number])[0]
            assert verify_proof(log.proof(index), b"act %d" % number, log.key)[1].size == index + 1
        size, root = log.head()
        assert (size, len(base64.b64decode(root))) == (5, 32)


def test_every_checkpoint_extends_every_earlier_one(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        held = [(0, log.checkpoint())]
        for stop in (1, 2, 7, 256, 300, 1000):
            log.append(entries(held[-1][0], stop))
            held.append((stop, log.checkpoint()))
            for size, note in held:
                old, new = verify_consistency(note, log.consistency(size), log.key)
                assert (old.size, new.size) == (size, stop)
        with pytest.raises(Tampered, match="starts at size 2, the checkpoint at 1"):
            verify_consistency(held[1][1], log.consistency(2), log.key)
    assert verify_log(tmp_path / "log", log.key, remembered=[note for _, note in held]).checkpoint.size == 1000


def test_entries_stand_under_a_checkpoint_soon_without_being_asked(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER, publish_every=0.05) as log:
        log.append(entries(0, 10))
        until = time.monotonic() + 10
        while verify_log(tmp_path / "log", log.key).checkpoint.size < 10:
            assert time.monotonic() < until
            time.sleep(0.02)


def test_partial_tiles_go_once_the_full_one_is_there(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(0, 100))
        log.checkpoint()
        assert (tmp_path / "log/tile/0/000.p/100").exists()
        log.append(entries(100, 300))
        log.checkpoint()
        assert not (tmp_path / "log/tile/0/000.p").exists()
        assert not (tmp_path / "log/tile/entries/000.p").exists()
        assert (tmp_path / "log/tile/entries/001.p/44").exists()


def test_limits_of_an_entry(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        assert log.append([b"", bytes(65_535)]) == [0, 1]
        with pytest.raises(FixInput, match="Entry 1 has 65536 bytes"):
            log.append([b"fits", bytes(65_536)])
        assert log.append([]) == []
        assert log.head()[0] == 2
        assert verify_proof(log.proof(1), bytes(65_535), log.key)[0] == 1


def test_a_batch_longer_than_a_journal_file(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER, segment_bytes=16_384) as log:
        big = [os.urandom(1000) for _ in range(200)]
        log.append(big)
        assert list(log.read(0, 200)) == big


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_of_what_was_never_appended(tmp_path: Path, index: int) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(0, 3))
        with pytest.raises(FixInput, match=f"no index {index}"):
            log.proof(index)
        with pytest.raises(FixInput):
            log.consistency(4)


def test_a_closed_log_is_closed(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", SIGNER)
    log.close()
    log.close()
    with pytest.raises(FixInput, match="closed"):
        log.append([b"late"])


def test_an_origin_needs_one_printable_line(tmp_path: Path) -> None:
    with pytest.raises(FixInput):
        Log(tmp_path / "log", SIGNER, "two\nlines")


@pytest.mark.parametrize("segment_bytes", [16_384, 4 * 1024 * 1024])
def test_threads_share_commits_and_lose_nothing(tmp_path: Path, segment_bytes: int) -> None:
    def work(thread: int) -> list[tuple[int, bytes]]:
        acknowledged = []
        for number in range(30):
            mine = [b"%d/%d/%d" % (thread, number, part) for part in range(number % 4 + 1)]
            acknowledged += zip(log.append(mine), mine, strict=True)
        return acknowledged

    with (
        Log(tmp_path / "log", SIGNER, publish_every=0.01, segment_bytes=segment_bytes) as log,
        ThreadPoolExecutor(8) as pool,
    ):
        acknowledged = dict(pair for pairs in pool.map(work, range(8)) for pair in pairs)
        assert [acknowledged[i] for i in range(len(acknowledged))] == list(log.read(0, len(acknowledged)))
    assert verify_log(tmp_path / "log", log.key).checkpoint.size == len(acknowledged) == 8 * 73


def _append_from_a_process(path: Path, name: int, segment_bytes: int, acknowledged: str) -> None:
    with Log(path, SIGNER, publish_every=0.01, segment_bytes=segment_bytes) as log, Path(acknowledged).open("w") as out:
        for number in range(120):
            mine = [b"%d/%d/%d" % (name, number, part) for part in range(number % 5 + 1)]
            for index, entry in zip(log.append(mine), mine, strict=True):
                out.write(f"{index} {entry.decode()}\n")


@pytest.mark.parametrize("segment_bytes", [16_384, 4 * 1024 * 1024])
def test_processes_that_append_at_once_stay_correct(tmp_path: Path, segment_bytes: int) -> None:
    context = multiprocessing.get_context("fork")
    logs = [str(tmp_path / f"acknowledged-{name}") for name in range(3)]
    processes = [
        context.Process(target=_append_from_a_process, args=(tmp_path / "log", name, segment_bytes, logs[name]))
        for name in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    lines = [line.split() for log in logs for line in Path(log).read_text().splitlines()]
    acknowledged = {int(index): entry.encode() for index, entry in lines}
    assert len(acknowledged) == len(lines) == 3 * 360
    with Log(tmp_path / "log", SIGNER) as log:
        assert list(log.read(0, len(lines))) == [acknowledged[i] for i in range(len(lines))]
    assert verify_log(tmp_path / "log", log.key).checkpoint.size == len(lines)


def test_a_log_does_not_cross_a_fork(tmp_path: Path) -> None:
    def child(log: Log) -> None:
        try:
            log.append([b"from the child"])
        except FixInput:
            os._exit(17)
        os._exit(0)

    with Log(tmp_path / "log", SIGNER) as log:
        process = multiprocessing.get_context("fork").Process(target=child, args=(log,))
        process.start()
        process.join(30)
        assert process.exitcode == 17


def test_another_key_or_origin_does_not_open_the_log(tmp_path: Path) -> None:
    Log(tmp_path / "log", SIGNER).close()
    with pytest.raises(Tampered, match=r"carries no signature of example\.com/log"):
        Log(tmp_path / "log", Ed25519Signer("example.com/log", Ed25519PrivateKey.generate()))
    with pytest.raises(Tampered, match="not 'another'"):
        Log(tmp_path / "log", SIGNER, "another")


def test_a_log_without_its_checkpoint_does_not_start_again(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(0, 3))
    (tmp_path / "log/checkpoint").unlink()
    with pytest.raises(Tampered, match="it was removed"):
        Log(tmp_path / "log", SIGNER)


def append_and_publish(path: Path) -> None:
    with Log(path, SIGNER) as log:
        log.append([b"more"])
        log.checkpoint()


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_the_writer_does_not_build_on_changed_tiles(tmp_path: Path, name: str) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(0, 300))
    path = tmp_path / "log" / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Tampered):
        append_and_publish(tmp_path / "log")


def test_a_torn_tile_beyond_the_checkpoint_is_written_again(tmp_path: Path) -> None:
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(0, 10))
    for name in ("tile/0/000.p/12", "tile/entries/000.p/12", "tile/0/000.p/12.new", "checkpoint.new"):
        (tmp_path / "log" / name).write_bytes(b"torn")
    verify_log(tmp_path / "log", log.key)
    with Log(tmp_path / "log", SIGNER) as log:
        log.append(entries(10, 12))
    assert verify_log(tmp_path / "log", log.key).checkpoint.size == 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def append_until_full(log: Log, acknowledged: list[bytes]) -> None:
    for number in range(10_000):
        batch = [b"%d/%d" % (number, part) + bytes(900) for part in range(3)]
        log.append(batch)
        acknowledged += batch


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("publish_every", [0.02, 1000])
def test_a_full_disk_loses_nothing_and_the_log_goes_on_once_there_is_room(
    small_disk: Path, publish_every: float
) -> None:
    filler = small_disk / "filler"
    acknowledged: list[bytes] = []
    filler.write_bytes(bytes(512 * 1024))
    log = Log(small_disk / "log", SIGNER, publish_every=publish_every, segment_bytes=32_768)
    with pytest.raises(Unavailable, match="No space left on device") as failure:
        append_until_full(log, acknowledged)
    assert "Make room" in failure.value.hint
    assert len(acknowledged) >= 30
    filler.unlink()
    more = [b"after"]
    assert log.append(more) == [len(acknowledged)]
    assert list(log.read(0, len(acknowledged) + 1)) == acknowledged + more
    log.close()
    assert verify_log(small_disk / "log", log.key).checkpoint.size == len(acknowledged) + 1


def test_publishing_on_a_full_disk_fails_clearly_and_later_succeeds(small_disk: Path) -> None:
    log = Log(small_disk / "log", SIGNER, publish_every=1000, segment_bytes=262_144)
    batch = [os.urandom(800) for _ in range(250)]
    log.append(batch)
    filler = small_disk / "filler"
    fill(filler)
    with pytest.raises(Unavailable, match="No space left"):
        log.proof(0)
    filler.unlink()
    assert verify_proof(log.proof(249), batch[249], log.key)[1].size == 250
    log.close()
