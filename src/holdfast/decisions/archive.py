"""Decisions in the segments that a ledger registers: found, listed and proved from their files, wherever those lie.

A file is read only as far as needed to find a decision. Before anything of it is shown, all its bytes are held against
the digest that the ledger has of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from holdfast import canonical
from holdfast.decisions.columns import rows_in
from holdfast.decisions.compare import NEEDED, compare, is_needed
from holdfast.decisions.labels import history
from holdfast.decisions.layout import ARROW
from holdfast.decisions.prove import prove_row
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import Registrar
from holdfast.decisions.segments import Segments, read_segment, rows_of
from holdfast.domain.comparison import Comparison
from holdfast.domain.decision import Decision, Label, Segment
from holdfast.domain.errors import Absent, HoldfastError, Tampered, Unavailable
from holdfast.domain.ids import time_of
from holdfast.ledger.decided import DECISIONS, decision_of, micros_of
from holdfast.ledger.decision_proof import RowProof
from holdfast.ledger.rows import Type

_PARQUET = pads.ParquetFileFormat()
_NEAR = timedelta(hours=1)
"""How far ids may run ahead of the clock by which decisions are dated, before it is only slower to find them."""
_CLOSE = timedelta(minutes=1)
"""How far they do so where clocks are right."""

Place = tuple[int, str]
"""The time of a decision in microseconds since 1970, and its id."""

Row = tuple[int, Segment, bytes]
"""The number of a row, its segment, and the segment's file."""


class Archive:
    """Reads `segments`; labels, which may be of this process's own log, through `reader`."""

    def __init__(self, segments: Segments, reader: Reader) -> None:
        self._segments = segments
        self._reader = reader

    def find(self, id: str, registered: Sequence[Segment]) -> tuple[Decision, Segment]:
        """The decision, and the one of these segments that holds it.

        Absent where none does, or a file is not there; Unavailable where a file cannot be reached; Tampered where its
        bytes are not those registered.
        """
        row, segment, data = self._locate(id, registered)
        with _reaching(segment.place):
            table = rows_of(data)
        return decision_of(next(rows_in(table.slice(row, 1)))), segment

    def prove(self, id: str, registered: Sequence[Segment], registrar: Registrar) -> RowProof:
        """The proof of a decision; errors as of `find`."""
        row, segment, data = self._locate(id, registered)
        return prove_row(row, data, segment.place, registrar)

    def newest(
        self, registered: Iterable[Segment], *, before: str, limit: int
    ) -> tuple[list[Decision], list[HoldfastError]]:
        """The latest decisions in these segments, and what cannot be read. `before` is the last one of the page before
        as ``<at>/<id>``, empty for the first page.

        Their files are trusted here: where one decision is shown, its file is held against the ledger.
        """
        found: list[tuple[int, str, Decision]] = []
        troubles: list[HoldfastError] = []
        start = _place(before) if before else None
        for segment in sorted(registered, key=lambda one: one.last, reverse=True):
            if len(found) >= limit and micros_of(segment.last) < found[-1][0]:
                break
            if start is not None and micros_of(segment.first) > start[0]:
                continue
            try:
                rows = list(self._rows(segment, start, limit))
            except HoldfastError as error:
                troubles.append(error)
            else:
                found = heapq.nlargest(limit, [*found, *rows], key=lambda one: one[:2])
        return [decision for _, _, decision in found], troubles

    def compare(self, system: str, registered: Iterable[Segment], *, most: int) -> Comparison:
        """The releases of a system beside each other in these segments: in the latest, until they have `most` rows."""
        frames, troubles, left = list[pd.DataFrame](), list[HoldfastError](), most
        latest = sorted(registered, key=lambda one: one.last, reverse=True)
        for segment in latest:
            if left <= 0:
                break
            try:
                frames.append(self._columns(segment))
                left -= segment.rows
            except HoldfastError as error:
                troubles.append(error)
        rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        is_whole = len(frames) + len(troubles) == len(latest)
        trouble = " ".join(dict.fromkeys(map(str, troubles)))
        return replace(compare(system, rows), is_whole=is_whole, trouble=trouble)

    def _columns(self, segment: Segment) -> pd.DataFrame:
        """What a comparison needs of a segment."""
        with _reaching(segment.place):
            fragment = self._fragment(segment)
            names = [name for name in fragment.physical_schema.names if is_needed(name)]
            if missing := NEEDED - set(names):
                raise ValueError(f"it has no column {min(missing)}")
            rows: pd.DataFrame = fragment.to_table(columns=names).to_pandas()
        return rows

    def following(self, decision: Decision, registered: Iterable[Segment], *, most: int) -> list[Decision]:
        """The decisions in these segments that belong to this one and were made within an hour, the first first; no
        more than `most`. What cannot be read is passed over, and files are trusted as in `newest`.
        """
        found: list[Decision] = []
        at = micros_of(decision.at)
        for segment in sorted(registered, key=lambda one: one.first):
            if _is_near(segment, at, _NEAR) and len(found) < most:
                with suppress(HoldfastError):
                    found += self._where(segment, pads.field("follows") == decision.id)
        return sorted(found, key=lambda one: one.id)[:most]

    def labels(self, id: str, system: str) -> tuple[Label, ...]:
        """All that was said of the outcome of a decision, the first first."""
        with _reaching("labels"):
            return history(self._reader, id, system=system)

    def _locate(self, id: str, registered: Sequence[Segment]) -> Row:
        """One bad file keeps no other from being looked through."""
        at, troubles = micros_of(time_of(id).isoformat()), list[HoldfastError]()
        for segment in sorted(registered, key=lambda one: not _is_near(one, at, _NEAR)):
            try:
                if self._holds(segment, id):
                    data = self._read(segment)
                    ids = rows_of(data, ["id"]).column("id")
                    return pc.index(ids, id).as_py(), segment, data
            except HoldfastError as error:
                troubles.append(error)
        if not troubles:
            for segment in registered:
                if _is_near(segment, at, _CLOSE):
                    self._read(segment)  # its id may have been changed: nobody denies a decision on such a file's word
        raise _unfound(id, troubles, len(registered))

    def _holds(self, segment: Segment, id: str) -> bool:
        with _reaching(segment.place):
            return bool(self._fragment(segment).count_rows(filter=pads.field("id") == id))

    def _read(self, segment: Segment) -> bytes:
        """The bytes of a segment, which are those registered; Tampered otherwise."""
        with _reaching(segment.place):
            data = read_segment(self._segments, segment.place)
        if canonical.digest_bytes(data) != segment.file:
            hint = "Keep a copy before anything else; restore it from a backup and verify that."
            raise Tampered("segment.changed", f"{segment.place} is not the file that was registered.", hint)
        return data

    def _fragment(self, segment: Segment) -> Any:
        system, path = self._segments.at(segment.place)
        return _PARQUET.make_fragment(path, system)

    def _where(self, segment: Segment, holds: Any) -> list[Decision]:
        """Rows for which an expression holds, without what was asked and answered."""
        return [decision_of(row) for row in rows_in(self._short(segment, holds))]

    def _short(self, segment: Segment, holds: Any) -> pa.Table:
        with _reaching(segment.place):
            fragment = self._fragment(segment)
            short = [name for name in fragment.physical_schema.names if not name.startswith(DECISIONS.free)]
            return fragment.to_table(columns=short, filter=holds)

    def _rows(self, segment: Segment, start: Place | None, limit: int) -> Iterator[tuple[int, str, Decision]]:
        """The latest rows of a segment, each with its time and id."""
        table = self._short(segment, None if start is None else _below(*start))
        order = [("decided_at", "descending"), ("id", "descending")]
        for row in rows_in(table.take(pc.select_k_unstable(table, limit, order)) if len(table) else table):
            yield int(row["decided_at"] or 0), str(row["id"]), decision_of(row)


