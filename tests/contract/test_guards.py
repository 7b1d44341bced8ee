"""Every guard, picked up unasked, keeps the contract."""

from __future__ import annotations

import pytest

from holdfast.plugins import find_guards
from holdfast.testing.guard_contract import CHECKS

GUARDS = find_guards()


@pytest.mark.parametrize("keeps", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", GUARDS, ids=lambda spec: spec.id)
def test_contract(spec, keeps):
    keeps(spec)


def test_the_guards_on_tables_are_found():
    assert {spec.id for spec in GUARDS} >= {
        "table.schema",
        "table.range",
        "table.combination",
        "table.missing_burst",
        "table.outlier",
        "table.probing",
        "table.made_up",
        "table.trigger",
        "table.immutable",
    }
