"""Does somebody read the model out: by a grid of values, or by the clock and in bulk?

Who scrapes asks about a grid: one or two features sweep through their values while all others stay. Counted is, for
each caller, about how many different rows there were and, for each feature, about how many rests of rows without it:
where rests are many times fewer than rows, and no ordinary rows are like that, the feature is swept. Requests by the
clock come in equal numbers each minute, which people's do not (the index of dispersion, Fisher 1925); since many honest
programs keep time, that alone is no finding, but with many times the caller's usual volume it is.

Names of persons are pseudonyms: whether they are asked about in the order of a list cannot be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.watch import INPUT, Baseline
from holdfast.monitors import tally
from holdfast.monitors.contract import Fold, Need, Rows, Seen, Yielded, monitor
from holdfast.monitors.hashing import Hashes, bits_set, cell_hashes, mixed
from holdfast.monitors.misuse._crowds import different
from holdfast.monitors.misuse._oddity import telling

ID = "misuse.scraping"
MOST = 128
ALL = "all"
ROW_BITS, REST_BITS = 256, 64
FULL = 200.0
"""Different rests beyond which their bits say no more than that there are many."""

MINUTE_S, EVERY = 60, 15
SLOTS = 96
"""One minute in fifteen of a day, of which requests are counted."""

BUSY = 3.0
"""Requests in a counted minute from which their spread tells whether they keep time."""

SCRAPERS = Measure(
    "misuse.scrapers",
    "Callers who seem to read the model out",
    "callers",
    Direction.LOWER_IS_BETTER,
    "Callers who sweep features through their values, or ask by the clock and many times as much as they used to.",
)


@dataclass(frozen=True)
class Params:
    """`fewest` different rows of a sweep, `times` as many as there are rests; `bulk` times the usual volume, of at
    least `most` rows; `even`: spread of requests per minute, of that of chance, below which they keep time.
    """

    fewest: int = 60
    times: float = 8.0
    bulk: float = 5.0
    most: int = 300
    even: float = 0.3

    def __post_init__(self) -> None:
        if self.fewest < 10 or self.times <= 1 or self.bulk <= 1 or self.even <= 0:
            raise ValueError("`fewest` is at least 10, `times` and `bulk` are above 1, `even` above 0")


def of(baseline: Baseline, rows: Rows, _params: Params) -> dict[str, Any]:
    """Of each caller, and of all rows together: rows, requests by minute, bits of rows and of their rests."""
    columns = telling(baseline)
    cells = cell_hashes(rows.X)[:, columns]
    return {
        "callers": _told(rows.principal, rows.at, cells),
        ALL: _told(np.full(len(rows), ALL, dtype=object), rows.at, cells),
    }


def _told(keys: NDArray[np.object_], at: NDArray[np.float64], cells: Hashes) -> tally.Tally:
    names, who, times = tally.by_key(keys, MOST)
    order = np.argsort(who, kind="stable")[np.count_nonzero(who < 0) :]
    parts = np.split(order, np.cumsum(times)[:-1])
    found = {
        name: [int(count), *_texts(at[own], cells[own])] for name, count, own in zip(names, times, parts, strict=False)
    }
    return tally.kept(int(np.count_nonzero(keys != "")), 0, found, MOST)


def _texts(at: NDArray[np.float64], cells: Hashes) -> list[str]:
    minute = (np.nan_to_num(at[np.isfinite(at)]) % 86_400 // MINUTE_S).astype(np.int64)
    counted = minute[minute % EVERY == EVERY // 2] // EVERY
    slots = np.minimum(np.bincount(counted, minlength=SLOTS), 255)
    whole = np.add.reduce(cells, axis=1)
    rests = (f"{bits_set(mixed(whole - column), REST_BITS):016x}" for column in cells.T)
    return [bytes(slots.tolist()).hex(), f"{bits_set(mixed(whole), ROW_BITS):064x}", "".join(rests)]


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Of both together."""
    return {name: tally.plus(first[name], second[name], MOST, _joined) for name in first}


def _joined(first: list[Any], second: list[Any]) -> list[Any]:
    slots = (min(a + b, 255) for a, b in zip(bytes.fromhex(first[1]), bytes.fromhex(second[1]), strict=True))
    either = [f"{int(a, 16) | int(b, 16):0{len(a)}x}" for a, b in zip(first[2:], second[2:], strict=True)]
    return [first[0] + second[0], bytes(slots).hex(), *either]


def swept(whole: str, rests: str, fewest: int) -> NDArray[np.float64]:
    """How many times as many rows as rests without each feature there are; 0 where there are too few rows to tell."""
    rows = different(whole)
    each = np.array([different(rests[k : k + 16]) for k in range(0, len(rests), 16)])
    if rows < fewest or not len(each):
        return np.zeros(len(each))
    return np.asarray(np.where(each < FULL, rows / np.maximum(each, 1.0), 0.0))


