"""Is somebody copying the model by asking it questions?

Who copies a model asks about rows that nobody has: put together from a few rows of his own, or made up, and crowded
where the decision turns (Tramèr et al. 2016; Chandrasekaran et al. 2020). Three kinds of rows are counted for each
caller: odder than nine in ten ordinary rows, odder than 49 in 50, and both odd and near the point where the decision
turns. Ordinary callers differ, and the world changes for all of them: the limit is four times the odds of what others,
and the caller himself in the past, show, and bets against it keep their promise however often somebody looks.

PRADA (Juuti et al. 2019, arXiv 1805.02628) asks instead whether distances between a caller's rows are normally
distributed. Those of real tables are not: it accuses every caller within some hundred rows (`python -m bench.misuse`).

Not seen is a thief who owns enough real rows to ask about nothing else, one who takes steps so small that his rows
stay as ordinary as those from which he starts, and one who deals his questions to many names. A caller all of whose
customers come from the rarest few in a hundred looks like a thief: that is worth a look, and no proof. Counts are kept
of the 256 callers of a batch who ask most.
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
from holdfast.domain.watch import DECISION, SCORE, Baseline
from holdfast.monitors.contract import Asks, Fold, Need, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.levels import Levels, trained
from holdfast.monitors.misuse._callers import MOST, Callers, Kind, Suspect, suspects
from holdfast.monitors.misuse._oddity import SHARES, Oddity, pairs, telling
from holdfast.monitors.tally import plus, tally

ID = "misuse.extraction"
DEGREES = len(SHARES) + 1
NEAR = 0.05
"""Share of ordinary scores on either side of the turn that count as near it."""

ODD, ODDER, HALF = 3, 5, 1
"""Degrees of oddity: odder than nine in ten, than 49 in 50, than half of ordinary rows."""

COPIERS = Measure(
    "misuse.extraction_suspects",
    "Callers who seem to copy the model",
    "callers",
    Direction.LOWER_IS_BETTER,
    "Callers whose questions, taken together, are those of somebody who copies the model.",
)
ODD_SHARE = Measure(
    "misuse.odd_share",
    "Questions about rows that hardly anybody has",
    "share",
    Direction.LOWER_IS_BETTER,
    "Share of questions about rows that are odder than nine in ten ordinary rows.",
    (0, 1),
)


@dataclass(frozen=True)
class Params:
    """`odds`: how many times the usual odds of an odd row are a caller's good right; `levels` of a feature, at most."""

    odds: float = 4.0
    levels: int = 8

    def __post_init__(self) -> None:
        if self.odds < 1 or self.levels < 2:
            raise ValueError("`odds` is 1 or more, `levels` 2 or more")


def asks(baseline: Baseline, _params: Params) -> Asks:
    """Scores by decision, which show where decisions turn."""
    score, decision = baseline.bins(SCORE), baseline.bins(DECISION)
    return ((score, decision),) if score is not None and decision is not None and decision.labels is not None else ()


def of(baseline: Baseline, rows: Rows, params: Params) -> dict[str, Any]:
    """By caller, rows by degree of oddity, first those far from where decisions turn, then those near it.

    Of the rows of a baseline that knows of no pairs yet, the pairs of their levels, too.
    """
    levels = Levels(baseline, params.levels)
    columns = telling(baseline)
    codes, counts = levels.codes(rows.X)[:, columns], levels.counts[list(columns)]
    told = baseline.usual.fact(ID)
    known = json.loads(told)["pairs"] if told else []
    own = [] if known else pairs(codes, counts)
    degree = Oddity(known or _alone(baseline, levels, columns), counts).degree(codes)
    place = degree + DEGREES * _near(baseline, rows.score)
    return {"pairs": own, "callers": tally(rows.principal, [(place, None)], 2 * DEGREES, MOST)}


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    known = [a + b for a, b in zip(first["pairs"], second["pairs"], strict=True)]
    return {"pairs": known, "callers": plus(first["callers"], second["callers"], MOST)}


def _alone(baseline: Baseline, levels: Levels, columns: tuple[int, ...]) -> list[int]:
    """Pairs of levels as they would be if no feature told of another: all that training columns alone say."""
    each = trained(baseline, levels)
    own = [each[j] / each[j].sum() for j in columns]
    if len(own) == 1:
        return _whole(own[0])
    return [count for i, a in enumerate(own) for b in own[i + 1 :] for count in _whole(np.outer(a, b).ravel())]


def _whole(shares: NDArray[np.float64]) -> list[int]:
    return [int(count) for count in np.rint(10_000 * shares)]


