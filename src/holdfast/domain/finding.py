"""Findings: what a probe concludes from its measurements, for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

Cell = str | int | float | bool | None


class Severity(StrEnum):
    """How bad it is if it is true."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for INFO up to 4 for CRITICAL."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure we are that it is true. Apart from severity: a likely trifle is not a doubtful disaster."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A small table that shows a finding: at most some dozens of rows, only the columns that matter, no identities."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"every row of {self.title!r} needs {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know, and what to do about it.

    `slug` names it within its probe (``price-to-flip``); `sentence` is one plain sentence for a person who decides;
    `why` explains how it was found; `where` is the column, group or file; `reproduce` says how to see it again;
    `remedy` what to do; `measures` the ids it rests on; `catalogue` public ids (``ATLAS:AML.T0043``, ``OWASP:ML01``).
    `probe` is stamped by the run.
    """

    slug: str
    title: str
    sentence: str
    severity: Severity
    confidence: Confidence
    why: str
    remedy: str
    reproduce: str = ""
    where: str = ""
    measures: tuple[str, ...] = ()
    catalogue: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    probe: str = ""

    @property
    def id(self) -> str:
        """Unique within a run: ``evasion.decision_based/price-to-flip``."""
        return f"{self.probe}/{self.slug}"

    def stamped(self, *, probe: str) -> Finding:
        """The same finding, bound to the probe that made it."""
        return replace(self, probe=probe)
