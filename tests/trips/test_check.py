"""The main trip as its users take it: by the command line, in a folder of their own."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import time
from pathlib import Path

import pytest

ONLY = ("--only", "stress.consistency", "--only", "performance")


def outcomes(document):
    return {o["probe"]: o for o in document["evidence"]["outcomes"]}


def test_a_check_leaves_everything_that_it_promises(project):
    document, code = project.check(*ONLY, "--out", "report")
    assert code in (0, 1, 3)
    assert {o["kind"] for o in outcomes(document).values()} == {"done"}
    names = {path.name for path in (project.folder / "report").iterdir()}
    assert names >= {
        "report.html", "evidence.json", "verdict.json", "results.sarif", "mlbom.cdx.json", "model-card.md",
        "ledger.proof", "ledger.vkey", "appetite.json",
    }  # fmt: skip
    assert project.run("verify", "report").returncode == 0
    assert project.run("verify", "report", "--key", "report/ledger.vkey").returncode == 0


def test_the_terminal_shows_verdict_and_next_step(project):
    done = project.run("check", "--effort", "quick", *ONLY, COLUMNS="100", NO_COLOR="1")
    assert done.returncode in (0, 1, 3)
    assert "\x1b[" not in done.stdout
    assert done.stdout.strip().splitlines()[-1]
    assert "stress.consistency: done" in done.stderr


def test_an_unchanged_release_is_not_attacked_again(project):
    first, _ = project.check(*ONLY)
    again = project.run("check", "--effort", "quick", *ONLY)
    assert "stress.consistency: kept from before" in again.stderr
    second, _ = project.check(*ONLY)
    assert second["evidence_digest"] == first["evidence_digest"]
    assert second["receipt"]["index"] > first["receipt"]["index"], "each check is an act of its own"


def test_another_model_or_table_is(project):
    first, _ = project.check(*ONLY)
    from sklearn.tree import DecisionTreeClassifier

    project.fit(DecisionTreeClassifier(max_depth=3, random_state=0))
    second, _ = project.check(*ONLY)
    assert second["evidence"]["release"] != first["evidence"]["release"]


def test_the_same_seed_gives_the_same_evidence(project):
    first, _ = project.check("--only", "stress", *ONLY)
    second, _ = project.check("--only", "stress", *ONLY, "--fresh")
    assert measured(first) == measured(second)


def measured(document):
    return [{k: v for k, v in o.items() if k != "seconds"} for o in document["evidence"]["outcomes"]]


def test_ctrl_c_leaves_a_run_that_goes_on(project):
    words = ("check", "--effort", "standard", "--only", "evasion", "--only", "poisoning", "--only", "privacy")
    process = subprocess.Popen(
        project.command(*words), cwd=project.folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "HOLDFAST_WORKERS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - in the background it is ignored
    )  # fmt: skip
    for line in process.stderr:
        if ": done" in line:
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Finished probes are kept" in errors
    again = project.run(*words)
    assert "kept from before" in again.stderr
    assert again.returncode in (0, 1, 3)


def test_kill_9_at_any_moment_loses_nothing_acknowledged(project):
    first, _ = project.check("--only", "stress.consistency")
    for delay in (0.5, 1.5, 2.5, 4.0):
        process = subprocess.Popen(
            project.command("check", "--effort", "quick", "--fresh", *ONLY), cwd=project.folder, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    document, code = project.check(*ONLY)
    assert code in (0, 1, 3)
    ledger, key = project.folder / ".holdfast/ledger", f".holdfast/runs/{first['id']}/ledger.vkey"
    assert project.run("verify", str(ledger), "--key", key).returncode == 0
    assert project.run("verify", f".holdfast/runs/{first['id']}").returncode == 0
    assert document["receipt"]["index"] >= 1


class Opens:
    def __reduce__(self):
        return open, ("/tmp/holdfast-should-never-exist", "w")


def test_a_hostile_artefact_is_never_loaded(project):
    (project.folder / "model.joblib").write_bytes(pickle.dumps(Opens()))
    document, code = project.check()
    assert code == 1
    assert not Path("/tmp/holdfast-should-never-exist").exists()
    assert outcomes(document)["artifact.unsafe_code"]["kind"] == "done"
    assert outcomes(document)["stress.consistency"]["kind"] == "skipped"
    assert "did not allow" in outcomes(document)["stress.consistency"]["reason"]
    assert any(f["slug"] == "unsafe-code" for o in document["evidence"]["outcomes"] for f in o.get("findings", []))


BAD_MODELS = {
    "hangs": """
