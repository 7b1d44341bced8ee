"""One decision proved from one file; a log in which something was changed named for it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.unit.decisions.making import SIGNER, decision, ledger, segment_log

from holdfast import canonical
from holdfast.decisions.columns import tabulate
from holdfast.decisions.payload import encode
from holdfast.decisions.prove import prove
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.retain import retain
from holdfast.decisions.rows import row_of
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.stage import stage
from holdfast.decisions.verify import records_in, verify_segments
from holdfast.domain.act import Act, Verb
from holdfast.domain.errors import Absent, FixInput, Tampered
from holdfast.domain.ids import day_of
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.ledger.decided import ADDED, DECISIONS
from holdfast.ledger.decision_proof import RowProof, is_row_proof, verify_decision
from holdfast.ledger.note import Key
from holdfast.ledger.verify import main

KEY = Key(SIGNER.name, SIGNER.public_bytes())
ODD = (("age", math.nan), ("big", 2**62), ("inf", -math.inf), ("ok", True), ("text", 'ü "quoted"'), ("zero", -0.0))


@pytest.fixture
def filled(tmp_path):
    """A log with three segments of 40 decisions, and these."""
    made = [decision(number, system=system) for system in ("credit", "fraud") for number in range(40)]
    made[3] = replace(made[3], inputs=ODD)
    with segment_log(tmp_path) as log:
        log.append(made)
        log.seal()
        log.append(made_later := [decision(number) for number in range(40)])
        log.seal()
    return tmp_path, made + made_later


def proof_of(folder: Path, id: str) -> bytes:
    reader = Reader(folder / "log", FolderSegments(folder / "segments"))
    with ledger(folder) as log:
        return prove(id, reader, LedgerRegistrar(log)).encode()


def checked(folder: Path, **options):
    with ledger(folder) as log:
        segments, removals = records_in(log.read(0, log.head()[0]))
    return verify_segments(FolderSegments(folder / "segments"), segments, removals, **options)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "segments").rglob("*.parquet"))


def test_a_proof_shows_the_decision_and_where_it_stands(filled):
    folder, made = filled
    for number in (0, 3, 39, 40, 119):
        data = proof_of(folder, made[number].id)
        assert is_row_proof(data)
        proved = verify_decision(data, KEY)
        assert (proved.record.id, proved.record.system) == (made[number].id, made[number].system)
        assert proved.record.outputs == made[number].outputs
        assert proved.record.verdicts == made[number].verdicts
        assert (proved.segment.rows, proved.checkpoint.size) == (40, 3)
    assert str(verify_decision(proof_of(folder, made[3].id), KEY).record.inputs) == str(ODD)


def test_every_changed_word_of_a_proof_is_caught(filled):
    folder, made = filled
    data = proof_of(folder, made[3].id)
    document = json.loads(data)

    def places(value, path=()):
        if isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from places(item, (*path, key))
        else:
            yield path

    def changed(path):
        copy = json.loads(data)
        at = copy
        for key in path[:-1]:
            at = at[key]
        old = at[path[-1]]
        at[path[-1]] = (not old) if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}0"
        return json.dumps(copy, ensure_ascii=False, indent=1).encode()

    paths = list(places(document))
    assert len(paths) > 80
    for path in paths:
        with pytest.raises((Tampered, FixInput)):
            verify_decision(changed(path), KEY)
    for key in document:
        with pytest.raises((Tampered, FixInput)):
            verify_decision(json.dumps({k: v for k, v in document.items() if k != key}).encode(), KEY)
    with pytest.raises(Tampered):
        verify_decision(data, Key(SIGNER.name, bytes(32)))


def test_a_row_of_one_segment_is_not_proved_by_anothers_entry(filled):
    folder, made = filled
    one = RowProof.decode(proof_of(folder, made[0].id))
    other = RowProof.decode(proof_of(folder, made[40].id))
    with pytest.raises(Tampered, match="another segment"):
        verify_decision(replace(one, entry=other.entry, proof=other.proof).encode(), KEY)
    with pytest.raises(Tampered, match="does not lead"):
        verify_decision(replace(one, segment=other.segment).encode(), KEY)


def test_a_segment_may_be_registered_by_an_act(filled):
    """As the control plane does: the ledger's entry is the act, and names the segment by its digest."""
    folder, made = filled
    proof = RowProof.decode(proof_of(folder, made[0].id))
    record = canonical.digest(proof.segment)
    act = Act("1", Verb.RECORD_EVIDENCE, "segment", proof.segment.place, 1, record, "gateway", "2026-11-28T10:00:00Z")
    with ledger(folder) as log:
        entry = canonical.encode(act)
        text = log.proof(log.append([entry])[0]).decode()
    assert verify_decision(replace(proof, entry=entry.decode(), proof=text).encode(), KEY).record.id == made[0].id
    other = canonical.encode(replace(act, record="sha256:" + "0" * 64)).decode()
    with pytest.raises(Tampered, match="another segment"):
        verify_decision(replace(proof, entry=other).encode(), KEY)


