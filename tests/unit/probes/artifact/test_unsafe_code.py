from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.probes.artifact.unsafe_code import REFUSED, UNKNOWN, Params
from holdfast.probes.artifact.unsafe_code import run as spec
from holdfast.probes.contract import EFFORTS, Case, Need
from holdfast.testing.trials.artifact import unsafe_code as trial


def outcome(case: Case, params: Params | None = None) -> tuple[dict[str, float], list[Finding]]:
    yielded = list(spec.run(case, params or spec.params("standard")))
    values = {y.measure: y.value for y in yielded if isinstance(y, Measurement)}
    return values, [y for y in yielded if isinstance(y, Finding)]


def test_declares_what_it_needs() -> None:
    assert spec.id == "artifact.unsafe_code"
    assert spec.needs == {Need.ARTIFACT}
    assert set(spec.efforts) == set(EFFORTS)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_planted_call_and_stays_quiet_on_the_clean_twin(seed: int) -> None:
    values, (finding,) = outcome(trial.planted(seed))
    assert values == {REFUSED.id: 1, UNKNOWN.id: 0}
    assert finding.slug == trial.finds
    assert finding.severity is Severity.CRITICAL
    assert finding.sentence == f"Loading planted-{seed}.pkl would run os.getcwd."
    assert outcome(trial.clean(seed)) == ({REFUSED.id: 0, UNKNOWN.id: 0}, [])


def test_same_case_same_records() -> None:
    case = trial.planted(0)
    assert outcome(case) == outcome(case)


def test_every_file_gets_its_own_finding(tmp_path: Path) -> None:
    case = trial.planted(0)
    (tmp_path / "notes.bin").write_bytes(bytes(range(1, 100)))
    values, findings = outcome(
        replace(case, artifact=(*case.artifact, *trial.planted(1).artifact, tmp_path / "notes.bin"))
    )
    assert values == {REFUSED.id: 2, UNKNOWN.id: 1}
    assert [f.slug for f in findings] == ["unsafe-code", "unsafe-code-2", "not-provably-safe"]
    assert findings[-1].severity is Severity.MEDIUM


def test_own_classes_may_be_allowed() -> None:
    values, _ = outcome(replace(trial.planted(0), allow=("posix.getcwd",)), Params())
    assert values[REFUSED.id] == 0


def test_a_release_without_files_measures_nothing_wrong() -> None:
    case = replace(trial.planted(0), artifact=())
    assert outcome(case) == ({REFUSED.id: 0, UNKNOWN.id: 0}, [])
