"""Is one credential used like several?

A credential that was passed on, or stolen, goes on as before and does something else beside it: at hours at which it
never asked, or about people of a kind that it never asked about. Both are held against the caller's own past, and
against what others do in the same week, with bets that keep their promise however often somebody looks. A day counts
once, as questions of a day resemble each other; and who did something new in the second half of that past is expected
to go on so. Where the old use goes on beside the new, the credential is shared; where it ends, somebody moved, and
nothing is said.

What is seen is when and about whom is asked. Addresses, sessions and gateways are not part of what monitors get.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Fold, Need, Rows, Seen, Yielded, monitor
from holdfast.monitors.levels import Levels
from holdfast.monitors.misuse._callers import MOST, Callers, Kind, Suspect, suspects
from holdfast.monitors.misuse._oddity import telling
from holdfast.monitors.tally import Placed, plus, tally

ID = "misuse.sharing"
HOURS = 12
"""Parts of the day, of two hours each."""

KINDS = 16
"""Kinds of people: four levels of each of the two features that tell most."""

NEVER = 0.005
"""A part of the day, or a kind, with a smaller share of the caller's past is one that it did not have."""

MUCH = 0.2
"""The share of a batch's questions from which what is new in them is much."""

FEWEST_ROWS = 10
FEWEST_PAST = 100
"""Questions in the batches known to be in order that make a past."""

SHARED = Measure(
    "misuse.shared_credentials",
    "Credentials that are used like several",
    "callers",
    Direction.LOWER_IS_BETTER,
    "Callers who go on as before and beside it ask at other hours, or about other people, than they ever did.",
)


@dataclass(frozen=True)
class Params:
    """`odds`: how many times the usual odds of something new are a caller's good right; `goes_on`: share of the past
    volume that must go on for a credential to be shared, and not passed on.
    """

    odds: float = 4.0
    goes_on: float = 0.5

    def __post_init__(self) -> None:
        if self.odds < 1 or not 0 < self.goes_on <= 1:
            raise ValueError("`odds` is 1 or more, `goes_on` a share above 0")


def of(baseline: Baseline, rows: Rows, _params: Params) -> dict[str, Any]:
    """By caller, rows by part of the day, then by kind of people."""
    rows = rows.take(np.isfinite(rows.at))
    hour = (rows.at % 86_400 // (86_400 / HOURS)).astype(np.int64)
    placed: list[Placed] = [(hour, None), (HOURS + _kinds(baseline, rows), None)]
    return {"callers": tally(rows.principal, placed, HOURS + KINDS, MOST)}


def _kinds(baseline: Baseline, rows: Rows) -> NDArray[np.int64]:
    levels = Levels(baseline, 4)
    codes = np.minimum(levels.codes(rows.X), 3)
    two = sorted(telling(baseline), key=lambda j: -int(levels.counts[j]))[:2]
    found = np.zeros(len(rows), dtype=np.int64)
    for j in two:
        found = 4 * found + codes[:, j]
    return found


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    return {"callers": plus(first["callers"], second["callers"], MOST)}


@monitor(
    title="Shared credentials",
    question="Is one credential used like several?",
    needs={Need.PRINCIPALS},
    measures=(SHARED,),
    params=Params(),
    fold=Fold(of, added),
    cost="two look-ups a row",
    trial="holdfast.testing.trials.misuse:sharing",
    catalogue=("ATLAS:AML.T0012",),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Name the callers with a past who go on as before, and beside it do what they never did."""
    callers = Callers.of(seen, ID, HOURS + KINDS)
    counts = callers.counts.astype(np.float64)
    rows = counts[..., :HOURS].sum(axis=2)
    known = rows[: seen.ordinary].sum(axis=0) >= FEWEST_PAST
    busy = ((rows >= FEWEST_ROWS) & known).astype(np.float64)
    kinds, old = [], rows
    for by in (counts[..., :HOURS], counts[..., HOURS:]):
        new = _new(by[: seen.ordinary], by)
        old = np.minimum(old, rows - new)
        half = slice(seen.ordinary // 2, seen.ordinary)
        before = busy[half] * (_new(by[: seen.ordinary // 2], by[half]) >= MUCH * rows[half])
        usual = before.sum(axis=0) / np.maximum(busy[half].sum(axis=0), 1.0)
        kinds.append(Kind.of(callers, busy * (new >= MUCH * rows), busy, np.maximum(usual, NEVER)))
    found = suspects(callers, kinds, params.odds)
    shared = [one for one in found if _goes_on(callers, one, old, params.goes_on)]
    yield SHARED.of(len(shared), n=int(known.sum()))
    for one in shared:
        yield _finding(seen, one)


def _goes_on(callers: Callers, one: Suspect, old: NDArray[np.float64], least: float) -> bool:
    """Whether a caller asks, beside what is new, at least that share of what it used to; `old` (T, P) is not new."""
    p = callers.names.index(one.name)
    return float(old[one.since :, p].mean()) >= least * float(old[: callers.ordinary, p].mean())


def _new(past: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many rows lie where the past, (t, P, places), hardly had any: (T, P) of (T, P, places)."""
    had = past.sum(axis=0)
    share = had / np.maximum(had.sum(axis=1, keepdims=True), 1.0)
    return np.asarray((now * (share < NEVER)).sum(axis=2))


def _finding(seen: Seen, one: Suspect) -> Finding:
    since, named = seen.batches[one.since].start, seen.batches[one.alarm].start
    return Finding(
        slug=f"shares-{one.name}",
        title="A credential is used like several",
        sentence=(
            f"Since {since}, in {one.share:.0%} of batches, many questions of {one.name} come at "
            "hours, or are about people, that it never asked at or about before, while its old use goes on."
        ),
        severity=Severity.MEDIUM,
        confidence=Confidence.LOW,
        why=(
            f"Bets that this is no more than others do lost by {named}, with a chance of one "
            "in a hundred of a false alarm about anybody, ever. A second team under the same credential looks alike."
        ),
        remedy=f"Ask the owner of {one.name} who uses it, and give each user a credential of its own.",
        where=one.name,
        measures=(SHARED.id,),
        catalogue=("ATLAS:AML.T0012",),
        exhibits=(Exhibit("Which credential", ("caller", "since", "named on"), ((one.name, since, named),)),),
    )
