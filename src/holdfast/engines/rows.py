"""Decisions as rows in this process, a chunk at a time, from any engine: for counting embedded, and for folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from holdfast.datasets.columns import dictionary, numbers
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Kind, Schema
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE, Span
from holdfast.engines.columns import SECONDS, asked, decision_id, number, start_text, word
from holdfast.engines.known import Batches, Key, merged
from holdfast.engines.view import View
from holdfast.monitors import counting
from holdfast.monitors.contract import Asks, Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis import Table

SIZE = 65_536
"""Rows of a chunk."""

Chunk = tuple[Key, Rows]

_TEXTS = ("principal", "subject", "ended", "verdicts", "source")
_MICROS = 1_000_000


def chunks(
    decisions: Table,
    view: View,
    schema: Schema,
    *,
    labels: Table | None = None,
    span: Span = Span.DAY,
    texts: bool = True,
    size: int = SIZE,
) -> Iterator[Chunk]:
    """Rows with the start and release of the batch that they belong to; no more than `size` at a time, in no order.

    Without `texts` nothing is told of who asked, what it was about and which guards flagged it. Memory is bounded by
    some chunks, on Spark by a partition.
    """
    wanted = selected(decisions, view, schema, labels=labels, texts=texts)
    for batch in streamed(wanted, size):
        yield from parted(batch, schema, span)


def count_chunks(found: Iterable[Chunk], schema: Schema, bins: Sequence[Bins], asks: Asks = ()) -> Batches:
    """What `holdfast.engines.counts.count` gives, counted in this process."""
    return merged({key: counting.count(key[0], schema, rows, bins, asks)} for key, rows in found)


def selected(decisions: Table, view: View, schema: Schema, *, labels: Table | None = None, texts: bool = True) -> Table:
    """The columns that `parted` reads: ``x0`` ... for the features, the others by their names in `Rows`."""
    import ibis

    has = {SCORE: bool(view.score), DECISION: bool(view.decision), LABEL: bool(view.label) or labels is not None}
    names = [*(INPUT + name for name in schema.names), *(name for name, is_there in has.items() if is_there)]
    table = asked(decisions, view, names, labels, [view.principal, view.subject, *_TEXTS] if texts else [])
    columns: dict[str, Any] = {"at": table[view.at], "release": table[view.release].cast("string")}
    for place, feature in enumerate(schema.features):
        name, known = INPUT + feature.name, tuple(map(str, feature.categories))
        is_word = feature.kind is Kind.CATEGORY
        columns[f"x{place}"] = word(table, view, name, known) if is_word else number(table, view, name)
    columns["score"] = number(table, view, SCORE) if has[SCORE] else ibis.null("float64")
    for name in (DECISION, LABEL):
        columns[name] = _answer(table, view, schema, name) if has[name] else ibis.null("float64")
    if labels is not None and "label_received_at" in table.columns:
        columns["label_at"] = table.label_received_at
    return table.select(**columns, **(_texts(table, view) if texts else {}))


def streamed(table: Table, size: int) -> Iterator[pa.RecordBatch]:
    """A table of an engine, at most `size` rows at a time. DuckDB's connection answers nobody else meanwhile.

    Of DuckDB itself, as Ibis asks it in a way that DuckDB 2 does not know; of Spark by partitions, as Ibis would bring
    everything here at once.
    """
    import pyarrow as pa

    connection = table.get_backend()
    if connection.name == "duckdb":
        found = pa.RecordBatchReader.from_stream(connection.con.sql(connection.compile(table)))
    elif connection.name == "pyspark":
        found = _by_partition(connection._session.sql(connection.compile(table)), size)
    else:
        found = table.to_pyarrow_batches(chunk_size=size)
    for batch in found:
        yield from sliced(batch, size)


def sliced(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    """A batch in parts of at most `size` rows."""
    yield from (batch.slice(place, size) for place in range(0, batch.num_rows, size))


def parted(batch: pa.RecordBatch, schema: Schema, span: Span) -> Iterator[Chunk]:
    """The rows of a batch by start and release. FixInput where one has no time."""
    import pyarrow as pa

    if not batch.num_rows:
        return
    table = pa.Table.from_batches([batch])
    micros = table.column("at").cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    if micros.null_count:
        raise FixInput("engines.time", "Some decisions have no time.", "Leave them out of the table that is counted.")
    at = numbers(micros)
    starts = (at // (SECONDS[span] * _MICROS)).astype(np.int64)
    names, code = dictionary(table.column("release"))
    names[-1] = ""
    rows = _rows(table, schema, at / _MICROS)
    groups, group = np.unique(starts * len(names) + code, return_inverse=True)
    for place, one in enumerate(groups.tolist()):
        key = start_text(one // len(names), span), str(names[one % len(names)])
        yield key, rows if len(groups) == 1 else rows.take(group == place)


def _answer(table: Table, view: View, schema: Schema, name: str) -> Any:
    """A class as text, or a regression's value."""
    if schema.task.is_classification:
        return word(table, view, name, tuple(map(str, schema.classes)))
    return number(table, view, name)


