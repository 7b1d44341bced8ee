"""Decisions as tables of an engine and, told apart from them, as rows in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf, isclose, nan
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.domain.profile import Bins
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import Batch, Span
from holdfast.engines.view import View
from holdfast.monitors import counting
from holdfast.monitors.contract import Asks, Rows

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
    columns = ["amount_eur", "input_big", "input_known", "kind_of_loan", "input_grade", "input_rate", "input_owner"]
    X = [
        [_code(one[name], feature.categories) for name, feature in zip(columns, SCHEMA.features, strict=True)]
        for one in rows
    ]
    answers = {"decision": "answer", "label": "outcome"}
    known = {name: np.array([_code(one[own], SCHEMA.classes) for one in rows]) for name, own in answers.items()}
    scores = np.array([_code(one["risk"], ()) for one in rows])
    return Rows.of(np.array(X, dtype=float), score=scores, **known)


def _code(value: Any, categories: tuple[Any, ...]) -> float:
    if value is None or value != value:
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
