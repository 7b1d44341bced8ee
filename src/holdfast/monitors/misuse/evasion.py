"""Does somebody try one case again and again until the decision turns?

An attack on one decision alone needs hundreds of rows around it (Chen, Carlini and Wagner 2019, "Stateful detection of
black-box adversarial attacks", arXiv 1907.05587). Counted are crowds: rows of one caller, or about one person, that
differ but fall into the same levels in every feature, with both decisions among them; and, where many cases are tried
at once, how many different rows share such a place on average. Ordinary traffic has few such rows, how many is told by
held-out data; the same row again is a retry, and a field corrected some times stays below.

Not seen are walks that are dealt to many names, and those that move so far at each step that no levels are shared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.schema import Task
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Fold, Need, Rows, Seen, Yielded, monitor
from holdfast.monitors.hashing import cell_hashes
from holdfast.monitors.levels import Levels
from holdfast.monitors.misuse._crowds import Crowd, Crowded, added, crowds
from holdfast.monitors.misuse._oddity import telling

ID = "misuse.evasion"
LEVELS = 8
WEEK = 7
"""Batches that are looked at together."""

ALL = "all"
USUALLY = 0.002
"""The share of rows in the largest crowd that is taken for usual where nothing is known."""

CAMPAIGNS = Measure(
    "misuse.evasion_campaigns",
    "Campaigns to turn single decisions",
    "callers",
    Direction.LOWER_IS_BETTER,
    "Callers or persons with a crowd of nearly equal rows, some decided one way and some the other.",
)


@dataclass(frozen=True)
class Params:
    """`fewest` different rows in a crowd, and `each` of either decision; `times` as large as ordinary traffic has.

    Or so many rows to a place, over all of somebody's rows, in times (`crowded`) of what ordinary rows have.
    """

    fewest: int = 30
    each: int = 3
    times: float = 3.0
    crowded: float = 4.0

    def __post_init__(self) -> None:
        if self.fewest < 3 or self.each < 1 or self.times < 1:
            raise ValueError("`fewest` is at least 3, `each` and `times` at least 1")


def of(baseline: Baseline, rows: Rows, _params: Params) -> dict[str, Any]:
    """Crowds of each caller, of each person, and of all rows together."""
    rows = rows.take(~np.isnan(rows.decision))
    codes, cells = Levels(baseline, LEVELS).codes(rows.X), cell_hashes(rows.X)
    wanted = baseline.schema.favourable
    yes = rows.decision == (len(baseline.schema.classes) - 1 if wanted is None else wanted)
    keys = {"callers": rows.principal, "persons": rows.subject, ALL: np.full(len(rows), ALL, dtype=object)}
    return {name: crowds(key, codes, cells, yes, telling(baseline)) for name, key in keys.items()}


def plus(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    return {name: added(first[name], second[name]) for name in first}


@dataclass(frozen=True, slots=True)
class Campaign:
    """Rows of a `kind` of name (``callers``, ``persons``) that crowd, in the week up to batch `at`, in `places`."""

    kind: str
    name: str
    at: int
    since: int
    rows: int
    different: int
    places: int
    yes: int
    no: int
    moved: tuple[str, ...] = ()


def campaigns(seen: Seen, params: Params) -> list[Campaign]:
    """The first crowd beyond what is usual of everybody who has one."""
    facts = [json.loads(fact) if (fact := batch.fact(ID)) else None for batch in seen.batches]
    usual = _usual(seen.baseline)
    found: dict[tuple[str, str], Campaign] = {}
    for t in range(seen.ordinary, len(facts)):
        week = [(k, fact) for k, fact in enumerate(facts[: t + 1]) if k > t - WEEK and fact]
        for kind in ("callers", "persons") if week else ():
            for one in _beyond(seen, week, kind, usual, params):
                found.setdefault((kind, one.name), one)
    return sorted(found.values(), key=lambda one: (-one.different, one.name))


def _usual(baseline: Baseline) -> Crowded:
    """How ordinary rows crowd; hardly, where nothing is known."""
    told = baseline.usual.fact(ID)
    record = json.loads(told)[ALL]["of"].get(ALL) if told else None
    return Crowded(0, 0, (), 0.0, 1.0) if record is None else Crowded.told(record)


def _beyond(
    seen: Seen, week: list[tuple[int, dict[str, Any]]], kind: str, usual: Crowded, params: Params
) -> Iterator[Campaign]:
    together = week[0][1][kind]
    for _, fact in week[1:]:
        together = added(together, fact[kind])
    columns = telling(seen.baseline)
    largest = max((crowd.rows for crowd in usual.crowds), default=1) / usual.rows if usual.rows else USUALLY
    for name, record in together["of"].items():
        rows = Crowded.told(record)
        had = [(k, fact[kind]["of"][name]) for k, fact in week if name in fact[kind]["of"]]
        enough = params.fewest + params.times * largest * rows.rows
        crowd = next((one for one in rows.crowds if _is_campaign(one, enough, params)), None)
        if crowd is not None:
            since = next((k for k, record in had if crowd.place in record[2]["of"]), had[0][0])
            names = tuple(seen.baseline.schema.names[columns[j]] for j in crowd.moved)
            told = (crowd.rows, crowd.different, 1, crowd.yes, crowd.no)
            yield Campaign(kind, name, week[-1][0], since, *told, names)
        elif _is_crowded(rows, usual, params):
            told = (rows.rows, round(rows.different), round(rows.places), rows.yes, rows.rows - rows.yes)
            yield Campaign(kind, name, week[-1][0], had[0][0], *told)


def _is_campaign(crowd: Crowd, enough: float, params: Params) -> bool:
    return crowd.different >= params.fewest and crowd.rows >= enough and min(crowd.yes, crowd.no) >= params.each


def _is_crowded(rows: Crowded, usual: Crowded, params: Params) -> bool:
    many = rows.different >= 2 * params.fewest and min(rows.yes, rows.rows - rows.yes) >= params.fewest / 2
    return many and rows.to_a_place >= params.crowded * max(usual.to_a_place, 1.0)


@monitor(
    title="Campaigns against single decisions",
    question="Does somebody try one case again and again until the decision turns?",
    needs={Need.PRINCIPALS},
    tasks={Task.BINARY, Task.MULTICLASS},
    measures=(CAMPAIGNS,),
    params=Params(),
    fold=Fold(of, plus),
    cost="a hash a cell",
    trial="holdfast.testing.trials.misuse:evasion",
    catalogue=("ATLAS:AML.T0015", "ATLAS:AML.T0043.001", "OWASP:ML01", "NISTAML.025"),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Name the callers and persons with a crowd, and the features that were moved in it."""
    found = campaigns(seen, params)
    yield CAMPAIGNS.of(len(found), n=sum(batch.rows for batch in seen.batches[seen.ordinary :]))
    for one in found:
        yield _finding(seen, one)


