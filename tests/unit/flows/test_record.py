"""Recording real steps: what went in and came out, the step's own end, and no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from holdfast.canonical import digest_bytes
from holdfast.domain.errors import FixInput
from holdfast.domain.provenance import Role, Seen
from holdfast.flows.record import Step, run_step
from holdfast.testing.desk import Clock

TRAIN = """\
import sys, pathlib, open_me
rows = open("raw.csv").read()
pathlib.Path("build").mkdir(exist_ok=True)
with open("build/half.txt", "w") as half:
    half.write(rows)
print("trained on", len(open("build/half.txt").read()))
pathlib.Path("model.bin").write_bytes(rows.encode()[::-1])
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n")
    (tmp_path / "unused.csv").write_text("a,b\n3,4\n")
    (tmp_path / "open_me.py").write_text("x = 1\n")
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def run(project: Path, *command: str, env=None, **asked):
    step = Step(command or (sys.executable, "train.py", "0"), project, actor="mara", **asked)
    return run_step(step, {**os.environ, **(env or {})}, Clock())


def files(artifacts):
    return {artifact.path: artifact.digest for artifact in artifacts}


def test_what_python_opens_goes_in_and_what_changed_comes_out(project, capfd):
    made = run(project)
    assert files(made.data) == {"raw.csv": digest_bytes(b"a,b\n1,2\n")}
    assert set(files(made.inputs)) - set(files(made.data)) == {"train.py", "open_me.py"}
    assert set(files(made.outputs)) == {"build/half.txt", "model.bin"}
    assert files(made.outputs)["model.bin"] == digest_bytes(b"\n2,1\nb,a")
    assert (made.exit_code, made.actor, made.revision) == (0, "mara", None)
    assert dict(made.environment)["python"] == sys.version.split()[0]
    assert any(package.startswith("numpy==") for package in made.packages)
    assert made.gaps == ()
    assert capfd.readouterr().out == "trained on 8\n"


def test_the_exit_code_is_the_steps_own(project):
    assert run(project, sys.executable, "train.py", "7").exit_code == 7
    assert run(project, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").exit_code == 137


def test_a_program_other_than_python_is_seen_too(project):
    made = run(project, "sh", "-c", "cat raw.csv > copy.csv")
    assert [(a.path, a.seen) for a in made.inputs] == [("raw.csv", Seen.OPENED)]
    assert set(files(made.outputs)) == {"copy.csv"}
    assert (made.packages, made.gaps) == ((), ())


@pytest.mark.parametrize(
    "reading",
    [
        "import pandas; pandas.read_parquet('t.parquet')",
        "import pyarrow.parquet as pq; pq.read_table('t.parquet', memory_map=True)",
        "import duckdb; duckdb.sql(\"select * from 't.parquet'\").fetchall()",
        "import pathlib; pathlib.Path('t.parquet').read_bytes()",
        "import mmap; f = open('t.parquet'); mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[0]",
    ],
)
def test_what_a_c_library_opens_by_itself_is_seen(project, reading):
    pd.DataFrame({"x": [1, 2]}).to_parquet(project / "t.parquet")
    made = run(project, sys.executable, "-c", reading)
    assert made.exit_code == 0
    assert set(files(made.data)) == {"t.parquet"}


def test_what_lies_behind_a_link_is_seen(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("data") / "far.csv"
    elsewhere.write_text("far")
    (project / "near.csv").symlink_to(elsewhere)
    made = run(project, "sh", "-c", "cat near.csv > copy.csv")
    assert files(made.data) == {"near.csv": digest_bytes(b"far")}


def test_writing_over_a_file_is_not_reading_it(project):
    made = run(project, sys.executable, "-c", "open('unused.csv', 'w').write('9')")
    assert (made.data, made.gaps) == ((), ())
    assert set(files(made.outputs)) == {"unused.csv"}


def test_where_nothing_can_be_watched_the_record_says_so(project, monkeypatch):
    monkeypatch.setattr("holdfast.pipelines.watch.sys.platform", "plan9")
    made = run(project)
    assert set(files(made.data)) == {"raw.csv"}
    assert "could not be watched" in made.gaps[0]


def test_declared_files_keep_the_digest_from_before_the_step(project):
    before = digest_bytes((project / "raw.csv").read_bytes())
    append = "open('raw.csv', 'a').write('5,6')"
    made = run(project, sys.executable, "-c", append, inputs=(project / "raw.csv",))
    assert files(made.inputs) == {"raw.csv": before}
    assert files(made.outputs) == {"raw.csv": digest_bytes(b"a,b\n1,2\n5,6")}
    unsure = run(project, sys.executable, "-c", "open('unused.csv', 'r+').write('9')")
    assert unsure.inputs == ()
    assert "unused.csv" in unsure.gaps[0]


def test_reading_elsewhere_and_outputs_that_are_missing_are_gaps(project):
    outside = Path(__file__).parents[3] / "README.md"
    made = run(project, sys.executable, "-c", f"open({str(outside)!r})", outputs=(project / "model.bin",))
    assert made.missing == ("model.bin",)
    assert ["README.md" in gap for gap in made.gaps] == [True]


def test_what_cannot_run_fails_before_anything_is_recorded(project):
    with pytest.raises(FixInput, match="cannot be started"):
        run(project, "no-such-program")
    with pytest.raises(FixInput, match="There is no"):
        run(project, inputs=(project / "absent.csv",))


def test_nothing_secret_is_written_down(project):
    made = run(project, sys.executable, "-c", "pass", "--token", "t0psecret", env={"DB_PASSWORD": "hunter22"})
    assert "t0psecret" not in repr(made)
    assert "hunter22" not in repr(made)


def test_a_sitecustomize_of_the_project_still_runs(project):
    (project / "site").mkdir()
    (project / "site" / "sitecustomize.py").write_text("import builtins; builtins.hello = 'there'\n")
    asked = "import sys; open('out.txt', 'w').write(hello + str('hook' in ' '.join(sys.path)))"
    made = run(project, sys.executable, "-c", asked, env={"PYTHONPATH": str(project / "site")})
    assert made.exit_code == 0
    assert (project / "out.txt").read_text() == "thereFalse"


def test_children_and_threads_of_the_step_are_seen(project):
    asked = (
        "import subprocess, sys, os\n"
        "subprocess.run([sys.executable, '-c', \"open('unused.csv')\"], check=True)\n"
        "pid = os.fork()\n"
        "if not pid:\n    open('raw.csv'); os._exit(0)\n"
        "os.wait()"
    )
    assert set(files(run(project, sys.executable, "-c", asked).data)) == {"unused.csv", "raw.csv"}


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_the_revision_is_gits_and_tracked_files_are_code(project):
    def git(*words):
        identity = ["-c", "user.name=m", "-c", "user.email=m@example.org"]
        subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True)

    git("init")
    git("add", "train.py", "open_me.py", "unused.csv")
    git("commit", "-m", "first")
    git("remote", "add", "origin", "https://mara:pw@git.example/credit.git")
    made = run(project, sys.executable, "-c", "open('unused.csv'); open('raw.csv')")
    assert not made.revision.is_dirty
    assert made.revision.repository == "https://git.example/credit.git"
    assert {a.path: a.role for a in made.inputs} == {"unused.csv": Role.CODE, "raw.csv": Role.DATA}
    (project / "train.py").write_text(TRAIN + "\n")
    assert run(project).revision.is_dirty
