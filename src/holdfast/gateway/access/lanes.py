"""Which of a system's releases is asked: the first that is cleared, or one that gets a share; and who listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from holdfast.domain.decision import Lane
from holdfast.gateway.access.follow import Follower


class Lanes:
    """The `releases` of a system that are served here, best first; `canary` gets its share, `shadow` only listens."""

    def __init__(
        self,
        system: str,
        releases: Sequence[str],
        follower: Follower,
        clock: Callable[[], datetime],
        *,
        canary: tuple[str, float] = ("", 0.0),
        shadow: tuple[str, ...] = (),
    ) -> None:
        self._system, self._releases = system, tuple(releases)
        self._follower, self._clock = follower, clock
        self._canary, self._shadow = canary, shadow
        self._rng = np.random.default_rng()

    def chosen(self) -> tuple[str, Lane]:
        """The release that decides now.

        Where none may, the one that would decide: its exchange is refused and logged.
        """
        cleared = self.cleared()
        canary, share = self._canary
        if canary in cleared and self._rng.random() < share:
            return canary, Lane.CANARY
        live = [release for release in cleared if release not in (canary, *self._shadow)]
        return (live or self._releases)[0], Lane.LIVE

    def cleared(self) -> list[str]:
        """The releases that are served here and may run now, the first first."""
        cleared = self._follower.clearance.of(self._system, self._clock())
        return [one.release for one in cleared if one.release in self._releases]

    def listening(self, chosen: str) -> tuple[str, ...]:
        """The releases that are asked too, for comparison, while another one decides."""
        return tuple(release for release in self._shadow if release in self._releases and release != chosen)
