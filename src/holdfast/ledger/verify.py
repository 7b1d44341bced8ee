"""The auditor's tool: check a log, or one entry's proof, from files alone, trusting only the log's public key.

It needs this folder's `merkle`, `tiles` and `note`, `holdfast/domain/errors.py`, Python and the cryptography package
(for a decision's proof, what `decision_proof` names besides), and writes nothing. Whatever does not verify raises
`Tampered` and says what and where; what it cannot use at all raises `FixInput`. A log that was cut back to an older,
properly signed state can only be caught by somebody who remembers a later checkpoint: pass those that you hold as
`remembered`. Entries that no checkpoint covers yet are not evidence.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.domain.errors import FixInput, HoldfastError, Tampered
from holdfast.ledger.merkle import WIDTH, Frontier, leaf_hash, root_from_inclusion
from holdfast.ledger.note import Checkpoint, Key, open_checkpoint
from holdfast.ledger.tiles import HASH_BYTES, encode_bundle, read_entries, read_tile, tile_name, width_at

HASH_LINES = r"((?:[A-Za-z0-9+/]{43}=\n)*)"
NUMBER = r"(0|[1-9][0-9]{0,18})"
_PROOF = re.compile(
    rf"c2sp\.org/tlog-proof@v1\n(?:extra [A-Za-z0-9+/=]*\n)?index {NUMBER}\n{HASH_LINES}\n(.*)".encode(), re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that verifies: its `checkpoint`, and the indices at which the entry that was asked for stands."""

    checkpoint: Checkpoint
    found: tuple[int, ...] = ()


