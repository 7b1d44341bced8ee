"""A run's folder, verified and tampered with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast import canonical
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.verdict import Outcome, judge, parse_time
from holdfast.flows.seal import seal_run
from holdfast.ledger.bundle import APPETITE, PROOF, VERDICT, ledger_entry, verify_bundle
from holdfast.ledger.envelope import seal
from holdfast.ledger.log import Log
from holdfast.ledger.note import Key
from holdfast.storage.keys import load_or_create
from holdfast.testing.runs import sample_run


@pytest.fixture
def signer(tmp_path):
    return load_or_create(tmp_path / "key.pem", "test/ledger")


@pytest.fixture
def bundle(tmp_path, signer):
    folder = tmp_path / "run"
    folder.mkdir()
    run = judged(sample_run())
    write(folder, run, signer)
    return folder, run


def judged(run):
    """The run with a verdict that follows from its evidence and appetite."""
    verdict = judge(
        run.evidence,
        run.appetite,
        tier=run.system.tier,
        now=parse_time(run.verdict.judged_at),
        evidence_digest=canonical.digest(run.evidence),
        appetite_digest=canonical.digest(run.appetite),
    )
    return replace(run, verdict=verdict)


def write(folder, run, signer):
    with Log(folder.parent / "log", signer) as log:
        (index,) = log.append([ledger_entry(run.verdict)])
        (folder / PROOF).write_bytes(log.proof(index))
    for name, data in seal_run(run, signer).items():
        (folder / name).write_bytes(data)


def key_of(signer):
    return Key(signer.name, signer.public_bytes())


def test_a_whole_folder_verifies(bundle, signer):
    folder, run = bundle
    verified = verify_bundle(folder, key_of(signer))
    assert verified.pinned
    assert verified.verdict == run.verdict
    assert verified.evidence == run.evidence
    assert not verify_bundle(folder).pinned


def test_every_changed_byte_is_caught(bundle, signer):
    folder, _ = bundle
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        if path.name == "ledger.vkey":
            continue
        for position in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:position] + bytes([data[position] ^ 2]) + data[position + 1 :])
            with pytest.raises((Tampered, FixInput)):
                verify_bundle(folder, key_of(signer))
        path.write_bytes(data)
    verify_bundle(folder, key_of(signer))


def test_a_friendlier_verdict_by_the_key_holder_is_caught(bundle, signer):
    """Even who holds the key cannot seal a verdict that does not follow from the evidence."""
    folder, run = bundle
    assert run.verdict.outcome is not Outcome.PASS
    write(folder, replace(run, verdict=replace(run.verdict, outcome=Outcome.PASS)), signer)
    with pytest.raises(Tampered, match="Judged again"):
        verify_bundle(folder, key_of(signer))


def test_a_laxer_appetite_is_caught(bundle, signer):
    folder, run = bundle
    (folder / APPETITE).write_bytes(canonical.encode(replace(run.appetite, limits=run.appetite.limits[:1])))
    with pytest.raises(Tampered, match="another appetite"):
        verify_bundle(folder, key_of(signer))


def test_a_verdict_that_never_reached_the_ledger_is_caught(bundle, signer):
    folder, run = bundle
    later = replace(run, verdict=replace(run.verdict, judged_at="2026-11-24T00:00:00Z"))
    (folder / VERDICT).write_bytes(seal(judged(later).verdict, signer))
    with pytest.raises(Tampered, match=r"tlog-proof|proof does not lead"):
        verify_bundle(folder, key_of(signer))


def test_a_missing_file_says_which(bundle, signer):
    folder, _ = bundle
    (folder / PROOF).unlink()
    with pytest.raises(FixInput, match=r"no readable ledger\.proof"):
        verify_bundle(folder, key_of(signer))
