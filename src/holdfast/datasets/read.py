"""Reading tables: CSV, Parquet, Arrow IPC, and DuckDB SQL, each with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.evidence import Material

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK = 1 << 20
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
}


@dataclass(frozen=True, slots=True)
class TableSource:
    """Where a table is: a file with reading options, or SQL over a DuckDB database (or over files that it names)."""

    path: Path | None = None
    sql: str | None = None
    database: Path | None = None
    folder: Path | None = None
    encoding: str = "utf-8"
    delimiter: str = ","

    @property
    def name(self) -> str:
        """What errors and reports call it."""
        return self.path.name if self.path else f"sql:{' '.join((self.sql or '').split())[:60]}"


def read_table(source: TableSource) -> pd.DataFrame:
    """The table as pandas, column names as text; FixInput where it is empty, damaged, or has a column twice."""
    table = read_arrow(source)
    names = [str(name) for name in table.column_names]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise FixInput("data.duplicate-column", f"{source.name} has two columns {twice!r}.", "Rename one.")
    if table.num_rows == 0 or not names:
        raise FixInput(
            "data.empty", f"{source.name} has no rows.", "Check that it is the right file, with a header line."
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def read_arrow(source: TableSource) -> pa.Table:
    """The table as Arrow has it; FixInput where it cannot be read."""
    return _query(source) if source.sql else _read_file(source)


def digest_table(source: TableSource, role: str) -> Material:
    """What was read, by digest: the file's bytes, or for SQL the rows that it returned."""
    if source.sql:
        data = _ipc_bytes(_query(source))
        digest, size = hashlib.sha256(data).hexdigest(), len(data)
        return Material(role, source.name, f"sha256:{digest}", size, "application/vnd.apache.arrow.stream")
    path = _existing(source)
    media = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return Material(role, path.name, digest_file(path), path.stat().st_size, media)


def digest_file(path: Path) -> str:
    """``sha256:<hex>`` of a file, in constant memory."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _existing(source: TableSource) -> Path:
    path = source.path
    if path is None or not path.is_file():
        raise FixInput("data.absent", f"There is no table {path}.", "Check `data` in the manifest; paths start there.")
    return path


def _read_file(source: TableSource) -> pa.Table:
    import pyarrow as pa

    path = _existing(source)
    readers = {".parquet": _parquet, ".pq": _parquet, ".arrow": _arrow, ".feather": _arrow}
    try:
        table = readers.get(path.suffix.lower(), _csv)(path, source)
        if any(pa.types.is_binary(column.type) for column in table.schema):  # how Arrow reads bytes that are not text
            raise pa.ArrowInvalid("a column holds bytes, not text")
        return table
    except (pa.ArrowInvalid, pa.ArrowException, OSError, UnicodeDecodeError, LookupError) as error:
        raise _unreadable(path, source, error) from error


def _parquet(path: Path, _source: TableSource) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)


def _arrow(path: Path, _source: TableSource) -> pa.Table:
    from pyarrow import feather

    return feather.read_table(path)


def _csv(path: Path, source: TableSource) -> pa.Table:
    from pyarrow import csv

    delimiter = "\t" if path.suffix.lower() == ".tsv" else source.delimiter
    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(encoding=source.encoding),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True, null_values=["", "NA", "NaN", "nan", "null", "NULL"]
        ),
    )


def _unreadable(path: Path, source: TableSource, error: Exception) -> FixInput:
    """The reader's complaint, with the place where text stops being text when that is the cause."""
    place = _first_bad_byte(path, source.encoding)
    if place is not None:
        hint = "Save it as UTF-8, or say what it is: `{path: " + path.name + ", encoding: latin-1}`."
        return FixInput("data.not-text", f"{path.name} line {place} is not {source.encoding} text.", hint)
    first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    hint = "Is the file cut short, or in another format than its ending says?"
    return FixInput("data.unreadable", f"{path.name} cannot be read: {first}.", hint)


def _first_bad_byte(path: Path, encoding: str) -> int | None:
    """1-based line of the first byte that is not `encoding`; None if all is text or the file is not a text format."""
    if path.suffix.lower() in (".parquet", ".pq", ".arrow", ".feather"):
        return None
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
            except LookupError:
                return None
    return None


def _query(source: TableSource) -> pa.Table:
    """The rows of a query. The database opens read-only; relative paths in the SQL start at the manifest's folder."""
    import duckdb

    if source.database is not None and not source.database.is_file():
        raise FixInput("data.absent", f"There is no database {source.database}.", "Check `data` in the manifest.")
    try:
        with duckdb.connect(str(source.database or ":memory:"), read_only=source.database is not None) as connection:
            if source.folder is not None:
                connection.execute("SET file_search_path = ?", [str(source.folder)])
            rows = connection.sql(source.sql or "")
            if rows is None:
                raise FixInput("data.sql", "The SQL returns no rows.", "Write one SELECT in `sql`.")
            return rows.to_arrow_table()
    except duckdb.IOException as error:
        raise Unavailable("data.database", f"The query cannot read its data: {_first_line(error)}.", "") from error
    except duckdb.Error as error:
        raise FixInput(
            "data.sql", f"The query does not run: {_first_line(error)}.", "Mend `sql` in the manifest."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:300]


def _ipc_bytes(table: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data: bytes = sink.getvalue().to_pybytes()
    return data
