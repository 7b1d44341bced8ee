"""Prove and preserve: everything as files, for a stranger to verify or for the platform to start again from.

An export holds acts, records and the log, and no secret. A backup is an export with what signing in and sealing need:
profiles, password hashes, the key. Both are read back by the same verifier, and a backup is verified before it is used.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast import canonical
from holdfast.domain.act import ActRow
from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.evidence import Evidence
from holdfast.domain.kinds import Filed
from holdfast.domain.verdict import timestamp
from holdfast.flows.desk import every
from holdfast.ledger.export import ABOUT, ACTS, HEADS, LEDGER, VKEY, Exported, read_rows, verify_export
from holdfast.ledger.note import Key
from holdfast.ports import Blobs, Clock, Ledger, Signer, Store

BLOBS, PRIVATE = "blobs", "private"
KEY, CHECKPOINT = "key.pem", "checkpoint"
FORMAT = "holdfast-export/1"


@dataclass(frozen=True)
class Premises:
    """Where a control plane keeps what is no row: the folders of its log and its blobs, and its key's file."""

    ledger: Path
    blobs: Path
    key: Path


def export(
    store: Store, ledger: Ledger, signer: Signer, clock: Clock, *, premises: Premises, folder: Path, private: bool
) -> None:
    """Write everything to a new `folder`; with `private`, a backup. Nothing is half written under its name.

    Others may go on working: the log is copied first, then the rows, of which the last may be on their way to the log,
    then the blobs, which are always there before a row names them.
    """
    if folder.exists():
        raise FixInput("export.exists", f"{folder} is there already.", "Name a folder that is not.")
    staging = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True, mode=0o700)
        about = {"format": FORMAT, "origin": ledger.origin, "taken_at": timestamp(clock()), "is_backup": private}
        _copy_log(ledger, premises.ledger, staging / LEDGER)
        with store.snapshot() as rows:
            _write_lines(staging / ACTS, map(canonical.encode, rows.acts))
            _write_lines(staging / HEADS, map(canonical.encode, rows.heads))
        if premises.blobs.exists():
            shutil.copytree(premises.blobs, staging / BLOBS)
        if private:
            _write_private(store, premises, staging / PRIVATE)
        (staging / ABOUT).write_text(json.dumps(about))
        (staging / VKEY).write_text(Key(signer.name, signer.public_bytes()).vkey + "\n")
        staging.rename(folder)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise Unavailable("export.write", f"{folder} cannot be written: {error.strerror}.", "Make room.") from error


def _copy_log(ledger: Ledger, log: Path, to: Path) -> None:
    """The log as of now: its checkpoint is taken before its tiles, which only grow."""
    ledger.head()
    checkpoint = (log / CHECKPOINT).read_bytes()
    shutil.copytree(log, to, ignore=shutil.ignore_patterns("journal", CHECKPOINT))
    (to / CHECKPOINT).write_bytes(checkpoint)


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _write_private(store: Store, premises: Premises, folder: Path) -> None:
    """What a backup holds beyond an export; readable by its owner alone."""
    folder.mkdir(mode=0o700)
    for table, rows in store.private_rows().items():
        _write_lines(folder / f"{table}.jsonl", (json.dumps(row).encode() for row in rows))
    shutil.copyfile(premises.key, folder / KEY)
    (folder / KEY).chmod(0o600)


def restore(
    folder: Path, premises: Premises, open_store: Callable[[], Store], open_blobs: Callable[[Path], Blobs]
) -> Exported:
    """Start again from a backup, in empty premises and an empty database, once the backup has been verified.

    The rows of single measurements are no part of it: they are made again from the evidence.
    """
    verified = verify_export(folder, Key.from_vkey((folder / VKEY).read_text(encoding="utf-8")))
    if not (folder / PRIVATE / KEY).is_file():
        raise FixInput("restore.export", f"{folder} is an export, not a backup: it has no key.", "Use a backup.")
    if premises.key.exists() or premises.ledger.exists():
        raise FixInput("restore.occupied", f"{premises.key.parent} is in use.", "Restore into an empty folder.")
    try:
        premises.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copytree(folder / LEDGER, premises.ledger)
        if (folder / BLOBS).exists():
            shutil.copytree(folder / BLOBS, premises.blobs)
        store = open_store()
        store.load(_in_log(read_rows(folder / ACTS, ActRow), verified.checkpoint.size), _private(folder / PRIVATE))
        _index_evidence(store, open_blobs(premises.blobs))
        shutil.copyfile(folder / PRIVATE / KEY, premises.key)
        premises.key.chmod(0o600)
    except OSError as error:
        raise Unavailable("restore.write", f"The backup cannot be put back: {error.strerror}.", "Make room.") from error
    return verified


def _index_evidence(store: Store, blobs: Blobs) -> None:
    for kept in every(store, Filed):
        store.index(canonical.decode(Evidence, blobs.get(kept.record.digest)))


def _in_log(rows: Iterable[ActRow], size: int) -> Iterator[ActRow]:
    """Acts that the copied log does not have yet go into it again."""
    return (row if row.index is None or row.index < size else replace(row, index=None) for row in rows)


def _private(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Each table's rows."""
    return {path.stem: [json.loads(line) for line in path.open("rb")] for path in sorted(folder.glob("*.jsonl"))}
