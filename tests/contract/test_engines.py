"""Every engine counts what is counted in memory, over every odd value, in a session of any time zone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf, nan
from typing import Any

import pyarrow as pa
import pytest
from tests.engines import on_duckdb, on_postgresql, on_spark, on_sqlite, spark_session
from tests.unit.engines.making import (
    ASKS,
    BINS,
    SCHEMA,
    TALLY,
    VIEW,
    all_same,
    arrow,
    files,
    in_memory,
    mixed,
    outcomes,
    row,
    whole_log,
)

from holdfast.domain.errors import Conflict, FixInput
from holdfast.domain.guard import Action
from holdfast.domain.profile import Bins, Profile
from holdfast.domain.watch import Baseline, Batch, Span
from holdfast.engines.columns import asked
from holdfast.engines.counts import count
from holdfast.engines.embedded import count_rows
from holdfast.engines.files import split_plain
from holdfast.engines.folds import fold
from holdfast.engines.known import Batches
from holdfast.engines.labels import in_force, touched
from holdfast.engines.rows import chunks, count_chunks
from holdfast.engines.segments import count_segments, decisions, tables
from holdfast.engines.view import View, gateway_view

ibis = pytest.importorskip("ibis")

ZONE = "Asia/Kolkata"
"""Half an hour off, so that no truncation in it is one in UTC."""

MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)
BORDERS = [
    MIDNIGHT + timedelta(microseconds=off) for off in (-1, 0, 1, -500_000, 500_000, -1_800_000_000, 19_800_000_000)
]
NOTHING = dict.fromkeys(
    ("amount_eur", "input_big", "input_known", "kind_of_loan", "input_grade", "input_rate", "input_owner", "risk",
     "answer", "outcome")
)  # fmt: skip
CASES = {
    "everything": mixed(500, 7),
    "one row": [row()],
    "all missing": [row(number, **NOTHING) for number in range(3)],
    "nothing but NaN": [row(number, amount_eur=nan, risk=nan, input_rate=nan) for number in range(3)],
    "infinities": [row(number, amount_eur=value, risk=value) for number, value in enumerate([inf, -inf, inf, nan])],
    "beyond float64": [row(number, amount_eur=1.7e308) for number in range(3)] + [row(3, amount_eur=5e-324)],
    "midnight": [row(number, decided_at=at) for number, at in enumerate(BORDERS)],
    "streamed": [
        row(0, ended="opened", answer=None, outcome=None),
        row(1, follows="d000000", outcome="yes"),
        row(2, ended="opened", outcome="no"),
        row(3, lane="shadow", follows="d000000"),
    ],
}
WHOLE = [
    one
    | {name: f"{case}: {one[name]}" for name in ("id", "release")}
    | {"follows": one["follows"] and f"{case}: {one['follows']}"}
    for case, rows in CASES.items()
    for one in rows
]
"""All cases as one table, each as a release of its own: an engine takes its time for each question."""


@dataclass(frozen=True)
class Engine:
    name: str
    connection: Any
    load: Callable[[pa.Table], Any]
    zone: Callable[[], str] = lambda: ZONE


SPARK = pytest.param("spark", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=["duckdb", "postgresql", "sqlite", SPARK])
def engine(request, tmp_path_factory) -> Iterator[Engine]:
    if request.param == "duckdb":
        duckdb = ibis.duckdb.connect()
        duckdb.raw_sql(f"SET TimeZone = '{ZONE}'")
        ask = "SELECT current_setting('TimeZone')"
        yield Engine("duckdb", duckdb, partial(on_duckdb, duckdb), lambda: duckdb.raw_sql(ask).fetchall()[0][0])
    elif request.param == "postgresql":
        postgresql = ibis.connect(request.getfixturevalue("postgresql_server") + "/postgres")
        postgresql.raw_sql(f"SET TimeZone = '{ZONE}'").close()
        yield Engine("postgresql", postgresql, partial(on_postgresql, postgresql))
        postgresql.disconnect()
    elif request.param == "sqlite":
        sqlite = ibis.sqlite.connect()
        yield Engine("sqlite", sqlite, partial(on_sqlite, sqlite))
    else:
        with spark_session() as session:
            spark = ibis.pyspark.connect(session)
            session.conf.set("spark.sql.session.timeZone", ZONE)
            load = partial(on_spark, spark, folder=tmp_path_factory.mktemp("spark"))
            yield Engine("spark", spark, load, lambda: session.conf.get("spark.sql.session.timeZone"))


def test_counts_are_those_in_memory(engine):
    decisions, labels = engine.load(arrow(WHOLE)), engine.load(outcomes(WHOLE))
    assert all_same(count(decisions, VIEW, BINS, ASKS, labels=labels), in_memory(WHOLE))
    assert engine.zone() == ZONE


def test_a_table_without_rows_has_no_batches(engine):
    decisions, labels = engine.load(arrow([])), engine.load(outcomes([]))
    assert count(decisions, VIEW, BINS[:4], ASKS[:1], labels=labels) == {}
    assert list(chunks(decisions, VIEW, SCHEMA, labels=labels)) == []


def test_rows_come_in_chunks_that_add_up(engine):
    decisions, labels = engine.load(arrow(WHOLE)), engine.load(outcomes(WHOLE))
    found = list(chunks(decisions, VIEW, SCHEMA, labels=labels, size=64))
    assert all(len(chunk) <= 64 for _, chunk in found)
    assert len({str(one) for _, chunk in found for one in chunk.id}) == sum(len(chunk) for _, chunk in found)
    assert all_same(count_chunks(found, SCHEMA, BINS, ASKS), in_memory(WHOLE))


def test_hours_are_spans_too(engine):
    rows = CASES["midnight"]
    decisions = engine.load(arrow(rows))
    assert all_same(count(decisions, VIEW, BINS[:1], span=Span.HOUR), _some(in_memory(rows, (), Span.HOUR), 1))


def test_a_table_of_ones_own_has_its_own_names_and_its_outcomes_inside(engine):
    rows = CASES["everything"]
    own = arrow(rows).append_column("paid_back", pa.array([one["outcome"] for one in rows], pa.string()))
    names = {"id": "case", "decided_at": "day_and_time", "release": "model"}
    own = own.rename_columns([names.get(name, name) for name in own.column_names]).drop_columns(["ended", "follows"])
    view = View(**{**_fields(VIEW), "id": "case", "at": "day_and_time", "release": "model", "label": "paid_back"})
    assert all_same(count(engine.load(own), view, BINS[-3:], ASKS[:1]), _some(in_memory(rows, ASKS[:1]), -3))


def test_times_without_a_zone_are_utc(engine):
    rows = CASES["midnight"]
    table = arrow(rows)
    at = table.column("decided_at").cast(pa.int64()).cast(pa.timestamp("us"))
    naive = table.set_column(table.column_names.index("decided_at"), "decided_at", at)
    assert all_same(count(engine.load(naive), VIEW, BINS[:1]), _some(in_memory(rows, ()), 1))


def test_what_has_no_place_is_refused_in_words(engine):
    decisions = engine.load(arrow([row(0), row(1, decided_at=None)]))
    with pytest.raises(FixInput, match="no time"):
        count(decisions, VIEW, BINS[:1])
    with pytest.raises(FixInput, match="'amount_usd'"):
        count(decisions, View("risk", inputs=(("amount", "amount_usd"),)), BINS[:1])
    with pytest.raises(FixInput, match="no column 'at'"):
        count(decisions, View(at="at"), BINS[:1])
    twice = pa.table({"decision": ["d000000"] * 2, "outcome": ["yes", "no"]})
    with pytest.raises(FixInput, match="several outcomes"):
        count(engine.load(arrow([row(0)])), VIEW, BINS[:1], labels=engine.load(twice))
    assert engine.zone() == ZONE


def test_rows_of_which_lane_and_end_are_unknown_count(engine):
    decisions = engine.load(arrow([row(0, lane=None), row(1, ended=None, follows=None), row(2, lane="shadow")]))
    assert [batch.rows for batch in count(decisions, VIEW, []).values()] == [2]


def test_a_table_that_changes_while_it_is_counted_is_not_believed(engine, monkeypatch):
    decisions, more = engine.load(arrow([row(0)])), engine.load(arrow([row(0), row(1)]))
    answers = iter([decisions, more])
    monkeypatch.setattr("holdfast.engines.counts.asked", lambda *asked_for: asked(next(answers), *asked_for[1:]))
    with pytest.raises(Conflict, match="changed while"):
        count(decisions, VIEW, BINS[:1])


def test_values_of_several_types_meet(engine):
    """The log has a column for each type that a name's values had."""
    rows = [row(0, amount_eur=2.0), row(1, amount_eur=None), row(2, amount_eur=None), row(3, amount_eur=None)]
    more = {
        "amount_eur:int": pa.array([None, 3, None, None], pa.int64()),
        "amount_eur:bool": pa.array([None, None, True, None], pa.bool_()),
        "amount_eur:text": pa.array([None, None, None, "4"], pa.string()),
    }
    table = arrow(rows)
    for name, values in more.items():
        table = table.append_column(name, values)
    decisions = engine.load(table)
    as_number = Bins("input_amount", (1.0, 2.0, 3.0, 4.0))
    as_label = Bins("input_amount", labels=("2", "3", "True", "4"))
    [batch] = count(decisions, VIEW, (as_number, as_label)).values()
    numbers, labels = batch.profile.counts
    assert (numbers.cells, numbers.sums, numbers.missing) == ((0, 1, 1, 1, 0), (0.0, 1.0, 2.0, 3.0, 0.0), 1)
    assert (labels.cells, labels.missing) == ((1, 1, 1, 1, 0), 0)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log whose segments have the same input as floats, as whole numbers and as text; and its rows."""
    folder = tmp_path_factory.mktemp("log")
    odd = [row(number, amount_eur=value) for number, value in enumerate(["5", True, 7, None])]
    whole = [row(number, amount_eur=number, input_grade=1.0, kind_of_loan=None) for number in range(9)]
    parts = [mixed(150, 8), whole, odd, CASES["streamed"], CASES["midnight"]]
    made = whole_log(folder, parts)
    return folder, [one for part in parts for one in part], made


def test_segments_are_counted_where_they_lie(engine, log):
    folder, rows, _ = log
    view = gateway_view(SCHEMA)
    if engine.name not in ("duckdb", "spark"):
        with pytest.raises(FixInput, match="reads no Parquet"):
            count_segments(engine.connection, files(folder), view, BINS)
        return
    known = in_force(tables(engine.connection, files(folder, "labels"), {"outcome"}))
    found = count_segments(engine.connection, files(folder), view, BINS, ASKS, labels=known)
    assert all_same(found, in_memory([one | {"amount_eur": _number(one["amount_eur"])} for one in rows]))


def test_folds_of_rows_add_up_where_they_lie(engine, log):
    folder, rows, made = log
    if engine.name not in ("duckdb", "spark"):
        pytest.skip("it reads no segments")
    names = [feature.name for feature in SCHEMA.features]
    parts = decisions(engine.connection, files(folder), gateway_view(SCHEMA), names)
    known = in_force(tables(engine.connection, files(folder, "labels"), {"outcome"}))
    usual = Batch("", 0, 0, Profile(0, BINS, ()))
    baseline = Baseline("sha256:one", SCHEMA, "", Profile(0, (), ()), usual)
    found = fold(parts, gateway_view(SCHEMA), baseline, {"misuse.tally": (TALLY, None)}, labels=known)
    expected: dict[Any, Any] = {}
    for one, told in zip(rows, made, strict=True):
        if one["lane"] != "shadow" and one["ended"] != "opened":
            mine = expected.setdefault((told.at[:10], told.release), {}).setdefault(told.principal, [0, 0, 0])
            flagged = told.verdicts[0].action is Action.FLAG
            mine[:] = [mine[0] + 1, mine[1] + flagged, mine[2] + (one["outcome"] == "yes")]
    assert {key: json.loads(dict(facts)["misuse.tally"]) for key, facts in found.items()} == expected
    asked_for = {"misuse.tally": (TALLY, None)}
    at_once = count_rows(parts, gateway_view(SCHEMA), baseline, ASKS, asked_for, labels=known)
    assert {key: json.loads(batch.fact("misuse.tally")) for key, batch in at_once.items()} == expected
    assert all_same(at_once, in_memory([one | {"amount_eur": _number(one["amount_eur"])} for one in rows]))


def test_plain_files_are_read_without_an_engine_and_say_the_same(log):
    folder, view, duckdb = log[0], gateway_view(SCHEMA), ibis.duckdb.connect()
    plain, rest = split_plain(files(folder), view, SCHEMA)
    assert plain
    assert rest, "segments with values of several types are left to an engine"
    baseline = Baseline("sha256:one", SCHEMA, "", Profile(0, (), ()), Batch("", 0, 0, Profile(0, BINS, ())))
    asked, names = {"misuse.tally": (TALLY, None)}, [feature.name for feature in SCHEMA.features]
    by_engine = count_rows(decisions(duckdb, files(folder), view, names), view, baseline, ASKS, asked)
    both = count_rows(decisions(duckdb, rest, view, names), view, baseline, ASKS, asked, files=plain)
    assert all_same(both, by_engine)
    assert {key: batch.facts for key, batch in both.items()} == {key: batch.facts for key, batch in by_engine.items()}
    assert split_plain(files(folder), VIEW, SCHEMA)[0] == [], "a table of somebody else's is no segment"


def test_outcomes_that_come_late_touch_the_batches_that_they_are_about(engine):
    decisions, labels = engine.load(arrow(CASES["midnight"])), engine.load(outcomes(CASES["midnight"][1:3]))
    assert touched(decisions, VIEW, labels) == {"2026-11-29"}
    assert touched(decisions, VIEW, engine.load(outcomes([]))) == set()


def _number(value: Any) -> Any:
    return None if isinstance(value, str) else value


def _fields(view: View) -> dict[str, Any]:
    return {name: getattr(view, name) for name in View.__slots__}


def _some(found: Batches, columns: int) -> Batches:
    """Of the first columns only, which know no outcomes; of the last where negative."""
    some = slice(columns) if columns > 0 else slice(columns, None)

    def of(batch: Batch) -> Batch:
        profile = replace(batch.profile, bins=batch.profile.bins[some], counts=batch.profile.counts[some])
        return replace(batch, profile=profile, labelled=batch.labelled if columns < 0 else 0)

    return {key: of(batch) for key, batch in found.items()}
