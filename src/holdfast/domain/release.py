"""Releases: one exact version of a system, and where and when it was in production."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.evidence import Material


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a system, bound to the digests of all that it is made of.

    `digest` is the release's own (``sha256:<hex>``): of its `materials` and its declared columns together. `authors`
    are the ids of those who built it, who never count as approvers; `source` says how it came in (``check``, ``api``,
    ``mlflow:models:/name/3``). `parent` is the digest of the release that it is meant to replace.
    """

    digest: str
    system: str
    version: str
    materials: tuple[Material, ...]
    authors: tuple[str, ...] = ()
    source: str = ""
    parent: str = ""

    def material(self, role: str) -> Material | None:
        """The first material that plays `role` (``model``, ``training data``)."""
        return next((material for material in self.materials if material.role == role), None)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A release in production: from when until when (empty while it is), where, and on the strength of which gate.

    `let_in_by` are the ids of the people whose approvals the gate counted.
    """

    system: str
    release: str
    environment: str
    since: str
    gate: str
    let_in_by: tuple[str, ...]
    until: str = ""
    ended_because: str = ""
