from __future__ import annotations

import pytest

from holdfast.domain.appetite import Tier
from holdfast.domain.errors import FixInput
from holdfast.domain.release import Deployment, Release
from holdfast.domain.system import System
from holdfast.flows.audit import verify_ledger
from holdfast.flows.people import found
from holdfast.flows.sequence import sequence
from holdfast.flows.steps import release_lineage
from holdfast.questionnaires import read_questionnaires
from holdfast.storage.accounts import SqlAccounts
from holdfast.testing.demo import LOANS, furnish
from holdfast.testing.desk import office as open_office


def test_an_empty_platform_is_furnished_once_and_verifies(tmp_path):
    with open_office(tmp_path) as house:
        desk, regimes = house.desk, read_questionnaires()
        accounts = SqlAccounts(desk.store, b"secret")
        password = furnish(desk, accounts, regimes)
        assert accounts.check("legal@demo.example", password, "", desk.now) == "legal"
        assert found(desk, accounts) is None
        assert desk.store.get(System, LOANS.name).record.tier is Tier.HIGH
        (live,) = desk.store.list(Deployment, state="running").items
        assert len(live.record.let_in_by) == 5
        traced = {kept.record.version: release_lineage(desk, kept.key) for kept in desk.store.list(Release).items}
        assert [traced[version].is_complete for version in ("1.0", "1.1", "1.2")] == [False, True, False]
        with pytest.raises(FixInput, match="works here already"):
            furnish(desk, accounts, regimes)
        sequence(desk.store, desk.ledger)
        assert verify_ledger(desk, house.caller("auditor")).pending == 0
