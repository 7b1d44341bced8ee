"""Any value goes into the log and comes out the same, or is refused; any flipped or torn byte is caught, not read.

HOLDFAST_FUZZ=20000 python -m pytest tests/unit/decisions/test_fuzz.py
"""

from __future__ import annotations

import math
import os
import shutil
from contextlib import nullcontext, suppress
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.decisions.making import decision, ledger, segment_log
from tests.unit.decisions.test_crash import ids_in

from holdfast.decisions.payload import decode, encode
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.rows import row_of
from holdfast.decisions.seal import Sealer
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.wal import CHUNK, Wal
from holdfast.domain.errors import FixInput, Tampered
from holdfast.ledger.decided import DECISIONS

EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ", "40"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=6)
odd = (
    scalars | st.binary(max_size=3) | st.lists(st.integers(), max_size=2) | st.sampled_from(["\ud800", 2**63, -(2**63)])
)
fields = st.lists(st.tuples(st.text(st.characters(), max_size=6), odd), max_size=5).map(tuple)


def same(a, b) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@fuzz
@given(fields, fields)
def test_a_decision_comes_out_of_the_journal_as_it_went_in_or_does_not_go_in(inputs, outputs):
    row = row_of(decision(inputs=inputs, outputs=outputs))
    with suppress(FixInput):
        form, found = decode(encode(DECISIONS, row))
        assert form == DECISIONS.folder
        assert found.keys() == row.keys()
        assert all(same(found[name], value) and type(found[name]) is type(value) for name, value in row.items())


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """A journal of commits of many sizes, as it lies on the disk, and what they hold."""
    folder = tmp_path_factory.mktemp("journal")
    wal = Wal.create(folder / "wal/g1")
    commits = [[b"a"], [b"", b"bc" * 100], [b"d" * (2 * CHUNK + 7)], [b"e" * 5000, b"f"]]
    for commit in commits:
        wal.append(commit)
    wal.close()
    return folder, commits


def whole_commits(found: list[bytes], commits: list[list[bytes]]) -> bool:
    return found in [list(chain.from_iterable(commits[:n])) for n in range(len(commits) + 1)]


@fuzz
@given(st.data())
def test_flipped_and_torn_bytes_of_a_journal_are_never_read_as_something_else(journal, tmp_path_factory, data):
    folder, commits = journal
    copy = tmp_path_factory.mktemp("copy") / "wal"
    shutil.copytree(folder / "wal/g1", copy)
    file = next((copy / "journal").glob("0*"))
    raw = bytearray(file.read_bytes())
    end = 45 * 4096
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, end))
        raw[cut:] = bytes(len(raw) - cut) if data.draw(st.booleans()) else b""
    for at in data.draw(st.lists(st.integers(0, end), max_size=3)):
        if at < len(raw):
            raw[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(raw)
    wal = Wal(copy)
    try:
        found = [payload for _, _, payload in wal.read(0)]
    except Tampered:
        return
    assert whole_commits(found, commits)
    with suppress(Tampered):
        wal.append([b"next"])
        again = [payload for _, _, payload in wal.read(0)]
        assert again == [*found, b"next"]
    wal.close()


@pytest.mark.parametrize("what", ["sealed", "queue", "staged"])
def test_a_damaged_note_of_what_is_sealed_stops_sealing_with_its_name(tmp_path, what):
    with segment_log(tmp_path) as log:
        log.append([decision(1)])
        log._keeper.stop()
        log._sealer.seal()
    wal = tmp_path / "log/wal/g1"
    with ledger(tmp_path) as entries:
        sealer = Sealer(wal)
        if what == "sealed":
            (wal / "sealed").write_bytes(b"\0\0")
        elif what == "queue":
            (wal / "queue").mkdir(exist_ok=True)
            (wal / "queue/0.json").write_bytes(b'{"segments": [')
        else:
            (wal / "staged/decisions").mkdir(parents=True, exist_ok=True)
            (wal / "staged/decisions/x.parquet.new").write_bytes(b"half")
        with nullcontext() if what == "staged" else pytest.raises((Tampered, FixInput)):
            sealer.seal()
            sealer.deliver(FolderSegments(tmp_path / "segments"), LedgerRegistrar(entries))
    if what == "staged":
        assert sum(ids_in(tmp_path).values()) == 1
