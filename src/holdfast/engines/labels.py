"""Outcomes in force, on any engine: what `holdfast.decisions.labels` finds of a log's labels with DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from holdfast.domain.watch import Span
from holdfast.engines.columns import SPLIT, asked, decision_id, in_utc, split, start, start_text
from holdfast.engines.view import View

if TYPE_CHECKING:
    from ibis import Table

_SAID = ("decision", "observed_at", "source")


def in_force(labels: Sequence[Table]) -> Table:
    """The outcome in force of each decision: of what was said last, for the first time.

    `labels` have the log's columns; several, where segments have columns of other types. Outcomes of several types
    stand in columns ``outcome:<type>``; `received_at` says when the one in force arrived.
    """
    import ibis

    outcomes = [f"outcome:{kind}" for kind in SPLIT]
    said = reduce(lambda one, other: one.union(other), [_typed(table) for table in labels])
    once = said.group_by(*_SAID, *outcomes).aggregate(id=said.id.min(), received_at=said.received_at.min())
    rank = ibis.row_number().over(ibis.window(group_by=once.decision, order_by=once.id.desc()))
    ranked = once.mutate(rank=rank)
    return ranked.filter(ranked["rank"] == 0).drop("rank", "id")


def touched(decisions: Table, view: View, labels: Table, span: Span = Span.DAY) -> set[str]:
    """The starts of the batches that these labels are about: they have to be counted anew where they were before."""
    found = asked(decisions, view, [])
    told = found.mutate(told=decision_id(found, view))
    about = told.semi_join(labels, told.told == labels.decision)
    with in_utc(decisions.get_backend()):
        starts = about.select(start=start(about, view, span)).distinct().to_pyarrow().column("start").to_pylist()
    return {start_text(one, span) for one in starts}


def _typed(table: Table) -> Table:
    """With an outcome column for each type that outcomes have."""
    import ibis

    columns: dict[str, Any] = {}
    for name in split(table, "outcome"):
        kind = table[name].type()
        is_ = (kind.is_floating(), kind.is_integer(), kind.is_boolean(), kind.is_string())
        columns[f"outcome:{SPLIT[is_.index(True)]}"] = table[name]
    types = dict(zip(SPLIT, ("float64", "int64", "boolean", "string"), strict=True))
    nothing = {f"outcome:{kind}": ibis.null(type) for kind, type in types.items()}
    typed = {name: columns.get(name, empty).cast(types[name.partition(":")[2]]) for name, empty in nothing.items()}
    return table.select("id", "received_at", *_SAID, **typed)
