"""The log's Parquet segments as tables of DuckDB or Spark, read as files, with no other part of Holdfast between.

Segments have the columns of what was written: an input may be whole numbers in one and text in another. Engines that
unite such files by name make text of both, or fail. So files are read together where what is asked of them has the
same types, and what is counted in each such group adds up.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.domain.errors import FixInput
from holdfast.domain.profile import Bins
from holdfast.domain.watch import DECISION, LABEL, SCORE, Span
from holdfast.engines.columns import SPLIT
from holdfast.engines.counts import count
from holdfast.engines.known import Batches, merged
from holdfast.engines.view import View
from holdfast.ledger.decided import DECISIONS, LABELS
from holdfast.monitors.contract import Asks

if TYPE_CHECKING:
    from ibis import Table

_FIXED = frozenset(column.name for form in (DECISIONS, LABELS) for column in form.fixed)


def count_segments(
    connection: Any,
    files: Sequence[str],
    view: View,
    bins: Sequence[Bins],
    asks: Asks = (),
    *,
    labels: Table | None = None,
    span: Span = Span.DAY,
) -> Batches:
    """The batches of the decisions in these files; see `holdfast.engines.counts.count`."""
    names = {view.column(one.name) for one in [*bins, *(one for by in asks for one in by)]}
    found = tables(connection, files, names)
    return merged(count(table, view, bins, asks, labels=labels, span=span) for table in found)


def decisions(connection: Any, files: Sequence[str], view: View, features: Sequence[str]) -> list[Table]:
    """The decisions in these files, with all that rows are made of; `features` by name."""
    names = {view.column(name) for name in (SCORE, DECISION, LABEL, *(f"input_{one}" for one in features))}
    return tables(connection, files, names)


def tables(connection: Any, files: Sequence[str], names: set[str]) -> list[Table]:
    """The files as tables of a DuckDB or Spark `connection` of Ibis: of the log's own columns and those of `names`.

    Each table has the files in which these columns have the same types. `files` are paths, or URIs that the engine
    reads. FixInput for an engine that reads no files.
    """
    wanted = {f"{name}:{kind}" for name in names for kind in SPLIT} | names | _FIXED
    readers: dict[str, Callable[[Any, list[str]], Table]] = {"duckdb": _on_duckdb, "pyspark": _on_spark}
    if connection.name not in readers:
        what = f"{connection.name} reads no Parquet files."
        raise FixInput("segments.engine", what, "Load them into a table of it, and count that.")
    groups = defaultdict[tuple[tuple[str, str], ...], list[str]](list)
    for file in files:
        groups[_layout(file, wanted)].append(file)
    return [
        readers[connection.name](connection, sorted(same)).select(*[name for name, _ in layout])
        for layout, same in sorted(groups.items())
    ]


def _layout(file: str, wanted: set[str]) -> tuple[tuple[str, str], ...]:
    """Names and types of the columns of a file that somebody asks for."""
    import pyarrow.parquet as pq
    from pyarrow.fs import FileSystem

    system, path = FileSystem.from_uri(file) if "://" in file else (None, file)
    schema = pq.read_schema(path, filesystem=system)
    return tuple(sorted((field.name, str(field.type)) for field in schema if field.name in wanted))


def _on_duckdb(connection: Any, files: list[str]) -> Table:
    """Without `can_have_nan` DuckDB believes the least and greatest values in a file, of which NaN is no part."""
    return connection.read_parquet(files, can_have_nan=True, hive_partitioning=False)


def _on_spark(connection: Any, files: list[str]) -> Table:
    """The folders' names are no columns: the files have their own."""
    frame = connection._session.read.option("recursiveFileLookup", "true").parquet(*files)
    name = f"segments_{uuid.uuid4().hex}"
    frame.createOrReplaceTempView(name)
    return connection.table(name)