def _near(baseline: Baseline, score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which scores (n,) lie near the one where decisions turn, as far as ordinary decisions show it."""
    near, edges = np.zeros(len(score), dtype=bool), _turn(baseline)
    if edges is not None:
        near = (score >= edges[0]) & (score < edges[1])
    return near


def _turn(baseline: Baseline) -> tuple[float, float] | None:
    """Between which scores a tenth of ordinary ones lie, half on either side of the turn; None without one."""
    score, decision = baseline.bins(SCORE), baseline.bins(DECISION)
    classes = baseline.schema.classes
    if score is None or decision is None or decision.labels is None or not classes or not score.edges:
        return None
    code = -1 if baseline.schema.favourable is None else baseline.schema.favourable
    wanted = str(classes[code])
    table = np.zeros((score.count, 2))
    for place, what, count in baseline.usual.cross((score, decision)).cells:
        if place < score.count:
            is_wanted = what < len(decision.labels) and decision.labels[what] == wanted
            table[place, int(is_wanted)] += count
    if (table.sum(axis=0) == 0).any():
        return None
    refused, granted = (np.concatenate([[0.0], np.cumsum(column)]) for column in table.T)
    until = (refused + granted) / table.sum()
    turn = until[int(np.argmax(refused - granted))]  # fewest decisions on the wrong side of it
    edges = np.array([-np.inf, *score.edges, np.inf])
    first = int(np.searchsorted(until, turn - NEAR, side="left"))
    last = int(np.searchsorted(until, turn + NEAR, side="right")) - 1
    return float(edges[first]), float(edges[max(first + 1, last)])


@monitor(
    title="Questions that copy the model",
    question="Does somebody ask about rows that nobody has, as those do who copy a model?",
    needs={Need.PRINCIPALS},
    measures=(COPIERS, ODD_SHARE),
    params=Params(),
    asks=asks,
    fold=Fold(of, added),
    cost="a few look-ups a cell",
    trial="holdfast.testing.trials.misuse:extraction",
    catalogue=("ATLAS:AML.T0024.002", "OWASP:ML05", "NISTAML.031"),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Name the callers whose questions are beyond what is usual, since when, and with how many questions."""
    callers = Callers.of(seen, ID, 2 * DEGREES)
    counts = callers.counts.astype(np.float64)
    rows = counts.sum(axis=2)
    degree, near = counts[..., :DEGREES] + counts[..., DEGREES:], counts[..., DEGREES:]
    odd = degree[..., ODD:].sum(axis=2)
    odder, crowded = degree[..., ODDER:].sum(axis=2), near[..., HALF:].sum(axis=2)
    shares = ((odd, 1 - SHARES[ODD - 1]), (odder, 1 - SHARES[ODDER - 1]), (crowded, NEAR))
    found = suspects(callers, [Kind.of(callers, hits, rows, share) for hits, share in shares], params.odds)
    yield COPIERS.of(len(found), n=len(callers.names))
    yield _series(odd.sum(axis=1), rows.sum(axis=1))
    for suspect in found:
        yield _finding(seen, suspect)


def _series(odd: NDArray[np.float64], rows: NDArray[np.float64]) -> Series:
    share = np.where(rows > 0, odd / np.maximum(rows, 1), np.nan)
    return Series(ODD_SHARE.id, share, rows.astype(np.int64))


def _finding(seen: Seen, suspect: Suspect) -> Finding:
    since, alarm = seen.batches[suspect.since].start, seen.batches[suspect.alarm].start
    return Finding(
        slug=f"copies-{suspect.name}",
        title="A caller's questions are those of somebody who copies the model",
        sentence=(
            f"Since {since} the caller {suspect.name} asked {suspect.rows:,} questions, {suspect.share:.0%} of them "
            f"about rows of a kind that make up {suspect.usual:.0%} of ordinary questions."
        ),
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        why=(
            "Rows put together from several, or made up, go together as nobody's do, and crowd where the decision "
            f"turns. Bets that this caller's are ordinary lost by {alarm}, with a chance of one in a hundred of a "
            "false alarm about anybody, ever. A new kind of customer would look alike: ask what the caller does."
        ),
        remedy=f"Limit the questions of {suspect.name}, show it decisions instead of scores, and ask its owner.",
        where=suspect.name,
        measures=(COPIERS.id, ODD_SHARE.id),
        catalogue=("ATLAS:AML.T0024.002", "OWASP:ML05", "NISTAML.031"),
        exhibits=(_exhibit(since, alarm, suspect),),
    )


def _exhibit(since: str, alarm: str, suspect: Suspect) -> Exhibit:
    columns = ("caller", "since", "named on", "questions", "odd", "usual")
    row = (suspect.name, since, alarm, suspect.rows, round(suspect.share, 4), round(suspect.usual, 4))
    return Exhibit("Who asks", columns, (row,))