def _texts(table: Table, view: View) -> dict[str, Any]:
    own = {"principal": view.principal, "subject": view.subject, "source": "label_source"}
    named = {name: own.get(name, name) for name in _TEXTS}
    found = {name: table[column].cast("string") for name, column in named.items() if column in table.columns}
    return found | ({"id": decision_id(table, view).cast("string")} if view.id in table.columns else {})


def _by_partition(frame: Any, size: int) -> Iterator[pa.RecordBatch]:
    """Batches of a Spark table, of which one partition at a time comes here."""
    import pyarrow as pa

    packed = frame.mapInArrow(_Packed(size), "batch binary")
    for row in packed.toLocalIterator():
        with pa.ipc.open_stream(bytes(row.batch)) as reader:
            yield from reader


class _Packed:
    """Arrow batches as bytes, no more than `size` rows each."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            for part in sliced(batch, self._size):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(part)
                yield pa.RecordBatch.from_pydict({"batch": [sink.getvalue().to_pybytes()]})


def _rows(table: pa.Table, schema: Schema, at: NDArray[np.float64]) -> Rows:
    X = np.empty((table.num_rows, len(schema.features)))
    for place, feature in enumerate(schema.features):
        words = tuple(map(str, feature.categories)) if feature.kind is Kind.CATEGORY else None
        X[:, place] = _values(table.column(f"x{place}"), words)
    classes = tuple(map(str, schema.classes)) if schema.task.is_classification else None
    known: dict[str, Any] = {"at": at, "score": _values(table.column("score"), None)}
    known |= {name: _values(table.column(name), classes) for name in (DECISION, LABEL)}
    if "label_at" in table.column_names:
        known["label_at"] = _seconds(table.column("label_at"))
    for name in ("principal", "subject", "ended", "source", "id"):
        if name in table.column_names:
            values, places = dictionary(table.column(name))
            known[name] = np.array([*values[:-1], ""], dtype=object)[places]
    if "verdicts" in table.column_names:
        known["flagged"] = _flagged(table.column("verdicts"))
    return Rows.of(X, **known)


def _values(column: pa.ChunkedArray, words: tuple[str, ...] | None) -> NDArray[np.float64]:
    """Numbers, or the codes of words, -1 for others."""
    if words is None:
        return numbers(column)
    own = {word: float(code) for code, word in enumerate(words)}
    values, places = dictionary(column)
    return np.array([np.nan if value is None else own.get(value, -1.0) for value in values])[places]


def _seconds(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa

    return numbers(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())) / _MICROS


def _flagged(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Which guards did not just allow it; rows with the same verdicts are read once."""
    texts, places = dictionary(column)
    known = np.empty(len(texts), dtype=object)
    for place, text in enumerate(texts):
        known[place] = tuple(one["guard"] for one in orjson.loads(text or "[]") if one["action"] != Action.ALLOW.value)
    found: NDArray[np.object_] = known[places]
    return found
