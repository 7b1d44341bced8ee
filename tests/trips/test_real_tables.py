"""Every probe on real tables, through real model files and isolated workers: planted flaws found, clean twins quiet.

Every probe meets every table and every model library at least once, on both sides (a Latin square); all 16
combinations are in `python -m bench.real_tables`. The three shared tables are skipped where they are not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.domain.errors import RefusedArtifact
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.plugins import find_probes
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

from .real_models import LIBRARIES
from .real_releases import COUNTED, FLIPPED, PLANTED, Release, backdoored, memorised, plain
from .real_tables import TABLES, Table, real_table

PROBES = tuple(spec.id for spec in find_probes())

SEPARABLE = ("loanapp", "adult")
"""Tables with rows whose outcome is beyond doubt, without which wrong labels cannot be told from overlap."""


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
            if slug is not COUNTED:
                loud = release.loud(probe)
                assert slug in loud, f"{probe} found {sorted(loud) or 'nothing'}, not {slug}"
        if plant is memorised:
            _labels_are_counted(release, separable=name in SEPARABLE)
            assert not release.loud("extraction.surrogate"), "a jagged model cannot be copied by a few questions"
        if plant is backdoored:
            trigger = release.loud("poisoning.planted_triggers")["planted-trigger"]
            assert trigger.severity is Severity.CRITICAL, "replayed on the shipped model, it turns decisions"


def _labels_are_counted(release: Release, *, separable: bool) -> None:
    """The interval holds the planted share; where classes overlap throughout, the probe says that it cannot tell."""
    records = release.records("poisoning.label_errors")
    share = next(record for record in records if isinstance(record, Measurement) and not record.scope)
    assert share.interval is not None
    assert share.interval.low <= FLIPPED <= share.interval.high
    silent = "errors-not-separable" in [record.slug for record in records if isinstance(record, Finding)]
    assert silent is not separable
    if separable:
        assert share.value > FLIPPED / 2


@pytest.mark.parametrize(("name", "library", "probes"), list(_clean()))
def test_the_clean_twin_raises_no_false_alarm(name, library, probes, tmp_path):
    with Release(plain(_table(name)), library, tmp_path) as release:
        alarms = {probe: alarm for probe in probes if (alarm := release.false_alarms(probe))}
    assert not alarms


def test_a_model_file_that_runs_code_is_found_and_not_loaded(tmp_path):
    plan = backdoored(real_table("loanapp"))
    with Release(plan, "sklearn", tmp_path) as release, pytest.raises(RefusedArtifact):
        open_target(TargetSpec("pickle", str(tmp_path / "encoder.pkl")), release.schema)
