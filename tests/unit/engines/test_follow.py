"""A log that grows is followed segment by segment, and ends where a single count of all of it does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.decisions.making import segment_log
from tests.unit.engines.making import (
    ASKS,
    BINS,
    NOON,
    SCHEMA,
    TALLY,
    all_same,
    arrow,
    in_memory,
    logged,
    mixed,
    row,
    said,
    whole_log,
)

from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.domain.profile import Profile
from holdfast.domain.watch import Baseline, Batch, Span
from holdfast.engines.counts import count
from holdfast.engines.embedded import count_rows
from holdfast.engines.follow import follow
from holdfast.engines.known import Known
from holdfast.engines.segments import count_segments, decisions
from holdfast.engines.view import gateway_view

ibis = pytest.importorskip("ibis")
VIEW = gateway_view(SCHEMA)


@pytest.fixture
def duckdb():
    return ibis.duckdb.connect()


def counts(connection, asks=(), span=Span.DAY):
    """In the engine."""
    return lambda paths, labels: count_segments(connection, paths, VIEW, BINS, asks, labels=labels, span=span)


def files(folder):
    root = folder / "segments"
    return {str(path.relative_to(root)): str(path) for path in root.rglob("*.parquet")}


def test_only_new_segments_are_read_and_late_outcomes_reach_the_days_that_they_are_about(tmp_path, duckdb):
    first, second = mixed(80, 31), mixed(60, 32)
    silent = [one | {"outcome": None} for one in first]
    with segment_log(tmp_path) as log:
        made = logged(first)
        log.append(made)
        log.seal()
        known = follow(Known(), duckdb, files(tmp_path), VIEW, counts(duckdb, ASKS))
        assert all_same(known.by_key, in_memory(silent))
        more = logged(second)
        log.append(more)
        log.append_labels(said(second, more))
        log.seal()
        known = follow(known, duckdb, files(tmp_path), VIEW, counts(duckdb, ASKS))
        assert all_same(known.by_key, in_memory([*silent, *second]))
        log.append_labels(said(first, made))
        log.seal()
        known = follow(known, duckdb, files(tmp_path), VIEW, counts(duckdb, ASKS))
    assert all_same(known.by_key, in_memory([*first, *second]))
    assert known == follow(known, duckdb, files(tmp_path), VIEW, counts(duckdb, ASKS))


def test_a_segment_that_was_counted_is_not_opened_again(tmp_path, duckdb):
    with segment_log(tmp_path) as log:
        log.append(logged([row(0)]))
        log.seal()
        known = follow(Known(), duckdb, files(tmp_path), VIEW, counts(duckdb))
        [(place, path)] = files(tmp_path).items()
        log.append(logged([row(1)]))
        log.seal()
    now = files(tmp_path) | {place: f"{path}-that-is-gone"}
    assert [batch.rows for _, batch in follow(known, duckdb, now, VIEW, counts(duckdb)).batches] == [2]


def test_counts_of_segments_that_were_removed_stay(tmp_path, duckdb):
    rows = [row(number, outcome="yes") for number in range(3)]
    with segment_log(tmp_path) as log:
        made = logged(rows)
        log.append(made)
        log.seal()
        known = follow(Known(), duckdb, files(tmp_path), VIEW, counts(duckdb))
        log.append_labels(said(rows, made))
        log.seal()
    left = {place: path for place, path in files(tmp_path).items() if place.startswith("labels/")}
    after = follow(known, duckdb, left, VIEW, counts(duckdb))
    assert [(batch.rows, batch.labelled) for _, batch in after.batches] == [(3, 0)]


def test_segments_hold_what_the_reader_reads(tmp_path, duckdb):
    rows = mixed(200, 33)
    whole_log(tmp_path, [rows[:90], rows[90:]])
    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    duckdb.con.register("read", reader.table(lambda _: True, system="loans: é/50%"))
    paths = [path for place, path in files(tmp_path).items() if place.startswith("decisions/")]
    found = count_segments(duckdb, paths, VIEW, BINS[:-1], ASKS[2:])
    assert all_same(found, count(duckdb.table("read"), VIEW, BINS[:-1], ASKS[2:]))
    assert sum(batch.rows for batch in found.values()) == sum(one["lane"] != "shadow" for one in rows)


def test_columns_that_nobody_asks_for_may_differ(tmp_path, duckdb):
    """One segment has an input that the next lacks, and a third has it as text."""
    with segment_log(tmp_path) as log:
        for more in ((("other", 1.5),), (), (("other", "text"), ("another", True))):
            log.append([replace(one, inputs=(*one.inputs, *more)) for one in logged([row(0), row(1)])])
            log.seal()
    assert [batch.rows for _, batch in follow(Known(), duckdb, files(tmp_path), VIEW, counts(duckdb)).batches] == [6]


def test_facts_are_followed_too(tmp_path, duckdb):
    baseline = Baseline("", SCHEMA, "", Profile(0, (), ()), Batch("", 0, 0, Profile(0, BINS, ())))
    asked = {"misuse.tally": (TALLY, None)}

    def here(paths, labels):
        parts = decisions(duckdb, paths, VIEW, SCHEMA.names)
        return count_rows(parts, VIEW, baseline, (), asked, labels=labels)

    known, rows = Known(), [row(number, outcome="yes") for number in range(5)]
    with segment_log(tmp_path) as log:
        made = logged(rows)
        for some, labels in ((made[:3], []), (made[3:], said(rows[3:], made[3:])), ([], said(rows[:1], made[:1]))):
            log.append(some)
            log.append_labels(labels)
            log.seal()
            known = follow(known, duckdb, files(tmp_path), VIEW, here, folds={"misuse.tally": TALLY})
    [(_, batch)] = known.batches
    assert json.loads(batch.fact("misuse.tally")) == {"key 0": [2, 1, 2], "key 1": [2, 1, 1], "key 2": [1, 1, 0]}
    assert (batch.rows, batch.labelled) == (5, 3)


def test_hours_are_followed_too(tmp_path, duckdb):
    rows = [row(number, decided_at=NOON + timedelta(minutes=40 * number), outcome="no") for number in range(6)]
    with segment_log(tmp_path) as log:
        made = logged(rows)
        log.append(made)
        log.seal()
        known = follow(Known(), duckdb, files(tmp_path), VIEW, counts(duckdb, span=Span.HOUR), span=Span.HOUR)
        log.append_labels(said(rows[2:3], made[2:3]))
        log.seal()
    after = follow(known, duckdb, files(tmp_path), VIEW, counts(duckdb, span=Span.HOUR), span=Span.HOUR)
    assert [(batch.start, batch.labelled) for _, batch in after.batches if batch.labelled] == [("2026-11-28T13", 1)]
    assert arrow(rows).num_rows == sum(batch.rows for _, batch in after.batches)
