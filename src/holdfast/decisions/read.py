"""Reading the log: decisions that are sealed, on their way, or only in a journal yet; each once.

Arrow, DuckDB and pandas read through here; any other engine reads the segments' folder or bucket as it is, and sees
what is sealed and delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from holdfast.decisions.columns import rows_in, tabulate
from holdfast.decisions.payload import decode
from holdfast.decisions.queue import Queue
from holdfast.decisions.segments import Segments
from holdfast.decisions.wal import Wal
from holdfast.domain.decision import Decision
from holdfast.domain.errors import Absent
from holdfast.domain.ids import day_of
from holdfast.ledger.decided import DECISIONS, Form, Row, decision_of, folder_of, micros_of

_DAY = timedelta(days=1)
_PARQUET = pads.ParquetFileFormat()


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything of one form at one moment: the segments by their place, and the rows that no segment has."""

    segments: dict[str, Any]
    rows: list[Row]


class Reader:
    """Reads the log below `root`, whoever writes to it, and the segments that were delivered."""

    def __init__(self, root: Path, segments: Segments) -> None:
        self._root = root
        self._segments = segments

    def find(self, id: str, *, system: str = "") -> Decision:
        """The decision of this id; Absent where there is none, FixInput where it is no id.

        Whoever knows its system says so: then only that day's segments of that system are looked for.
        """
        parts = self._parts(DECISIONS, is_wanted=lambda row: row["id"] == id, system=system, day=day_of(id))
        row = next(_where(parts, pads.field("id") == id), None)
        if row is None:
            raise Absent("decision.absent", f"There is no decision {id}.", "Check the id, or whether its time is over.")
        return decision_of(row)

    def latest(self, *, system: str = "") -> Decision:
        """The newest decision, of a system or of all; Absent where there is none. Looks through one column."""
        ids = self.table(lambda name: name == "id", system=system).column("id")
        if not len(ids):
            raise Absent("decision.absent", "There is no decision yet.", "Ask a shielded model, or a gateway.")
        return self.find(pc.max(ids).as_py(), system=system)

    def about(self, subject: str) -> Iterator[Decision]:
        """All decisions about a pseudonym, in no order. Looks through one column of every segment."""
        parts = self._parts(DECISIONS, is_wanted=lambda row: row["subject"] == subject)
        yield from map(decision_of, _where(parts, pads.field("subject") == subject))

    def locate(self, id: str, *, system: str = "") -> tuple[str, int, bytes]:
        """Where a decision stands: the place of its segment, the row, and the file; Absent where no segment has it.

        Whoever knows its system says so, as in `find`.
        """
        parts = self._parts(DECISIONS, is_wanted=lambda _: False, system=system, day=day_of(id))
        for place, fragment in parts.segments.items():
            row = pc.index(fragment.to_table(columns=["id"]).column("id"), id).as_py()
            if row >= 0:
                return place, row, fragment.open().read()
        raise Absent("decision.unsealed", f"No segment holds the decision {id} yet.", "Seal the log, then try again.")

    def batches(
        self,
        *,
        system: str = "",
        first: str = "",
        last: str = "",
        form: Form = DECISIONS,
        columns: Any = None,
        where: Any = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a system (or all) with `first` <= at < `last` (RFC 3339), in no order; all `columns`, or some.

        `where` is an Arrow expression that they fulfil, too.
        """
        dataset, wanted = self._asked(system, first, last, form)
        yield from dataset.to_batches(filter=wanted if where is None else wanted & where, columns=columns)

    def table(self, is_wanted: Callable[[str], bool], *, system: str, first: str = "", last: str = "") -> pa.Table:
        """The decisions of `batches` as one table of the wanted columns."""
        dataset, wanted = self._asked(system, first, last, DECISIONS)
        return dataset.to_table(filter=wanted, columns=[name for name in dataset.schema.names if is_wanted(name)])

    def relation(
        self, connection: Any, *, system: str = "", first: str = "", last: str = "", form: Form = DECISIONS
    ) -> Any:
        """The same as a relation of a DuckDB `connection`, which reads only the columns and rows that it needs."""
        dataset, wanted = self._asked(system, first, last, form)
        return connection.from_arrow(dataset.filter(wanted))

    def on_their_way(self) -> set[str]:
        """The places of segments that are sealed and not known to be registered yet."""
        queues = (Queue(wal.folder) for wal in self._wals())
        return {segment.place for queue in queues for _, batch in queue.all() for segment in batch.segments}

    def _asked(self, system: str, first: str, last: str, form: Form) -> tuple[Any, Any]:
        parts = self._parts(form, system=system, first=first, last=last)
        wanted = pads.scalar(True)
        if system:
            wanted &= pads.field("system") == system
        if first:
            wanted &= pads.field(form.time) >= _time(first)
        if last:
            wanted &= pads.field(form.time) < _time(last)
        return self._dataset(parts, form), wanted

    def _parts(
        self,
        form: Form,
        *,
        system: str = "",
        day: str = "",
        first: str = "",
        last: str = "",
        is_wanted: Callable[[Row], bool] = lambda _: True,
    ) -> _Parts:
        """In this order nothing is missed that moves on meanwhile: journals, queues, delivered segments."""
        waiting = [(wal, wal.unsealed()) for wal in self._wals()]
        below = folder_of(form, system, day if system else "")
        found = {place: file for wal, _ in waiting for place, file in _staged(wal, form) if place.startswith(below)}
        found |= {place: self._segments.at(place) for place in self._segments.places(below)}
        rows = [row for wal, payloads in waiting for row in _rows(wal, payloads, found, form) if is_wanted(row)]
        segments = {
            place: _PARQUET.make_fragment(path, filesystem)
            for place, (filesystem, path) in found.items()
            if (f"/day={day}/" in place if day else _may_hold(place, first, last))
        }
        return _Parts(segments, rows)

    def _wals(self) -> list[Wal]:
        folder = self._root / "wal"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [Wal(path) for path in found if not path.name.startswith(".") and (path / "journal").is_dir()]

    def _dataset(self, parts: _Parts, form: Form) -> Any:
        table = tabulate(form, parts.rows)
        fragments = list(parts.segments.values())
        schema = _merged([*(fragment.physical_schema for fragment in fragments), table.schema])
        unsealed = pads.dataset(_as(table, schema))
        if not fragments:
            return unsealed
        return pads.dataset([pads.FileSystemDataset(fragments, schema, _PARQUET), unsealed])


def _where(parts: _Parts, holds: Any) -> Iterator[Row]:
    """Rows that no segment has, then those of the segments where an expression holds, each with its own types."""
    yield from parts.rows
    for fragment in parts.segments.values():
        yield from rows_in(fragment.to_table(filter=holds))


def _staged(wal: Wal, form: Form) -> Iterator[tuple[str, tuple[None, Any]]]:
    """Segments on their way, opened now, so that they can be read even once they have arrived and are gone here."""
    for _, batch in Queue(wal.folder).all():
        for segment in batch.segments:
            path = wal.folder / "staged" / segment.place
            if segment.format == form.format and path.exists():
                with suppress(FileNotFoundError):  # it has arrived in between
                    yield segment.place, (None, pa.memory_map(str(path)))


def _rows(wal: Wal, payloads: list[tuple[int, int, bytes]], places: Collection[str], form: Form) -> Iterator[Row]:
    """The rows of a journal that stand in none of the segments."""
    if not payloads:
        return
    mine = f"/{wal.id}-"
    sealed = max(
        (int(place.rsplit("-", 1)[1].removesuffix(".parquet")) for place in places if mine in place), default=0
    )
    for start, _, payload in payloads:
        name, row = decode(payload)
        if start >= sealed and name == form.folder:
            yield row


def _may_hold(place: str, first: str, last: str) -> bool:
    """Whether a segment's day comes near a range: ids and times may differ where a clock jumped."""
    day = date.fromisoformat(place.rpartition("/day=")[2][:10])
    is_late_enough = not first or day >= _time(first).date() - _DAY
    return is_late_enough and (not last or day <= _time(last).date() + _DAY)


def _time(text: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros_of(text))


def _merged(schemas: list[pa.Schema]) -> pa.Schema:
    """All columns of all files; integers meet floats as floats, and anything else that differs meets as text."""
    types: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            types.setdefault(field.name, set()).add(field.type)
    return pa.schema([(name, _meeting(found)) for name, found in types.items()])


def _meeting(types: set[pa.DataType]) -> pa.DataType:
    if len(types) == 1:
        return next(iter(types))
    return pa.float64() if types == {pa.int64(), pa.float64()} else pa.string()


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.schema.names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
