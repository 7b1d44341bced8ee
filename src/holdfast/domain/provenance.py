"""Provenance: what one step of a pipeline read and wrote, with which code, where, and on whose behalf."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a file is to the step that read it. Code is identified by its revision; data needs a lineage of its own."""

    DATA = "data"
    CODE = "code"


class Seen(StrEnum):
    """How it is known that a step read or wrote a file."""

    DECLARED = "declared"
    OPENED = "opened"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a step: its path (relative to the project where it lies inside), and its digest (``sha256:<hex>``).

    An input's digest is that before the step ran, an output's that after it.
    """

    path: str
    digest: str
    seen: Seen
    role: Role = Role.DATA


@dataclass(frozen=True, slots=True)
class Revision:
    """The code's revision: a git commit (hex), whether files differed from it, and the repository's address."""

    commit: str
    is_dirty: bool
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """One run of one step.

    `environment` names what the step ran on (``python``, ``platform``, ``holdfast``), `packages` what was installed
    for it (``name==version``). `gaps` say in words what went in without being known, so that silence is not taken for
    knowledge; `missing` names outputs that were declared and not there.
    `started_at` and `finished_at` are RFC 3339 UTC times.
    """

    id: str
    command: tuple[str, ...]
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]
    revision: Revision | None
    environment: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]
    actor: str
    started_at: str
    finished_at: str
    exit_code: int
    gaps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def data(self) -> tuple[Artifact, ...]:
        """The inputs that are data."""
        return tuple(artifact for artifact in self.inputs if artifact.role is Role.DATA)

    @property
    def succeeded(self) -> bool:
        """Whether the step ended with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody's word on where a file comes from that no step here produced: from whom or where, and on what terms."""

    name: str
    digest: str
    where: str
    licence: str
    attested_by: str
    attested_at: str
    format: str = "holdfast-source/1"
