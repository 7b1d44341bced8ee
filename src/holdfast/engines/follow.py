"""Going on from what is known: only segments that are new are read, and days for which outcomes came late again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from holdfast.domain.ids import day_of
from holdfast.domain.watch import Span
from holdfast.engines.known import Batches, Folds, Known
from holdfast.engines.labels import in_force, touched
from holdfast.engines.segments import tables
from holdfast.engines.view import View
from holdfast.ledger.decided import DECISIONS, LABELS, Form

if TYPE_CHECKING:
    from ibis import Table

Files = Mapping[str, str]
"""Segments: where each lies as a path or URI, by its place in the log (``decisions/system=.../day=.../...``)."""

Count = Callable[[Sequence[str], "Table | None"], Batches]
"""Counts the decisions in some files, with the outcomes in force."""


def follow(
    known: Known,
    connection: Any,
    files: Files,
    view: View,
    count: Count,
    *,
    folds: Folds | None = None,
    span: Span = Span.DAY,
) -> Known:
    """What is known, with all that is new among the segments of a system, decisions and labels.

    `files` are all that there are now; `count` counts some of them, in the engine or here, with the facts that `folds`
    add up. The batches that new labels are about are counted again; where segments of theirs are gone, because their
    time was over, they stay as they were.
    """
    fresh = set(known.fresh(files))
    decided, said = _of(DECISIONS, fresh), _of(LABELS, fresh)
    labels = _labels(connection, files, _of(LABELS, files))
    after = known.plus(decided, count([files[place] for place in decided], labels), folds)
    if not said:
        return after
    counted = [place for place in _of(DECISIONS, files) if place not in fresh]
    late = _late(connection, files, counted, said, view=view, span=span)
    late -= {start for start in late if _is_gone(start, known, files)}
    again = [files[place] for place in _of(DECISIONS, files) if _is_near(place, {start[:10] for start in late})]
    return after.anew(late, count(again, labels), said)


def _late(
    connection: Any, files: Files, counted: Sequence[str], said: Sequence[str], *, view: View, span: Span
) -> set[str]:
    """The starts of batches that were counted before these labels came."""
    labels = _labels(connection, files, said)
    if labels is None:
        return set()
    days = {day_of(id) for id in labels.select("decision").distinct().to_pyarrow().column("decision").to_pylist()}
    near = [files[place] for place in counted if _is_near(place, days)]
    found = (touched(table, view, labels, span) for table in tables(connection, near, set()))
    return set[str]().union(*found)


def _labels(connection: Any, files: Files, places: Sequence[str]) -> Table | None:
    said = tables(connection, [files[place] for place in places], {"outcome"})
    return in_force(said) if said else None


def _of(form: Form, places: Iterable[str]) -> list[str]:
    return sorted(place for place in places if place.startswith(f"{form.folder}/"))


def _is_near(place: str, days: Collection[str]) -> bool:
    """Whether a segment may hold decisions of these days: ids and times differ where a clock jumped."""
    day = date.fromisoformat(_day(place))
    return any(str(day + timedelta(days=off)) in days for off in (-1, 0, 1))


def _is_gone(start: str, known: Known, files: Files) -> bool:
    gone = [place for place in _of(DECISIONS, known.counted) if place not in files]
    return any(_is_near(place, {start[:10]}) for place in gone)


def _day(place: str) -> str:
    return place.rpartition("/day=")[2][:10]
