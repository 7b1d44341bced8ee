"""Segments in the ledger: each file once, and only where it belongs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.journey import SYSTEM, registered

from holdfast.domain.decision import Segment
from holdfast.domain.errors import Absent, Conflict, FixInput, Forbidden, Tampered
from holdfast.flows.register_segments import DeskRegistrar, register_segment
from holdfast.flows.sequence import sequence
from holdfast.ledger.decided import DECISIONS, folder_of
from holdfast.ledger.decision_proof import registers

DAY = "2026-11-24"
FOLDER = folder_of(DECISIONS, SYSTEM.name, DAY)
SEGMENT = Segment(
    SYSTEM.name, DAY, "g1", f"{FOLDER}/g1-0.parquet", 3, "0" * 64, "sha256:" + "1" * 64, "sha256:" + "3" * 64,
    f"{DAY}T09:00:00.000000Z", f"{DAY}T09:01:00.000000Z",
)  # fmt: skip
WRONG = [
    {"place": "/etc/passwd.parquet"},
    {"place": f"{FOLDER}/../day=2026-11-28/a.parquet"},
    {"place": SEGMENT.place.replace(DAY, "2026-11-28")},
    {"place": SEGMENT.place.replace("decisions/", "labels/")},
    {"place": f"{FOLDER}/.parquet"},
    {"place": f"{FOLDER}/g1-0.csv"},
    {"day": "yesterday"},
    {"day": "20261124", "place": SEGMENT.place.replace(DAY, "20261124")},
    {"first": f"{DAY}T10:00:00.000000Z"},
    {"last": f"{DAY}T09:01:00Z"},
    {"last": "soon"},
    {"rows": 0},
    {"root": "0"},
    {"file": "sha256:2"},
    {"format": "holdfast-labels/1"},
    {"format": "else"},
]


@pytest.fixture
def desk(office):
    registered(office)
    return office.desk


def test_a_file_of_decisions_is_registered_once(office, desk):
    kept = register_segment(desk, office.caller("owner"), SEGMENT)
    assert register_segment(desk, office.caller("owner"), SEGMENT) == kept
    with pytest.raises(Conflict):
        register_segment(desk, office.caller("owner"), replace(SEGMENT, rows=2))
    for who in ("viewer", "auditor", "admin", "risk"):
        with pytest.raises(Forbidden):
            register_segment(desk, office.caller(who), SEGMENT)
    with pytest.raises(Absent):
        register_segment(desk, office.caller("owner"), replace(SEGMENT, system="unknown"))
    assert desk.store.count(Segment) == 1


def test_what_is_no_segment_of_its_system_and_day_is_refused(office, desk):
    """Retention deletes what lies at a segment's place: a gateway must not name another's."""
    for wrong in WRONG:
        with pytest.raises(FixInput, match="no segment of its system"):
            register_segment(desk, office.caller("owner"), replace(SEGMENT, **wrong))
    assert desk.store.count(Segment) == 0


def test_the_control_planes_own_files_are_registered_once_and_proved(office, desk):
    registrar = DeskRegistrar(desk)
    register_segment(desk, office.caller("owner"), SEGMENT)
    own = replace(SEGMENT, file="sha256:" + "4" * 64)
    for _ in range(2):
        registrar.register(own)
        registrar.register(SEGMENT)
    assert {kept.actor for kept in desk.store.list(Segment).items} == {"owner", "platform"}
    with pytest.raises(Conflict):
        registrar.register(replace(SEGMENT, rows=2))
    with pytest.raises(Absent, match="not in the ledger yet"):
        registrar.proof(own)
    sequence(desk.store, desk.ledger)
    assert registers(registrar.proof(own)[0], own)
    with pytest.raises(Tampered, match="other rows"):
        registrar.proof(replace(own, root="1" * 64))
