"""Decisions counted in this process: rows come here in chunks, are counted and folded at once, and are let go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from holdfast.domain.watch import Baseline, Span
from holdfast.engines.files import file_chunks
from holdfast.engines.folds import Asked, Found, add
from holdfast.engines.known import Batches, merged, told, with_facts
from holdfast.engines.rows import chunks
from holdfast.engines.view import View
from holdfast.monitors import counting
from holdfast.monitors.contract import Asks

if TYPE_CHECKING:
    from ibis import Table


def count_rows(
    decisions: Iterable[Table],
    view: View,
    baseline: Baseline,
    asks: Asks = (),
    folds: Asked | None = None,
    *,
    labels: Table | None = None,
    span: Span = Span.DAY,
    files: Sequence[str] = (),
) -> Batches:
    """What `holdfast.engines.counts.count` counts over the baseline's bins, and what `fold` makes, in one pass.

    `decisions` are tables that hold a part of them each, of any engine; `files` are plain ones, read here.
    """
    counted: Batches = {}
    made: Found = defaultdict(dict)
    asked, schema = folds or {}, baseline.schema
    how: dict[str, Any] = {"span": span, "texts": bool(asked)}
    parts = (chunks(table, view, schema, labels=labels, **how) for table in decisions)
    for key, rows in chain(file_chunks(files, view, schema, **how), chain.from_iterable(parts)):
        part = counting.count(key[0], schema, rows, baseline.usual.profile.bins, asks)
        counted = merged([counted, {key: part}])
        add(made, ((key, id, one.of(baseline, rows, params)) for id, (one, params) in asked.items()), asked)
    return with_facts(counted, {key: told(by_id) for key, by_id in made.items()})
