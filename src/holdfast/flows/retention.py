"""Prove: how long decisions are kept, what the law holds back, and what goes at the end of its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Verb
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Conflict, FixInput
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.domain.system import System
from holdfast.domain.view import Due, DuePage
from holdfast.flows.desk import Caller, Desk, every, random_id, require, stated

HELD = "removal.held"
"""The code of the error that says that a legal hold keeps a segment."""


def set_retention(desk: Desk, caller: Caller, system: str, days: int, *, because: str = "") -> Kept[Retention]:
    """Say how long decisions of a system are kept. Fewer days than six months need the law that asks for it."""
    require(caller, Permission.SET_RETENTION)
    desk.store.get(System, system)
    known = desk.store.find(Retention, system)
    policy = Retention(system, days, because.strip())
    return desk.keep(caller, Verb.SET_RETENTION, system, policy, known.revision if known else 0)


def place_hold(desk: Desk, caller: Caller, system: str, *, because: str, first: str = "", last: str = "") -> Kept[Hold]:
    """Keep what a system decided from `first` to `last` (days; empty for no end), whatever its retention says."""
    require(caller, Permission.MANAGE_HOLDS)
    desk.store.get(System, system)
    for day in (first, last):
        _require_day(day)
    if first and last and last < first:
        raise FixInput("hold.days", "The last day is before the first.", "Exchange them.")
    hold = Hold(system, stated(because, "reason"), first, last, caller.person.id, desk.at)
    return desk.keep(caller, Verb.PLACE_HOLD, random_id(), hold)


def lift_hold(desk: Desk, caller: Caller, key: str, *, reason: str) -> Kept[Hold]:
    """Let retention go on as far as this hold kept it back."""
    require(caller, Permission.MANAGE_HOLDS)
    kept = desk.store.get(Hold, key)
    if kept.record.is_lifted:
        raise Conflict("hold.lifted", "It is lifted already.", "There is nothing to lift.")
    lifted = replace(kept.record, is_lifted=True, lifted_because=stated(reason, "reason"))
    return desk.keep(caller, Verb.LIFT_HOLD, key, lifted, kept.revision)


def due(desk: Desk, system: str, *, after: str = "", limit: int = 50) -> DuePage:
    """Segments of a system whose time is over, and which of them a hold keeps; none without a retention."""
    policy = desk.store.find(Retention, system)
    if policy is None:
        return DuePage(())
    page = desk.store.list(Segment, system=system, descending=False, after=after, limit=limit)
    over = [kept for kept in page.items if _is_over(desk, policy.record, kept.record)]
    gone = desk.store.many(Removal, [kept.key for kept in over])
    holds = list(_holds(desk, system))
    items = tuple(Due(kept, _held(holds, kept.record)) for kept in over if kept.key not in gone)
    return DuePage(items, page.after if over else "")


def remove_segment(desk: Desk, caller: Caller, file: str) -> Kept[Removal]:
    """Note that a segment goes, at the end of its time; whoever asked then deletes the file. Again is the same.

    Conflict while a hold covers it, even one that was placed since: a file that still lies there stays.
    """
    require(caller, Permission.REMOVE_SEGMENTS)
    segment = desk.store.get(Segment, file).record
    _require_free(desk, segment)
    known = desk.store.find(Removal, file) or _remove(desk, caller, file, segment)
    _require_free(desk, segment)
    return known


def _remove(desk: Desk, caller: Caller, file: str, segment: Segment) -> Kept[Removal]:
    policy = desk.store.find(Retention, segment.system)
    if policy is None or not _is_over(desk, policy.record, segment):
        days = f"its {policy.record.days} days are not over" if policy else "nobody set how long it is kept"
        raise Conflict("removal.early", f"{segment.place} stays: {days}.", "See `holdfast decision retention`.")
    terms = (policy.record.days, policy.record.because, desk.at, segment.system)
    removal = Removal(canonical.digest(segment), segment.place, *terms)
    return desk.keep(caller, Verb.REMOVE_SEGMENT, file, removal)


def _require_free(desk: Desk, segment: Segment) -> None:
    if hold := _held(_holds(desk, segment.system), segment):
        raise Conflict(HELD, f"{segment.place} stays: the legal hold {hold} covers it.", "Lift it first.")


def _is_over(desk: Desk, policy: Retention, segment: Segment) -> bool:
    """By its day and by its latest decision: a clock that jumped must not cost a day."""
    days = (date.fromisoformat(segment.day), date.fromisoformat(segment.last[:10]))
    return policy.is_over(max(days), desk.now.date())


def _holds(desk: Desk, system: str) -> Iterator[Kept[Hold]]:
    return every(desk.store, Hold, system=system, state="placed")


def _held(holds: Iterator[Kept[Hold]] | list[Kept[Hold]], segment: Segment) -> str:
    """The key of a hold that covers a segment; empty where none does."""
    return next((kept.key for kept in holds if kept.record.covers(segment.system, segment.day)), "")


def _require_day(day: str) -> None:
    try:
        if day and date.fromisoformat(day).isoformat() != day:
            raise ValueError(day)
    except ValueError as error:
        raise FixInput("hold.days", f"{day!r:.40} is no day.", "Write it as 2026-11-28.") from error
