"""Who gives labels, who gives too many of them, and whose labels were turned?

Labels teach the next model, so whoever gives them decides with it. Each source's labels are held against a model that
was frozen before they came: bets that some of them were turned win where the model was sure and the label says
otherwise, and keep their promise for all sources together, however often somebody looks. The same is asked of every
level of every feature: sources that depart in the same direction on the same part of the people are said to agree.

Not seen: labels turned where nobody knows better (scores near the middle), a few by many sources, and what most sources
do together, which is what the others are judged by.

Sources: Steinhardt, Koh and Liang 2017 (arXiv 1706.03691) on what poisoned labels do; Page 1954 on cumulative sums;
Bennett 1962 on sums of bounded variables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.schema import Task
from holdfast.domain.watch import LABEL, SCORE, Baseline
from holdfast.monitors.contract import Asks, Fold, Need, Rows, Seen, Series, Yielded, monitor
from holdfast.monitors.evidence import LEVEL, WORTH, Grown, bet, threshold
from holdfast.monitors.feedback._sources import (
    FLIPPED,
    MOST,
    Sources,
    expected,
    is_labelled,
    is_one,
    places_of,
    score_bins,
    turned,
    wanted,
)
from holdfast.monitors.levels import Levels
from holdfast.monitors.tally import Placed, kept, plus, tally

Array = NDArray[np.float64]

ID = "feedback.sources"
FEWEST_SOURCES = 3
MOST_LEVELS, MOST_FEATURES = 6, 16
ROOM = 0.05
"""Share of a source's labels on one level of a feature that may depart from the expected."""

STEPS = (0.5, 1.0, 2.0)
"""What is staked on departures, as the exponent of a bet."""

MOST_AGREEMENTS = 3

MARGIN = 0.15
"""By how much the log odds of labels may differ between honest sources, beside what their past shows.
"""

SUSPECTS = Measure(
    "feedback.suspicious_sources",
    "Sources whose labels seem turned",
    "sources",
    Direction.LOWER_IS_BETTER,
    "Sources of labels that depart from what a frozen model and all other sources say by more than sources differ.",
)
EFFECTIVE = Measure(
    "feedback.effective_sources",
    "Sources that labels really come from",
    "sources",
    Direction.HIGHER_IS_BETTER,
    "How many equally busy sources would be as concentrated as these: 1 where all labels come from one.",
)
LARGEST = Measure(
    "feedback.largest_source_share",
    "Labels from the busiest source",
    "share",
    Direction.LOWER_IS_BETTER,
    "Share of labels that come from the source that gives most.",
    (0, 1),
)


@dataclass(frozen=True)
class Params:
    """`margin`: by how much the log odds of labels may differ between honest sources."""

    margin: float = MARGIN

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise ValueError("`margin` is 0 or more")


def asks(baseline: Baseline, _params: Params) -> Asks:
    """Labels by score: what held-out data says of the model."""
    score, label = baseline.bins(SCORE), baseline.bins(LABEL)
    return ((score, label),) if score is not None and label is not None else ()


def of(baseline: Baseline, rows: Rows, _params: Params | None = None) -> dict[str, Any]:
    """By source, labels that are zeros and ones by bin of the score; by level of each feature the labels, and in
    thousandths what they exceed the expected by, its variance, and the same towards what is expected less.
    """
    few = score_bins(baseline)
    if few is None:
        return kept(0, 0, {}, MOST)
    rows = rows.take(is_labelled(rows))
    ones, place = is_one(baseline.schema, rows), places_of(few, rows.score)
    known, said = expected(baseline)
    chance = ((said + 0.5) / (known + 1.0))[place]
    more = ones - chance
    parts = (more, chance * (1 - chance), np.where(chance < 0.5, more, -more))
    values = [np.rint(1_000 * part).astype(np.int64) for part in parts]
    levels, starts, count = cells_of(baseline)
    codes = levels.codes(rows.X)
    placed: list[Placed] = [(place + few.count * ones, None)]
    for j, start in enumerate(starts):
        cell = 2 * few.count + 4 * (start + codes[:, j])
        placed += [(cell, None), *((cell + k, value) for k, value in enumerate(values, 1))]
    return tally(rows.source, placed, 2 * few.count + 4 * count, MOST)


def cells_of(baseline: Baseline) -> tuple[Levels, list[int], int]:
    """The levels of features, at which place those of each begin, and how many there are."""
    levels = Levels(baseline, MOST_LEVELS)
    ends = np.cumsum(levels.counts[:MOST_FEATURES])
    return levels, [0, *ends[:-1].tolist()], int(ends[-1]) if len(ends) else 0


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    return plus(first, second, MOST)