def test_a_proof_is_checked_without_numpy_or_arrow(filled):
    folder, made = filled
    (folder / "proof.json").write_bytes(proof_of(folder, made[0].id))
    code = (
        "import sys; from pathlib import Path; from holdfast.ledger.decision_proof import verify_decision;"
        "from holdfast.ledger.note import Key;"
        "print(verify_decision(Path(sys.argv[1]).read_bytes(), Key.from_vkey(sys.argv[2])).record.id);"
        "assert not {'numpy', 'pyarrow', 'pandas', 'duckdb'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(folder / "proof.json"), KEY.vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == made[0].id


def test_the_auditors_tool_takes_a_decisions_proof(filled, capsys):
    folder, made = filled
    (folder / "proof.json").write_bytes(proof_of(folder, made[0].id))
    command = [str(folder / "proof.json"), "--key", KEY.vkey]
    assert main(command) == 0
    assert "a segment of 40 rows of credit" in capsys.readouterr().out
    (folder / "proof.json").write_bytes((folder / "proof.json").read_bytes().replace(b"production", b"test"))
    assert main(command) == 1
    assert "does not lead" in capsys.readouterr().err


def test_what_is_not_sealed_has_no_proof_yet(tmp_path):
    made = decision()
    with segment_log(tmp_path) as log:
        log.append([made])
        with pytest.raises(Absent, match="No segment"):
            proof_of(tmp_path, made.id)


def test_an_untouched_log_verifies(filled):
    folder, _ = filled
    found = checked(folder)
    assert (found.segments, found.rows, found.removed, found.pending) == (3, 120, 0, ())


def rewritten(path: Path, change) -> None:
    table = pq.read_table(path, partitioning=None)
    path.unlink()
    pq.write_table(change(table), path, compression="gzip")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.set_column(t.schema.get_field_index("micros"), "micros", [[7] * len(t)]), "edited or reordered"),
        (lambda t: t.slice(0, len(t) - 1), "39 rows; 40"),
        (lambda t: t.take(list(range(len(t)))[::-1]), "edited or reordered"),
        (lambda t: t.drop_columns(["trace"]), "other columns"),
        (lambda t: t, "written anew"),
    ],
)
def test_a_changed_segment_is_named(filled, change, named):
    folder, _ = filled
    victim = files(folder)[1]
    rewritten(victim, change)
    with pytest.raises(Tampered, match=named) as caught:
        checked(folder)
    assert victim.name in caught.value.message


def test_missing_and_foreign_and_broken_segments_are_all_named(filled):
    folder, _ = filled
    gone, broken, copied = files(folder)
    foreign = copied.with_name("foreign.parquet")
    foreign.write_bytes(copied.read_bytes())
    gone.unlink()
    data = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(data[:200] + b"x" + data[201:])
    with pytest.raises(Tampered) as caught:
        checked(folder)
    for path in (gone, broken, foreign):
        assert path.name in caught.value.message
    assert f"/{copied.name} " not in caught.value.message or copied.name in (gone.name, broken.name)


def test_rows_under_another_systems_name_are_caught(tmp_path):
    """A segment that was registered, but whose rows are not of the system and day that it says."""
    with segment_log(tmp_path) as log:
        table = tabulate(DECISIONS, [row_of(decision())])
        log._sealer.add([stage(table, DECISIONS, system="fraud", day="2026-11-28", gateway="g1", name="x")])
        log.seal()
    with pytest.raises(Tampered, match="another system or day"):
        checked(tmp_path)


