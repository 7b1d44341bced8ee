"""All segments held against the ledger: what was edited, reordered, removed, put in or never registered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

from holdfast import canonical
from holdfast.decisions.segments import Segments, read_segment
from holdfast.decisions.stage import unfold
from holdfast.domain.act import ActRow
from holdfast.domain.decision import Segment
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.ids import day_of
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.ledger.decided import FORMS, folder_of

_NAMED = 20


@dataclass(frozen=True, slots=True)
class SegmentsVerified:
    """What held: `segments` with so many `rows`, `removed` at the end of their time, and `pending` places."""

    segments: int
    rows: int
    removed: int
    pending: tuple[str, ...]


def records_in(entries: Iterable[bytes]) -> tuple[list[Segment], list[Removal]]:
    """The segments and removals that a verified ledger's entries register."""
    segments, removals = [], []
    formats = {form.format: form for form in FORMS.values()}
    for entry in entries:
        head = entry[:4096]
        if b'"format":"holdfast-removal/1"' in head:
            removals.append(canonical.decode(Removal, entry))
        elif any(f'"format":"{name}"'.encode() in head for name in formats):
            segments.append(canonical.decode(Segment, entry))
    return segments, removals


@dataclass(slots=True)
class Registered:
    """What a control plane's acts register, in their order; `held` are places that went while a hold covered them."""

    segments: dict[str, Segment] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def records_among(rows: Iterable[ActRow]) -> Registered:
    """The same from the rows of a control plane's acts, in order, held to its ledger before."""
    found, holds = Registered(), dict[str, Hold]()
    for row in rows:
        if row.act.kind == "segment":
            found.segments[row.act.record] = canonical.decode(Segment, row.body)
        elif row.act.kind == "hold":
            holds[row.act.key] = canonical.decode(Hold, row.body)
        elif row.act.kind == "removal":
            removal = canonical.decode(Removal, row.body)
            found.removals.append(removal)
            gone = found.segments.get(removal.segment)
            if gone and any(hold.covers(gone.system, gone.day) for hold in holds.values()):
                found.held.append(gone.place)
    return found


def verify_segments(
    kept: Segments,
    registered: Iterable[Segment],
    removals: Iterable[Removal] = (),
    *,
    waiting: Collection[str] = (),
    held: Collection[str] = (),
) -> SegmentsVerified:
    """Recompute every segment from its bytes and hold it against what the ledger registers of it.

    `registered` and `removals` are the ledger's (verify that first). `waiting` are places that are sealed and still on
    their way to the ledger; they count as pending. `held` are places that went while a legal hold covered them.
    Tampered names every segment that differs, and how.
    """
    known = list(registered)
    gone = {removal.segment: removal for removal in removals}
    places = {place for form in FORMS.values() for place in kept.places(folder_of(form))}
    wrong, rows, removed = [], 0, 0
    for segment in known:
        if segment.place in places:
            wrong += _differences(kept, segment)
            rows += segment.rows
        elif (removal := gone.get(canonical.digest(segment))) is not None:
            wrong += _too_early(segment, removal)
            wrong += [f"{segment.place} was removed while a legal hold covered it"] * (segment.place in held)
            removed += 1
        elif segment.place not in waiting:
            wrong.append(f"{segment.place} is missing: {segment.rows} rows of {segment.system} were registered")
    strange = places - {segment.place for segment in known}
    wrong += [f"{place} is not in the ledger: it was put there" for place in sorted(strange - set(waiting))]
    if wrong:
        more = f" And {len(wrong) - _NAMED} more." if len(wrong) > _NAMED else ""
        raise Tampered(
            "segments.changed",
            "; ".join(wrong[:_NAMED]) + "." + more,
            "Keep a copy before anything else; restore the segments from a backup and verify that.",
        )
    return SegmentsVerified(len(known) - removed, rows, removed, tuple(sorted(strange)))


def _differences(kept: Segments, segment: Segment) -> list[str]:
    """How the file at a segment's place differs from what is registered."""
    try:
        found, table, _ = unfold(read_segment(kept, segment.place), segment.place)
    except (Tampered, OSError) as error:
        return [f"{segment.place} cannot be read: {error}"]
    if found == segment:
        ids, systems = table.column("id").to_pylist(), set(table.column("system").to_pylist())
        is_home = systems == {segment.system} and {_day(id) for id in ids} == {segment.day}
        return [] if is_home else [f"{segment.place} holds rows of another system or day"]
    if found.rows != segment.rows:
        return [f"{segment.place} has {found.rows} rows; {segment.rows} were registered"]
    if found.layout != segment.layout:
        return [f"{segment.place} has other columns than were registered"]
    if found.root != segment.root:
        return [f"{segment.place}: rows were edited or reordered; they hash to {found.root}, not {segment.root}"]
    return [f"{segment.place} was written anew: the rows are those registered, the file is not"]


def _day(id: str) -> str:
    try:
        return day_of(id)
    except FixInput:
        return ""


def _too_early(segment: Segment, removal: Removal) -> list[str]:
    try:
        policy = Retention(segment.system, removal.days, removal.because)
    except FixInput as error:
        return [f"{segment.place} was removed too early: {error.message}"]
    is_over = policy.is_over(date.fromisoformat(segment.day), date.fromisoformat(removal.at[:10]))
    return (
        [] if is_over else [f"{segment.place} was removed on {removal.at[:10]}, before {removal.days} days were over"]
    )
