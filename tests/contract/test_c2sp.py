"""The ledger against code that others wrote: Go's golang.org/x/mod/sumdb reads, recomputes and proves the same log.

Debian has it as ``golang-go`` and ``golang-golang-x-mod-dev``; without them these tests say why they were skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.ledger.log import Log
from holdfast.storage.keys import Ed25519Signer

SIGNER = Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
GOPATH = Path("/usr/share/gocode")
STOPS = (1, 2, 3, 255, 256, 257, 700, 65_537)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("Go or its package golang.org/x/mod is not installed (golang-go, golang-golang-x-mod-dev)")
    built = tmp_path_factory.mktemp("go") / "c2sp"
    environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(GOPATH), "GOMAXPROCS": "1"}
    environment["GOCACHE"] = str(built.parent / "cache")
    source = Path(__file__).parent / "c2sp" / "main.go"
    subprocess.run(["go", "build", "-o", built, source], env=environment, check=True)
    return built


def run(reader: Path, log: Path, vkey: str, work: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([reader, log, vkey, work], capture_output=True, text=True, check=False)


def entry(number: int) -> bytes:
    return b"entry %d" % number


def write(folder: Path, stops: tuple[int, ...]) -> tuple[Path, str]:
    """A log with a checkpoint at each stop; beside it inclusion and consistency proofs for Go to check."""
    work = folder / "work"
    work.mkdir()
    with Log(folder / "log", SIGNER) as log:
        at = 0
        for stop in stops:
            log.append([entry(number) for number in range(at, stop)])
            (work / f"{stop}.old").write_bytes(log.checkpoint())
            at = stop
        for stop in stops[:-1]:
            (work / f"{stop}.consistency").write_bytes(log.consistency(stop))
        for index in sorted({0, at // 3, at // 2, at - 2, at - 1, *stops[:-1]} & set(range(at))):
            (work / f"{index}.tlog-proof").write_bytes(log.proof(index))
            (work / f"{index}.entry").write_bytes(entry(index))
        return work, log.key.vkey


@pytest.mark.parametrize("count", range(1, len(STOPS) + 1))
def test_go_reads_recomputes_and_proves_the_same(reader: Path, tmp_path: Path, count: int) -> None:
    work, vkey = write(tmp_path, STOPS[:count])
    done = run(reader, tmp_path / "log", vkey, work)
    assert (done.stderr, done.returncode) == ("", 0)
    proofs = len(list(work.glob("*.tlog-proof")))
    assert done.stdout.split() == ["ok", str(STOPS[count - 1]), str(proofs), str(count - 1)]


@pytest.mark.parametrize("name", ["log/checkpoint", "log/tile/0/000", "log/tile/entries/000", "work/2.tlog-proof"])
def test_go_refuses_what_was_changed(reader: Path, tmp_path: Path, name: str) -> None:
    work, vkey = write(tmp_path, STOPS[:-1])
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert run(reader, tmp_path / "log", vkey, work).returncode == 1
