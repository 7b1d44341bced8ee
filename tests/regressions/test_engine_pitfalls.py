"""Ten ways in which engines count wrongly, or not at all, each held against what is counted there now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from math import inf, nan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.engines import on_duckdb, on_postgresql, on_spark, on_sqlite, spark_session

from holdfast.domain.profile import Bins, Counts
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.engines.counts import count
from holdfast.engines.rows import chunks
from holdfast.engines.segments import count_segments
from holdfast.engines.view import View

ibis = pytest.importorskip("ibis")

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
X = Bins("input_x", (0.0, 1.0, 9.0))
S = Bins("input_s", labels=("a", "b"))
ALL = ("duckdb", "postgresql", "sqlite", "spark")


def table(**columns: Any) -> pa.Table:
    n = len(next(iter(columns.values())))
    fixed = {
        "id": pa.array([f"d{place}" for place in range(n)]),
        "decided_at": pa.array([NOON] * n, pa.timestamp("us", "UTC")),
        "release": pa.array(["one"] * n),
    }
    return pa.table(fixed | columns)


@pytest.fixture(scope="module")
def load(request, tmp_path_factory) -> Iterator[Any]:
    """Puts a table on an engine of this name."""
    if request.param == "duckdb":
        yield partial(on_duckdb, ibis.duckdb.connect())
    elif request.param == "postgresql":
        connection = ibis.connect(request.getfixturevalue("postgresql_server") + "/postgres")
        yield partial(on_postgresql, connection)
        connection.disconnect()
    elif request.param == "sqlite":
        yield partial(on_sqlite, ibis.sqlite.connect())
    else:
        with spark_session() as session:
            yield partial(on_spark, ibis.pyspark.connect(session), folder=tmp_path_factory.mktemp("spark"))


def on(*names: str) -> Any:
    return pytest.mark.parametrize("load", names, indirect=True)


def counted(decisions: Any, *bins: Bins) -> tuple[Counts, ...]:
    [batch] = count(decisions, View(), bins).values()
    return batch.profile.counts


def test_1_duckdb_trusts_statistics_of_parquet_that_leave_out_nan(tmp_path):
    """Filters and comparisons are folded away: x < 9 is true of all rows where the file's greatest value is 5."""
    pq.write_table(table(input_x=[0.5, nan, 5.0, None]), tmp_path / "nan.parquet")
    [batch] = count_segments(ibis.duckdb.connect(), [str(tmp_path / "nan.parquet")], View(), [X]).values()
    assert batch.profile.counts == (Counts((0, 1, 1, 0), (0.0, 0.5, 5.0, 0.0), missing=2),)


@on(*ALL)
def test_2_nan_and_null_fall_into_no_bin_and_bins_are_closed_on_the_left(load):
    below = float(np.nextafter(1.0, 0.0))
    [found] = counted(load(table(input_x=[nan, None, 0.0, below, 1.0, 9.0, -0.0])), X)
    assert (found.cells, found.missing) == ((0, 3, 1, 1), 2)


@on("sqlite")
def test_3_sqlite_keeps_null_for_nan_and_knows_no_isnan(load):
    decisions = load(table(input_x=[nan, inf, -inf, 0.5]))
    assert counted(decisions, X) == (Counts((1, 1, 0, 1), (0.0, 0.5, 0.0, 0.0), missing=1, infinite=2),)
    schema = Schema(Task.REGRESSION, (Feature("x", Kind.NUMBER),), "y")
    [(_, rows)] = chunks(decisions, View(), schema)
    np.testing.assert_array_equal(np.sort(rows.X[:, 0]), [-inf, 0.5, inf, nan])


@on("spark")
def test_4_spark_takes_nan_for_null_and_null_text_for_nan_and_nothing_for_infinite(load):
    decisions = load(table(input_x=[nan, None, inf, -inf, 0.5], input_s=[None, "NaN", "a", "", None]))
    number, label = counted(decisions, X, Bins("input_s", labels=("NaN", "a")))
    assert number == Counts((1, 1, 0, 1), (0.0, 0.5, 0.0, 0.0), missing=2, infinite=2)
    assert label == Counts((1, 1, 1), missing=2)