def _finding(seen: Seen, one: Campaign) -> Finding:
    since, named = seen.batches[one.since].start, seen.batches[one.at].start
    who = "caller" if one.kind == "callers" else "person"
    what = ", ".join(one.moved[:4]) or "single fields"
    many = f" crowd in {one.places:,} places and" if one.places > 1 else ""
    return Finding(
        slug=f"tries-{one.name}",
        title="One case was tried again and again, and the decision turned",
        sentence=(
            f"Since {since} about {one.different:,} nearly equal rows of the {who} {one.name}{many} differ in {what}: "
            f"{one.yes:,} were decided one way, {one.no:,} the other."
        ),
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        why="All fall into the same levels of every feature, in which ordinary traffic of that size has far fewer.",
        remedy=f"Look at the last of these decisions of {one.name}, and limit how often a case may be tried.",
        where=one.name,
        measures=(CAMPAIGNS.id,),
        catalogue=("ATLAS:AML.T0015", "ATLAS:AML.T0043.001", "OWASP:ML01", "NISTAML.025"),
        exhibits=(
            Exhibit(
                "What was tried",
                ("who", "since", "named on", "rows", "different", "one way", "the other"),
                ((one.name, since, named, one.rows, one.different, one.yes, one.no),),
            ),
        ),
    )
