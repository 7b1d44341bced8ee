"""The isolated target: the same answers as the model's own, whatever the model does wrong."""

from __future__ import annotations

import os
import pickle
import threading

import numpy as np
import pytest

from holdfast.domain.errors import FixInput, ModelFailed
from holdfast.domain.schema import Task
from holdfast.ports import Target
from holdfast.targets import process
from holdfast.targets.isolated import describe, open_target
from holdfast.targets.spec import TargetSpec

MISBEHAVIOURS = """
import sys
import numpy as np

def f(table):
    first = table["a"].to_numpy()
    kind = int(first[0])
    if kind == 1: return np.full(len(table), np.nan)
    if kind == 2: return np.zeros((len(table), 5))
    if kind == 3: return np.zeros(len(table) + 1)
    if kind == 4: return ["text"] * len(table)
    if kind == 5: return None
    if kind == 6: raise KeyError("no such column")
    if kind == 7: sys.exit(0)
    if kind == 8: return [[1], [2, 3]]
    if kind == 9: return np.zeros((len(table), 2)) + np.inf
    if kind == 10: return object()
    if kind == 11: raise Unprintable()
    if kind == 12: raise RecursionError("x" * 100_000)
    if kind == 13:
        print('{"done": true}' * 100_000)
        sys.stderr.write("x" * 1_000_000)
    if kind == 14: table.iloc[:, :] = 99.0
    return first

class Unprintable(Exception):
    def __str__(self): raise RuntimeError
"""


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory):
    from holdfast.domain.schema import Feature, Kind, Schema

    folder = tmp_path_factory.mktemp("models")
    (folder / "misbehaviours.py").write_text(MISBEHAVIOURS)
    schema = Schema(Task.REGRESSION, tuple(Feature(n, Kind.NUMBER, low=0, high=0) for n in "ab"), "y")
    spec = TargetSpec("python", "python:misbehaviours.f", python_path=str(folder))
    with open_target(spec, schema) as target:
        yield target


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (1, "model.not-finite"),
        (2, "model.wrong-shape"),
        (3, "model.wrong-shape"),
        (4, "model.not-a-number"),
        (5, "model.wrong-shape"),
        (6, "model.raised"),
        (7, "model.raised"),
        (8, "model.wrong-shape"),
        (9, "model.wrong-shape"),
        (10, "model.wrong-shape"),
        (11, "model.raised"),
        (12, "model.raised"),
    ],
)
def test_a_wrong_answer_is_named_and_the_worker_lives_on(misbehaving, kind, code):
    with pytest.raises(ModelFailed) as failed:
        misbehaving.predict(np.full((4, 2), float(kind)))
    assert failed.value.code == code
    assert len(str(failed.value)) < 1000
    assert misbehaving.predict(np.zeros((4, 2))).tolist() == [0.0] * 4


def test_printing_never_reaches_the_replies_and_the_log_is_bounded(misbehaving):
    assert misbehaving.predict(np.full((2, 2), 13.0)).tolist() == [13.0, 13.0]
    log = misbehaving._channel.log
    assert log.endswith("xxx")
    assert len(log) == process.LOG_BYTES


def test_a_model_that_changes_its_input_changes_nothing_of_ours(misbehaving):
    rows = np.full((3, 2), 14.0)
    before = rows.copy()
    misbehaving.predict(rows)
    assert np.array_equal(rows, before)


def test_queries_are_counted_and_nothing_is_asked_about_no_rows(misbehaving):
    before = misbehaving.queries
    assert misbehaving.predict(np.empty((0, 2))).shape == (0,)
    misbehaving.predict(np.zeros((7, 2)))
    assert misbehaving.queries == before + 7
    assert isinstance(misbehaving, Target)


def test_large_batches_cross_in_parts_and_keep_their_order(misbehaving, monkeypatch):
    monkeypatch.setattr(process, "CALL_BYTES", 1000)
    rows = np.column_stack([-np.arange(1.0, 1000.0), np.zeros(999)])
    assert np.array_equal(misbehaving.predict(rows), rows[:, 0])


def test_any_memory_layout_crosses(misbehaving):
    rows = np.asfortranarray(np.column_stack([-np.arange(1.0, 50.0), np.zeros(49)]))
    assert np.array_equal(misbehaving.predict(rows[::-1]), rows[::-1, 0])


