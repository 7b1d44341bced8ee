"""Where everything that happens at a gateway is told once: to its counts, to its traces and to its events."""

from __future__ import annotations

import time
from time import perf_counter
from typing import Protocol

from holdfast.domain.decision import Ended
from holdfast.domain.errors import Blocked, Forbidden, HoldfastError, SignInFirst, TooMany
from holdfast.flows.exchange import NOT_LET_IN
from holdfast.gateway.http.server import Scope
from holdfast.gateway.observe.figures import Figures
from holdfast.gateway.observe.passed import Generated, Passed
from holdfast.gateway.observe.sighting import Sighting, Sort
from holdfast.gateway.observe.tracing import Headers, Sampler, Trip
from holdfast.problems import status_of

SYSTEM = "holdfast.system"
PRINCIPAL = "holdfast.principal"
"""Where a scope's state has the system that was asked, and the credential's id once it is known."""


class Spans(Protocol):
    """Takes exchanges that are recorded in a trace; must not wait."""

    def add(self, trip: Trip, passed: Passed) -> None:
        """Keep it until it is exported."""


class Sightings(Protocol):
    """Takes what was seen; must not wait."""

    def add(self, sighting: Sighting) -> None:
        """Keep it until it is delivered, or count that it was dropped."""


class Observer:
    """Tells `figures`, and `spans` and `sightings` where there are any; never waits, never raises."""

    def __init__(
        self,
        figures: Figures | None = None,
        *,
        share: float = 0.0,
        spans: Spans | None = None,
        sightings: Sightings | None = None,
    ) -> None:
        self.figures = figures or Figures()
        self._sampler = Sampler(share if spans is not None else None)
        self._spans, self._sightings = spans, sightings

    def begin(self, headers: Headers) -> Trip:
        """An exchange begins; `headers` are those that the client sent."""
        return self._sampler.begin(headers)

    def passed(self, trip: Trip, passed: Passed) -> None:
        """An exchange is over."""
        system, lane, figures = passed.system, passed.lane, self.figures
        figures.exchange(system, lane, passed.ended)
        for ended, count in passed.decisions:
            figures.decisions(system, lane, ended, count)
        for wanted in passed.wanted:
            figures.guard(system, wanted.guard, wanted.mode, wanted.outcome, wanted.count)
        model = trip.answered or trip.guarded
        figures.stage(system, "guards", trip.guarded - trip.started + trip.judged - model)
        if trip.answered:
            figures.stage(system, "upstream", trip.answered - trip.guarded)
        figures.stage(system, "log", trip.logged - trip.judged)
        if passed.generated is not None:
            self._generated(trip, passed, passed.generated)
        if self._spans is not None and trip.span:
            self._spans.add(trip, passed)
        if self._sightings is not None and _is_told(passed):
            self._sightings.add(_kept_back(trip, passed))

    def _generated(self, trip: Trip, passed: Passed, generated: Generated) -> None:
        labels, usage = generated.labels, generated.usage
        error = {"error.type": passed.reason or "_OTHER"} if passed.ended is Ended.FAILED else {}
        self.figures.generation(labels | error, trip.answered - trip.guarded)
        if usage.tokens:
            self.figures.tokens(labels | {"holdfast.system": passed.system}, usage.asked, usage.answered)

    def refused(self, error: HoldfastError, scope: Scope) -> None:
        """A request ends with an error instead of an answer. What a guard did is told by `passed`."""
        self.figures.refusal(error.code)
        is_told = isinstance(error, SignInFirst | Forbidden | TooMany) and not isinstance(error, Blocked)
        if self._sightings is None or not is_told:
            return
        state, client = scope.get("state", {}), scope.get("client")
        self._sightings.add(
            Sighting(
                Sort.STRANGER if isinstance(error, SignInFirst) else Sort.REFUSED,
                time.time(),
                error.code,
                error.message,
                system=state.get(SYSTEM, ""),
                principal=state.get(PRINCIPAL, ""),
                source=client[0] if client else "",
                path=f"{scope['method']} {scope['path']}"[:200],
                status=status_of(error),
            )
        )

    def replied(self, status: int, started: float) -> None:
        """A request was answered; `started` is `perf_counter` seconds."""
        self.figures.request(status, perf_counter() - started)

    def state(self, code: str, message: str, *, system: str = "", is_over: bool = False) -> None:
        """Something about the gateway itself changed."""
        if self._sightings is not None:
            now = time.time()
            self._sightings.add(Sighting(Sort.STATE, now, code, message, system=system, is_over=is_over))


def _is_told(passed: Passed) -> bool:
    """Whether guards changed something. That a release may not decide here is told when the call is refused."""
    kept_back = passed.ended in (Ended.BLOCKED, Ended.REVIEW, Ended.FALLBACK)
    return bool(passed.acted) or (kept_back and passed.reason != NOT_LET_IN)


def _kept_back(trip: Trip, passed: Passed) -> Sighting:
    acted = passed.acted
    return Sighting(
        Sort.GUARD,
        time.time(),
        acted[0] if acted else passed.reason or passed.ended,
        f"{', '.join(acted)} acted on an exchange." if acted else "An exchange was kept back.",
        system=passed.system,
        release=passed.release,
        principal=passed.principal,
        decision=passed.decision,
        ended=passed.ended,
        guards=acted,
        trace=trip.trace,
    )
