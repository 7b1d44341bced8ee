"""The command line as a whole: help, exit codes, one JSON document."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from holdfast.cli.main import app


def commands(group=None, path=()):
    """Every command as it is typed."""
    group = group or get_command(app)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from commands(command, (*path, name)) if inner else [" ".join((*path, name))]


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("command", list(commands()))
def test_each_command_has_help_with_an_example(command):
    done = run(*command.split(), "--help")
    assert done.exit_code == 0
    assert f"Example: holdfast {command}" in " ".join(done.output.split())


def test_help_and_import_load_nothing_heavy():
    heavy = {
        "numpy",
        "pandas",
        "sklearn",
        "scipy",
        "pydantic",
        "pyarrow",
        "duckdb",
        "joblib",
        "jinja2",
        "httpx",
        "rich",
    }
    script = (
        "import sys\n"
        "from holdfast.cli.main import run\n"
        "sys.argv = ['holdfast', '--help']\n"
        "try:\n"
        "    run()\n"
        "except SystemExit:\n"
        "    print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_an_error_is_one_document_with_a_hint(tmp_path):
    done = run("check", str(tmp_path), "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "document.absent"


def test_an_unknown_effort_or_probe_names_those_that_exist(project):
    done = run("check", str(project.folder), "--effort", "huge", "--json")
    assert "quick, standard, deep" in json.loads(done.stdout)["error"]["hint"]
    done = run("check", str(project.folder), "--only", "nothing", "--json")
    assert "stress.consistency" in json.loads(done.stdout)["error"]["hint"]


def test_probes_are_listed_with_needs_and_cost():
    document = json.loads(run("probes", "--json").stdout)
    stress = next(p for p in document["probes"] if p["id"] == "stress.consistency")
    assert stress["needs"] == ["a model that answers"]
    assert stress["efforts"]["quick"]["rows"] == 500
    assert run("probes", "evasion").exit_code == 0
    assert run("probes", "nothing").exit_code == 2


def test_the_appetite_explains_each_limit():
    document = json.loads(run("appetite", "explain", "--tier", "high", "--json").stdout)
    assert all(limit["why"] and limit["title"] for limit in document["limits"]), "a limit on a measure that none yields"
    assert run("appetite", "explain", "--tier", "huge").exit_code == 2


def test_scan_has_three_answers(tmp_path, project):
    assert run("scan", str(project.folder / "model.joblib")).exit_code == 0
    unknown = tmp_path / "model.bin"
    unknown.write_bytes(bytes(range(256)))
    assert run("scan", str(unknown), "--json").exit_code == 3
    hostile = tmp_path / "model.pkl"
    hostile.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    done = run("scan", str(hostile), "--json", "--sarif", str(tmp_path / "out.sarif"))
    assert done.exit_code == 1
    assert json.loads(done.stdout)["files"][0]["verdict"] == "refuse"
    assert json.loads((tmp_path / "out.sarif").read_text())["version"] == "2.1.0"


def test_init_writes_a_manifest_that_check_accepts(project):
    folder = project.folder
    (folder / "holdfast.yaml").unlink()
    words = ("init", str(folder / "model.joblib"), str(folder / "test.csv"), "--train", str(folder / "train.csv"))
    done = run(*words, "--into", str(folder), "--json")
    assert done.exit_code == 0, done.output
    guesses = " ".join(json.loads(done.stdout)["guesses"])
    assert "`approved`" in guesses
    assert "scikit-learn" in guesses
    again = run(*words, "--into", str(folder))
    assert again.exit_code == 2
    assert "already" in again.output
    _, code = project.check("--only", "performance")
    assert code in (0, 1, 3)
