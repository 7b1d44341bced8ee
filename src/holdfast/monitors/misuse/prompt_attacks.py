"""How often do guards on text flag what is asked, and does somebody try them?

A flag now and then is a false alarm, or a user who quotes something. Counted are, by guard, flagged turns of all
conversations, as a series; and by caller the turns that any guard on text flagged, held against what others show in
the same week and the caller himself in the past, with bets that keep their promise however often somebody looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Fold, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.misuse._callers import MOST, Callers, Kind, Suspect, suspects
from holdfast.monitors.tally import counts_of, plus, tally
from holdfast.statistics import wilson

ID = "misuse.prompt_attacks"
NOMINAL = 0.01
"""The share of flagged turns that is usual where nothing else is known."""

MOST_PAIRS = 1_000
BETWEEN = "\t"

FLAGGED = Measure(
    "misuse.flagged_share",
    "Turns that a guard on text flagged",
    "share",
    Direction.LOWER_IS_BETTER,
    "Share of turns that a guard on text flagged, of all guards together or of one.",
    (0, 1),
)
ATTACKERS = Measure(
    "misuse.prompt_attackers",
    "Callers who try the guards on text",
    "callers",
    Direction.LOWER_IS_BETTER,
    "Callers whose turns guards on text flag many times as often as others'.",
)


@dataclass(frozen=True)
class Params:
    """`guards`: the families of guards whose flags count; `odds`: how many times the usual odds are a good right."""

    guards: tuple[str, ...] = ("text",)
    odds: float = 4.0

    def __post_init__(self) -> None:
        if self.odds < 1 or not self.guards:
            raise ValueError("`odds` is 1 or more, `guards` names a family at least")


def of(_baseline: Baseline, rows: Rows, params: Params) -> dict[str, Any]:
    """All rows and flagged ones; by guard, by caller, and by both, how many were flagged."""
    own = [tuple(g for g in flags if g.partition(".")[0] in params.guards) for flags in rows.flagged]
    flagged = np.array([bool(flags) for flags in own], dtype=np.int64)
    pairs = [(str(name), guard) for name, flags in zip(rows.principal, own, strict=True) for guard in flags]
    guards = np.array([guard for _, guard in pairs], dtype=object)
    both = np.array([f"{name}{BETWEEN}{guard}" if name else "" for name, guard in pairs], dtype=object)
    first, once = np.zeros(len(rows), dtype=np.int64), np.zeros(len(pairs), dtype=np.int64)
    return {
        "rows": len(rows),
        "flagged": int(flagged.sum()),
        "guards": tally(guards, [(once, None)], 1, MOST),
        "callers": tally(rows.principal, [(first, None), (first + 1, flagged)], 2, MOST),
        "both": tally(both, [(once, None)], 1, MOST_PAIRS),
    }


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    return {
        "rows": first["rows"] + second["rows"],
        "flagged": first["flagged"] + second["flagged"],
        "guards": plus(first["guards"], second["guards"], MOST),
        "callers": plus(first["callers"], second["callers"], MOST),
        "both": plus(first["both"], second["both"], MOST_PAIRS),
    }


@monitor(
    title="Attacks by prompt",
    question="How often do guards on text flag what is asked, and does somebody try them?",
    measures=(FLAGGED, ATTACKERS),
    params=Params(),
    fold=Fold(of, added),
    cost="a look at the flags of each row",
    trial="holdfast.testing.trials.misuse:prompt_attacks",
    catalogue=("ATLAS:AML.T0051", "ATLAS:AML.T0054", "OWASP:LLM01"),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Shares of flagged turns, all together and by guard, and the callers who are flagged many times as often."""
    facts = [json.loads(fact) if (fact := batch.fact(ID)) else None for batch in seen.batches]
    rows = np.array([fact["rows"] if fact else 0 for fact in facts], dtype=np.int64)
    if not rows.sum():
        return
    flagged = np.array([fact["flagged"] if fact else 0 for fact in facts], dtype=np.int64)
    by_guard = [counts_of(fact["guards"]) if fact else {} for fact in facts]
    yield from _share(flagged, rows)
    for guard in sorted({name for counts in by_guard for name in counts}):
        hits = np.array([int(counts[guard][0]) if guard in counts else 0 for counts in by_guard], dtype=np.int64)
        yield from _share(hits, rows, guard)
    callers = Callers.of(seen, ID, 2)
    asked, hits = np.moveaxis(callers.counts.astype(np.float64), 2, 0)
    found = suspects(callers, [Kind.of(callers, hits, asked, NOMINAL)], params.odds)
    yield ATTACKERS.of(len(found), n=len(callers.names))
    for one in found:
        yield _finding(seen, one, facts)


def _share(hits: NDArray[np.int64], rows: NDArray[np.int64], guard: str = "") -> Iterator[Yielded]:
    scope = {"guard": guard} if guard else {}
    total, of = int(hits.sum()), int(rows.sum())
    yield FLAGGED.of(total / of, n=of, interval=wilson(total, of), **scope)
    values = np.where(rows > 0, hits / np.maximum(rows, 1), np.nan)
    yield Series(FLAGGED.id, values, rows, tuple(scope.items()))


def _finding(seen: Seen, one: Suspect, facts: list[dict[str, Any] | None]) -> Finding:
    guards: dict[str, int] = {}
    for fact in facts[one.since :]:
        for key, counts in counts_of(fact["both"]).items() if fact else ():
            name, _, guard = key.rpartition(BETWEEN)
            if name == one.name:
                guards[guard] = guards.get(guard, 0) + int(counts[0])
    table = tuple(sorted(guards.items(), key=lambda item: (-item[1], item[0])))[:12]
    return Finding(
        slug=f"attacks-{one.name}",
        title="A caller tries the guards on text",
        sentence=(
            f"Since {seen.batches[one.since].start} guards on text flagged {one.share:.0%} of {one.rows:,} turns of "
            f"the caller {one.name}; {one.usual:.1%} are usual."
        ),
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        why=(
            f"Bets that this is no more than others show lost by {seen.batches[one.alarm].start}, with a chance of "
            "one in a hundred of a false alarm about anybody, ever."
        ),
        remedy=f"Read what was flagged of {one.name}, and limit or close its credential.",
        where=one.name,
        measures=(FLAGGED.id, ATTACKERS.id),
        catalogue=("ATLAS:AML.T0051", "ATLAS:AML.T0054", "OWASP:LLM01"),
        exhibits=(Exhibit("Flags by guard", ("guard", "flags"), table),),
    )