@dataclass(frozen=True, slots=True)
class Turned:
    """A source whose labels were turned, since and named at which batch, and how many labels it gave since.

    `into_ones` is about the share of labels that should be zeros and are not, `into_zeros` the share of ones.
    """

    name: str
    since: int
    alarm: int
    labels: int
    into_ones: float
    into_zeros: float


def suspicious(sources: Sources, baseline: Baseline, margin: float) -> list[Turned]:
    """The sources whose labels depart by more than sources may differ."""
    if len(sources.names) < FEWEST_SOURCES:
        return []
    chance, error = sources.chances(expected(baseline))
    won = turned(sources, chance, error, margin)
    won[: sources.ordinary] = 0.0
    found = bet(won, threshold(len(sources.names)))
    named = np.flatnonzero(found.alarm >= 0)
    return [_turned(sources, chance, won, found, int(s)) for s in named]


def _turned(sources: Sources, chance: Array, won: Array, found: Grown, s: int) -> Turned:
    since, alarm = int(found.since[s]), int(found.alarm[s])
    zeros, ones, p = sources.zeros[since:, s], sources.ones[since:, s], chance[since:, s]
    gains = won[since : alarm + 1, s].sum(axis=0)
    shares = _share_turned(ones, zeros, p), _share_turned(zeros, ones, 1 - p)
    sides = gains.reshape(3, len(FLIPPED)).max(axis=1)
    both = sides[2] > max(sides[:2])
    into = [share if both or gain > 0 else 0.0 for share, gain in zip(shares, sides[:2], strict=True)]
    return Turned(sources.names[s], since, alarm, int((zeros + ones).sum()), *into)


def _share_turned(hits: Array, others: Array, chance: Array) -> float:
    """About which share of the labels that should be others became hits, where hits should be the fewer."""
    few = chance < 0.5
    labels = (hits + others)[few]
    more, could = hits[few].sum() - (labels * chance[few]).sum(), (labels * (1 - chance[few])).sum()
    return float(np.clip(more / max(could, 1e-9), 0, 1))


