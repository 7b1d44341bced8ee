"""Outcomes may come late, twice and differently: each is kept once, and the last one first said is in force."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from tests.unit.decisions.making import decision, segment_log
from tests.unit.decisions.test_proof import checked

from holdfast.decisions.labels import current, history
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.domain.decision import Label
from holdfast.domain.errors import FixInput


def reader(folder):
    return Reader(folder / "log", FolderSegments(folder / "segments"))


def test_labels_are_kept_once_and_corrected_with_history(tmp_path):
    made = [decision(number) for number in range(3)]
    repaid = Label("credit", made[0].id, True, "2027-02-01T00:00:00.000000Z", "core banking")
    late = Label("credit", made[1].id, False, "2027-06-01T00:00:00.000000Z", "collections")
    wrong = replace(repaid, outcome=False, observed_at="2027-03-01T00:00:00.000000Z")
    with segment_log(tmp_path) as log:
        log.append(made)
        log.append_labels([repaid, repaid])
        log.seal()
        log.append_labels([wrong])
        log.append_labels([repaid, late])
        assert history(reader(tmp_path), made[0].id, system="credit") == (repaid, wrong)
        log.seal()
    assert history(reader(tmp_path), made[0].id, system="credit") == (repaid, wrong)
    assert history(reader(tmp_path), made[2].id, system="credit") == ()
    assert history(reader(tmp_path), made[2].id, system="other") == ()
    connection = duckdb.connect()
    found = current(reader(tmp_path), connection, system="credit").project("decision, outcome, source, corrections")
    assert sorted(found.fetchall()) == sorted(
        [(made[0].id, False, "core banking", 1), (made[1].id, False, "collections", 0)]
    )
    assert checked(tmp_path).rows == 3 + 5


def test_outcomes_of_several_types_stand_side_by_side(tmp_path):
    said = [Label("credit", decision().id, value, "2027-02-01T00:00:00.000000Z", "x") for value in ("bad", 2, 0.5)]
    with segment_log(tmp_path) as log:
        log.append_labels(said)
        log.seal()
    assert [history(reader(tmp_path), each.decision, system="credit") for each in said] == [(each,) for each in said]


@pytest.mark.parametrize("changes", [{"system": ""}, {"outcome": None}, {"observed_at": "soon"}, {"decision": "7"}])
def test_a_label_of_nothing_is_refused(tmp_path, changes):
    label = Label("credit", decision().id, True, "2027-02-01T00:00:00.000000Z", "x")
    with segment_log(tmp_path) as log, pytest.raises(FixInput):
        log.append_labels([replace(label, **changes)])