def verify_log(
    log: Path,
    key: Key,
    *,
    origin: str | None = None,
    remembered: Sequence[bytes] = (),
    entry: bytes | None = None,
) -> Verified:
    """Recompute the log in the folder `log` from its entries, as far as its checkpoint goes.

    1. `key` signed the checkpoint, and it names `origin` (by default the key's name).
    2. Every entry hashes to its place in its tile, and every tile to its place in the tile above.
    3. The whole hashes to the root in the checkpoint.
    4. Each `remembered` checkpoint is of this log and a prefix of it.
    """
    head = open_checkpoint(_read_checkpoint(log), key)
    check_origin(head, origin or key.name)
    held = [_remembered(note, key, head) for note in remembered]
    frontier, found = Frontier(), []
    for index in range(-(-head.size // WIDTH)):
        entries = _bundle(log, index, width_at(0, index, head.size))
        found += [frontier.size + place for place, item in enumerate(entries) if item == entry]
        leaves = [leaf_hash(item) for item in entries]
        for checkpoint in held:
            _check_prefix(checkpoint, frontier, leaves)
        for level, number, hashes in frontier.extend(leaves):
            _check_tile(log, level, number, hashes)
    for level, number, hashes in frontier.partial():
        _check_tile(log, level, number, hashes)
    _check_root(frontier, head)
    return Verified(head, tuple(found))


def verify_proof(proof: bytes, entry: bytes, key: Key, *, origin: str | None = None) -> tuple[int, Checkpoint]:
    """Where `entry` stands, by a C2SP tlog-proof: its index and the checkpoint that `key` signed over it."""
    match = _PROOF.fullmatch(proof)
    if match is None:
        raise Tampered("ledger.proof", "The file is no tlog-proof, or was cut short.", "It starts c2sp.org/tlog-proof.")
    checkpoint = open_checkpoint(match[3], key, what="checkpoint in the proof")
    check_origin(checkpoint, origin or key.name)
    index = int(match[1])
    if root_from_inclusion(leaf_hash(entry), index, checkpoint.size, decode_path(match[2])) != checkpoint.root:
        raise Tampered(
            "ledger.proof",
            f"The proof does not lead from this entry at index {index} to the root of {checkpoint.size} entries.",
            "The entry, the index or the path was changed, or the proof belongs to another entry.",
        )
    return index, checkpoint


def _read_checkpoint(log: Path) -> bytes:
    try:
        return (log / "checkpoint").read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if (log / "tile").exists():
            raise Tampered("ledger.missing", f"{log} has tiles but no checkpoint; it was removed.") from error
        raise FixInput("ledger.path", f"{log} is no log.", "Name the folder that holds the file checkpoint.") from error


def check_origin(checkpoint: Checkpoint, origin: str) -> None:
    """Tampered where the checkpoint is of another log."""
    if checkpoint.origin != origin:
        raise Tampered("ledger.origin", f"The checkpoint is of the log {checkpoint.origin!r}, not of {origin!r}.")


def _remembered(note: bytes, key: Key, head: Checkpoint) -> Checkpoint:
    held = open_checkpoint(note, key, what="checkpoint that you hold")
    check_origin(held, head.origin)
    if held.size > head.size:
        raise Tampered(
            "ledger.rollback",
            f"The log ends at {head.size} entries; the checkpoint that you hold covers {held.size}.",
            "The log was cut back or replaced by an old copy.",
        )
    return held


def _check_prefix(held: Checkpoint, frontier: Frontier, leaves: Sequence[bytes]) -> None:
    """Compare the root where the remembered checkpoint ends, if it ends among these leaves."""
    if frontier.size < held.size <= frontier.size + len(leaves):
        until = Frontier(frontier.size, frontier.edges)
        until.extend(leaves[: held.size - frontier.size])
        if until.root() != held.root:
            raise Tampered(
                "ledger.fork",
                f"The first {held.size} entries are not those under the checkpoint that you hold.",
                "The log was rewritten and signed again: the key's owner shows different people different logs.",
            )


def _bundle(log: Path, index: int, width: int) -> list[bytes]:
    """The first `width` entries of a bundle, and its older partials compared with them."""
    name, entries = read_entries(log, index, width)
    for number, path in _older(log, "entries", index, width):
        if path.read_bytes() != encode_bundle(entries[:number]):
            raise Tampered("ledger.entry", f"{path.relative_to(log)} is not a prefix of {name}.")
    return entries


def _check_tile(log: Path, level: int, index: int, hashes: Sequence[bytes]) -> None:
    """Compare a tile, and its older partials, with the hashes recomputed from the entries."""
    name, data = read_tile(log, level, index, len(hashes))
    expected = b"".join(hashes)
    width = WIDTH if name == tile_name(level, index) else len(hashes)
    if data[: len(expected)] != expected or len(data) != width * HASH_BYTES:
        raise Tampered("ledger.tile", _mismatch(name, level, index, data, hashes))
    for number, path in _older(log, level, index, len(hashes)):
        if path.read_bytes() != expected[: number * HASH_BYTES]:
            raise Tampered("ledger.tile", f"{path.relative_to(log)} is not a prefix of {name}.")


def _mismatch(name: str, level: int, index: int, data: bytes, hashes: Sequence[bytes]) -> str:
    differ = [at for at, wanted in enumerate(hashes) if data[at * HASH_BYTES : (at + 1) * HASH_BYTES] != wanted]
    if not differ or len(data) % HASH_BYTES or len(data) < len(hashes) * HASH_BYTES:
        return f"{name} holds {len(data)} bytes, which is not what its name says."
    span = WIDTH**level
    first = (index * WIDTH + differ[0]) * span
    which = f"Entry {first} does" if span == 1 else f"Entries {first} to {first + span - 1} do"
    return f"{which} not match hash {differ[0]} in {name}; {len(differ)} of its hashes differ."


def _older(log: Path, level: int | str, index: int, width: int) -> Iterator[tuple[int, Path]]:
    """Partial tiles that earlier checkpoints needed and that may still lie there."""
    folder = log / f"{tile_name(level, index)}.p"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.isdecimal() and int(path.name) < width:
            yield int(path.name), path


def _check_root(frontier: Frontier, head: Checkpoint) -> None:
    if frontier.root() != head.root:
        ours, theirs = (base64.b64encode(root).decode() for root in (frontier.root(), head.root))
        raise Tampered(
            "ledger.root",
            f"The {head.size} entries hash to the root {ours}; the signed checkpoint says {theirs}.",
            "Entries and tiles were changed together, reordered or removed after signing.",
        )


def decode_path(lines: bytes) -> list[bytes]:
    """Hashes in base64, one a line."""
    return [base64.b64decode(line) for line in lines.split()]


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m holdfast.ledger.verify PATH --key VKEY``: exit code 0 verified, 1 tampered, 2 unusable input."""
    parser = argparse.ArgumentParser(prog="holdfast.ledger.verify", description=str(__doc__).partition("\n")[0])
    parser.add_argument("path", type=Path, help="the log's folder, a .tlog-proof file or a decision's proof")
    parser.add_argument("--key", required=True, metavar="VKEY", help="the log's public key: name+id+key")
    parser.add_argument("--origin", help="the log's origin, where it is not the key's name")
    parser.add_argument("--entry", type=Path, metavar="FILE", help="the entry to look for; a proof needs it")
    parser.add_argument(
        "--remembered", type=Path, metavar="FILE", action="append", default=[], help="a checkpoint you hold"
    )
    options = parser.parse_args(arguments)
    try:
        sys.stdout.write(_answer(options) + "\n")
    except (HoldfastError, OSError) as error:
        sys.stderr.write(f"{'TAMPERED' if isinstance(error, Tampered) else 'Cannot verify'}: {error}\n")
        return 1 if isinstance(error, Tampered) else 2
    return 0


def _answer(options: argparse.Namespace) -> str:
    key = Key.from_vkey(options.key)
    entry = options.entry.read_bytes() if options.entry else None
    if options.path.is_file():
        data = options.path.read_bytes()
        if data.startswith(b"{"):
            return _decision(data, key, options.origin)
        if entry is None:
            raise FixInput("ledger.entry", f"{options.path} proves an entry.", "Name the entry's file with --entry.")
        index, head = verify_proof(data, entry, key, origin=options.origin)
        return f"The entry stands at index {index} of {head.origin}, among {head.size} entries that {key.name} signed."
    remembered = [path.read_bytes() for path in options.remembered]
    verified = verify_log(options.path, key, origin=options.origin, remembered=remembered, entry=entry)
    head = verified.checkpoint
    if entry is not None and not verified.found:
        raise Tampered("ledger.entry", f"The log verifies, but none of its {head.size} entries is {options.entry}.")
    where = f" The entry stands at index {', '.join(map(str, verified.found))}." if verified.found else ""
    return f"{head.origin}: {head.size} entries verify under the key {key.name}.{where}"


def _decision(data: bytes, key: Key, origin: str | None) -> str:
    from holdfast.ledger.decision_proof import verify_decision

    proved = verify_decision(data, key, origin=origin)
    segment = proved.segment
    return (
        f"The decision stands in a segment of {segment.rows} rows of {segment.system} on {segment.day}, registered at"
        f" index {proved.index} of {proved.checkpoint.origin}, among {proved.checkpoint.size} entries that {key.name}"
        " signed."
    )


if __name__ == "__main__":
    sys.exit(main())
