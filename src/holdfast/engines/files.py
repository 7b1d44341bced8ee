"""Segments read by this process itself: row group by row group, the wanted columns alone, without an engine between.

It reads what the log writes almost always: each name with values of one type, and no outcomes to join. Where a segment
is otherwise it says so, and an engine reads that one (`holdfast.engines.rows`); both count the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.columns import dictionary
from holdfast.domain.decision import Ended, Lane
from holdfast.domain.schema import Kind, Schema
from holdfast.domain.watch import DECISION, INPUT, SCORE, Span
from holdfast.engines.columns import SPLIT
from holdfast.engines.rows import SIZE, Chunk, parted
from holdfast.engines.values import spelled
from holdfast.engines.view import View
from holdfast.monitors import counting

if TYPE_CHECKING:
    import pyarrow as pa

_HEARD = (Lane.LIVE, Lane.CANARY)
_TEXTS = ("principal", "subject", "ended", "verdicts")


def split_plain(files: Sequence[str], view: View, schema: Schema) -> tuple[list[str], list[str]]:
    """The files that can be read here, and those that an engine has to read."""
    plain = [file for file in files if view.is_log and not view.label and _is_plain(file, view, schema)]
    return plain, sorted(set(files) - set(plain))


def file_chunks(
    files: Sequence[str], view: View, schema: Schema, *, span: Span = Span.DAY, texts: bool = True, size: int = SIZE
) -> Iterator[Chunk]:
    """What `holdfast.engines.rows.chunks` gives of the decisions in plain files."""
    import pyarrow.parquet as pq

    for file in files:
        has = set(pq.read_schema(file).names)
        asked = _asked(view, schema, has)
        fixed = [view.at, view.release, "lane", "ended", *((view.id, "follows", *_TEXTS) if texts else ())]
        wanted = [name for name in dict.fromkeys([*fixed, *(own for _, own in asked if own)]) if name in has]
        labels = [counting.words(schema, name) for name, _ in asked]
        words = [own for (_, own), known in zip(asked, labels, strict=True) if own and known is not None]
        with pq.ParquetFile(file, read_dictionary=[*words, view.release, "lane", "ended"]) as opened:
            for batch in opened.iter_batches(size, columns=wanted, use_threads=False):
                is_heard = _is_heard(batch)
                heard = batch if is_heard.all() else batch.take(np.flatnonzero(is_heard))
                yield from parted(_told(heard, view, asked, labels, texts=texts), schema, span)


def _is_plain(file: str, view: View, schema: Schema) -> bool:
    """Whether every name has one column at most, of the type that it is read as."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if "://" in file:
        return False
    types = {field.name: field.type for field in pq.read_schema(file)}
    for name, own in _asked(view, schema, set(types)):
        if any(f"{view.column(name)}:{kind}" in types for kind in SPLIT):
            return False
        if own and not (_is_number(types[own]) or (pa.types.is_string(types[own]) and _is_word(name, schema))):
            return False
    return True


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _is_word(name: str, schema: Schema) -> bool:
    if name.startswith(INPUT):
        return schema.features[schema.index(name.removeprefix(INPUT))].kind is Kind.CATEGORY
    return name == DECISION and schema.task.is_classification


def _asked(view: View, schema: Schema, has: set[str]) -> list[tuple[str, str]]:
    """What rows are made of, in order, each with its column; empty for one that was never written."""
    names = [*(INPUT + name for name in schema.names), SCORE, DECISION]
    return [(name, own if (own := view.column(name)) in has else "") for name in names]


def _is_heard(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which rows count as decisions; see `holdfast.engines.columns.asked`."""
    found = np.ones(batch.num_rows, dtype=bool)
    for name, takes in (("lane", lambda word: word in (None, *_HEARD)), ("ended", lambda word: word != Ended.OPENED)):
        if name in batch.schema.names:
            words, places = dictionary(batch.column(name))
            found &= np.array([takes(word) for word in words])[places]
    return found


def _told(
    batch: pa.RecordBatch,
    view: View,
    asked: Sequence[tuple[str, str]],
    labels: Sequence[tuple[str, ...] | None],
    *,
    texts: bool,
) -> pa.RecordBatch:
    """The columns as `holdfast.engines.rows.parted` reads them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    named = set(batch.schema.names)
    nothing = pa.nulls(batch.num_rows, pa.float64())
    columns: dict[str, Any] = {"at": batch.column(view.at), "release": batch.column(view.release)}
    for place, (name, own) in enumerate(asked):
        key = name if name in (SCORE, DECISION) else f"x{place}"
        columns[key] = batch.column(own) if own else nothing
        if own and labels[place] is not None and _is_number(batch.column(own).type):
            columns[key] = _spelled(batch.column(own), labels[place] or ())
    columns["label"] = nothing
    if texts:
        for name in _TEXTS:
            own = {"principal": view.principal, "subject": view.subject}.get(name, name)
            columns |= {name: batch.column(own).cast("string")} if own in named else {}
        if view.id in named:
            id, follows = batch.column(view.id), batch.column("follows") if "follows" in named else None
            is_own = None if follows is None else pc.equal(follows.fill_null(""), "")
            columns["id"] = id if is_own is None else pc.if_else(is_own, id, follows)
    return pa.RecordBatch.from_pydict(columns)


def _spelled(column: Any, labels: tuple[str, ...]) -> pa.DictionaryArray:
    """Numbers and booleans as words, spelled like the label that each equals; see `holdfast.engines.values.as_text`."""
    import pyarrow as pa

    values, places = dictionary(column)
    words = [None if value is None or value != value else spelled(value, labels) for value in values]  # noqa: PLR0124
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), pa.array(words, pa.string()))
