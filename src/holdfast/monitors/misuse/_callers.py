"""What was counted of each caller in each batch, what is usual of such counts, and who is beyond."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.monitors.contract import Seen
from holdfast.monitors.evidence import bet, raised, stakes, threshold
from holdfast.monitors.tally import busiest, counts_of

Array = NDArray[np.float64]

MOST, MOST_EVER = 256, 1_000
"""Callers of whom counts are kept, those with the most rows: of a batch, and of all that are looked at."""

FEWEST_PEERS, FEWEST_ROWS = 5, 30
"""So many other callers, with so many rows each, say what is usual of a day."""

WEEK = 7


@dataclass(frozen=True, eq=False)
class Callers:
    """The `names` of P callers, and their `counts`, int64 (T, P, k)."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    ordinary: int

    @classmethod
    def of(cls, seen: Seen, monitor: str, k: int) -> Callers:
        """Everybody who was counted in a batch."""
        told = [counts_of(json.loads(fact)["callers"]) if fact else {} for fact in _facts(seen, monitor)]
        names = busiest(told, MOST_EVER)
        counts = np.zeros((len(told), len(names), k), dtype=np.int64)
        place = {name: p for p, name in enumerate(names)}
        for t, batch in enumerate(told):
            for name in batch.keys() & place.keys():
                counts[t, place[name]] = batch[name]
        return cls(tuple(names), counts, seen.ordinary)


def _facts(seen: Seen, monitor: str) -> Sequence[str]:
    return [batch.fact(monitor) for batch in seen.batches]


def usual(hits: Array, rows: Array, ordinary: int, nominal: float | Array) -> Array:
    """(T, P) the share of hits that is usual: of other callers in the same week, of the caller's own past, and at
    least the `nominal` one of ordinary rows. `hits` and `rows` are (T, P).

    What happens to all callers at once is a change of the world, and accuses nobody.
    """
    most: Array = np.full(hits.shape, nominal)
    past, had = hits[:ordinary].sum(axis=0), rows[:ordinary].sum(axis=0)
    most = np.maximum(most, np.where(had >= FEWEST_ROWS, past / np.maximum(had, 1), 0.0))
    for t in range(len(hits)):
        week = slice(max(0, t + 1 - WEEK), t + 1)
        asked = rows[week].sum(axis=0)
        known = asked >= FEWEST_ROWS
        if known.sum() > FEWEST_PEERS:
            shares: Array = hits[week].sum(axis=0)[known] / asked[known]
            most[t] = np.maximum(most[t], float(np.median(shares)))
    return most


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of rows that somebody may have too many of: `hits` among `rows`, both (T, P), of which the share `usual`
    (T, P) is in order.
    """

    hits: Array
    rows: Array
    usual: Array

    @classmethod
    def of(cls, callers: Callers, hits: Array, rows: Array, nominal: float | Array) -> Kind:
        """A kind of which ordinary rows have the `nominal` share, one for all or one for each caller, (P,)."""
        return cls(hits, rows, usual(hits, rows, callers.ordinary, nominal))

    def stakes(self, odds: float, ordinary: int) -> Array:
        """What bets on more than so many times the usual odds win, once batches are not known to be in order."""
        won = stakes(self.hits, self.rows, raised(self.usual, odds))
        won[:ordinary] = 0.0
        return won


@dataclass(frozen=True, slots=True)
class Suspect:
    """A caller beyond what is usual: since and at which batch, with how many rows since, and of the share of hits."""

    name: str
    since: int
    alarm: int
    rows: int
    share: float
    usual: float


def suspects(callers: Callers, kinds: Sequence[Kind], odds: float) -> list[Suspect]:
    """Who has more rows of some kind than `odds` times what is usual.

    The figures of a suspect are of the kind that says most against him.
    """
    if not callers.names or not len(callers.counts):
        return []
    won = [kind.stakes(odds, callers.ordinary) for kind in kinds]
    found = bet(np.concatenate(won, axis=2), threshold(len(callers.names)))
    named = []
    for p in np.flatnonzero(found.alarm >= 0):
        since, alarm = int(found.since[p]), int(found.alarm[p])
        span = slice(since, alarm + 1)
        worst = kinds[int(np.argmax([one[span, p].sum(axis=0).max() for one in won]))]
        share = float(worst.hits[span, p].sum() / max(worst.rows[span, p].sum(), 1.0))
        rows = int(worst.rows[since:, p].sum())
        named.append(Suspect(callers.names[p], since, alarm, rows, share, float(worst.usual[alarm, p])))
    return named
