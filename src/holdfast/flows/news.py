"""Whether anything happened on which gates, clearances and what runs could depend, since they were last looked at."""

from __future__ import annotations

from holdfast.ports import Store

ASIDE = (
    "segment",
    "review",
    "reading",
    "removal",
    "hold",
    "retention",
    "comment",
    "baseline",
    "watch",
    "watched",
    "alert",
    "incident",
)
"""Kinds of record of which there are many, and on which no gate depends."""


def newest_act(store: Store) -> str:
    """The id of the newest act; empty before the first."""
    return next((row.act.id for row in store.recent(limit=1)), "")


def is_quiet(store: Store, since: str, newest: str) -> bool:
    """Whether nothing that matters happened after the act `since`; `newest` is the newest one."""
    return newest == since or not store.recent(but=ASIDE, since=since, limit=1)
