"""Reading tables, good and bad."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from holdfast.datasets.read import TableSource, digest_file, digest_table, read_table
from holdfast.domain.errors import FixInput

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", "y", None]})


@pytest.fixture(params=["csv", "tsv", "parquet", "arrow"])
def written(request, tmp_path):
    path = tmp_path / f"table.{request.param}"
    if request.param in ("csv", "tsv"):
        FRAME.to_csv(path, index=False, sep="\t" if request.param == "tsv" else ",")
    elif request.param == "parquet":
        FRAME.to_parquet(path)
    else:
        pyarrow.feather.write_feather(pa.Table.from_pandas(FRAME), path)
    return path


def test_every_format_gives_the_same_table(written):
    frame = read_table(TableSource(path=written))
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=False)
    assert frame["c"].isna().tolist() == [False, False, True]


def test_the_digest_is_that_of_the_bytes(written):
    material = digest_table(TableSource(path=written), "test data")
    assert material.digest == digest_file(written)
    assert material.size == written.stat().st_size


def test_sql_over_a_database_and_over_files(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a, range * 0.5 AS b FROM range(5)")
    source = TableSource(sql="SELECT * FROM t WHERE a > 1", database=tmp_path / "d.duckdb")
    assert read_table(source)["a"].tolist() == [2, 3, 4]
    assert digest_table(source, "test data").digest == digest_table(source, "test data").digest
    FRAME.to_parquet(tmp_path / "t.parquet")
    assert len(read_table(TableSource(sql="SELECT * FROM 't.parquet'", folder=tmp_path))) == 3


def test_sql_cannot_write_to_the_database(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(FixInput):
        read_table(TableSource(sql="DROP TABLE t", database=tmp_path / "d.duckdb"))


def message_of(path, **options):
    with pytest.raises(FixInput) as caught:
        read_table(TableSource(path=path, **options))
    return f"{caught.value.message} {caught.value.hint}"


def test_text_in_another_encoding_names_line_and_fix(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\n1,x\n2,Zoë\n".encode("latin-1"))
    message = message_of(path)
    assert "t.csv line 3 is not utf-8 text" in message
    assert "encoding: latin-1" in message
    assert read_table(TableSource(path=path, encoding="latin-1"))["b"].tolist() == ["x", "Zoë"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_absent_empty_and_damaged_files(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    assert "no table" in message_of(path)
    path.write_bytes(b"")
    assert "t." in message_of(path)
    path.write_bytes(b'a,b\n"1,2\n')
    assert "t." in message_of(path)


def test_a_truncated_parquet_file(tmp_path):
    path = tmp_path / "t.parquet"
    FRAME.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cut short" in message_of(path)


def test_a_table_without_rows_or_with_a_column_twice(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert "no rows" in message_of(path)
    path.write_text("a,a\n1,2\n")
    assert "two columns 'a'" in message_of(path)


def test_ten_thousand_columns(tmp_path):
    path = tmp_path / "t.csv"
    names = ",".join(f"c{i}" for i in range(10_000))
    path.write_text(f"{names}\n" + "\n".join(",".join(["1"] * 10_000) for _ in range(3)) + "\n")
    assert read_table(TableSource(path=path)).shape == (3, 10_000)