@on(*ALL)
def test_5_means_and_sums_of_whole_numbers_are_those_of_floats(load):
    huge = 2**62
    [found] = counted(load(table(input_x=pa.array([huge, huge, huge, 1, 2], pa.int64()))), X)
    assert (found.cells, found.sums) == ((0, 0, 2, 3), (0.0, 0.0, 3.0, 3.0 * huge))


@on(*ALL)
def test_6_no_row_vanishes_between_a_comparison_and_its_opposite_and_an_empty_sum_is_zero(load):
    decisions = load(table(input_x=[None, nan, 5.0], input_s=[None, "b", "c"]))
    number, label = counted(decisions, X, S)
    assert number == Counts((0, 0, 1, 0), (0.0, 0.0, 5.0, 0.0), missing=2)
    assert label == Counts((0, 1, 1), missing=1)
    assert number.known + number.missing == label.known + label.missing == 3


@on("duckdb", "postgresql", "spark")
def test_7_days_begin_at_midnight_in_utc_in_whatever_zone_the_session_is(load):
    """Half an hour off, and on the night on which New York puts its clocks back."""
    times = [datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(-40, 140)]
    zoned = pa.array(times, pa.timestamp("us", "UTC"))
    naive = zoned.cast(pa.int64()).cast(pa.timestamp("us"))
    expected = {
        day: sum(at.strftime("%Y-%m-%d") == day for at in times) for day in ("2026-10-31", "2026-11-01", "2026-11-02")
    }
    for at in (zoned, naive):
        plain = table(input_x=[0.5] * len(times))
        decisions = load(plain.set_column(1, "decided_at", at))
        for zone in ("Asia/Kolkata", "America/New_York"):
            _set_zone(decisions.get_backend(), zone)
            found = count(decisions, View(), [X])
            assert {start: batch.rows for (start, _), batch in found.items()} == expected


@on(*ALL)
def test_8_bins_are_counted_by_group(load):
    """Ibis's own histogram fails inside of a group on all four."""
    decisions = table(input_x=[0.5, 5.0, 5.0, nan]).set_column(2, "release", pa.array(["one", "two", "one", "two"]))
    found = {key[1]: batch.profile.counts[0].cells for key, batch in count(load(decisions), View(), [X]).items()}
    assert found == {"one": (0, 1, 1, 0), "two": (0, 0, 1, 0)}


@on("postgresql")
def test_9_a_table_as_wide_as_postgresql_allows_is_counted_and_read(load):
    names = [f"x{place}" for place in range(1_580)]
    decisions = load(table(**{f"input_{name}": pa.array([1, None], pa.int32()) for name in names}))
    labels = load(pa.table({"decision": ["d0"], "outcome": [1.0]}))
    bins = [Bins(f"input_{names[-1]}", (0.0, 2.0)), Bins("label", (0.5,))]
    [batch] = count(decisions, View(), bins, (tuple(bins),), labels=labels).values()
    assert batch.crosses[0].cells == ((1, 1, 1), (3, 2, 1))
    schema = Schema(Task.REGRESSION, tuple(Feature(name, Kind.NUMBER) for name in names), "y")
    [(_, rows)] = chunks(decisions, View(), schema, labels=labels)
    assert np.isnan(rows.X).sum() == len(names)


def test_10_sqlglot_has_an_upper_end():
    """Ibis sets it none, and breaks on later ones."""
    wanted = [one for one in metadata.requires("holdfast") or [] if one.startswith("sqlglot")]
    assert all("<31" in one for one in wanted)
    assert wanted


@on("postgresql")
def test_10_postgresql_is_loaded_by_copy_and_keeps_every_odd_value(load):
    values = [nan, inf, -inf, None, 5e-324, 1.7976931348623157e308]
    texts = ["", None, 'a "quoted", line\nand another', "\\N", "NULL", "ü"]
    found = load(table(input_x=values, input_s=texts)).order_by("id").to_pyarrow()
    assert found.column("input_s").to_pylist() == texts
    np.testing.assert_array_equal(
        np.array(found.column("input_x").to_pylist(), dtype=float), np.array(values, dtype=float)
    )


def _set_zone(connection: Any, zone: str) -> None:
    if connection.name == "pyspark":
        connection._session.conf.set("spark.sql.session.timeZone", zone)
    elif connection.name == "duckdb":
        connection.raw_sql(f"SET TimeZone = '{zone}'")
    else:
        connection.raw_sql(f"SET TimeZone = '{zone}'").close()
