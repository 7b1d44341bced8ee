"""A round of the watcher: what kept it from looking, and which series stand out among those of the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a `release` of a `system` could not be looked at; both are empty where it was about none. It has been so
    since `since`, one round after the other.
    """

    code: str
    message: str
    hint: str
    since: str
    system: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A series that stands out among all of the fleet: `evalue` is the natural logarithm of the evidence, now. What it
    shows is that its level changed, or, where it `is_beyond`, that it lies beyond a limit.
    """

    system: str
    release: str
    measure: str
    where: str
    evalue: float
    is_beyond: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """Once around, begun `at`: its `failures`, and those `named` of so many `tested` series of so many `releases`."""

    at: str
    releases: int = 0
    tested: int = 0
    named: tuple[Named, ...] = ()
    failures: tuple[Failure, ...] = ()
    format: str = "holdfast-round/1"

    def failure_of(self, release: str) -> Failure | None:
        """What keeps a release from being looked at, or all of them; None where nothing does."""
        own = [one for one in self.failures if one.release in ("", release)]
        return max(own, key=lambda one: one.release) if own else None
