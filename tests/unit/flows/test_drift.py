"""Two tables beside each other: what moved is told, what did not is not, and what cannot be told is said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import holdfast
from holdfast.domain.drift import Standing
from holdfast.domain.errors import FixInput
from holdfast.domain.verdict import Outcome
from holdfast.flows.drift import compare
from holdfast.reports.drift_html import render, to_notebook
from holdfast.reports.drift_reading import sentence


def table(n: int, seed: int, *, shift: float = 0.0, missing: float = 0.1, common: float = 0.4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    others = (1 - common) / 3
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(10 + shift, 0.5, n),
            "age": rng.integers(18, 90, n),
            "late": rng.normal(0, 1, n),
            "region": rng.choice(["n", "e", "s", "w"], n, p=[common, others, others, others]),
            "own": rng.random(n) < 0.6,
            "note": [f"customer {number:x}" for number in rng.integers(0, 2**40, n)],
        }
    )
    frame.loc[rng.random(n) < missing, "late"] = np.nan
    return frame


def standings(drift):
    return {column.name: column.standing for column in drift.columns}


def test_tables_from_one_source_are_steady():
    found = compare(table(4_000, 1), table(3_000, 2))
    assert set(standings(found).values()) == {Standing.STEADY}
    assert "length of note" in standings(found)
    assert (found.outcome, sentence(found)) == (Outcome.PASS, "No column drifted.")


def test_of_comparisons_in_which_nothing_changed_few_accuse_any_column():
    looks = (compare(table(500, seed), table(400, seed + 1_000)) for seed in range(150))
    accused = sum(bool(look.of(Standing.DRIFTED) or look.of(Standing.MOVED)) for look in looks)
    assert accused <= 15, "5 % of 150, and chance"


@pytest.mark.parametrize(
    ("changes", "column"),
    [({"shift": 0.3}, "income"), ({"missing": 0.3}, "late"), ({"common": 0.6}, "region")],
)
def test_what_moved_is_named_and_nothing_else(changes, column):
    found = compare(table(4_000, 1), table(3_000, 2, **changes))
    assert found.outcome is Outcome.BREACH
    assert [one.name for one in found.of(Standing.DRIFTED)] == [column]
    assert sum(one.standing is Standing.STEADY for one in found.columns) == 5
    assert sentence(found) == f"One of six columns drifted: `{column}`."


def test_what_moved_less_than_the_limit_is_no_drift():
    found = compare(table(60_000, 1), table(60_000, 2, shift=0.05))
    assert standings(found)["income"] is Standing.MOVED
    assert (found.outcome, sentence(found)) == (Outcome.PASS, "No column drifted; one column moved a little.")
    strict = compare(table(60_000, 1), table(60_000, 2, shift=0.05), limit=0.01)
    assert strict.of(Standing.DRIFTED)[0].name == "income"


def test_too_few_rows_tell_nothing():
    found = compare(table(4_000, 1), table(40, 2))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert set(standings(found).values()) == {Standing.UNKNOWN}
    assert "too few rows" in sentence(found)
    assert compare(table(4_000, 1), table(1, 2)).outcome is Outcome.INCONCLUSIVE


def test_labels_that_were_never_there_count():
    then, now = table(2_000, 1), table(2_000, 2)
    now.loc[:399, "region"] = "abroad"
    (region,) = compare(then, now).of(Standing.DRIFTED)
    assert region.unseen == pytest.approx(0.2)
    assert region.current.cells[-1] == 400


def test_columns_that_came_went_or_became_something_else_are_changes():
    then = table(2_000, 1)
    now = table(2_000, 2).drop(columns="age").assign(colour="red", income="much")
    found = compare(then, now)
    assert {one.name for one in found.unlike if one.is_change} == {"age", "colour", "income"}
    assert found.outcome is Outcome.BREACH
    assert compare(then, now, only=["late", "own"]).outcome is Outcome.PASS
    assert compare(then, now, exclude=["age", "colour", "income"]).outcome is Outcome.PASS


def test_every_kind_of_column_is_read_or_said_to_be_none():
    n, rng = 1_000, np.random.default_rng(0)
    columns = {
        "tiny": pa.array(rng.integers(0, 9, n), pa.int8()),
        "unsigned": pa.array(rng.integers(0, 2**62, n), pa.uint64()),
        "half": pa.array(rng.random(n).astype(np.float16), pa.float16()),
        "money": pa.array([Decimal(int(value)) / 100 for value in rng.integers(0, 9_999, n)], pa.decimal128(9, 2)),
        "took": pa.array([dt.timedelta(seconds=int(value)) for value in rng.integers(1, 99, n)]),
        "day": pa.array([dt.date(2026, 1, 1) + dt.timedelta(int(value)) for value in rng.integers(0, 300, n)]),
        "kind": pa.array(rng.choice(["a", "b"], n)).dictionary_encode(),
        "large": pa.array(rng.choice(["a", "b"], n), pa.large_string()),
        "none": pa.nulls(n),
        "never": pa.array([None] * n, pa.float64()),
        "list": pa.array([[1]] * n),
        "bytes": pa.array([b"x"] * n),
    }
    found = compare(pa.table(columns), pa.table(columns))
    assert {one.name for one in found.unlike} == {"day", "none", "never", "list", "bytes"}
    assert set(standings(found)) == {"tiny", "unsigned", "half", "money", "took", "kind", "large"}
    assert all(one.difference.distance == 0 for one in found.columns)
    assert found.outcome is Outcome.PASS
    assert "day" in standings(compare(pa.table(columns), pa.table(columns), only=["day"]))


def test_numbers_that_are_none_count_where_they_belong():
    rng = np.random.default_rng(0)
    then = pd.DataFrame({"x": rng.normal(size=2_000)})
    now = then.copy()
    now.loc[:299, "x"] = np.inf
    now.loc[300:699, "x"] = np.nan
    (column,) = compare(then, now).columns
    assert (column.current.infinite, column.current.missing) == (300, 400)
    assert column.difference.wasserstein is None
    assert column.standing is Standing.DRIFTED
    assert np.isfinite(column.current.sums).all()
    assert b"<svg" in render(compare(then, now))


def test_files_of_all_formats_say_the_same(tmp_path):
    then, now = table(800, 1), table(700, 2, shift=0.5)
    pq.write_table(pa.Table.from_pandas(then, preserve_index=False), tmp_path / "then.parquet", row_group_size=100)
    now.to_csv(tmp_path / "now.csv", index=False)
    files = compare(tmp_path / "then.parquet", str(tmp_path / "now.csv"))
    frames = compare(then, now)
    assert (files.reference, files.current) == ("then.parquet", "now.csv")
    assert [one.difference.distance for one in files.columns] == pytest.approx(
        [one.difference.distance for one in frames.columns]
    )


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: p / "absent.parquet", "data.absent"),
        (lambda p: p / "cut.parquet", "data.unreadable"),
        (lambda p: p / "empty.csv", "data.empty"),
        (lambda _: pd.DataFrame({"x": []}), "data.empty"),
        (lambda _: pd.DataFrame([[1, 2]], columns=["x", "x"]), "data.duplicate-column"),
        (lambda _: [1, 2], "data.kind"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, make, code):
    pq.write_table(pa.table({"x": [1.0] * 99}), tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-30])
    (tmp_path / "empty.csv").write_text("x,y\n")
    with pytest.raises(FixInput) as caught:
        compare(table(99, 1), make(tmp_path))
    assert caught.value.code == code


def test_what_was_asked_for_must_be_possible():
    for changes in ({"limit": 0}, {"alpha": 1.0}, {"only": ["no"]}, {"exclude": ["no"]}):
        with pytest.raises(FixInput):
            compare(table(99, 1), table(99, 2), **changes)


def pair(n: int, seed: int, *, tied: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, rest = rng.normal(size=(2, n))
    kinds = rng.choice(["a", "b"], n)
    return pd.DataFrame({"x": x, "y": tied * x + np.sqrt(1 - tied**2) * rest, "kind": kinds, "noise": rng.random(n)})


def test_what_shows_only_together_is_found_together():
    found = compare(pair(3_000, 1), pair(3_000, 2, tied=0.8), together=True)
    assert set(standings(found).values()) == {Standing.STEADY}
    assert found.joint.standing is Standing.DRIFTED
    assert {name for name, _ in found.joint.told_by[:2]} == {"x", "y"}
    assert (found.outcome, found.joint.mmd_p_value < 0.01) == (Outcome.BREACH, True)
    assert sentence(found).startswith("No single column drifted, but columns go together differently, by `")
    assert b"All columns together" in render(found)
    assert compare(pair(3_000, 1), pair(3_000, 2, tied=0.8), together=True).joint == found.joint


def test_what_goes_together_as_it_did_is_rarely_accused():
    looks = [compare(pair(400, seed), pair(300, seed + 500), together=True).joint for seed in range(40)]
    for p_values in ([look.p_value for look in looks], [look.mmd_p_value for look in looks]):
        assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    assert {look.standing for look in looks} <= {Standing.UNKNOWN, Standing.MOVED, Standing.DRIFTED}
    assert compare(pair(3_000, 1), pair(3_000, 2), together=True).joint.standing is Standing.STEADY
    few = compare(pair(3_000, 1), pair(50, 2), together=True)
    assert few.joint is None
    assert [one.name for one in few.unlike] == ["all together"]


def test_together_takes_every_kind_of_column():
    found = compare(table(2_000, 1), table(2_000, 2, missing=0.4).replace({"income": {1.0: np.inf}}), together=True)
    assert found.joint.told_by[0][0] == "late"


def test_the_sdk_shows_it_and_saves_it(tmp_path):
    result = holdfast.drift(table(2_000, 1), table(2_000, 2, shift=0.4, common=0.6))
    assert result.outcome is Outcome.BREACH
    assert set(result.drifted) == {"income", "region"}
    frame = result.frame().set_index("column")
    assert frame.loc["income", "standing"] == "drifted"
    assert frame.loc["income", "psi"] > 0.1 > frame.loc["age", "psi"]
    result.save(tmp_path / "drift.html")
    page = (tmp_path / "drift.html").read_text()
    assert page.count("<svg") > 2
    assert "<script" not in page
    assert "holdfast" in to_notebook(result.drift)
    hostile = pd.DataFrame({"<script>alert(1)</script>": np.r_[np.zeros(500), np.ones(500)]})
    assert b"<script>" not in render(compare(hostile, hostile + 1))
