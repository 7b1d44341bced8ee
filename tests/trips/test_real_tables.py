"""Every probe on real tables, through real model files and isolated workers: planted flaws found, clean twins quiet.

Every probe meets every table and every model library at least once, on both sides (a Latin square); all 16
combinations are in `python -m bench.real_tables`. The three shared tables are skipped where they are not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.domain.errors import RefusedArtifact
from holdfast.domain.finding import Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import TABULAR
from holdfast.plugins import find_probes
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

from .real_models import LIBRARIES
from .real_releases import FLIPPED, PLANTED, Release, backdoored, memorised, plain
from .real_tables import TABLES, Table, real_table

PROBES = tuple(spec.id for spec in find_probes() if spec.tasks.intersection(TABULAR))


def _planted() -> Iterator[object]:
    for k, plant in enumerate(PLANTED):
        for t, table in enumerate(TABLES):
            library = LIBRARIES[(k + t) % 4]
            yield pytest.param(plant, table, library, id=f"{plant.__name__}-{table}-{library}")


def _clean() -> Iterator[object]:
    for t, table in enumerate(TABLES):
        for place, library in enumerate(LIBRARIES):
            probes = [probe for p, probe in enumerate(PROBES) if (p + t + 1) % 4 == place]
            yield pytest.param(table, library, probes, id=f"{table}-{library}")


def _table(name: str) -> Table:
    try:
        return real_table(name)
    except FileNotFoundError:
        pytest.skip(f"{name} is not beside this checkout (../shared/data/tables)")


def test_every_probe_has_a_planted_flaw():
    assert {probe for finds in PLANTED.values() for probe in finds} == set(PROBES)


@pytest.mark.parametrize(("plant", "name", "library"), list(_planted()))
def test_the_planted_flaw_is_found(plant, name, library, tmp_path):
    table = _table(name)
    with Release(plant(table), library, tmp_path) as release:
        for probe, slug in PLANTED[plant].items():
            loud = release.loud(probe)
            assert slug in loud, f"{probe} found {sorted(loud) or 'nothing'}, not {slug}"
        if plant is memorised:
            _wrong_labels_are_counted(release, FLIPPED[name])
            assert not release.loud("extraction.surrogate"), "a jagged model cannot be copied by a few questions"
        if plant is backdoored:
            trigger = release.loud("poisoning.planted_triggers")["planted-trigger"]
            assert trigger.severity is Severity.CRITICAL, "replayed on the shipped model, it turns decisions"


def _wrong_labels_are_counted(release: Release, planted: float) -> None:
    """The interval of what is wrong beyond the test data holds the planted share, and what may be wrong at all does."""
    whole = {
        r.measure: r for r in release.records("poisoning.label_errors") if isinstance(r, Measurement) and not r.scope
    }
    excess, share = whole["poisoning.label_error_excess"].interval, whole["poisoning.label_error_share"].interval
    assert excess is not None
    assert share is not None
    assert excess.low <= planted <= excess.high
    assert share.low <= planted <= share.high


@pytest.mark.parametrize(("name", "library", "probes"), list(_clean()))
def test_the_clean_twin_raises_no_false_alarm(name, library, probes, tmp_path):
    with Release(plain(_table(name)), library, tmp_path) as release:
        alarms = {probe: alarm for probe in probes if (alarm := release.false_alarms(probe))}
    assert not alarms


def test_a_model_file_that_runs_code_is_found_and_not_loaded(tmp_path):
    plan = backdoored(real_table("loanapp"))
    with Release(plan, "sklearn", tmp_path) as release, pytest.raises(RefusedArtifact):
        open_target(TargetSpec("pickle", str(tmp_path / "encoder.pkl")), release.schema)
