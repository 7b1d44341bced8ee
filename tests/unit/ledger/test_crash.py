"""Crashes: kill -9 at random moments and at every step towards the disk, and power cuts that lose what was not synced.

After each, everything that was acknowledged is there, in order, and the whole log verifies.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.ledger.log import Log
from holdfast.ledger.verify import verify_log
from holdfast.storage.keys import Ed25519Signer

SIGNER = Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SEGMENT = 32_768
STEPS = ("pwrite", "fsync", "fdatasync", "replace", "rename", "posix_fallocate", "ftruncate", "mkdir", "unlink")
FORK = multiprocessing.get_context("fork")


def entry(number: int) -> bytes:
    return b"entry %d " % number + b"x" * (number % 700)


def check(path: Path, acknowledged: int) -> int:
    """Open as the next process would; how many entries are there."""
    with Log(path, SIGNER, segment_bytes=SEGMENT) as log:
        size, _ = log.head()
        assert size >= acknowledged
        assert list(log.read(0, size)) == [entry(number) for number in range(size)]
        key = log.key
    assert verify_log(path, key).checkpoint.size == size
    return size


def write_forever(path: Path, pipe: int) -> None:
    """Append batch after batch; each acknowledged size goes into the pipe."""
    draw = random.Random(os.getpid())
    with Log(path, SIGNER, publish_every=0.005, segment_bytes=SEGMENT) as log:
        size, _ = log.head()
        while True:
            size += len(log.append([entry(size + number) for number in range(draw.randrange(1, 40))]))
            os.write(pipe, b"%d\n" % size)


def run_and_kill(write: Callable[[Path, int], None], path: Path, seconds: float | None) -> tuple[int, int]:
    """The last size that a writer acknowledged before it was killed (or killed itself), and how it ended."""
    ours, theirs = os.pipe()
    process = FORK.Process(target=write, args=(path, theirs))
    process.start()
    os.close(theirs)
    if seconds is not None:
        time.sleep(seconds)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    with os.fdopen(ours, "rb") as reader:
        lines = reader.read().splitlines()
    process.join(30)
    assert process.exitcode is not None
    return (int(lines[-1]) if lines else 0), process.exitcode


def test_kill_at_random_moments_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    draw, size = random.Random(7), 0
    for _ in range(20):
        acknowledged, ended = run_and_kill(write_forever, tmp_path / "log", draw.uniform(0.02, 0.12))
        assert ended == -signal.SIGKILL
        size = check(tmp_path / "log", max(size, acknowledged))
    assert size > 20


def write_and_die_at(step: int) -> Callable[[Path, int], None]:
    """A writer of a fixed plan that kills itself at its `step`-th call towards the disk, a write half done."""

    def write(path: Path, pipe: int) -> None:
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
        with Log(path, SIGNER, publish_every=1000, segment_bytes=SEGMENT) as log:
            size, _ = log.head()
            for count in (3, 250, 1, 40):
                size += len(log.append([entry(size + number) for number in range(count)]))
                os.write(pipe, b"%d\n" % size)
                if count != 1:
                    log.checkpoint()
        os._exit(0)

    return write


def test_kill_at_every_step_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    """A log lives through ten crashes, so that each writer starts from what the one before left."""
    size, survived = 0, 0
    for step in range(1, 200):
        path = tmp_path / f"log-{step // 10}"
        acknowledged, ended = run_and_kill(write_and_die_at(step), path, None)
        size = check(path, max(size if step % 10 else 0, acknowledged))
        if ended == 0:
            survived = step
            break
        assert ended == -signal.SIGKILL
    assert survived > 40


class PowerCut(BaseException):
    """No exception handler of the writer may see the power go."""


class Disk:
    """Remembers what of a folder is durable: contents by inode when synced, names by folder when that was synced."""

    def __init__(self, root: Path, cut_at: int) -> None:
        self.root = root
        self.steps_left = cut_at
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        self.last: dict[str, bytes] | None = None
        self.held: list[int] = []  # open files keep the system from using an inode number twice

    @contextmanager
    def watched(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        with patch.context() as patched:
            for name in STEPS:
                patched.setattr(os, name, self._wrap(name, getattr(os, name)))
            try:
                yield
            finally:
                for file in self.held:
                    os.close(file)

    def _wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.last is not None:
                raise PowerCut
            self.steps_left -= 1
            if self.steps_left == 0:
                if name == "pwrite":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2], args[2])
                self.last = {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}
                raise PowerCut
            result = real(*args, **kwargs)
            if name in ("fsync", "fdatasync"):
                self._synced(args[0])
            return result

        return call

    def _synced(self, file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        inode = os.fstat(file).st_ino
        if inode not in self.names | self.contents:
            self.held.append(os.dup(file))
        if path.is_dir():
            self.names[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
        else:
            self.contents[inode] = path.read_bytes()

    def restore(self, target: Path, draw: random.Random, keep: str) -> None:
        """What is found after the cut: `synced` only, `everything`, or for each file one or the other (`mixed`)."""
        for name in sorted(self.last or {}) if keep != "synced" else ():
            if keep == "everything" or draw.random() < 0.5:
                self._put(target / name, (self.last or {})[name])
        self._restore(self.root.stat().st_ino, target, draw, keep)

    def _restore(self, folder: int, target: Path, draw: random.Random, keep: str) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for name, inode in self.names.get(folder, {}).items():
            if inode in self.contents and not (target / name).exists():
                self._put(target / name, self.contents[inode])
            elif inode in self.names:
                self._restore(inode, target / name, draw, keep)

    def _put(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.parametrize("keep", ["synced", "everything", "mixed"])
def test_a_power_cut_at_every_step_loses_no_acknowledged_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    draw = random.Random(11)
    cut_at, finished = 0, False
    while not finished:
        cut_at += 3 if keep == "synced" else 7
        root = tmp_path / f"disk-{cut_at}"
        root.mkdir()
        disk, acknowledged = Disk(root, cut_at), 0
        with disk.watched(monkeypatch), suppress(PowerCut):
            with Log(root / "log", SIGNER, publish_every=1000, segment_bytes=SEGMENT) as log:
                for count in (3, 250, 1, 60, 1, 200):
                    log.append([entry(acknowledged + number) for number in range(count)])
                    acknowledged += count
                    if count != 1:
                        log.checkpoint()
            finished = True
        disk.restore(tmp_path / f"after-{cut_at}", draw, keep)
        assert check(tmp_path / f"after-{cut_at}" / "log", acknowledged) >= acknowledged
    assert cut_at > 60