class Way(StrEnum):
    """Into which labels some were turned: ones, zeros, or whatever is expected less."""

    ONES = "ones"
    ZEROS = "zeros"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Sources that depart in one `way` where a feature has one level, since and named at which batch."""

    feature: int
    level: int
    way: Way
    names: tuple[str, ...]
    since: int
    alarm: int


def agreeing(sources: Sources, baseline: Baseline) -> list[Agreement]:
    """Where two sources or more depart in the same way, on the same level of a feature: the strongest ones.

    That two honest ones meet has a chance of one in a hundred: sources squared, times levels, times that of each.
    """
    T, S, C, _ = sources.cells.shape
    if S < FEWEST_SOURCES or not C or not T:
        return []
    enough = 0.5 * log(len(Way) * S * S * C / LEVEL)
    found = []
    for way in Way:
        won = _departures(sources, way).reshape(T, S * C, len(STEPS))
        won[: sources.ordinary] = 0.0
        found += list(_meeting(sources, bet(won, enough), way, cells_of(baseline)[1]))
    return [agreement for _, agreement in sorted(found, key=lambda one: -one[0])[:MOST_AGREEMENTS]]


def _meeting(sources: Sources, grown: Grown, way: Way, starts: list[int]) -> Iterator[tuple[float, Agreement]]:
    """Each level on which several sources have been found to depart, with how much was won of them together."""
    shape = (len(sources.names), -1)
    alarm, since, money = (part.reshape(shape) for part in (grown.alarm, grown.since, grown.money.max(axis=0)))
    for c in np.flatnonzero((alarm >= 0).sum(axis=0) > 1):
        who = np.flatnonzero(alarm[:, c] >= 0)
        feature = max(j for j, start in enumerate(starts) if start <= c)
        names = tuple(sources.names[s] for s in who)
        named = int(np.sort(alarm[who, c])[1])  # the day on which a second one was
        first = int(since[who, c].min())
        yield float(money[who, c].sum()), Agreement(feature, int(c) - starts[feature], way, names, first, named)


def _departures(sources: Sources, way: Way) -> Array:
    """What bets win that labels of a level exceed what other sources say (Bennett's bound), (T, S, C, 3)."""
    labels, more, spread, less_expected = np.moveaxis(sources.cells, 3, 0)
    found = {Way.ONES: more, Way.ZEROS: -more, Way.EITHER: less_expected}[way]
    others = labels.sum(axis=1, keepdims=True) - labels
    common = (found.sum(axis=1, keepdims=True) - found) / np.maximum(others, 1.0)
    excess = found - labels * (common + ROOM)
    worth = 1 / (1 + sources.labels / WORTH)
    won = [step * excess - (exp(step) - 1 - step) * spread for step in STEPS]
    return np.asarray(np.stack(won, axis=3) * worth[:, :, None, None])


@monitor(
    title="Sources of labels",
    question="Does somebody give labels that were turned, or so many that he decides alone?",
    needs={Need.LABELS, Need.SCORES},
    tasks={Task.BINARY, Task.MULTICLASS},
    measures=(SUSPECTS, EFFECTIVE, LARGEST),
    params=Params(),
    asks=asks,
    fold=Fold(of, added),
    cost="a look-up for each feature of a labelled row",
    trial="holdfast.testing.trials.feedback:sources",
    catalogue=("ATLAS:AML.T0020", "OWASP:ML02", "NISTAML.013"),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Name sources whose labels were turned, those that agree on a part of the people, and say how few there are."""
    few, (_, _, cells) = score_bins(seen.baseline), cells_of(seen.baseline)
    if few is None:
        return
    sources = Sources.of(seen, ID, few.count, cells)
    labels = sources.labels
    named = suspicious(sources, seen.baseline, params.margin)
    yield SUSPECTS.of(len(named), n=len(sources.names))
    yield from _concentration(labels)
    for one in named:
        yield _named(seen, one)
    for agreement in agreeing(sources, seen.baseline)[:1]:
        yield _agreed(seen, agreement)


def _concentration(labels: Array) -> Iterator[Yielded]:
    total = labels.sum(axis=1)
    if not total.sum():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = labels / total[:, None]
        effective, largest = 1 / (shares**2).sum(axis=1), shares.max(axis=1)
    whole = labels.sum(axis=0) / total.sum()
    yield EFFECTIVE.of(1 / (whole**2).sum(), n=int(total.sum()))
    yield LARGEST.of(whole.max(), n=int(total.sum()))
    rows = total.astype(np.int64)
    yield Series(EFFECTIVE.id, np.where(total > 0, effective, np.nan), rows)
    yield Series(LARGEST.id, np.where(total > 0, largest, np.nan), rows)


def _named(seen: Seen, one: Turned) -> Finding:
    since, alarm = seen.batches[one.since].start, seen.batches[one.alarm].start
    schema = seen.baseline.schema
    word = f"{schema.target} = {schema.classes[wanted(schema)]}"
    sides = ((one.into_ones, "is", "is not"), (one.into_zeros, "is not", "is"))
    what = " and ".join(f"{share:.0%} of those where it {was} {word}" for share, _, was in sides if share > 0)
    return Finding(
        slug=f"turned-{one.name}",
        title="A source gives labels that were turned",
        sentence=(
            f"Since {since} labels of {one.name} seem turned, about {what or 'a few of them'}; {one.labels:,} came."
        ),
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        why=(
            "They contradict a model that was frozen before they came, and what all other sources say of decisions "
            f"like these. Bets that they are right lost by {alarm}, with a chance of one in a hundred of a false alarm "
            "about any source, ever. A source whose people really are different would look alike."
        ),
        remedy=f"Keep the labels of {one.name} since {since} out of training, and look at some of them together.",
        where=one.name,
        measures=(SUSPECTS.id,),
        catalogue=("ATLAS:AML.T0020", "OWASP:ML02", "NISTAML.013"),
        exhibits=(
            Exhibit(
                "Whose labels",
                ("source", "since", "named on", "labels", "turned into ones", "into zeros"),
                ((one.name, since, alarm, one.labels, round(one.into_ones, 4), round(one.into_zeros, 4)),),
            ),
        ),
    )


def _agreed(seen: Seen, agreement: Agreement) -> Finding:
    levels, _, _ = cells_of(seen.baseline)
    where = levels.words(agreement.feature, agreement.level)
    names = ", ".join(agreement.names)
    since, named = seen.batches[agreement.since].start, seen.batches[agreement.alarm].start
    return Finding(
        slug="sources-agree",
        title="Sources agree with each other against all others",
        sentence=f"{len(agreement.names)} sources depart in the same way where {where}, since {since}: {names}.",
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        why=(
            "Each departs there by more than sources differ, and that several do so on the same part of the people is "
            "no chance: one in a hundred, ever."
        ),
        remedy="Keep their labels on that part of the people out of training until somebody has looked at them.",
        where=where,
        measures=(SUSPECTS.id,),
        catalogue=("ATLAS:AML.T0020", "OWASP:ML02", "NISTAML.013"),
        exhibits=(
            Exhibit("Who agrees", ("source", "since", "named on"), tuple((n, since, named) for n in agreement.names)),
        ),
    )
