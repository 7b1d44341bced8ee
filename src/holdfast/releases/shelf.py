"""Releases whose files a control plane has at hand, to explain what they decided.

A folder holds one folder for each release: its manifest with the files as they were when it was checked, and beside it,
where somebody wrote them, `reasons.yaml` (what each feature means to people), `letter.yaml` (the terms of letters) and
`policy.yaml` (what callers may see). Nothing in it is loaded before the artefact scan allows it, nor in this process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.datasets.read import digest_file
from holdfast.domain.errors import FixInput, HoldfastError
from holdfast.domain.policy import Policy
from holdfast.explanations.letter import LetterTerms, read_terms
from holdfast.explanations.wording import Wording, read_wording
from holdfast.manifest import FILENAME, read_manifest
from holdfast.policy import read_policy
from holdfast.releases.release import Release

REASONS, LETTER, POLICY = "reasons.yaml", "letter.yaml", "policy.yaml"


@dataclass(frozen=True)
class Furnished:
    """A release with its files, and in which words and on what terms its decisions are explained."""

    release: Release
    wording: Wording
    terms: LetterTerms | None
    policy: Policy | None


class Shelf:
    """The releases below `folder`. Files are hashed once, as long as neither their time nor their size changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[Path, tuple[tuple[int, int], str]] = {}
        self._lock = threading.Lock()

    def with_model(self, digest: str) -> Furnished | None:
        """The release whose model has this digest; None where none of them has. FixInput where its words cannot be
        read.
        """
        for folder in self._folders():
            release = _release(folder)
            if release is not None and self._has(release, digest):
                return _furnished(release)
        return None

    def _folders(self) -> Iterator[Path]:
        below = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        yield from (folder for folder in (self._folder, *below) if (folder / FILENAME).is_file())

    def _has(self, release: Release, digest: str) -> bool:
        try:
            return any(self._digest(path) == digest for path in release.model_files)
        except (FixInput, OSError):
            return False

    def _digest(self, path: Path) -> str:
        facts = path.stat()
        state = facts.st_mtime_ns, facts.st_size
        with self._lock:
            known = self._digests.get(path)
            if known is None or known[0] != state:
                known = self._digests[path] = state, digest_file(path)
        return known[1]


def _release(folder: Path) -> Release | None:
    """None where the manifest cannot be read: another one may be meant."""
    try:
        return Release(read_manifest(folder), folder.resolve())
    except HoldfastError:
        return None


def _furnished(release: Release) -> Furnished:
    reasons, letter, policy = (release.folder / name for name in (REASONS, LETTER, POLICY))
    return Furnished(
        release,
        read_wording(reasons if reasons.is_file() else None),
        read_terms(letter) if letter.is_file() else None,
        read_policy(policy) if policy.is_file() else None,
    )
