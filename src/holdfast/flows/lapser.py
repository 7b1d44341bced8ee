"""The lapser: ends reviews whose time is over, so that the ledger says so though nobody asks."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from holdfast.domain.errors import FixInput, HoldfastError, Tampered
from holdfast.domain.review import HumanReview, ReviewState
from holdfast.domain.verdict import parse_time
from holdfast.flows.desk import MOST, Desk
from holdfast.flows.review import content_of, lapse

SWEEP_EVERY = 60.0
FILED_WITHIN = timedelta(days=1)
"""How long after it was due content may lie without its review: a gateway may be about to file it again."""


def lapse_overdue(desk: Desk) -> int:
    """End all reviews whose time is over, and destroy what is left of finished ones; how many ended.

    One that cannot be ended keeps back no other; what was wrong with it is raised at the end.
    """
    ended, wrong = 0, None
    for kept in desk.store.list(HumanReview, state=ReviewState.WAITING, descending=False, limit=MOST).items:
        if not kept.record.is_overdue(desk.now):
            break
        try:
            ended += lapse(desk, kept).record.state is ReviewState.LAPSED
        except HoldfastError as error:
            wrong = error
    if wrong is not None:
        raise wrong
    return ended


def sweep(desk: Desk) -> None:
    """Destroy what a crash left: content of finished reviews, and of decisions that nobody filed to the end."""
    left = desk.contents.keys()
    known = desk.store.many(HumanReview, left)
    for key in left:
        is_over = known[key].record.resolution is not None if key in known else _is_stray(desk, key)
        if is_over:
            desk.contents.drop(key, desk.at)


def _is_stray(desk: Desk, key: str) -> bool:
    try:
        held = content_of(desk, key)
    except (Tampered, FixInput):
        return True
    return held is None or desk.now - parse_time(held.due_at) > FILED_WITHIN


class Lapser:
    """Looks in a thread of its own while it is entered. A context manager. Several may look: each review ends once.

    `failure` is what keeps it from working now.
    """

    def __init__(self, desk: Desk, *, every: float = 5.0) -> None:
        self._desk = desk
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lapser", daemon=True)
        self.failure: HoldfastError | None = None

    def __enter__(self) -> Lapser:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        next_sweep = time.monotonic()
        while not self._stopped.wait(self._every):
            try:
                lapse_overdue(self._desk)
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + SWEEP_EVERY
                    sweep(self._desk)
                self.failure = None
            except HoldfastError as error:
                self.failure = error
