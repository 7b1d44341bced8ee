"""Lineage of a file from the records that this installation sealed."""

from __future__ import annotations

from pathlib import Path

from holdfast.datasets.read import digest_file
from holdfast.domain.dataset import Admission
from holdfast.domain.errors import FixInput
from holdfast.domain.lineage import Lineage, trace
from holdfast.domain.provenance import Provenance, Source
from holdfast.domain.verdict import Outcome
from holdfast.storage.sealed import SealedRecords


def lineage_of(path: Path, records: SealedRecords) -> tuple[Lineage, list[Path]]:
    """Where the file at `path` comes from, and the records that do not verify and so were left out."""
    if not path.is_file():
        raise FixInput("lineage.absent", f"There is no file {path}.", "Name a model or a table.")
    steps, refused_steps = records.all(Provenance)
    sources, refused_sources = records.all(Source)
    admissions, refused_admissions = records.all(Admission)
    attested = [*sources, *(source for admission in admissions if (source := admitted_source(admission)))]
    return trace(digest_file(path), steps, attested), [*refused_steps, *refused_sources, *refused_admissions]


def admitted_source(admission: Admission) -> Source | None:
    """The source of what a data gate let in: the table itself if it passed, else nothing.

    A quarantined table's word counts for nothing, whoever gave it; the rows that are left are another file, which
    has to pass the gate itself.
    """
    return admission.source if admission.outcome is Outcome.PASS else None


def trusted_tables(records: SealedRecords) -> frozenset[str]:
    """The digests of tables that passed the data gate here and were not refused by it later."""
    admissions, _refused = records.all(Admission)
    latest = {a.digest: a for a in sorted(admissions, key=lambda a: a.judged_at)}
    return frozenset(digest for digest, a in latest.items() if a.outcome is Outcome.PASS)
