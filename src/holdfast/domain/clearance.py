"""Clearances: what may run in an environment now and until when, and who may ask it. Gateways hold one in memory.

A gateway that cannot reach the control plane goes on with the last clearance that it verified: each part of it ends
by itself at the moment at which the gate behind it would shut.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from holdfast.domain.credential import Credential
from holdfast.domain.verdict import parse_time


@dataclass(frozen=True, slots=True)
class Breaker:
    """Somebody or something stopped a system, or one `release` of it (digest; empty: all), until it is reset."""

    system: str
    reason: str
    person: str
    at: str
    release: str = ""
    is_tripped: bool = True

    def stops(self, system: str, release: str) -> bool:
        """Whether it keeps this release of this system from deciding."""
        return self.is_tripped and self.system == system and self.release in ("", release)


@dataclass(frozen=True, slots=True)
class Cleared:
    """One release that may run: its digests, the request whose gate is open and when that was made, and until when
    (RFC 3339) the gate stays open if nobody does anything. `model` is its model's digest, `prompt` that
    of the prompt that it was released with; empty where there is none.
    """

    system: str
    release: str
    version: str
    model: str
    request: str
    since: str
    until: str
    is_running: bool = False
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is cleared in an `environment` as of `at`, for `systems`, and the credentials by which they may be asked.

    `cleared` has, for each system, what runs there by a deployment first, then the others, the newest first.
    """

    environment: str
    systems: tuple[str, ...]
    at: str
    cleared: tuple[Cleared, ...]
    credentials: tuple[Credential, ...] = ()
    format: str = "holdfast-clearance/1"

    def admits(self, digest: str, environment: str, now: datetime) -> bool:
        """Whether a release or a model with this digest may run in an environment at `now` (aware, UTC)."""
        return environment == self.environment and any(
            digest in (one.release, one.model) and now < parse_time(one.until) for one in self.cleared
        )

    def of(self, system: str, now: datetime) -> tuple[Cleared, ...]:
        """What may run for a system at `now`, in order."""
        return tuple(one for one in self.cleared if one.system == system and now < parse_time(one.until))
