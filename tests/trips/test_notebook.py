"""The SDK as a notebook user meets it: a real kernel, a real model, a result that displays itself."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

import holdfast

CELLS = [
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.datasets import load_breast_cancer\n"
    "import holdfast\n"
    "table = load_breast_cancer(as_frame=True).frame\n"
    "train, test = table[:400], table[400:]\n"
    "model = LogisticRegression(max_iter=5000).fit(train.drop(columns='target'), train['target'])",
    "result = holdfast.check(model, test, target='target', train=train, favourable=1, only=['performance', 'stress'])\n"
    "result",
    "print(result.outcome.value, len(result.frame()), result.report.exists())",
]


def test_a_result_displays_itself(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = notebook.cells[1].outputs[-1]["data"]["text/html"]
    assert "holdfast" in shown
    assert "<script" not in shown
    outcome, rows, exists = notebook.cells[2].outputs[0]["text"].split()
    assert outcome in ("pass", "breach", "inconclusive")
    assert int(rows) > 5
    assert exists == "True"


def test_the_sdk_and_the_command_line_find_the_same(project):
    document, _ = project.check("--only", "stress", "--only", "performance")
    result = holdfast.check(
        project.folder / "model.joblib",
        project.test.drop(columns="sex"),
        train=project.train.drop(columns="sex"),
        target="approved",
        favourable="yes",
        only=["stress", "performance"],
        home=project.folder / "sdk",
    )
    here = {(m.measure, m.where): m.value for m in result.measurements}
    there = {
        (m["measure"], ", ".join(f"{k} {v}" for k, v in m["scope"])): m["value"]
        for o in document["evidence"]["outcomes"]
        for m in o["measurements"]
    }
    assert here == pytest.approx(there)


def test_what_cannot_be_isolated_is_refused_with_a_way_out(project):
    with pytest.raises(holdfast.FixInput, match="cannot be isolated"):
        holdfast.check(lambda table: table, project.test, target="approved", home=project.folder / "sdk")
    with pytest.raises(holdfast.FixInput, match="is not a table"):
        holdfast.check(project.folder / "model.joblib", [1, 2], target="approved", home=project.folder / "sdk")
