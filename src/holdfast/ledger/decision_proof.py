"""The proof of one decision in one file: its row, the way to the segment's root, the segment's place in the ledger.

Whoever checks it needs this folder's `rows`, `decided`, `merkle`, `note` and `verify`, `holdfast/domain`,
`holdfast/canonical.py`, Python and the cryptography package; no segment, no Parquet reader, no other decision. It says
that this row was registered under a checkpoint that the ledger's key signed. It holds after personal fields were
erased: the row covers what they were sealed into.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast import canonical
from holdfast.domain.act import Act
from holdfast.domain.decision import Decision, Label, Segment
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.ids import day_of
from holdfast.domain.schema import Scalar
from holdfast.ledger.acts import act_in
from holdfast.ledger.decided import DECISIONS, LABELS, decision_of, label_of, micros_of, text_of
from holdfast.ledger.merkle import root_from_inclusion
from holdfast.ledger.note import Checkpoint, Key
from holdfast.ledger.rows import Column, Type, layout_digest, leaf_of
from holdfast.ledger.verify import verify_proof

FORMAT = "holdfast-decision-proof/1"
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class RowProof:
    """A row (`names`, `types`, `values` in order), its `row` in the segment, and the audit `path` (hex) to the root.

    `entry` is the ledger's entry that registers the segment, as text, and `proof` its C2SP tlog-proof.
    """

    columns: tuple[Column, ...]
    values: tuple[Scalar | None, ...]
    row: int
    path: tuple[str, ...]
    segment: Segment
    entry: str
    proof: str

    def encode(self) -> bytes:
        """The file: JSON, with numbers that JSON has not as text."""
        told = [[column.name, column.type, _told(column.type, value)] for column, value in self._cells()]
        document = {
            "format": FORMAT,
            "values": told,
            "row": self.row,
            "path": self.path,
            "segment": canonical.plain(self.segment),
            "entry": self.entry,
            "proof": self.proof,
        }
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode()

    def _cells(self) -> Iterator[tuple[Column, Scalar | None]]:
        return zip(self.columns, self.values, strict=True)

    @classmethod
    def decode(cls, data: bytes) -> RowProof:
        """The proof in a file; FixInput where it holds none."""
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r:.60}")
            columns = tuple(Column(str(name), Type(type)) for name, type, _ in document["values"])
            return cls(
                columns,
                tuple(_heard(Type(type), value) for _, type, value in document["values"]),
                int(document["row"]),
                tuple(map(str, document["path"])),
                canonical.rebuild(Segment, document["segment"]),
                str(document["entry"]),
                str(document["proof"]),
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FixInput("proof.unreadable", f"This is no proof of a decision: {error}.", "Was it cut?") from error


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows: the record, its segment, and the entry of the ledger under the signed checkpoint."""

    record: Decision | Label
    segment: Segment
    index: int
    checkpoint: Checkpoint


def is_row_proof(data: bytes) -> bool:
    """Whether a file is such a proof."""
    return f'"{FORMAT}"'.encode() in data[:200]


def verify_decision(data: bytes, key: Key, *, origin: str | None = None) -> Proved:
    """What the proof in a file shows; Tampered where it does not verify, FixInput where it is none.

    1. The row hashes to a leaf that the path leads from to the segment's root, at its place among the segment's rows.
    2. The row belongs where the segment says: layout, system and day.
    3. The ledger's entry is this segment, or the act that registered it.
    4. The entry stands in the ledger under a checkpoint that `key` signed.
    """
    proof = RowProof.decode(data)
    _check_row(proof)
    _check_belongs(proof)
    _check_entry(proof.entry.encode(), proof.segment)
    index, checkpoint = verify_proof(proof.proof.encode(), proof.entry.encode(), key, origin=origin)
    row = dict(zip((column.name for column in proof.columns), proof.values, strict=True))
    return Proved(_record(proof.segment, row), proof.segment, index, checkpoint)


def describe_proof(data: bytes, key: Key) -> dict[str, Any]:
    """What the proof in a file shows, in words; Tampered where it does not verify."""
    proved, proof = verify_decision(data, key), RowProof.decode(data)
    record, act = proved.record, act_in(proof.entry.encode())
    return {
        "proof of": f"decision {record.id}" if isinstance(record, Decision) else f"label of decision {record.decision}",
        "system": record.system,
        **(_decided(record) if isinstance(record, Decision) else {"outcome": record.outcome, "said by": record.source}),
        "stands in": f"row {proof.row + 1} of {proof.segment.rows} in {proof.segment.place}",
        "registered": f"{act.at} by {act.actor}" if act else "as it is",
        "ledger": f"entry {proved.index} of {proved.checkpoint.size} in {proved.checkpoint.origin}",
    }


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "made": decision.at,
        "ended": decision.ended.value,
        "release": decision.release,
        "environment": decision.environment,
        "personal fields": "sealed" if decision.sealed else "none",
    }


def registers(entry: bytes, segment: Segment) -> bool:
    """Whether a ledger entry is a segment's record, or the act that made it."""
    if entry == canonical.encode(segment):
        return True
    act: Act | None = act_in(entry)
    return act is not None and act.record == canonical.digest(segment)


def _check_row(proof: RowProof) -> None:
    try:
        path = [bytes.fromhex(step) for step in proof.path]
    except ValueError as error:
        raise Tampered("proof.path", "The path to the segment's root is no list of hashes.") from error
    leaf = leaf_of(proof.columns, proof.values)
    found = root_from_inclusion(leaf, proof.row, proof.segment.rows, path)
    if found is None or found.hex() != proof.segment.root:
        raise Tampered(
            "proof.row",
            f"The row does not lead to the root of its segment, as row {proof.row} of {proof.segment.rows}.",
            "A value, the row's number or the path was changed, or the proof belongs to another segment.",
        )


def _check_belongs(proof: RowProof) -> None:
    row = dict(zip((column.name for column in proof.columns), proof.values, strict=True))
    segment = proof.segment
    if len(row) != len(proof.columns) or layout_digest(proof.columns) != segment.layout:
        raise Tampered("proof.layout", "The row has not the columns of its segment.")
    if (row.get("system"), day_of(str(row.get("id")))) != (segment.system, segment.day):
        raise Tampered("proof.segment", f"The row is not of {segment.system} on {segment.day}, as its segment is.")


def _check_entry(entry: bytes, segment: Segment) -> None:
    if not registers(entry, segment):
        raise Tampered(
            "proof.entry", "The ledger's entry registers another segment.", "Parts of two proofs were mixed."
        )


def _record(segment: Segment, row: dict[str, Scalar | None]) -> Decision | Label:
    if segment.format == LABELS.format:
        return label_of(row)
    if segment.format == DECISIONS.format:
        return decision_of(row)
    raise FixInput("proof.format", f"{segment.format!r:.60} is no kind of segment.", "Is this Holdfast too old for it?")


def _told(type: Type, value: Any) -> Any:
    if type is Type.TIME and value is not None:
        return text_of(value)
    is_odd = (isinstance(value, float) and not math.isfinite(value)) or (
        type is Type.INT and value is not None and not -_EXACT <= value <= _EXACT
    )
    return repr(value) if is_odd else value


def _heard(type: Type, value: Any) -> Scalar | None:
    if value is None:
        return None
    if type is Type.FLOAT:
        return float(value)
    if type is Type.TIME:
        return micros_of(value)
    if type is Type.INT:
        return int(value)
    return _expected(value, bool if type is Type.BOOL else str)


def _expected(value: Any, kind: type[bool] | type[str]) -> bool | str:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.60} is no {kind.__name__}")
    return value
