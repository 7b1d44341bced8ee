"""`holdfast record`: the step's output and exit code are its own, and lineage tells what is missing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.fixture
def project(tmp_path):
    (tmp_path / "raw.csv").write_text("a\n1\n")
    (tmp_path / "clean.py").write_text("open('clean.csv', 'w').write(open('raw.csv').read().upper())\n")
    (tmp_path / "train.py").write_text(
        "import sys\nopen('model.bin', 'w').write(open('clean.csv').read() * 2)\nprint('done')\nsys.exit(5)\n"
    )
    return tmp_path


def holdfast(project, *words):
    script = "from holdfast.cli.main import run; run()"
    words = [sys.executable, "-c", script, *words]
    return subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)


def test_a_pipeline_from_raw_data_to_a_model(project):
    assert holdfast(project, "record", "--", sys.executable, "clean.py").returncode == 0
    failed = holdfast(project, "record", sys.executable, "train.py", "--epochs", "3")
    assert (failed.returncode, failed.stdout) == (5, "done\n")
    shown = holdfast(project, "record", "--show", "model.bin")
    assert shown.returncode == 1
    assert "exit code 5" in shown.stdout
    (project / "train.py").write_text((project / "train.py").read_text().replace("sys.exit(5)", ""))
    (project / "model.bin").unlink()
    assert holdfast(project, "record", "--", sys.executable, "train.py").returncode == 0
    shown = json.loads(holdfast(project, "record", "--show", "model.bin", "--json").stdout)
    assert [link["names"] for link in shown["links"]] == [["model.bin"], ["clean.csv"], ["raw.csv"]]
    assert not shown["complete"]
    assert "nobody attested" in shown["links"][2]["because"]


def test_a_record_that_was_edited_is_left_out_and_said(project):
    holdfast(project, "record", "--", sys.executable, "clean.py")
    file = next((project / ".holdfast" / "provenance").glob("*.json"))
    file.write_text(file.read_text().replace('"payload":"', '"payload":"AAAA', 1))
    shown = holdfast(project, "record", "--show", "clean.csv")
    assert shown.returncode == 1
    assert "NOT VERIFIED" in shown.stdout
    assert "No recorded step" in shown.stdout


def test_without_a_step_it_says_how(project):
    done = holdfast(project, "record")
    assert done.returncode == 2
    assert "holdfast record -- python train.py" in done.stderr


CONTRACT = """\
name: raw
version: "1"
columns: {a: {kind: text}}
no_baseline_because: The first of its kind.
"""


def test_lineage_ends_at_data_that_was_admitted(project):
    (project / "contract.yaml").write_text(CONTRACT)
    holdfast(project, "record", "--", sys.executable, "clean.py")
    admit = [
        "data",
        "admit",
        "raw.csv",
        "--as",
        "raw",
        "--contract",
        "contract.yaml",
        "--from",
        "CRM",
        "--licence",
        "x",
    ]
    assert holdfast(project, *admit).returncode == 0
    shown = holdfast(project, "record", "--show", "clean.csv")
    assert (shown.returncode, "from CRM (x)" in shown.stdout) == (0, True)
    (project / "contract.yaml").write_text(CONTRACT.replace("kind: text", "kind: number, low: 5"))
    refused = holdfast(project, *admit, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["quarantined"] == 1
    assert len(list((project / ".holdfast" / "quarantine").glob("*.csv"))) == 1


def test_a_file_that_is_no_table_is_attested(project):
    holdfast(project, "record", "--", sys.executable, "clean.py")
    assert holdfast(project, "data", "attest", "raw.csv", "--from", "CRM", "--licence", "x").returncode == 0
    assert holdfast(project, "record", "--show", "clean.csv").returncode == 0


WAITS = """\
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
open("half.txt", "w").write("half")
print("up", flush=True)
time.sleep(60)
"""


def test_a_termination_goes_on_to_the_step_and_what_it_left_is_recorded(project):
    (project / "waits.py").write_text(WAITS)
    command = [sys.executable, "-c", "from holdfast.cli.main import run; run()", "record", sys.executable, "waits.py"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.wait(30) == 9
    shown = holdfast(project, "record", "--show", "half.txt")
    assert "exit code 9" in shown.stdout
