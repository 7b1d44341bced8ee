"""Data sets and prompts as versions: what a data gate let in, by digest, from where, and why."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.provenance import Source
from holdfast.domain.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that a data gate found: `check` names the test, `rows` how many rows it concerns (0: the table)."""

    check: str
    outcome: Outcome
    sentence: str
    column: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """What a data gate says of one table, by digest.

    `contract` and `baseline` are digests (`baseline` empty where there was none to compare with); `rows` counts the
    table's rows, `quarantined` those that were set aside.
    """

    name: str
    digest: str
    contract: str
    baseline: str
    source: Source
    outcome: Outcome
    objections: tuple[Objection, ...]
    rows: int
    quarantined: int
    judged_at: str
    format: str = "holdfast-admission/1"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One version of a data set: its digest, the contract that it was held to, and the gate's answer.

    `source` says from where and on what terms; `parent` is the digest of the version that it follows; `admission` the
    digest of the sealed admission among the blobs, `sealer` the key that sealed it (hex).
    """

    name: str
    version: str
    digest: str
    contract: str
    outcome: Outcome
    source: Source
    admission: str
    sealer: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of a prompt; its text is kept sealed, by its `digest`."""

    name: str
    version: str
    digest: str
    parent: str = ""
