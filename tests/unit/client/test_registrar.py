"""Segments on their way to a control plane: they wait on disk until it has answered, and are registered once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.decisions.making import NEVER, decision
from tests.unit.flows.journey import SYSTEM, registered

from holdfast import Client
from holdfast.client.registrar import PlaneRegistrar
from holdfast.decisions.log import SegmentLog
from holdfast.decisions.prove import prove
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Absent, Conflict, Tampered
from holdfast.flows.sequence import sequence
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.note import Key

pytestmark = pytest.mark.one_database


def gateway(folder, plane, name="g1") -> SegmentLog:
    segments = FolderSegments(folder / "segments")
    return SegmentLog(folder / "log", name, segments, PlaneRegistrar(plane), seal_when=NEVER)


def test_segments_wait_until_the_control_plane_has_answered(server, clients, tmp_path):
    desk, folder = server.office.desk, tmp_path / "gateway"
    registered(server.office)
    made = [decision(number, system=SYSTEM.name) for number in range(3)]
    with Client("http://127.0.0.1:1", "t") as away, gateway(folder, away) as log:
        log.append([decision(system="unknown"), *made])
        assert log.seal() == 1
        log.append([decision(system="unknown")])
        assert log.seal() == 2
    assert desk.store.count(Segment) == 0
    plane = clients("owner")
    with gateway(folder, plane) as log:
        log.append([last := decision(system=SYSTEM.name)])
        assert log.seal() == 2, "what is refused holds nothing else back, and waits"
        assert isinstance(log.trouble or Absent("", ""), Absent)
    assert {kept.record.rows for kept in desk.store.list(Segment).items} == {3, 1}

    registrar, reader = PlaneRegistrar(plane), Reader(folder / "log", FolderSegments(folder / "segments"))
    with pytest.raises(Absent, match="not in the ledger yet"):
        prove(last.id, reader, registrar)
    sequence(desk.store, desk.ledger)
    key = Key(desk.signer.name, desk.signer.public_bytes())
    for one in (made[1], last):
        assert verify_decision(prove(one.id, reader, registrar).encode(), key).record.id == one.id
    segment = desk.store.list(Segment).items[0].record
    registrar.register(segment)
    assert desk.store.count(Segment) == 2, "the same again is the same"
    with pytest.raises(Conflict):
        registrar.register(replace(segment, rows=9))
    with pytest.raises(Tampered, match="Something else"):
        registrar.proof(replace(segment, rows=9))
