"""The policy of the page on guards of what is said can be used, and what the page says of streams is so."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.domain.guard import Stage
from holdfast.guards.armed_text import arm_text
from holdfast.guards.holding import Holding
from holdfast.plugins import find_guards
from holdfast.policy import parse_policy

PAGE = (Path(__file__).parents[2] / "docs/how-to/guard-what-is-said.md").read_text()


def test_the_policy_arms_its_guards():
    policy = parse_policy(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    before, after = (arm_text(policy, find_guards(), stage) for stage in (Stage.BEFORE, Stage.AFTER))
    assert {guard.spec.id for guard in before} == {"text.personal_data", "text.secrets"}
    assert len(after) == len(policy.guards) == 7
    unbounded = [guard for guard in after if guard.spec.id == "text.format"]
    assert Holding(unbounded, "assistant").delay is None
    assert 800 <= Holding([guard for guard in after if guard not in unbounded], "assistant").delay <= 1_050


def test_the_code_of_the_page_runs(capsys):
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, {})
    assert re.search(r"^[a-z]{4}(-[a-z]{4}){6}$", capsys.readouterr().out, re.MULTILINE)
