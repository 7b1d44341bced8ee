"""Every probe, picked up unasked, keeps the contract."""

from __future__ import annotations

import pytest

from holdfast.plugins import find_probes
from holdfast.testing.contract import CHECKS

PROBES = find_probes()


@pytest.mark.parametrize("keeps", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", PROBES, ids=lambda spec: spec.id)
def test_contract(spec, keeps):
    keeps(spec)


def test_no_measure_means_two_things():
    meanings = {}
    for spec in PROBES:
        for measure in spec.measures:
            assert meanings.setdefault(measure.id, measure) == measure


def test_every_family_has_a_probe():
    families = {
        "artifact",
        "poisoning",
        "evasion",
        "extraction",
        "privacy",
        "fairness",
        "stress",
        "explain",
        "performance",
        "injection",
        "jailbreak",
        "disclosure",
        "tools",
        "overrefusal",
        "cost",
    }
    assert {spec.family for spec in PROBES} >= families
