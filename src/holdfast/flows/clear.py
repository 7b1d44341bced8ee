"""Clear: what may run in an environment and who may ask it, for the gateways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from holdfast.domain.access import Permission
from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.gate import Request, shuts_at
from holdfast.domain.kinds import Filed
from holdfast.domain.prompt import PROMPT
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, parse_time, timestamp
from holdfast.flows.breakers import tripped
from holdfast.flows.credentials import live
from holdfast.flows.deploy import running_in
from holdfast.flows.desk import Caller, Desk, every, require, stated
from holdfast.flows.gate import look
from holdfast.flows.news import is_quiet, newest_act
from holdfast.flows.register import appetite_in_force, is_trusted

MOST_KNOWN = 1000
LOOKED_AT = 10
"""Requests of one system in one environment that a clearance considers, besides those of what runs: the newest."""


class Clearances:
    """What gateways ask for again and again, worked out anew when something happened or a part of it ends."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], tuple[str, str, Clearance]] = {}

    def find(self, desk: Desk, caller: Caller, environment: str, systems: tuple[str, ...]) -> Clearance:
        """As `clearance`."""
        require(caller, Permission.RUN_GATEWAY)
        newest = newest_act(desk.store)
        wanted = environment, tuple(sorted(set(systems)))
        head, until, known = self._known.get(wanted, ("", "", None))
        is_in_time = not until or desk.now < parse_time(until)
        if known is not None and is_in_time and is_quiet(desk.store, head, newest):
            self._known[wanted] = (newest, until, known)
            return known
        found = clearance(desk, caller, environment, systems)
        ends = [*(one.until for one in found.cleared), *(one.expires_at for one in found.credentials)]
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[wanted] = (newest, min(ends, key=parse_time, default=""), found)
        return found


def clearance(desk: Desk, caller: Caller, environment: str, systems: tuple[str, ...]) -> Clearance:
    """What of `systems` may run in an environment now, and until when."""
    require(caller, Permission.RUN_GATEWAY)
    stated(environment, "environment")
    wanted = tuple(sorted(set(systems)))
    for system in wanted:
        desk.store.get(System, system)
    cleared = tuple(one for system in wanted for one in _cleared(desk, environment, system))
    return Clearance(environment, wanted, desk.at, cleared, live(desk, frozenset(wanted)))


def _cleared(desk: Desk, environment: str, system: str) -> Iterator[Cleared]:
    breakers = tripped(desk, system)
    running = [kept.record for kept in running_in(desk, system, environment)]
    newest = desk.store.list(Request, system=system, state="open", limit=LOOKED_AT).items
    asked = [kept.key for kept in newest if kept.record.environment == environment]
    releases = {deployment.release for deployment in running}
    for key in dict.fromkeys([*(deployment.gate for deployment in running), *asked]):
        one = _open_gate(desk, key)
        if one is not None and not any(breaker.stops(system, one.release) for breaker in breakers):
            yield replace(one, is_running=one.release in releases)


def _open_gate(desk: Desk, key: str) -> Cleared | None:
    """What a request lets in now; None where its gate is shut."""
    opened = look(desk, key)
    request = opened.request.record
    if not request.gate.needs_evidence or request.is_withdrawn or opened.ruling.outcome is not Outcome.PASS:
        return None
    release = desk.store.get(Release, request.release).record
    until = shuts_at(opened.dossier, _evidence_ends(desk, release.digest), desk.now)
    if until <= desk.now:
        return None
    model, prompt = release.material("model"), release.material(PROMPT)
    return Cleared(
        system=release.system,
        release=release.digest,
        version=release.version,
        model=model.digest if model else "",
        request=key,
        since=request.at,
        until=timestamp(until),
        prompt=prompt.digest if prompt else "",
    )


def _evidence_ends(desk: Desk, release: str) -> datetime:
    filed = every(desk.store, Filed, about=release)
    newest = next(kept.record for kept in filed if is_trusted(desk, kept.record.sealer))
    return parse_time(newest.taken_at) + timedelta(days=appetite_in_force(desk).evidence_days)
