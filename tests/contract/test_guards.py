"""Every guard, picked up unasked, keeps the contract."""

from __future__ import annotations

import pytest

from holdfast.guards.contract import Reads
from holdfast.plugins import find_guards
from holdfast.testing import text_guard_contract
from holdfast.testing.guard_contract import CHECKS

GUARDS = [spec for spec in find_guards() if spec.reads is Reads.ROWS]
TEXT_GUARDS = [spec for spec in find_guards() if spec.reads is Reads.TEXT]


@pytest.mark.parametrize("keeps", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", GUARDS, ids=lambda spec: spec.id)
def test_contract(spec, keeps):
    keeps(spec)


@pytest.mark.parametrize("keeps", text_guard_contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("spec", TEXT_GUARDS, ids=lambda spec: spec.id)
def test_contract_of_guards_on_text(spec, keeps):
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
