"""Every Python and shell snippet of the docs runs, page by page, in a folder with a model and its tables."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.apps import app_of
from tests.unit.serving import secret_of, serving

from holdfast.domain.act import Draft, Verb
from holdfast.domain.person import Person, Role
from holdfast.flows.sequence import Sequencer
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.testing.desk import office as open_office

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(python|sh)( [^\n]*)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = [page for page in PAGES if FENCE.search(page.read_text())]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A folder as the tutorial leaves it after its first steps: model, tables, manifest, an appetite, a report."""
    folder = tmp_path_factory.mktemp("furnished")
    tutorial = (ROOT / "docs/tutorial/first-check.md").read_text()
    (script,) = re.findall(r"```python\n(import joblib.*?)```", tutorial, re.DOTALL)
    run([sys.executable, "-c", script], folder)
    run(holdfast("init model.joblib test.csv --train train.csv --target approved"), folder)
    appetite = re.search(r"```yaml\n(name: .*?)```", (ROOT / "docs/reference/appetite.md").read_text(), re.DOTALL)
    (folder / "appetite.yaml").write_text(appetite[1])
    policy = re.search(r"```yaml\n(name: .*?)```", (ROOT / "docs/how-to/shield-a-model.md").read_text(), re.DOTALL)
    (folder / "policy.yaml").write_text(policy[1])
    run(holdfast("check --effort quick --only performance --out report"), folder, {0, 1, 3})
    return folder


def holdfast(line: str) -> list[str]:
    return [sys.executable, "-c", "from holdfast.cli.main import run; run()", *shlex.split(line)]


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory):
    """The variables by which commands find a control plane, as somebody who may do everything."""
    with open_office(tmp_path_factory.mktemp("office")) as office:
        office.clock.now = datetime.now(UTC)
        desk = office.founded().desk
        anyone = Person("anyone", tuple(Role))
        desk.store.commit([Draft(Verb.SET_PERSON, "anyone", anyone)], actor="founder", at=desk.at, id="anyone")
        accounts, sequencer = SqlAccounts(desk.store, b"secret"), Sequencer(desk.store, desk.ledger)
        platform = Platform(desk, accounts, sequencer, "http://h.test")
        with serving(app_of(platform)) as url:
            yield {"HOLDFAST_URL": url, "HOLDFAST_TOKEN": secret_of(office, platform, "anyone")}


def run(command, folder, allowed=frozenset({0}), variables=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(variables or {})}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment, check=False
    )
    assert done.returncode in allowed, f"{command[-6:]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_snippets_run(page, furnished, tmp_path, request):
    folder = tmp_path / "work"
    variables = request.getfixturevalue("control_plane") if "HOLDFAST_URL" in page.read_text() else {}
    shutil.copytree(furnished, folder)
    if page.name == "README.md":
        (folder / "holdfast.yaml").unlink()
    python = ""
    for language, info, body in FENCE.findall(page.read_text()):
        if language == "python":
            python += body
            run([sys.executable, "-c", python], folder, variables=variables)
            continue
        allowed = {int(code) for code in re.findall(r"\d", info)} or {0}
        for line in filter(None, body.replace("\\\n", "").splitlines()):
            expanded = " ".join(
                " ".join(map(str, sorted(folder.glob(word)))) if "*" in word else word for word in line.split()
            )
            assert expanded.startswith("holdfast "), f"only holdfast commands run here: {line}"
            run(holdfast(expanded.removeprefix("holdfast ")), folder, allowed, variables)
