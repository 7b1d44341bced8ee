"""Monitors' folds over rows: in this process, or on Spark where each partition lies, put together here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.domain.watch import Baseline, Facts, Span
from holdfast.engines.known import Key, told
from holdfast.engines.rows import SIZE, Chunk, chunks, parted, selected, sliced
from holdfast.engines.view import View
from holdfast.monitors.contract import Fold

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis import Table

Asked = Mapping[str, tuple[Fold, Any]]
"""By the id of a monitor, its fold and parameters."""

Found = dict[Key, dict[str, Any]]
"""What folds made, by batch and monitor."""

_COLUMNS = "start string, release string, monitor string, made string"


def fold(
    decisions: Iterable[Table],
    view: View,
    baseline: Baseline,
    folds: Asked,
    *,
    labels: Table | None = None,
    span: Span = Span.DAY,
) -> dict[Key, Facts]:
    """What the folds make of the rows of each batch. `decisions` are tables that hold a part of them each.

    On Spark functions go to the workers, where Holdfast has to be installed, and only what they made comes back.
    """
    found: Found = defaultdict(dict)
    for table in decisions:
        if table.get_backend().name == "pyspark":
            add(found, _on_spark(table, view, labels, _Folding(baseline, dict(folds), span)), folds)
        else:
            add(found, folded(chunks(table, view, baseline.schema, labels=labels, span=span), baseline, folds), folds)
    return {key: told(made) for key, made in sorted(found.items())}


def folded(found: Iterable[Chunk], baseline: Baseline, folds: Asked) -> Iterator[tuple[Key, str, Any]]:
    """What each fold makes of each batch's rows, by key and monitor."""
    made: Found = defaultdict(dict)
    for key, rows in found:
        add(made, ((key, id, one.of(baseline, rows, params)) for id, (one, params) in folds.items()), folds)
    yield from ((key, id, one) for key, by_id in made.items() for id, one in by_id.items())


def add(found: Found, made: Iterable[tuple[Key, str, Any]], folds: Asked) -> None:
    """Put what folds made to what was found before."""
    for key, id, one in made:
        found[key][id] = folds[id][0].plus(found[key][id], one) if id in found[key] else one


def _on_spark(table: Table, view: View, labels: Table | None, folding: _Folding) -> Iterator[tuple[Key, str, Any]]:
    connection = table.get_backend()
    wanted = selected(table, view, folding.baseline.schema, labels=labels)
    frame = connection._session.sql(connection.compile(wanted))
    for row in frame.mapInArrow(folding, _COLUMNS).toLocalIterator():
        yield (row.start, row.release), row.monitor, json.loads(row.made)


@dataclass(frozen=True)
class _Folding:
    """What a worker does with a partition."""

    baseline: Baseline
    folds: dict[str, tuple[Fold, Any]]
    span: Span

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        schema = self.baseline.schema
        parts = (part for batch in batches for part in sliced(batch, SIZE))
        found = (chunk for part in parts for chunk in parted(part, schema, self.span))
        rows = [(*key, id, json.dumps(made)) for key, id, made in folded(found, self.baseline, self.folds)]
        columns = list(zip(*rows, strict=True)) or [()] * 4
        names = [name.split()[0] for name in _COLUMNS.split(", ")]
        yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], names=names)
