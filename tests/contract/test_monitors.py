"""Every monitor, picked up unasked, keeps the contract."""

from __future__ import annotations

import pytest

from holdfast.plugins import find_monitors
from holdfast.testing.monitor_contract import CHECKS

MONITORS = find_monitors()


@pytest.mark.parametrize("keeps", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", MONITORS, ids=lambda spec: spec.id)
def test_contract(spec, keeps):
    keeps(spec)


def test_the_monitors_of_outcomes_and_groups_are_found():
    assert {spec.id for spec in MONITORS} >= {
        "outcome.performance",
        "outcome.labels",
        "outcome.calibration",
        "outcome.estimated",
        "fairness.outcomes",
        "fairness.proxies",
    }
