"""Watch: a log's segments counted by an engine, going on from what was counted before, with what is known in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import canonical
from holdfast.domain.errors import Absent
from holdfast.domain.look import Look
from holdfast.engines.counts import count
from holdfast.engines.embedded import count_rows
from holdfast.engines.files import split_plain
from holdfast.engines.folds import fold
from holdfast.engines.follow import Files, follow
from holdfast.engines.known import Batches, Known, folds_of, merged, with_facts
from holdfast.engines.segments import decisions
from holdfast.engines.view import View
from holdfast.flows.look import Ground, look_at
from holdfast.releases.baseline import asks_of
from holdfast.storage.cache import write_atomically

if TYPE_CHECKING:
    from ibis import Table


@dataclass(frozen=True, slots=True)
class State:
    """What is known, and the digest of all that it was counted by: what was counted otherwise is counted anew."""

    asked: str
    known: Known
    format: str = "holdfast-watched/1"


def watch_segments(
    ground: Ground, connection: Any, files: Files, view: View, state: Path, *, before: str, at: str
) -> Look:
    """What the segments `files` show, and in `state` what was counted; only those that are new are read.

    Spark counts and folds on its workers. Else this process does both in one pass, over rows that it reads itself, or
    that DuckDB hands to it where there are outcomes to join, or values of several types. Absent where no batch is over.
    """
    asked, span, release = _asked(ground, view), ground.watch.span, ground.baseline.release
    known = _read(state, asked)
    asks, folds = asks_of(ground.monitors, ground.baseline), folds_of(ground.monitors)
    own = {spec.id: (spec.fold, spec.params) for spec in ground.monitors if spec.fold is not None}

    def counted(some: Sequence[str], labels: Table | None) -> Batches:
        schema, is_here = ground.baseline.schema, connection.name != "pyspark"
        plain, rest = split_plain(some, view, schema) if is_here and labels is None else ([], some)
        tables = decisions(connection, rest, view, schema.names)
        if is_here:
            return count_rows(tables, view, ground.baseline, asks, own, labels=labels, span=span, files=plain)
        bins = ground.baseline.usual.profile.bins
        found = merged(count(table, view, bins, asks, labels=labels, span=span) for table in tables)
        return with_facts(found, fold(tables, view, ground.baseline, own, labels=labels, span=span))

    after = follow(known, connection, files, view, counted, folds=folds, span=span)
    write_atomically(state, canonical.encode(State(asked, after)))
    named = release if any(name == release for name, _ in after.batches) else ""
    over = [batch for batch in after.of(named) if batch.start < before]
    if not over:
        what = f"The segments hold no decisions of {ground.system} by this release in a {span} that is over."
        raise Absent("watch.nothing", what, "Check the system's name, and which release the decisions name.")
    return look_at(ground, over, troubles=(), at=at)


def _asked(ground: Ground, view: View) -> str:
    monitors = [(spec.id, spec.version, spec.params) for spec in ground.monitors]
    baseline = canonical.digest(ground.baseline)
    return canonical.digest({"baseline": baseline, "monitors": monitors, "span": ground.watch.span, "view": view})


def _read(state: Path, asked: str) -> Known:
    if not state.exists():
        return Known()
    found: State = canonical.decode(State, state.read_bytes())
    return found.known if found.asked == asked else Known()