def test_threads_take_turns(misbehaving):
    answers = {}

    def ask(k):
        rows = np.full((50, 2), -float(k))
        answers[k] = all((misbehaving.predict(rows) == -k).all() for _ in range(20))

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(1, 5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == dict.fromkeys(range(1, 5), True)


def test_an_open_target_is_not_picklable_its_spec_is(misbehaving):
    with pytest.raises(TypeError, match="TargetSpec"):
        pickle.dumps(misbehaving)
    spec = TargetSpec("python", "python:a.b")
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_an_interrupted_call_is_never_answered_by_a_later_one(python_model, monkeypatch):
    target = python_model("import time\ndef f(table):\n    time.sleep(table['a'].iloc[0] / 10); return table['a']")
    channel = target._channel

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(channel, "_await", interrupted)
    with pytest.raises(KeyboardInterrupt):
        target.predict(np.ones((1, 3)))
    monkeypatch.undo()
    with pytest.raises(ModelFailed, match="interrupted"):
        target.predict(np.zeros((1, 3)))
    assert channel._process.poll() is not None


@pytest.mark.parametrize(
    "reply",
    [b"not json\n", b"[]\n", b'{"facts": {}}\n', b'{"error": {"kind": "SystemExit"}}\n', b'{"error": 1}\n'],
)
def test_a_worker_that_talks_nonsense_is_a_failed_model(monkeypatch, reply):
    monkeypatch.setattr(process, "_BOOT", f"import os, sys; os.write(int(sys.argv[2]), {reply!r}); os.read(0, 1)")
    with pytest.raises(ModelFailed) as failed:
        describe(TargetSpec("python", "python:m.f"))
    assert failed.value.code == "model.protocol"


def test_a_reply_without_end_is_cut_off(monkeypatch):
    body = "import os, sys\nwhile True: os.write(int(sys.argv[2]), b'x' * 65536)"
    monkeypatch.setattr(process, "_BOOT", body)
    with pytest.raises(ModelFailed, match="without end"):
        describe(TargetSpec("python", "python:m.f"))


def test_a_worker_that_shrinks_the_shared_memory_cannot_crash_the_parent(python_model):
    target = python_model(
        """
        import os
        def f(table):
            if table["a"].iloc[0] > 0:
                for descriptor in range(3, 64):
                    try:
                        os.ftruncate(descriptor, 0)
                    except OSError:
                        pass
                os.write(REPLIES, b'{"done": true}\\n')
                os._exit(0)
            return table["a"]
        import sys
        REPLIES = int(sys.argv[2])
        """
    )
    assert target.predict(np.zeros((2, 3))).tolist() == [0.0, 0.0]
    with pytest.raises(ModelFailed, match="took away the memory"):
        target.predict(np.ones((2, 3)))


def test_a_file_is_found_from_any_folder_and_its_absence_named(tmp_path, monkeypatch, of_task):
    lightgbm = pytest.importorskip("lightgbm")
    schema, rows, labels = of_task(Task.REGRESSION)
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(rows, labels), 3)
    booster.save_model(tmp_path / "m.txt")
    monkeypatch.chdir(tmp_path)
    with open_target(TargetSpec("lightgbm", "m.txt"), schema) as target:
        assert np.array_equal(target.predict(rows), booster.predict(rows))
    with pytest.raises(FixInput, match="no model file"):
        open_target(TargetSpec("lightgbm", "absent.txt"), schema)


def test_a_closed_target_says_so(python_model):
    target = python_model("def f(table): return table['a']")
    target.close()
    target.close()
    with pytest.raises(ModelFailed, match="closed"):
        target.predict(np.zeros((1, 3)))


def test_a_forked_child_leaves_the_worker_alone(python_model):
    target = python_model("def f(table): return table['a']")
    child = os.fork()
    if not child:
        target.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert target.predict(np.ones((1, 3))).tolist() == [1.0]


def test_facts_of_a_function_are_few(tmp_path):
    (tmp_path / "few.py").write_text("def f(table): return table")
    facts = describe(TargetSpec("python", "python:few.f", python_path=str(tmp_path)))
    assert (facts.library, facts.features, facts.task) == ("Python function", None, None)
    assert any(p.name == "no network" for p in facts.protections)


@pytest.mark.parametrize("location", ["python:absent_module.f", "python:few.absent", "python:few", "python:"])
def test_a_function_that_does_not_exist_is_named(tmp_path, location):
    (tmp_path / "few.py").write_text("def f(table): return table")
    with pytest.raises(FixInput, match=r"no module|no function"):
        describe(TargetSpec("python", location, python_path=str(tmp_path)))