import time
import numpy as np
calls = []
def predict(table):
    calls.append(len(table))
    if len(calls) > 1:  # the first one has a minute, as loading may take that
        time.sleep(3600)
    return np.full((len(table), 2), 0.5)
""",
    "crashes": "import os\ndef predict(table):\n    os.abort()\n",
    "nan": "import numpy as np\ndef predict(table):\n    return np.full((len(table), 2), np.nan)\n",
    "shape": "import numpy as np\ndef predict(table):\n    return np.zeros((len(table) + 1, 2))\n",
    "raises": "def predict(table):\n    raise RuntimeError('no')\n",
    "memory": "import numpy as np\ndef predict(table):\n    return np.ones((10**10, 2))\n",
    "import": "raise ImportError('nothing here')\n",
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_model_that_fails_is_inconclusive(project, name):
    (project.folder / "bad.py").write_text(BAD_MODELS[name])
    project.write("python:bad.predict, seconds_per_call: 3, memory_mb: 600", "  exclude: [sex]\n  task: binary")
    document, code = project.check("--only", "stress.consistency")
    assert code == 3, document
    assert {o["kind"] for o in outcomes(document).values()} == {"failed"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: (p.folder / "test.csv").write_text("income,debt\n"), "no rows"),
        (lambda p: (p.folder / "test.csv").write_bytes(b"income,sex,approved\n1,\xe9,no\n"), "not utf-8"),
        (lambda p: p.train.assign(approved="no").to_csv(p.folder / "train.csv"), "same 'approved'"),
        (lambda p: (p.folder / "model.joblib").unlink(), "There is no model"),
        (lambda p: p.write(more="  exclud: [sex]"), "line 10: `data.exclud` is not known"),
        (lambda p: p.test.drop(columns="income").to_csv(p.folder / "test.csv"), "no column 'income'"),
        (lambda p: (p.folder / "holdfast.yaml").unlink(), "There is no"),
    ],
)
def test_bad_input_is_an_error_that_says_what_to_do(project, spoil, words):
    spoil(project)
    document, code = project.check(*ONLY)
    assert code == 2
    assert words in document["error"]["message"]
    assert document["error"]["hint"]


def test_a_truncated_model_is_not_loaded(project):
    path = project.folder / "model.joblib"
    path.write_bytes(path.read_bytes()[:-40])
    document, code = project.check("--only", "artifact", "--only", "stress")
    assert code in (1, 3)
    assert outcomes(document)["stress.consistency"]["kind"] == "skipped"


def test_explain_lists_and_shows_findings(project):
    from sklearn.neighbors import KNeighborsClassifier

    project.fit(KNeighborsClassifier(1))
    document, _ = project.check("--only", "performance", "--only", "privacy", "--only", "stress")
    listed = json.loads(project.run("explain", "latest", "--json").stdout)
    assert listed["run"] == document["id"]
    assert listed["findings"]
    shown = project.run("explain", document["id"][:6], listed["findings"][0])
    assert shown.returncode == 0
    assert len(shown.stdout) > 200
    assert project.run("explain", "latest", "nothing").returncode == 2


def test_an_edited_run_does_not_verify(project):
    project.check("--only", "stress.consistency", "--out", "report")
    key = project.folder / "report/ledger.vkey"
    for name in ("evidence.json", "verdict.json", "appetite.json", "ledger.proof"):
        path = project.folder / "report" / name
        data = path.read_bytes()
        path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        done = project.run("verify", "report", "--key", str(key))
        assert done.returncode in (1, 2), f"{name} was edited and still verifies"
        path.write_bytes(data)
    assert project.run("verify", "report", "--key", str(key)).returncode == 0


def test_another_key_in_the_folder_is_caught_by_pinning(project, tmp_path_factory):
    other = type(project)(tmp_path_factory.mktemp("other"))
    project.check("--only", "stress.consistency", "--out", "report")
    other.check("--only", "stress.consistency", "--out", "report")
    pinned = project.folder / "report/ledger.vkey"
    assert project.run("verify", str(other.folder / "report")).returncode == 0
    assert project.run("verify", str(other.folder / "report"), "--key", str(pinned)).returncode == 1
