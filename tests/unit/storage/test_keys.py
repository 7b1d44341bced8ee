"""The key file: made once, read by its owner alone, never committed."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.storage.keys import load_or_create


def test_a_key_is_made_once_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    first, again = load_or_create(path, "a"), load_or_create(path, "a")
    assert first.public_bytes() == again.public_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    Ed25519PublicKey.from_public_bytes(first.public_bytes()).verify(again.sign(b"text"), b"text")
    assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", "ledger.pem"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "*\n"), ("*\n", "*\n"), ("*.pyc\n", "*.pyc\n\n/ledger.pem\n"), ("/ledger.pem\n", "/ledger.pem\n")],
)
def test_git_never_sees_the_key(tmp_path: Path, before: str | None, after: str) -> None:
    if before is not None:
        (tmp_path / ".gitignore").write_text(before)
    load_or_create(tmp_path / "ledger.pem", "a")
    assert (tmp_path / ".gitignore").read_text() == after


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_may_read_or_write_is_refused_with_a_hint(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.pem"
    load_or_create(path, "a")
    path.chmod(mode)
    with pytest.raises(FixInput, match="chmod 600"):
        load_or_create(path, "a")


def test_what_is_no_ed25519_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    curve = ec.generate_private_key(ec.SECP256R1())
    for content in (b"", b"no key", curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(FixInput):
            load_or_create(path, "a")
        assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        load_or_create(tmp_path / "file" / "ledger.pem", "a")


def _public(path: Path, barrier: Any, results: Any) -> None:
    barrier.wait()
    results.put(load_or_create(path, "a").public_bytes())


def test_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        path = tmp_path / str(attempt) / "ledger.pem"
        barrier, results = context.Barrier(4), context.Queue()
        processes = [context.Process(target=_public, args=(path, barrier, results)) for _ in range(4)]
        for process in processes:
            process.start()
        keys = {results.get(timeout=30) for _ in processes}
        for process in processes:
            process.join()
        assert len(keys) == 1
        assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", "ledger.pem"]
