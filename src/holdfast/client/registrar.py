"""Segments entered in the ledger of a control plane, and the proofs that it gives of them."""

from __future__ import annotations

from typing import Protocol

from holdfast.domain.act import Kept
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Absent, Tampered
from holdfast.ledger.decision_proof import registers


class Plane(Protocol):
    """What of a control plane is asked here; a `Client` is one."""

    def register_segment(self, segment: Segment) -> Kept[Segment]:
        """Enter a file of decisions into the ledger."""

    def show_segment(self, file: str) -> Kept[Segment]:
        """One file, by the digest of its bytes."""

    def show_entry(self, index: int) -> bytes:
        """One entry of the ledger."""

    def show_proof(self, index: int) -> bytes:
        """The C2SP tlog-proof of an entry."""


class PlaneRegistrar:
    """Implements `decisions.registrar.Registrar`: a segment counts as registered once the control plane has answered.

    A file is one segment there, by the digest of its bytes, however often it is sent. For any number of threads.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def register(self, record: Segment) -> None:
        """As `Registrar` says; Forbidden, Absent or Conflict where the control plane refuses this segment."""
        self._plane.register_segment(record)

    def proof(self, record: Segment) -> tuple[bytes, bytes]:
        """As `Registrar` says; Tampered where the control plane answers with something else."""
        kept = self._plane.show_segment(record.file)
        if kept.index is None:
            hint = "The act is made and waits for the ledger: try again in a moment."
            raise Absent("segment.pending", "The segment is not in the ledger yet.", hint)
        entry, proof = self._plane.show_entry(kept.index), self._plane.show_proof(kept.index)
        if kept.record != record or not registers(entry, record):
            hint = "Keep the file and what the control plane answers, and find out who changed which."
            raise Tampered("segment.other", f"Something else than {record.place} is registered.", hint)
        return entry, proof
