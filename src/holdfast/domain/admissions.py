"""Which releases may run now, as a snapshot that a process keeps in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from holdfast.domain.verdict import parse_time


@dataclass(frozen=True, slots=True)
class LetIn:
    """A release that passed its gate into an environment, until the first approval that let it in lapses (RFC 3339).

    `model` is the digest of its model file, where it has one.
    """

    release: str
    environment: str
    until: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Admissions:
    """What the control plane said at `taken_at`. A snapshot older than its `fresh_until` admits nothing."""

    releases: tuple[LetIn, ...]
    taken_at: str
    fresh_until: str

    def admits(self, digest: str, environment: str, now: datetime) -> bool:
        """Whether the release, or the model, with this digest may run in the environment at `now` (aware, UTC)."""
        return now < parse_time(self.fresh_until) and any(
            digest in (entry.release, entry.model) and now < parse_time(entry.until)
            for entry in self.releases
            if entry.environment == environment
        )
