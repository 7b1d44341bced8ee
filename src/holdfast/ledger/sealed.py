"""A sealed file that stands alone: what it is, and what it says, once its signature holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.domain.dataset import Admission
from holdfast.domain.evidence import Evidence
from holdfast.domain.provenance import Provenance, Source
from holdfast.domain.verdict import Verdict
from holdfast.ledger.envelope import kind_in, open_sealed
from holdfast.ledger.note import Key

VKEY = "ledger.vkey"
"""Beside the folders of sealed records: the public key of whoever sealed them."""

Json = dict[str, Any]


def beside(path: Path) -> Key | None:
    """The key that lies where its sealer left it, next to the file or to its folder; None where there is none."""
    found = (folder / VKEY for folder in path.resolve().parents[:2])
    return next((Key.from_vkey(file.read_text(encoding="utf-8")) for file in found if file.is_file()), None)


def describe(data: bytes, key: Key) -> Json:
    """What a sealed file is and says, by name; Tampered unless `key` sealed exactly this."""
    kind = kind_in(data)
    what, said = SHOWN[kind]
    record: Any = open_sealed(data, key.public, kind)  # type: ignore[type-var]
    return {"sealed": what, **said(record)}


def _provenance(record: Provenance) -> Json:
    return {
        "command": " ".join(record.command),
        "by": record.actor,
        "finished": record.finished_at,
        "exit code": record.exit_code,
        "code": f"{record.revision.commit}{', changed' * record.revision.is_dirty}"
        if record.revision
        else "no revision",
        "went in": _files((artifact.path, artifact.digest) for artifact in record.data),
        "came out": _files((artifact.path, artifact.digest) for artifact in record.outputs),
        "not known": " ".join(record.gaps) or "nothing",
    }


def _code(record: Provenance) -> str:
    if record.revision is None:
        return "no revision"
    return f"{record.revision.commit}{', and files that differed from it' if record.revision.is_dirty else ''}"


def _source(record: Source) -> Json:
    return {
        "file": _files([(record.name, record.digest)]),
        "from": record.where,
        "licence": record.licence,
        "attested": f"{record.attested_at} by {record.attested_by}",
    }


def _admission(record: Admission) -> Json:
    return {
        "table": _files([(record.name, record.digest)]),
        "outcome": record.outcome.value,
        "judged": record.judged_at,
        "objections": " ".join(objection.sentence for objection in record.objections) or "none",
        "contract": record.contract,
        "baseline": record.baseline or "none",
        "from": record.source.where,
        "rows": record.rows,
        "quarantined": record.quarantined,
    }


def _evidence(record: Evidence) -> Json:
    return {"system": record.system, "release": record.release, "measured": record.taken_at, "effort": record.effort}


def _verdict(record: Verdict) -> Json:
    about = {"system": record.system, "release": record.release, "evidence": record.evidence}
    return {**about, "outcome": record.outcome.value, "judged": record.judged_at}


def _files(named: Any) -> str:
    return ", ".join(f"{name} {digest}" for name, digest in named) or "nothing"


SHOWN: dict[type, tuple[str, Callable[[Any], Json]]] = {
    Provenance: ("provenance of a pipeline's step", _provenance),
    Source: ("attestation of a source", _source),
    Admission: ("answer of a data gate", _admission),
    Evidence: ("evidence on a release", _evidence),
    Verdict: ("verdict on a release", _verdict),
}
"""Every kind of record that can be sealed, in words."""
