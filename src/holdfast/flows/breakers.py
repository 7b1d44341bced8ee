"""Stop: whoever works here stops a system at once; letting it go on takes somebody else, who answers for risk or IT."""

from __future__ import annotations

from dataclasses import replace

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.clearance import Breaker
from holdfast.domain.errors import Conflict, FixInput, Forbidden
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.flows.desk import Caller, Desk, every, require, stated


def tripped(desk: Desk, system: str) -> tuple[Breaker, ...]:
    """The breakers that stop a system, or a release of it, now."""
    return tuple(kept.record for kept in every(desk.store, Breaker, system=system, state="tripped"))


def trip(desk: Desk, caller: Caller, system: str, *, release: str = "", reason: str) -> Kept[Breaker]:
    """Stop a system, or one release of it, wherever it decides. Whoever knows it can: going on is what needs care."""
    require(caller, Permission.TRIP_BREAKER)
    desk.store.get(System, system)
    if release and desk.store.get(Release, release).record.system != system:
        raise FixInput("breaker.release", "That release belongs to another system.", "Name one of this system.")
    key = f"{system}:{release}" if release else system
    before = desk.store.find(Breaker, key)
    if before is not None and before.record.is_tripped:
        return before
    record = Breaker(system, stated(reason, "reason"), caller.person.id, desk.at, release)
    desk.do(caller, Draft(Verb.TRIP_BREAKER, key, record, before.revision if before else 0))
    return desk.store.get(Breaker, key)


def reset(desk: Desk, caller: Caller, key: str, *, reason: str) -> Kept[Breaker]:
    """Let it go on; never the person who stopped it alone."""
    require(caller, Permission.RESET_BREAKER)
    kept = desk.store.get(Breaker, key)
    if not kept.record.is_tripped:
        raise Conflict("breaker.reset", "It is not stopped.", "There is nothing to reset.")
    if kept.record.person == caller.person.id:
        raise Forbidden("breaker.own", "You stopped it yourself.", "Somebody else has to see that it can go on.")
    after = replace(kept.record, is_tripped=False, reason=stated(reason, "reason"), person=caller.person.id, at=desk.at)
    desk.do(caller, Draft(Verb.RESET_BREAKER, key, after, kept.revision))
    return desk.store.get(Breaker, key)
