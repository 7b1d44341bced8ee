"""Every protection, proved by a model that really tries. What the worker refuses succeeds outside of it."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from holdfast.domain.errors import ModelFailed
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.targets import isolation, landlock, process, seccomp
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the protections are Linux's")

ATTEMPTS = '''
import ctypes, os, resource, socket, subprocess, sys
from pathlib import Path

FOLDER = Path("{folder}")
PORT = {port}

def connect(): socket.create_connection(("127.0.0.1", PORT), timeout=2).close()
def datagram(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT))
def unix_socket(): socket.socket(socket.AF_UNIX).connect(str(FOLDER / "listener"))
def socket_pair(): socket.socketpair()
def write(): (FOLDER / "written").write_text("x")
def write_beside_its_code(): (FOLDER / "code" / "written").write_text("x")
def write_shared_memory(): Path("/dev/shm/holdfast-test").write_text("x"); Path("/dev/shm/holdfast-test").unlink()
def append_to_itself(): open(FOLDER / "code" / "attempts.py", "a").close()
def delete(): (FOLDER / "victim").unlink()
def rename(): (FOLDER / "old").rename(FOLDER / "new")
def change_mode(): (FOLDER / "moded").chmod(0o777)
def change_time(): os.utime(FOLDER / "moded")
def make_folder(): (FOLDER / "made").mkdir()
def read_secret(): (FOLDER / "id_rsa").read_bytes()
def read_hidden(): (FOLDER / "code" / ".env").read_bytes()
def read_users(): Path("/etc/passwd").read_bytes()
def list_home(): os.listdir(Path("{home}"))
def read_parent_environment(): Path("/proc/{parent}/environ").read_bytes()
def run_program(): subprocess.run(["/bin/true"], check=True)
def run_shell():
    if os.system("exit 0") != 0:
        raise PermissionError
def fork():
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
def signal_parent(): os.kill({parent}, 0)
def limit_parent(): resource.prlimit({parent}, resource.RLIMIT_NOFILE)
def open_by_process(): os.close(os.pidfd_open({parent}))
def environment():
    if "HOLDFAST_TEST_SECRET" not in os.environ:
        raise PermissionError
def many_files():
    held = [open(os.devnull) for _ in range(600)]
    [file.close() for file in held]
def core_dump():
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise PermissionError

OWN = [name for name, thing in list(globals().items()) if getattr(thing, "__module__", 0) == __name__]
NAMES = [name for name in OWN if callable(globals()[name])]

def refused(number):
    try:
        globals()[NAMES[int(number)]]()
    except OSError:
        return 1.0
    return 0.0

def f(table):
    return table["attempt"].map(refused).to_numpy()

def allowed(table):
    """What a model may well do."""
    import threading
    thread = threading.Thread(target=lambda: None)
    thread.start(); thread.join()
    data = (Path(__file__).parent / "weights.txt").read_text()
    with open(os.devnull, "w") as silence: silence.write("x")
    return table["attempt"] * float(data)
'''
NAMES = [line[4:].partition("(")[0] for line in ATTEMPTS.splitlines() if line.startswith("def ")][:-3]
SCHEMA = Schema(Task.REGRESSION, (Feature("attempt", Kind.NUMBER, low=0, high=0),), "y")


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """One isolated worker and the same module in this process; both try whatever is asked."""
    folder = tmp_path_factory.mktemp("attempts")
    (folder / "code").mkdir()
    for name in ("victim", "old", "moded", "id_rsa", "code/.env"):
        (folder / name).write_text("secret")
    (folder / "code" / "weights.txt").write_text("2.0")
    listener, local = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    local.bind(str(folder / "listener"))
    local.listen(9)
    source = ATTEMPTS
    values = {"folder": folder, "port": listener.getsockname()[1], "home": Path.home(), "parent": os.getpid()}
    for name, value in values.items():
        source = source.replace("{" + name + "}", str(value))
    (folder / "code" / "attempts.py").write_text(source)
    here = importlib.util.spec_from_file_location("attempts", folder / "code" / "attempts.py")
    module = importlib.util.module_from_spec(here)
    here.loader.exec_module(module)
    os.environ["HOLDFAST_TEST_SECRET"] = "x"
    spec = TargetSpec("python", "python:attempts.f", python_path=str(folder / "code"))
    with open_target(spec, SCHEMA) as target, open_target(_allowed(spec), SCHEMA) as allowed:
        yield target, module, allowed
    del os.environ["HOLDFAST_TEST_SECRET"]
    listener.close()
    local.close()


def _allowed(spec):
    return TargetSpec("python", "python:attempts.allowed", python_path=spec.python_path)


def _supported(protection):
    def look(attempts):
        found = next(p for p in attempts[0].protections if p.name == protection)
        if not found.active:
            pytest.skip(f"{protection}: {found.detail}")

    return look


@pytest.mark.parametrize("name", NAMES)
def test_an_attempt_is_refused_in_the_worker_and_succeeds_outside(attempts, name):
    _supported("no other programs or processes")(attempts)
    _supported("only its own files readable")(attempts)
    target, module, _ = attempts
    number = module.NAMES.index(name)
    assert target.predict(np.array([[float(number)]])).tolist() == [1.0]
    if name not in ("core_dump", "many_files"):
        assert module.refused(number) == 0.0


def test_what_a_model_needs_is_allowed(attempts):
    assert attempts[2].predict(np.array([[3.0], [4.0]])).tolist() == [6.0, 8.0]


def test_all_protections_are_reported_with_how(attempts):
    protections = attempts[0].protections
    assert len({p.name for p in protections}) == len(protections) == 12
    assert all(p.detail for p in protections)
    assert attempts[0].facts.protections == protections


def test_a_missing_mechanism_is_reported_and_not_an_error(monkeypatch):
    failing = {"Landlock": "the kernel has no Landlock", "seccomp": "Operation not permitted"}
    both = isolation._any("no writing to files", failing, "Landlock", "seccomp")
    assert not both.active
    assert both.detail == "Landlock: the kernel has no Landlock; seccomp: Operation not permitted"
    one = isolation._any("no writing to files", {**failing, "seccomp": ""}, "Landlock", "seccomp")
    assert one.active
    assert one.detail == "by seccomp"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert isolation._on_linux(lambda: pytest.fail("tried on another system")) == "needs Linux"


def _in_a_process(body: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=60, check=True
    )


def test_without_landlock_seccomp_refuses_to_write(tmp_path):
    (tmp_path / "kept").write_text("x")
    done = _in_a_process(f"""
        import os, pathlib
        from holdfast.targets import seccomp
        seccomp.restrict(writes=False)
        here = pathlib.Path({str(tmp_path)!r})
        print(here.joinpath("kept").read_text())
        for attempt in (lambda: here.joinpath("new").write_text("x"), lambda: open(here / "kept", "r+"),
                        lambda: here.joinpath("kept").unlink(), lambda: os.truncate(here / "kept", 0)):
            try:
                attempt()
            except OSError:
                print("refused")
    """)
    assert done.stdout.split() == ["x", "refused", "refused", "refused", "refused"], done.stderr
    assert (tmp_path / "kept").read_text() == "x"


def test_a_foreign_machine_has_no_filter(monkeypatch):
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    with pytest.raises(OSError, match="riscv64"):
        seccomp.restrict(writes=True)


def test_a_kernel_without_landlock_says_so(monkeypatch):
    def missing(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(landlock, "syscall", missing)
    with pytest.raises(OSError, match="no Landlock"):
        landlock.restrict([])


@pytest.mark.parametrize(("version", "size"), [(1, 8), (4, 16), (7, 24)])
def test_landlock_asks_only_for_what_the_kernel_knows(monkeypatch, version, size):
    calls = []
    monkeypatch.setattr(landlock, "abi", lambda: version)
    monkeypatch.setattr(landlock, "prctl", lambda *_: None)
    monkeypatch.setattr(landlock, "syscall", lambda *a: calls.append(a) or os.open("/", os.O_PATH))
    landlock.restrict([])
    _, attributes, asked, _ = calls[0]
    assert asked == size
    files = int.from_bytes(attributes.raw[:8], "little")
    assert files.bit_length() == {1: 13, 4: 15, 7: 16}[version]


def test_allocating_ten_gigabytes_fails_and_the_worker_lives(python_model):
    target = python_model(
        """
        import numpy as np
        def f(table):
            if table["a"].iloc[0] > 0:
                np.ones(10 << 27)
            return table["a"]
        """,
        memory_mb=256,
    )
    with pytest.raises(ModelFailed) as failed:
        target.predict(np.ones((1, 3)))
    assert failed.value.code == "model.out-of-memory"
    assert target.predict(-np.ones((1, 3))).tolist() == [-1.0]


def test_shared_memory_counts_too(python_model, monkeypatch):
    monkeypatch.setattr(process, "LIBRARIES_MB", 200)
    target = python_model(
        """
        import mmap, time
        held = []
        def f(table):
            if table["a"].iloc[0] > 0:
                for _ in range(100):
                    held.append(mmap.mmap(-1, 16 << 20))
                    held[-1].write(bytes(16 << 20))
                    time.sleep(0.01)
            return table["a"]
        """,
        memory_mb=128,
    )
    with pytest.raises(ModelFailed) as failed:
        target.predict(np.ones((1, 3)))
    assert failed.value.code == "model.out-of-memory"


def test_a_hang_ends_in_time_even_when_python_cannot_be_interrupted(python_model):
    target = python_model(
        """
        import ctypes
        def f(table):
            if table["a"].iloc[0] > 0:
                ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
            return table["a"]
        """,
        seconds_per_call=0.5,
    )
    started = time.monotonic()
    with pytest.raises(ModelFailed) as failed:
        target.predict(np.ones((1, 3)))
    assert failed.value.code == "model.timed-out"
    assert "seconds_per_call" in failed.value.hint
    assert time.monotonic() - started < 5
    with pytest.raises(ModelFailed, match="did not answer"):  # dead stays dead, with the first error
        target.predict(-np.ones((1, 3)))


def test_a_hang_while_loading_ends_in_time(python_model, monkeypatch):
    monkeypatch.setattr(process, "LOAD_SECONDS", 0.0)
    with pytest.raises(ModelFailed) as failed:
        python_model("while True: pass", seconds_per_call=4)
    assert failed.value.code == "model.timed-out"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os._exit(3)", "exit status 3"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os.closerange(0, 256); import time; time.sleep(60)", "closed its worker's connection"),
    ],
)
def test_a_crash_is_named_and_ends_only_the_worker(python_model, monkeypatch, body, words):
    monkeypatch.setattr(process, "LAST_WORDS_S", 1.0)
    target = python_model(f"""
        def f(table):
            if table["a"].iloc[0] > 0:
                {body}
            return table["a"]
    """)
    assert target.predict(np.zeros((1, 3))).tolist() == [0.0]
    with pytest.raises(ModelFailed, match=words) as failed:
        target.predict(np.ones((1, 3)))
    assert failed.value.code == "model.crashed"


def test_a_crash_while_loading_quotes_what_was_printed(python_model):
    with pytest.raises(ModelFailed) as failed:
        python_model("import os; print('no licence found', flush=True); os._exit(7)")
    assert "exit status 7" in failed.value.message
    assert "no licence found" in failed.value.hint


def test_no_worker_outlives_a_parent_that_is_killed(tmp_path):
    (tmp_path / "m.py").write_text("def f(table):\n    import time; time.sleep(600)\n")
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import numpy as np
            from holdfast.targets.process import Worker
            from holdfast.targets.spec import TargetSpec
            worker = Worker(TargetSpec("python", "python:m.f", python_path={str(tmp_path)!r}))
            print(worker._process.pid, flush=True)
            worker._exchange({{"rows": 0, "size": 0, "place": 0}}, 60)
            import time; time.sleep(600)
        """)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    worker = int(parent.stdout.readline())
    assert Path(f"/proc/{worker}").exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/stat").exists() and _state(worker) != "Z":
        assert time.monotonic() < deadline, "the worker still runs"
        time.sleep(0.02)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