@contextmanager
def _reaching(place: str) -> Iterator[None]:
    """What goes wrong on the way to a file, as the caller can act on it."""
    try:
        yield
    except FileNotFoundError as error:
        raise Absent("segment.missing", f"{place} does not lie where it is looked for.") from error
    except OSError as error:
        raise Unavailable("decisions.segments", f"{place} cannot be read: {error}.", "Try again later.") from error
    except (pa.ArrowException, ValueError) as error:
        raise Tampered("segment.unreadable", f"{place} is no segment: {error!r:.200}.") from error


def _unfound(id: str, troubles: list[HoldfastError], looked: int) -> HoldfastError:
    """What to say of a decision that no file showed: the worst that was in the way."""
    for kind in (Tampered, Unavailable):
        if found := next((error for error in troubles if isinstance(error, kind)), None):
            return found
    if troubles:
        what = f"{len(troubles)} of {looked} registered segments of that day do not lie where they are looked for."
        return Absent("decision.elsewhere", what, "Name in HOLDFAST_SEGMENTS the place where gateways put them.")
    return Absent("decision.absent", f"No registered segment holds the decision {id}.", "Check the id.")


def _place(text: str) -> Place:
    at, _, id = text.partition("/")
    return micros_of(at), id


def _below(at: int, id: str) -> Any:
    """The rows that come after this place in a list whose latest come first."""
    time, moment = pads.field("decided_at"), pa.scalar(at, pa.int64()).cast(ARROW[Type.TIME])
    return (time < moment) | ((time == moment) & (pads.field("id") < id))


def _is_near(segment: Segment, at: int, within: timedelta) -> bool:
    slack = within // timedelta(microseconds=1)
    return micros_of(segment.first) - slack <= at <= micros_of(segment.last) + slack
