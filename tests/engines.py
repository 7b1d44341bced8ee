"""Tables on real engines for tests: DuckDB, PostgreSQL, a local Spark and SQLite, from one Arrow table."""

from __future__ import annotations

import io
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

SPARK = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "ERROR",
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def spark_session() -> Iterator[Any]:
    """A local Spark; skips where there is none."""
    pyspark = pytest.importorskip("pyspark.sql")
    if "JAVA_HOME" not in os.environ and not any((Path(at) / "java").exists() for at in os.get_exec_path()):
        pytest.skip("there is no Java")
    builder = pyspark.SparkSession.builder.master("local[2]").appName("holdfast-tests")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for name, value in SPARK.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def on_duckdb(connection: Any, table: pa.Table) -> Any:
    """Ibis's own way of making tables speaks a dialect that DuckDB 2 does not read."""
    name = _name()
    connection.con.register(f"{name}_arrow", table)
    connection.con.execute(f"CREATE TABLE {name} AS FROM {name}_arrow")
    return connection.table(name)


def on_postgresql(connection: Any, table: pa.Table) -> Any:
    """Loaded by COPY; PostgreSQL writes NaN and infinity as Arrow does."""
    name = _name()
    connection.create_table(name, schema=_schema(table))
    text = pa.table([_copied(column) for column in table.columns], names=table.column_names)
    file = io.BytesIO()
    pyarrow.csv.write_csv(text, file, pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed"))
    with connection.con.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy:
        copy.write(file.getvalue())
    connection.con.commit()
    return connection.table(name)


def on_sqlite(connection: Any, table: pa.Table) -> Any:
    """SQLite has no times and no booleans of its own, and takes NaN for NULL. It rounds times to milliseconds."""
    name, types = _name(), {pa.int64(): "BIGINT", pa.float64(): "REAL", pa.bool_(): "BOOLEAN", pa.string(): "TEXT"}
    columns = ", ".join(f'"{field.name}" {types.get(field.type, "TIMESTAMP")}' for field in table.schema)
    connection.con.execute(f"CREATE TABLE {name} ({columns})")
    texts = [_second(column) if pa.types.is_timestamp(column.type) else column for column in table.columns]
    rows = zip(*[column.to_pylist() for column in texts], strict=True)
    connection.con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(texts))})", rows)
    return connection.table(name)


def on_spark(connection: Any, table: pa.Table, folder: Path) -> Any:
    """By way of Parquet: what Spark makes of Arrow tables has 'NaN' where text is NULL."""
    path = folder / f"{_name()}.parquet"
    pq.write_table(table, path)
    return connection.read_parquet(str(path))


def _copied(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text is quoted even where it is empty, so that it is not NULL; times say their zone."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%S" + ("Z" if column.type.tz else ""))
    return column


def _second(column: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pc.floor_temporal(column, unit="second").cast(pa.timestamp("s", column.type.tz))
    return pc.strftime(whole, "%Y-%m-%d %H:%M:%S")


def _schema(table: pa.Table) -> Any:
    import ibis

    return ibis.schema(table.schema)


def _name() -> str:
    return f"t{uuid.uuid4().hex}"
