"""Alerts that came together: one cause shows in many columns, and is looked at, and settled, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert, Incident, Settled, Standing
from holdfast.domain.watch import Consequence
from holdfast.flows.alerts import of_release, settle
from holdfast.flows.desk import MOST, Caller, Desk, every


@dataclass(frozen=True, slots=True)
class Group:
    """The surest alert of those that began together, and the others."""

    head: Kept[Alert]
    others: tuple[Kept[Alert], ...] = ()


def grouped(alerts: Iterable[Kept[Alert]]) -> tuple[Group, ...]:
    """Alerts by what they came with, in the order in which each group was first met."""
    found: dict[str, list[Kept[Alert]]] = {}
    for kept in alerts:
        found.setdefault(group_of(kept), []).append(kept)
    return tuple(_headed(key, some) for key, some in found.items())


def _headed(key: str, some: Sequence[Kept[Alert]]) -> Group:
    head = next((kept for kept in some if kept.key == key), some[0])
    return Group(head, tuple(kept for kept in some if kept is not head))


def group_of(kept: Kept[Alert]) -> str:
    """The key of the alert that it came with; its own where it is that one."""
    return kept.record.group or kept.key


def beside(desk: Desk, kept: Kept[Alert]) -> tuple[Kept[Alert], ...]:
    """The other alerts of its group."""
    key = group_of(kept)
    return tuple(one for one in of_release(desk, kept.record.release) if group_of(one) == key and one.key != kept.key)


def waiting_alerts(desk: Desk, caller: Caller, most: int) -> tuple[Group, ...]:
    """What the caller may settle and is more than a note, the latest first, `most` groups at most."""
    if Permission.SETTLE_ALERTS not in caller.permissions:
        return ()
    found = desk.store.list(Alert, state=Standing.OPEN, limit=MOST).items
    return grouped(kept for kept in found if kept.record.consequence is not Consequence.NOTE)[:most]


def settle_together(
    desk: Desk, caller: Caller, kept: Kept[Alert], how: Settled, *, others: bool, reason: str
) -> tuple[Kept[Alert], ...]:
    """Settle an alert and, where that is wanted, the open `others` of its group in the same way: an act for each."""
    also = [one for one in beside(desk, kept) if one.record.is_open] if others else []
    requests = [caller, *(replace(caller, request=f"{caller.request}.{one.key}") for one in also)]
    pairs = zip(requests, [kept, *also], strict=True)
    return tuple(settle(desk, asking, one.key, how, reason=reason) for asking, one in pairs)


def incidents_of(desk: Desk, kept: Kept[Alert]) -> tuple[Kept[Incident], ...]:
    """The incidents that came of an alert."""
    found = every(desk.store, Incident, about=kept.record.release)
    return tuple(one for one in found if kept.key in one.record.alerts)