def evenness(slots: Sequence[str]) -> float:
    """How much requests per minute vary, in what they would by chance: 1 by chance, near 0 by the clock, infinite
    where too few minutes are busy.
    """
    off, free = 0.0, 0
    for text in slots:
        counts = np.array([count for count in bytes.fromhex(text) if count], dtype=np.float64)
        if len(counts) > 2 and counts.mean() >= BUSY:
            inner = np.sort(counts)[1:]  # the minute in which it began or ended is not whole
            off += float(((inner - inner.mean()) ** 2).sum() / inner.mean())
            free += len(inner) - 1
    return off / free if free >= 4 else np.inf


@monitor(
    title="Reading the model out",
    question="Does somebody ask about a grid of values, or by the clock and in bulk?",
    needs={Need.PRINCIPALS},
    measures=(SCRAPERS,),
    params=Params(),
    fold=Fold(of, added),
    cost="a hash a cell",
    trial="holdfast.testing.trials.misuse:scraping",
    catalogue=("ATLAS:AML.T0024", "OWASP:ML05"),
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Name the callers who sweep features, and those who ask by the clock many times as much as they used to."""
    facts = [json.loads(fact) if (fact := batch.fact(ID)) else None for batch in seen.batches]
    names = sorted({name for fact in facts if fact for name in fact["callers"]["of"]})
    grids = [one for name in names if (one := _grid(seen, facts, name, params)) is not None]
    bulk = [one for name in names if (one := _bulk(seen, facts, name, params)) is not None]
    found = {finding.where: finding for finding in (*bulk, *grids)}
    yield SCRAPERS.of(len(found), n=len(names))
    yield from (found[name] for name in sorted(found))


def _of(fact: dict[str, Any] | None, name: str) -> list[Any] | None:
    return fact["callers"]["of"].get(name) if fact else None


def _usually(seen: Seen) -> NDArray[np.float64] | float:
    """How many times as many rows as rests ordinary rows show; 1 where nothing is known."""
    told = seen.baseline.usual.fact(ID)
    found = json.loads(told)[ALL]["of"].get(ALL) if told else None
    return np.maximum(swept(found[2], found[3], 1), 1.0) if found else 1.0


def _grid(seen: Seen, facts: Sequence[dict[str, Any] | None], name: str, params: Params) -> Finding | None:
    for t in range(seen.ordinary, len(facts)):
        found = _of(facts[t], name)
        if found is None:
            continue
        times = swept(found[2], found[3], params.fewest)
        beyond = np.flatnonzero((times >= params.times) & (times >= 3 * _usually(seen)))
        if len(beyond):
            return _sweeps(seen, name, t, found, beyond)
    return None


def _sweeps(seen: Seen, name: str, t: int, found: list[Any], beyond: NDArray[np.int64]) -> Finding:
    columns = telling(seen.baseline)
    features = ", ".join(seen.baseline.schema.names[columns[j]].removeprefix(INPUT) for j in beyond[:4])
    return Finding(
        slug=f"sweeps-{name}",
        title="A caller sweeps features through their values",
        sentence=(
            f"On {seen.batches[t].start} the caller {name} asked about some {different(found[2]):,.0f} different rows "
            f"in which {features} runs through its values and hardly anything else changes."
        ),
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why="Without that feature, many times fewer different rows are left; of ordinary rows as many are left.",
        remedy=f"Ask what {name} needs a table of answers for, and limit its questions.",
        where=name,
        measures=(SCRAPERS.id,),
        catalogue=("ATLAS:AML.T0024", "OWASP:ML05"),
    )


def _bulk(seen: Seen, facts: Sequence[dict[str, Any] | None], name: str, params: Params) -> Finding | None:
    """By the clock, and many times what the caller used to ask, who did not keep time before."""
    before = [found for fact in facts[: seen.ordinary] if (found := _of(fact, name)) is not None]
    if not before or evenness([found[1] for found in before]) <= params.even:
        return None
    used = sum(found[0] for found in before) / len(before)
    for t in range(seen.ordinary, len(facts)):
        found = _of(facts[t], name)
        if found is None or found[0] < max(params.most, params.bulk * used):
            continue
        if evenness([found[1]]) <= params.even:
            return _clockwork(seen, name, t, found[0], used)
    return None


def _clockwork(seen: Seen, name: str, t: int, rows: int, used: float) -> Finding:
    return Finding(
        slug=f"bulk-{name}",
        title="A caller asks by the clock, and many times as much as before",
        sentence=(
            f"On {seen.batches[t].start} the caller {name} asked {rows:,} questions by the clock; it used to ask "
            f"{used:,.0f}."
        ),
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        why="As many requests came in each minute, as no people send them, and as this caller did not send them.",
        remedy=f"Ask the owner of {name} whether a program was put in place of people.",
        where=name,
        measures=(SCRAPERS.id,),
        catalogue=("ATLAS:AML.T0024",),
    )
