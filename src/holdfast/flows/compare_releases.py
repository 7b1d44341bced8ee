"""Compare: releases of a system that decided beside each other on a day, as a shadow, a canary or one after another."""

from __future__ import annotations

from holdfast.domain.access import Permission
from holdfast.domain.comparison import Comparison
from holdfast.domain.system import System
from holdfast.flows.desk import Caller, Desk, require
from holdfast.flows.explain_decision import Archive, registered_on, require_day

MOST_ROWS = 200_000
"""Decisions that are looked at, the latest: a page has to be there in a moment."""


def compare_releases(desk: Desk, caller: Caller, archive: Archive, system: str, day: str) -> Comparison:
    """What each release decided of a system's cases on a UTC day. Files are trusted here: where one decision is shown,
    its file is held against the ledger.
    """
    require(caller, Permission.READ_DECISIONS)
    desk.store.get(System, system)
    registered = [kept.record for kept in registered_on(desk, require_day(day), system)]
    return archive.compare(system, registered, most=MOST_ROWS)
