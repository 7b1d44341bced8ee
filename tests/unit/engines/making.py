"""Decisions as tables of an engine and, told apart from them, as rows in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, isclose, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tests.unit.decisions.making import VERDICT, decision, segment_log

from holdfast.domain.decision import Decision, Ended, Label, Lane
from holdfast.domain.guard import Action
from holdfast.domain.ids import Ids
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import Batch, Span
from holdfast.engines.view import View
from holdfast.monitors import counting
from holdfast.monitors.contract import Asks, Fold, Rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
VIEW = View("risk", "answer", inputs=(("amount", "amount_eur"), ("kind", "kind_of_loan")))
SCHEMA = Schema(
    Task.BINARY,
    (
        Feature("amount", Kind.NUMBER),
        Feature("big", Kind.INTEGER),
        Feature("known", Kind.INTEGER),
        Feature("kind", Kind.CATEGORY, categories=("car", "", "house", "nan", "NULL")),
        Feature("grade", Kind.CATEGORY, categories=(1, 2, 3)),
        Feature("rate", Kind.CATEGORY, categories=(0.1, 2.5, 3.0)),
        Feature("owner", Kind.CATEGORY, categories=(False, True)),
    ),
    "approved",
    classes=("no", "yes"),
    favourable=1,
)
BINS = (
    Bins("input_amount", (-1.0, 0.1, 0.30000000000000004, 7.0, float(np.nextafter(7.0, inf)), 1e300)),
    Bins("input_big", (0.0, 2.0**53, 2.0**62)),
    Bins("input_known", (0.5,)),
    Bins("input_kind", labels=("car", "", "nan")),
    Bins("input_grade", labels=("1", "2")),
    Bins("input_rate", labels=("0.1", "2.5", "3.0")),
    Bins("input_owner", labels=("False", "True")),
    Bins("score", tuple(np.linspace(0.01, 0.99, 60).tolist())),
    Bins("decision", labels=("no", "yes")),
    Bins("label", labels=("no", "yes")),
)
BY = {bins.name: bins for bins in BINS}
ASKS: Asks = (
    (BY["score"], BY["label"]),
    (BY["input_kind"], BY["decision"], BY["label"]),
    (BY["input_amount"], BY["input_owner"]),
)
TYPES = {
    "id": pa.string(),
    "decided_at": pa.timestamp("us", "UTC"),
    "release": pa.string(),
    "lane": pa.string(),
    "ended": pa.string(),
    "follows": pa.string(),
    "amount_eur": pa.float64(),
    "input_big": pa.int64(),
    "input_known": pa.bool_(),
    "kind_of_loan": pa.string(),
    "input_grade": pa.int64(),
    "input_rate": pa.float64(),
    "input_owner": pa.bool_(),
    "risk": pa.float64(),
    "answer": pa.string(),
}
COLUMNS = ("amount_eur", "input_big", "input_known", "kind_of_loan", "input_grade", "input_rate", "input_owner")
"""Those of the features, in the order of the schema."""

Row = dict[str, Any]


def row(number: int = 0, **changes: Any) -> Row:
    plain: Row = {
        "id": f"d{number:06d}",
        "decided_at": NOON + timedelta(seconds=number),
        "release": "sha256:one",
        "lane": "live",
        "ended": "answered",
        "follows": "",
        "amount_eur": 5.0,
        "input_big": 7,
        "input_known": True,
        "kind_of_loan": "car",
        "input_grade": 1,
        "input_rate": 2.5,
        "input_owner": False,
        "risk": 0.5,
        "answer": "yes",
        "outcome": "no" if number % 3 else None,
    }
    return plain | changes


def mixed(n: int, seed: int) -> list[Row]:
    """Rows of everything at once: two days' border, several releases, and every odd value."""
    rng = np.random.default_rng(seed)

    def one(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    return [
        row(
            number,
            decided_at=NOON + timedelta(hours=int(rng.integers(0, 30)), microseconds=int(rng.integers(0, 10**6))),
            release=one("sha256:one", "sha256:two", 'v 3\'s "odd" name'),
            lane=one("live", "live", "canary", "shadow"),
            amount_eur=one(nan, None, inf, -inf, -1.0, 0.1, 0.1 + 0.2, 0.3, 7.0, -0.0, float(rng.normal(0, 9)), 1e300),
            input_big=one(None, 2**62, 2**62 + 1, 2**53 + 1, -(2**63), 2**63 - 1, 0, int(rng.integers(-9, 9))),
            input_known=one(True, False, None),
            kind_of_loan=one("car", "", "house", "nan", "NULL", None, "Car", "boat", "naïve – ☃", "car "),
            input_grade=one(1, 2, 3, 4, None, -1),
            input_rate=one(0.1, 2.5, 3.0, 0.1 + 2**-56, nan, None, inf, 7.25),
            input_owner=one(True, False, None),
            risk=one(float(rng.random()), float(rng.random()), 0.99, nan, None),
            answer=one("yes", "no", "no", "maybe", None),
            outcome=one("yes", "no", None, None, "lost"),
        )
        for number in range(n)
    ]


def arrow(rows: Sequence[Row]) -> pa.Table:
    return pa.table({name: pa.array([one[name] for one in rows], kind) for name, kind in TYPES.items()})


def outcomes(rows: Sequence[Row]) -> pa.Table:
    said = [(one["follows"] or one["id"], one["outcome"]) for one in rows if one["outcome"] is not None]
    columns = list(zip(*said, strict=True)) or [(), ()]
    return pa.table(
        {name: pa.array(one, pa.string()) for name, one in zip(("decision", "outcome"), columns, strict=True)}
    )


def in_memory(rows: Sequence[Row], asks: Asks = ASKS, span: Span = Span.DAY) -> dict[tuple[str, str], Batch]:
    """The batches of rows, counted by the definition."""
    groups = defaultdict[tuple[str, str], list[Row]](list)
    form = "%Y-%m-%d" if span is Span.DAY else "%Y-%m-%dT%H"
    for one in rows:
        if one["lane"] != "shadow" and one["ended"] != "opened":
            groups[one["decided_at"].strftime(form), one["release"]].append(one)
    return {key: counting.count(key[0], SCHEMA, as_rows(group), BINS, asks) for key, group in groups.items()}


def as_rows(rows: Sequence[Row]) -> Rows:
    X = [
        [_code(one[name], feature.categories) for name, feature in zip(COLUMNS, SCHEMA.features, strict=True)]
        for one in rows
    ]
    answers = {"decision": "answer", "label": "outcome"}
    known = {name: np.array([_code(one[own], SCHEMA.classes) for one in rows]) for name, own in answers.items()}
    scores = np.array([_code(one["risk"], ()) for one in rows])
    return Rows.of(np.array(X, dtype=float).reshape(len(rows), len(COLUMNS)), score=scores, **known)


def _code(value: Any, categories: tuple[Any, ...]) -> float:
    if value is None or (isinstance(value, float) and isnan(value)):
        return nan
    if not categories:
        return float(value)
    return float(categories.index(value)) if value in categories else -1.0


def same(found: Batch, expected: Batch) -> bool:
    """Equal counts; sums of a bin within 1e-12 of what its values come to, as engines add in an order of their own."""
    assert (found.start, found.rows, found.labelled) == (expected.start, expected.rows, expected.labelled)
    assert found.profile.bins == expected.profile.bins
    for bins, one, other in zip(found.profile.bins, found.profile.counts, expected.profile.counts, strict=True):
        assert (one.cells, one.missing, one.infinite) == (other.cells, other.missing, other.infinite), bins.name
        largest = max([abs(edge) for edge in bins.edges] + [1.0]) * max(one.cells)
        for a, b in zip(one.sums, other.sums, strict=True):
            assert a == b or isclose(a, b, rel_tol=1e-12, abs_tol=1e-12 * largest), bins.name
    assert found.crosses == expected.crosses
    return True


def all_same(found: dict[tuple[str, str], Batch], expected: dict[tuple[str, str], Batch]) -> bool:
    assert sorted(found) == sorted(expected)
    return all(same(found[key], expected[key]) for key in expected)


SYSTEM = "loans: é/50%"


def logged(rows: Sequence[Row]) -> list[Decision]:
    """Rows as a gateway logs them, under ids of their own time; who asked is told by their number."""
    ids = {one["id"]: _id_at(one["decided_at"]) for one in rows}
    return [
        decision(
            id=ids[one["id"]],
            at=one["decided_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            system=SYSTEM,
            release=one["release"],
            lane=Lane(one["lane"]),
            ended=Ended(one["ended"]),
            follows=ids.get(one["follows"], ""),
            principal=f"key {number % 3}",
            inputs=tuple((f.name, one[column]) for f, column in zip(SCHEMA.features, COLUMNS, strict=True)),
            outputs=(("yes", one["risk"]), ("predict", one["answer"])),
            verdicts=(VERDICT if number % 2 else replace(VERDICT, action=Action.FLAG),),
        )
        for number, one in enumerate(rows)
    ]


def _id_at(at: datetime) -> str:
    return Ids(lambda: (at - EPOCH) // timedelta(milliseconds=1)).next()


def said(rows: Sequence[Row], made: Sequence[Decision]) -> list[Label]:
    """The outcomes of the rows."""
    at = "2027-02-01T00:00:00.000000Z"
    return [
        Label(SYSTEM, told.follows or told.id, one["outcome"], at, "core banking")
        for one, told in zip(rows, made, strict=True)
        if one["outcome"] is not None
    ]


def whole_log(folder: Path, parts: Sequence[Sequence[Row]]) -> list[Decision]:
    """A log of these parts, each a segment or more with columns of its own types, then the outcomes, some corrected."""
    made: list[Decision] = []
    with segment_log(folder) as log:
        for place, part in enumerate(parts):
            note = ("note", (1.5, "a word", True)[place % 3])  # that nobody asks for
            decisions = [replace(one, inputs=(*one.inputs, note)) for one in logged(part)]
            labels = said(part, decisions)
            log.append(decisions)
            log.append_labels([replace(label, outcome=False) for label in labels[:2]])
            log.seal()
            log.append_labels(labels)
            log.append_labels([replace(label, outcome=False) for label in labels[:2]])  # again: it says nothing new
            made += decisions
        log.seal()
    return made


def files(folder: Path, form: str = "decisions") -> list[str]:
    """The segments of a log made here."""
    return [str(path) for path in sorted((folder / "segments" / form).rglob("*.parquet"))]


def tally_of(baseline: Any, rows: Rows, _params: Any) -> Any:
    """A fold: who asked how often, how often a guard flagged them, and what came of it."""
    del baseline
    found: dict[str, list[float]] = {}
    for who, flags, label in zip(rows.principal, rows.flagged, rows.label, strict=True):
        mine = found.setdefault(str(who), [0, 0, 0])
        mine[0] += 1
        mine[1] += len(flags)
        mine[2] += float(label == 1)
    return found


def tally_plus(one: Any, other: Any) -> Any:
    return {
        who: [a + b for a, b in zip(one.get(who, [0, 0, 0]), other.get(who, [0, 0, 0]), strict=True)]
        for who in sorted({*one, *other})
    }


TALLY = Fold(tally_of, tally_plus)
