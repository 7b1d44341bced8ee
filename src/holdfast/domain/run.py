"""A run: what `holdfast check` leaves behind, as one record that every report renders."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.appetite import Appetite
from holdfast.domain.evidence import Evidence
from holdfast.domain.finding import Finding
from holdfast.domain.system import System
from holdfast.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a verdict stands in the ledger: the log's `origin`, its `index`, the checkpoint's `size` and `root`."""

    origin: str
    index: int
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Run:
    """One check of one release.

    `id` is the first 12 hex digits of the evidence's digest; `evidence_digest` and `key` (the sealer's Ed25519 public
    key, hex) let a reader verify; `receipt` is None only before the ledger acknowledged. `files` maps a format's name
    to the path that holds it, relative to the run's folder.
    """

    id: str
    system: System
    evidence: Evidence
    evidence_digest: str
    appetite: Appetite
    verdict: Verdict
    key: str = ""
    receipt: Receipt | None = None
    files: tuple[tuple[str, str], ...] = ()

    def finding(self, id: str) -> Finding | None:
        """The finding with this id (``probe/slug``), or with this slug where only one has it."""
        findings = self.evidence.findings
        exact = [f for f in findings if f.id == id]
        loose = [f for f in findings if f.slug == id]
        return exact[0] if exact else loose[0] if len(loose) == 1 else None
