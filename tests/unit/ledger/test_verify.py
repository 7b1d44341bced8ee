"""The auditor: catches every kind of tampering, says what and where, and needs almost nothing to run."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import holdfast
from holdfast.domain.errors import FixInput, Tampered
from holdfast.ledger.log import Log
from holdfast.ledger.note import Key
from holdfast.ledger.verify import main, verify_log, verify_proof
from holdfast.storage.keys import Ed25519Signer

SIGNER = Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEY = Key(SIGNER.name, SIGNER.public_bytes())
SIZE = 600


def entry(number: int) -> bytes:
    return b"entry %d" % number


def write_log(path: Path, *, stops: tuple[int, ...] = (100, 300, SIZE), forged: int | None = None) -> list[bytes]:
    """A log with a checkpoint at each stop; the checkpoints."""
    notes, at = [], 0
    with Log(path, SIGNER) as log:
        for stop in stops:
            log.append([b"forged" if number == forged else entry(number) for number in range(at, stop)])
            notes.append(log.checkpoint())
            at = stop
    return notes


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    notes = write_log(folder / "log")
    for number, note in enumerate(notes):
        (folder / f"note-{number}").write_bytes(note)
    with Log(folder / "log", SIGNER) as log:
        (folder / "proof").write_bytes(log.proof(300))
    return folder


@pytest.fixture
def log(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original / "log", tmp_path / "log"))


def flip(path: Path, at: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def edit_entry(log: Path) -> None:
    flip(log / "tile/entries/001", 9)


def edit_length(log: Path) -> None:
    flip(log / "tile/entries/001", 1)


def edit_leaf(log: Path) -> None:
    flip(log / "tile/0/001", 44 * 32)


def edit_node(log: Path) -> None:
    flip(log / "tile/1/000.p/2", 40)


def edit_entry_and_tiles(log: Path) -> None:
    other = log.parent / "other"
    write_log(other, stops=(SIZE,), forged=17)
    shutil.rmtree(log / "tile")
    shutil.copytree(other / "tile", log / "tile")


def swap_bundles(log: Path) -> None:
    first, second = log / "tile/entries/000", log / "tile/entries/001"
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def reorder_entries(log: Path) -> None:
    path = log / "tile/entries/000"
    data = path.read_bytes()
    assert data[:18] == b"\0\7entry 0\0\7entry 1"
    path.write_bytes(data[9:18] + data[:9] + data[18:])


def delete_entry(log: Path) -> None:
    path = log / "tile/entries/000"
    path.write_bytes(path.read_bytes()[9:])


def delete_bundle(log: Path) -> None:
    (log / "tile/entries/001").unlink()


def delete_tile(log: Path) -> None:
    (log / "tile/0/001").unlink()


def delete_checkpoint(log: Path) -> None:
    (log / "checkpoint").unlink()


def cut_bundle(log: Path) -> None:
    path = log / "tile/entries/002.p/88"
    path.write_bytes(path.read_bytes()[:-5])


def cut_bundle_by_an_entry(log: Path) -> None:
    path = log / "tile/entries/002.p/88"
    path.write_bytes(path.read_bytes()[: -len(b"\0\x09entry 599")])


def cut_tile(log: Path) -> None:
    path = log / "tile/0/002.p/88"
    path.write_bytes(path.read_bytes()[:-32])


def lengthen_tile(log: Path) -> None:
    with (log / "tile/0/001").open("ab") as file:
        file.write(bytes(32))


def empty_tile(log: Path) -> None:
    (log / "tile/1/000.p/2").write_bytes(b"")


def raise_size(log: Path) -> None:
    path = log / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n600\n", b"\n601\n"))


def lower_size(log: Path) -> None:
    path = log / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n600\n", b"\n512\n"))


def sign_with_another_key(log: Path) -> None:
    other = Ed25519Signer(SIGNER.name, Ed25519PrivateKey.generate())
    shutil.rmtree(log)
    with Log(log, other) as fresh:
        fresh.append([entry(number) for number in range(SIZE)])


def edit_older_partial(log: Path) -> None:
    path = log / "tile/1/000.p/1"
    assert path.exists()
    flip(path, 3)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (edit_entry, "ledger.tile", r"Entry 256 does not match hash 0 in tile/0/001; 1 of its hashes differ"),
        (edit_length, "ledger.entry", r"tile/entries/001 "),
        (edit_leaf, "ledger.tile", r"Entry 300 does not match hash 44 in tile/0/001"),
        (edit_node, "ledger.tile", r"Entries 256 to 511 do not match hash 1 in tile/1/000.p/2"),
        (edit_entry_and_tiles, "ledger.root", r"The 600 entries hash to the root \S+; the signed checkpoint says"),
        (swap_bundles, "ledger.tile", r"Entry 0 does not match hash 0 in tile/0/000; 256"),
        (reorder_entries, "ledger.tile", r"Entry 0 does not match hash 0 in tile/0/000; 2 of"),
        (delete_entry, "ledger.entry", r"tile/entries/000 holds 255 entries, 256 expected"),
        (delete_bundle, "ledger.missing", r"tile/entries/001 is missing"),
        (delete_tile, "ledger.missing", r"tile/0/001 is missing"),
        (delete_checkpoint, "ledger.missing", r"has tiles but no checkpoint"),
        (cut_bundle, "ledger.entry", r"tile/entries/002.p/88 is cut short"),
        (cut_bundle_by_an_entry, "ledger.entry", r"tile/entries/002.p/88 holds 87 entries, 88 expected"),
        (cut_tile, "ledger.tile", r"tile/0/002.p/88"),
        (lengthen_tile, "ledger.tile", r"tile/0/001 holds 8224 bytes"),
        (empty_tile, "ledger.tile", r"tile/1/000.p/2 holds 0 bytes"),
        (raise_size, "ledger.signature", r"does not verify"),
        (lower_size, "ledger.signature", r"does not verify"),
        (sign_with_another_key, "ledger.signature", r"carries no signature of example.com/log"),
        (edit_older_partial, "ledger.tile", r"tile/1/000.p/1 is not a prefix of tile/1/000.p/2"),
    ],
)
def test_tampering_is_caught_and_named(log: Path, change: Callable[[Path], None], code: str, message: str) -> None:
    assert verify_log(log, KEY).checkpoint.size == SIZE
    change(log)
    with pytest.raises(Tampered, match=message) as caught:
        verify_log(log, KEY)
    assert caught.value.code == code


@pytest.mark.parametrize("seed", range(60))
def test_any_flipped_bit_anywhere_is_caught(log: Path, seed: int) -> None:
    draw = random.Random(seed)
    path = draw.choice([log / "checkpoint", *sorted(p for p in (log / "tile").rglob("*") if p.is_file())])
    flip(path, draw.randrange(path.stat().st_size), 1 << draw.randrange(8))
    with pytest.raises(Tampered):
        verify_log(log, KEY)


def test_truncation_and_an_old_copy_are_caught_by_whoever_remembers(original: Path, tmp_path: Path) -> None:
    notes = [(original / f"note-{number}").read_bytes() for number in range(3)]
    write_log(tmp_path / "old", stops=(100, 300))
    assert verify_log(tmp_path / "old", KEY).checkpoint.size == 300
    assert verify_log(tmp_path / "old", KEY, remembered=notes[:2]).checkpoint.size == 300
    with pytest.raises(Tampered, match="ends at 300 entries; the checkpoint that you hold covers 600") as caught:
        verify_log(tmp_path / "old", KEY, remembered=notes)
    assert caught.value.code == "ledger.rollback"


@pytest.mark.parametrize("forged", [0, 99, 250, 299])
def test_a_log_rewritten_and_signed_again_is_caught_by_whoever_remembers(
    original: Path, tmp_path: Path, forged: int
) -> None:
    notes = [(original / f"note-{number}").read_bytes() for number in range(3)]
    write_log(tmp_path / "log", forged=forged)
    assert verify_log(tmp_path / "log", KEY).checkpoint.size == SIZE
    with pytest.raises(Tampered, match="are not those under the checkpoint that you hold") as caught:
        verify_log(tmp_path / "log", KEY, remembered=[notes[1]])
    assert caught.value.code == "ledger.fork"


def test_a_remembered_checkpoint_must_be_of_this_log(log: Path, tmp_path: Path) -> None:
    with Log(tmp_path / "other", SIGNER, "another/log") as other:
        other.append([b"x"])
        note = other.checkpoint()
    with pytest.raises(Tampered, match="'another/log'"):
        verify_log(log, KEY, remembered=[note])
    with pytest.raises(Tampered, match="checkpoint that you hold"):
        verify_log(log, KEY, remembered=[b"not a note"])


def test_a_proof_is_bound_to_entry_index_path_and_key(original: Path) -> None:
    proof = (original / "proof").read_bytes()
    assert verify_proof(proof, entry(300), KEY)[0] == 300
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex 300\n")
    lines = proof.split(b"\n")
    for damaged in (
        proof.replace(b"index 300", b"index 301"),
        proof.replace(b"index 300", b"index 0300"),
        b"\n".join(lines[:2] + lines[3:]),
        b"\n".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        proof[:-1],
        proof[:60],
        b"",
    ):
        with pytest.raises(Tampered):
            verify_proof(damaged, entry(300), KEY)
    with pytest.raises(Tampered, match="does not lead from this entry"):
        verify_proof(proof, entry(301), KEY)
    with pytest.raises(Tampered, match="not of 'another'"):
        verify_proof(proof, entry(300), KEY, origin="another")
    extra = proof.replace(b"index", b"extra AAAA\nindex", 1)
    assert verify_proof(extra, entry(300), KEY)[0] == 300


def test_what_is_no_log_is_unusable_not_tampered(tmp_path: Path) -> None:
    with pytest.raises(FixInput, match="is no log"):
        verify_log(tmp_path, KEY)


def test_command_line_answers_and_exit_codes(
    log: Path, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "entry").write_bytes(entry(300))
    (tmp_path / "stranger").write_bytes(b"never logged")
    key = ["--key", KEY.vkey]
    assert main([str(log), *key, "--entry", str(tmp_path / "entry"), "--remembered", str(original / "note-1")]) == 0
    assert "600 entries verify" in (out := capsys.readouterr().out)
    assert "at index 300" in out
    assert main([str(original / "proof"), *key, "--entry", str(tmp_path / "entry")]) == 0
    assert "index 300 of example.com/log, among 600 entries" in capsys.readouterr().out
    assert main([str(log), *key, "--entry", str(tmp_path / "stranger")]) == 1
    assert main([str(original / "proof"), *key]) == 2
    assert main([str(tmp_path / "nowhere"), *key]) == 2
    assert main([str(log), "--key", "nonsense"]) == 2
    edit_entry(log)
    capsys.readouterr()
    assert main([str(log), *key]) == 1
    assert capsys.readouterr().err.startswith("TAMPERED: Entry 256 does not match hash 0 in tile/0/001")


AUDITORS_FILES = ("domain/errors.py", "ledger/merkle.py", "ledger/note.py", "ledger/tiles.py", "ledger/verify.py")


def test_the_auditor_needs_five_files(log: Path, tmp_path: Path) -> None:
    source = Path(next(iter(holdfast.__path__)))
    copy = tmp_path / "audit" / "holdfast"
    for name in AUDITORS_FILES:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, copy / name)
    for package in (copy, copy / "domain", copy / "ledger"):
        (package / "__init__.py").touch()
    code = (
        "import sys; from holdfast.ledger.verify import main; code = main(sys.argv[1:]);"
        "ours = [m for m in sys.modules if m.startswith('holdfast')];"
        f"assert all(sys.modules[m].__file__.startswith({str(copy)!r}) for m in ours), ours; sys.exit(code)"
    )
    command = [sys.executable, "-B", "-c", code, str(log), "--key", KEY.vkey]
    done = subprocess.run(command, cwd=copy.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "example.com/log: 600 entries verify under the key example.com/log.\n"


def test_the_verifier_stays_small_enough_to_read() -> None:
    source = Path(next(iter(holdfast.__path__)))
    assert len((source / "ledger/verify.py").read_text().splitlines()) <= 300
