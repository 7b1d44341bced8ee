"""Prove: files of decisions enter the ledger, each by its Merkle root."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Absent, Conflict, FixInput, Tampered
from holdfast.domain.system import System
from holdfast.flows.desk import Caller, Desk, require
from holdfast.ledger.decided import FORMS, folder_of, micros_of, text_of

PLATFORM = "platform"
"""Who registers what the control plane itself wrote."""

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.parquet")
_ROOT = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def register_segment(desk: Desk, caller: Caller, segment: Segment) -> Kept[Segment]:
    """Enter a file of decisions into the ledger. The same file again is the same."""
    require(caller, Permission.RUN_GATEWAY)
    desk.store.get(System, segment.system)
    _require_sound(segment)
    known = desk.store.find(Segment, segment.file)
    if known is None:
        with suppress(Conflict):  # a neighbour that adopted the same file was quicker
            desk.do(caller, Draft(Verb.REGISTER_SEGMENT, segment.file, segment))
    return _known(desk, segment)


class DeskRegistrar:
    """Registers segments that the control plane itself wrote, and proves any that is registered.

    Implements `decisions.registrar.Registrar`.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def register(self, record: Segment) -> None:
        """As `Registrar` says."""
        drafts, id = [Draft(Verb.REGISTER_SEGMENT, record.file, record)], record.file.removeprefix("sha256:")
        with suppress(Conflict):  # a neighbour was quicker
            self._desk.store.commit(drafts, actor=PLATFORM, at=self._desk.at, id=f"segment:{id}")
        self._desk.committed()
        _known(self._desk, record)

    def proof(self, record: Segment) -> tuple[bytes, bytes]:
        """As `Registrar` says; Tampered where these bytes are registered as something else."""
        kept = self._desk.store.get(Segment, record.file)
        if kept.record != record:
            raise Tampered("segment.other", f"{record.place} is registered with other rows than it has.")
        if kept.index is None:
            hint = "The act is made and waits for the ledger: try again in a moment."
            raise Absent("segment.pending", "The segment is not in the ledger yet.", hint)
        entry = b"".join(self._desk.ledger.read(kept.index, kept.index + 1))
        return entry, self._desk.ledger.proof(kept.index)


def _known(desk: Desk, segment: Segment) -> Kept[Segment]:
    known = desk.store.get(Segment, segment.file)
    if known.record != segment:
        raise Conflict("segment.taken", "These bytes are registered as something else.", "A segment never changes.")
    return known


def _require_sound(segment: Segment) -> None:
    """Whoever lets old decisions go deletes the file at this place: it must be one of this system and day."""
    form = next((form for form in FORMS.values() if form.format == segment.format), None)
    folder, _, name = segment.place.rpartition("/")
    is_placed = form is not None and folder == folder_of(form, segment.system, segment.day) and _FILE.fullmatch(name)
    is_whole = segment.rows > 0 and _ROOT.fullmatch(segment.root) and _DIGEST.fullmatch(segment.file)
    if not (is_placed and is_whole and _is_day(segment.day) and _is_span(segment)):
        hint = "Send it as the gateway's log made it; an older control plane may not know this kind."
        raise FixInput("segment.record", f"{segment.place!r:.200} is no segment of its system and day.", hint)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_span(segment: Segment) -> bool:
    """Whether its times are those of rows: in UTC with microseconds, so that they sort as text."""
    try:
        first, last = micros_of(segment.first), micros_of(segment.last)
    except FixInput:
        return False
    return first <= last and (text_of(first), text_of(last)) == (segment.first, segment.last)
