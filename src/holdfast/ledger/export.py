"""A control plane as files, verified offline: its log, its rows, and the two held against each other.

``acts.jsonl`` and ``heads.jsonl`` hold one row a line, acts in the order of the ledger; ``ledger/`` is the log and
``ledger.vkey`` its public key, which whoever verifies should have from somewhere else. Needs only `ledger`, `domain`,
`canonical`, the standard library and cryptography.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from holdfast import canonical
from holdfast.domain.act import ActRow, HeadRow
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.verdict import parse_time
from holdfast.ledger.acts import Reconciled, reconcile
from holdfast.ledger.note import Checkpoint, Key
from holdfast.ledger.tiles import entries_between
from holdfast.ledger.verify import verify_log

ACTS, HEADS, LEDGER, VKEY, ABOUT = "acts.jsonl", "heads.jsonl", "ledger", "ledger.vkey", "export.json"

Row = TypeVar("Row", ActRow, HeadRow)


@dataclass(frozen=True, slots=True)
class Exported:
    """A verified export: what held, and under which checkpoint and key."""

    rows: Reconciled
    checkpoint: Checkpoint
    key: Key
    taken_at: str


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export."""
    return (folder / ACTS).is_file()


def verify_export(folder: Path, key: Key, *, remembered: Sequence[bytes] = ()) -> Exported:
    """Walk the proof; Tampered at the first step that does not hold.

    1. The log's entries hash to the checkpoint that the key signed, and extend every checkpoint that you remember.
    2. Every act in the log has its row, every row its act, every record its digest, every head its acts.
    """
    taken_at = _about(folder).get("taken_at", "")
    head = verify_log(folder / LEDGER, key, origin=_origin(folder), remembered=remembered).checkpoint
    entries = entries_between(folder / LEDGER, 0, head.size, head.size)
    rows = reconcile(
        entries, read_rows(folder / ACTS, ActRow), read_rows(folder / HEADS, HeadRow), now=_moment(taken_at)
    )
    return Exported(rows, head, key, taken_at)


def _about(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / ABOUT).read_bytes())
    except (OSError, ValueError) as error:
        raise FixInput("export.about", f"{folder} has no readable {ABOUT}.", "Give the whole export.") from error
    return content if isinstance(content, dict) else {}


def _origin(folder: Path) -> str | None:
    origin = _about(folder).get("origin")
    return origin if isinstance(origin, str) else None


def _moment(text: str) -> datetime:
    try:
        return parse_time(text)
    except (ValueError, TypeError) as error:
        raise FixInput("export.about", f"{ABOUT} does not say when the export was taken.", "Export again.") from error


def read_rows(path: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows in a file, one a line; Tampered where a line is none."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield canonical.decode(kind, line)
                except FixInput as error:
                    raise Tampered(
                        "export.row", f"Line {number} of {path.name} cannot be read.", "It was cut short or edited."
                    ) from error
    except OSError as error:
        raise FixInput("export.absent", f"{path.name} cannot be read.", "Give the whole export.") from error