def test_segments_go_when_their_time_is_over_and_the_ledger_says_so(filled):
    folder, made = filled
    now = datetime.now(UTC)
    kept = FolderSegments(folder / "segments")

    def run(policies, days, holds=()):
        with ledger(folder) as log:
            segments, _ = records_in(log.read(0, log.head()[0]))
            terms = {"holds": holds, "now": now + timedelta(days=days)}
            return retain(kept, LedgerRegistrar(log), segments, policies, **terms)

    year = Retention("credit", 365)
    assert run([year], 365) == []
    assert run([year], 366, [Hold("credit", "case 7", first="2020-01-01")]) == []
    proof = proof_of(folder, made[0].id)
    removed = run([year, Retention("other", 200)], 366)
    assert len(removed) == 2
    assert len(files(folder)) == 1
    assert run([year], 367) == []
    found = checked(folder)
    assert (found.segments, found.removed) == (1, 2)
    assert verify_decision(proof, KEY).record.id == made[0].id
    with pytest.raises(Absent):
        proof_of(folder, made[0].id)


def test_six_months_are_the_least_unless_a_law_says_otherwise(filled):
    folder, _ = filled
    with pytest.raises(FixInput, match="six months"):
        Retention("credit", 183)
    assert Retention("credit", 30, "GDPR Article 5(1)(e): purpose fulfilled").days == 30
    with ledger(folder) as log:
        segments, _ = records_in(log.read(0, log.head()[0]))
        day = segments[0].day
        early = Removal(canonical.digest(segments[0]), segments[0].place, 184, "", f"{day}T12:00:00Z")
        LedgerRegistrar(log).register(early)
    (folder / "segments" / segments[0].place).unlink()
    with pytest.raises(Tampered, match="before"):
        checked(folder)


def test_segments_from_before_policies_were_noted_verify_and_read_beside_later_ones(tmp_path):
    """As an earlier version wrote them: without the columns that decisions got since."""
    before = replace(DECISIONS, fixed=tuple(column for column in DECISIONS.fixed if column.name not in ADDED))
    old, new = decision(1), decision(2, policy="sha256:" + "b" * 64, reference="sha256:" + "c" * 64)
    row = {name: value for name, value in row_of(old).items() if name not in ADDED}
    with segment_log(tmp_path) as log:
        told = {"system": "credit", "day": day_of(old.id), "gateway": "g1", "name": "old"}
        log._sealer.add([stage(tabulate(before, [row]), before, **told)])
        log.append([new])
        log.seal()
    assert checked(tmp_path).rows == 2
    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    assert (reader.find(old.id), reader.find(new.id)) == (old, new)
    assert verify_decision(proof_of(tmp_path, old.id), KEY).record == old
    assert verify_decision(proof_of(tmp_path, new.id), KEY).record == new
    policies = [value for batch in reader.batches(columns=["policy"]) for value in batch.column("policy").to_pylist()]
    assert sorted(policies, key=str) == [None, new.policy]


def test_a_journal_from_before_is_sealed_by_this_version(tmp_path):
    old = decision(1)
    row = {name: value for name, value in row_of(old).items() if name not in ADDED}
    with segment_log(tmp_path) as log:
        log._committer.submit([encode(DECISIONS, row)])
        assert Reader(tmp_path / "log", FolderSegments(tmp_path / "segments")).find(old.id) == old
        log.seal()
    assert verify_decision(proof_of(tmp_path, old.id), KEY).record == old


def test_a_segment_read_from_its_bytes_leaves_no_thread_to_abort_the_process_at_exit(filled):
    """An Arrow thread that holds the bytes while Python ends is a `terminate` after all was said, and exit code -6."""
    code = """
import os, sys
from holdfast.decisions.stage import unfold
with open(sys.argv[1], "rb") as file:
    data = file.read()
before = len(os.listdir("/proc/self/task"))
print(unfold(data, "here")[0].rows, len(os.listdir("/proc/self/task")) - before)
"""
    segment = next((filled[0] / "segments").rglob("*.parquet"))
    said = subprocess.run([sys.executable, "-c", code, segment], check=True, capture_output=True, text=True).stdout
    assert said == "40 0\n"
