"""Prove: files of decisions enter the ledger, each by its Merkle root."""

from __future__ import annotations

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Conflict
from holdfast.domain.system import System
from holdfast.flows.desk import Caller, Desk, require


def register_segment(desk: Desk, caller: Caller, segment: Segment) -> Kept[Segment]:
    """Enter a file of decisions into the ledger. The same file again is the same."""
    require(caller, Permission.RUN_GATEWAY)
    desk.store.get(System, segment.system)
    known = desk.store.find(Segment, segment.file)
    if known is None:
        desk.do(caller, Draft(Verb.REGISTER_SEGMENT, segment.file, segment))
        return desk.store.get(Segment, segment.file)
    if known.record != segment:
        raise Conflict("segment.taken", "These bytes are registered as something else.", "A segment never changes.")
    return known
