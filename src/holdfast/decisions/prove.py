"""Making the proof of one decision: a file that `holdfast.ledger.decision_proof` checks alone."""

from __future__ import annotations

from holdfast.decisions.columns import rows_in
from holdfast.decisions.layout import columns_of
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import Registrar
from holdfast.decisions.stage import unfold
from holdfast.ledger.decision_proof import RowProof
from holdfast.ledger.merkle import root
from holdfast.ledger.prove import inclusion


def prove(id: str, reader: Reader, registrar: Registrar, *, system: str = "") -> RowProof:
    """The proof of the decision `id`; Absent where no registered segment holds it (yet).

    Reads and hashes the whole segment: up to 2^18 rows, a second. It is looked for in those of `system`, or in all.
    """
    place, row, data = reader.locate(id, system=system)
    return prove_row(row, data, place, registrar)


def prove_row(row: int, data: bytes, place: str, registrar: Registrar) -> RowProof:
    """The proof of a row of a segment whose file's bytes are `data`."""
    segment, table, hashes = unfold(data, place)
    entry, proof = registrar.proof(segment)
    values = next(rows_in(table.slice(row, 1)))
    path = inclusion(row, len(hashes), lambda low, high: root(hashes[low:high]))
    return RowProof(
        columns_of(table.schema),
        tuple(values.values()),
        row,
        tuple(step.hex() for step in path),
        segment,
        entry.decode(),
        proof.decode(),
    )
