"""A shielded model answers as the model does, stops what the policy stops, and keeps everything in the log."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.shielded.conftest import ENFORCED, applicants

import holdfast
from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.errors import Blocked, FixInput, Forbidden, ModelFailed, Unavailable
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Disclosure, GuardTerms, Policy, Review
from holdfast.testing.decisions import LinesLog, MemoryLog

SPOILT = {"age": 400, "purpose": "yacht"}


def shielded(bank, log, policy=ENFORCED, **terms):
    model, reference = bank
    return holdfast.shield(model, system="credit", reference=reference, policy=policy, log=log, **terms)


def spoilt(n, seed, rows):
    frame = applicants(n, seed).astype({"purpose": object})
    for name, value in SPOILT.items():
        frame.loc[rows, name] = value
    return frame


def test_what_passes_is_answered_as_the_model_answers(bank, log):
    model, _ = bank
    frame = applicants(200, 2)
    guarded = shielded(bank, log)
    answers = guarded.predict(frame)
    assert type(answers) is np.ndarray
    assert answers.dtype == model.predict(frame).dtype
    assert np.array_equal(answers, model.predict(frame))
    assert np.array_equal(guarded.predict_proba(frame), model.predict_proba(frame))
    assert guarded.classes_.tolist() == ["no", "yes"]
    rows = log.rows()
    assert [row["output_prediction"] for row in rows[:200]] == answers.tolist()
    assert [row["output_score_yes"] for row in rows[200:]] == model.predict_proba(frame)[:, 1].tolist()
    assert pd.DataFrame(rows[:200])["input_housing"].tolist() == frame["housing"].tolist()
    assert {row["ended"] for row in rows} == {"answered"}
    assert {tuple(row["reasons"]) for row in rows} == {("release-unchecked",)}


def test_a_row_by_name_is_answered_too_and_one_decision_says_everything(bank, log):
    row = applicants(1, 3).iloc[0].to_dict()
    answer = shielded(bank, log).predict(row, principal="key-7", trace="0af7")
    (decision,) = log.decisions
    assert dict(decision.inputs) == row
    assert decision.outputs == (("prediction", answer[0]),)
    assert (decision.principal, decision.trace, decision.system) == ("key-7", "0af7", "credit")
    assert [verdict.guard for verdict in decision.verdicts] == ["table.schema", "table.range"]
    assert {verdict.action for verdict in decision.verdicts} == {Action.ALLOW}
    assert decision.verdicts[0].looked_at == ("*",)
    assert decision.micros > 0


def test_a_blocked_row_raises_and_is_in_the_log_without_an_answer(bank, log):
    with pytest.raises(
        Blocked, match="Ranges and unseen categories: out of range or never seen: age, purpose"
    ) as caught:
        shielded(bank, log).predict(spoilt(1, 4, [0]))
    (decision,) = log.decisions
    assert caught.value.decisions == (decision.id,)
    assert decision.ended == "blocked"
    assert decision.outputs == ()
    assert dict(decision.inputs)["purpose"] == "__unseen__", "what somebody sent is not kept where it is no category"
    assert "yacht" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.rows, again.decisions, str(again)) == ((0,), (decision.id,), str(caught.value))


@pytest.fixture
def by_column(monkeypatch):
    """Even a few rows are logged as many are."""
    monkeypatch.setattr("holdfast.flows.serve_log.FEW_ROWS", 1)


def test_blocked_rows_do_not_stop_the_others(by_column, bank, log):
    model, _ = bank
    frame = spoilt(50, 5, [3, 30])
    with pytest.raises(Blocked, match="2 of 50 rows") as caught:
        shielded(bank, log).predict(frame)
    assert caught.value.rows == (3, 30)
    masked = shielded(bank, log, on_block="mask").predict(frame)
    for answers in (caught.value.answers, masked):
        assert np.flatnonzero(np.ma.getmaskarray(answers)).tolist() == [3, 30]
        kept = np.setdiff1d(np.arange(50), [3, 30])
        assert np.array_equal(answers.compressed(), model.predict(frame.iloc[kept]))
    rows = log.rows()[:50]
    assert [i for i, row in enumerate(rows) if row["ended"] == "blocked"] == [3, 30]
    assert rows[3]["output_prediction"] is None
    assert [v["action"] for v in rows[3]["verdicts"]] == ["allow", "block"]
    assert rows[3]["verdicts"][1]["score"] == 5
    assert "score" not in rows[4]["verdicts"][1]
    assert [v["action"] for v in rows[4]["verdicts"]] == ["allow", "allow"]
    assert caught.value.decisions == (rows[3]["id"], rows[30]["id"])


def test_guards_in_shadow_speak_and_change_nothing(bank, log):
    answers = shielded(bank, log, policy=None).predict(spoilt(50, 5, [3]))
    assert len(answers) == 50
    assert type(answers) is np.ndarray
    said = {v["guard"]: v for v in log.rows()[3]["verdicts"]}
    assert len(said) >= 9
    assert said["table.range"]["action"] == "flag"
    assert {v["mode"] for v in said.values()} == {"shadow"}


def test_a_blocked_row_gets_the_fallback_where_there_is_one(by_column, bank, log):
    policy = replace(ENFORCED, fallback="no")
    guarded = shielded(bank, log, policy)
    assert guarded.predict(spoilt(1, 4, [0])).tolist() == ["no"]
    answers = guarded.predict(spoilt(50, 5, [3]))
    assert answers[3] == "no"
    assert log.decisions[0].ended == "fallback"
    assert log.decisions[0].outputs == (("fallback", "no"),)
    assert (log.rows()[4]["ended"], log.rows()[4]["output_fallback"]) == ("fallback", "no")
    assert log.rows()[5]["output_fallback"] is None


def test_no_value_can_stand_for_scores_by_class(bank, log):
    guarded = shielded(bank, log, replace(ENFORCED, fallback="no"))
    for frame in (spoilt(1, 4, [0]), spoilt(5, 4, [0])):
        with pytest.raises(Blocked):
            guarded.predict_proba(frame)
    assert [row["ended"] for row in log.rows()[:2]] == ["blocked", "blocked"]
    policy = replace(ENFORCED, fallback=-1)
    number = holdfast.shield(
        lambda frame: frame["debt"].to_numpy(), system="c", reference=bank[1], policy=policy, log=log
    )
    assert number(spoilt(5, 4, [2]))[2] == -1


@pytest.mark.parametrize("review", Review)
def test_a_row_for_review_is_held_or_answered(bank, log, review):
    policy = replace(ENFORCED, review=review, guards=(GuardTerms("table.range", Mode.ENFORCE, action=Action.REVIEW),))
    guarded = shielded(bank, log, policy, on_block="mask")
    answers = guarded.predict(spoilt(10, 5, [3]))
    assert np.ma.getmaskarray(answers).any() == (review is not Review.ANSWER)
    assert [row["ended"] for row in log.rows()][2:5] == ["answered", "review", "answered"]


class Crash(Exception):
    pass


def test_a_model_that_crashes_is_in_the_log_and_never_answered(bank, log):
    def model(_X):
        raise Crash("out of luck")

    guarded = holdfast.shield(model, system="credit", reference=bank[1], policy=ENFORCED, log=log)
    with pytest.raises(ModelFailed, match="Crash: out of luck") as caught:
        guarded(spoilt(3, 4, [1]))
    assert isinstance(caught.value.__cause__, Crash)
    assert [row["ended"] for row in log.rows()] == ["failed", "blocked", "failed"]
    with pytest.raises(ModelFailed, match=r"answered \(2,\) for 1 rows"):
        holdfast.shield(lambda _X: [1, 2], system="c", reference=bank[1], log=log)(applicants(1, 1))
    assert log.decisions[-1].ended == "failed"
    assert "model-failed" in log.decisions[-1].reasons


def test_nobody_is_answered_before_the_log_has_it(bank):
    class Full(MemoryLog):
        def append(self, *_decisions, **_constant):
            raise Unavailable("decisions.disk", "The disk is full.")

        append_batch = append

    for n in (1, 3):
        with pytest.raises(Unavailable):
            shielded(bank, Full()).predict(applicants(n, 1))


def test_only_a_release_that_is_let_in_answers(bank, log):
    now = datetime(2026, 5, 1, tzinfo=UTC)
    until = "2026-06-01T00:00:00Z"
    one = Cleared("bank", "sha256:ok", "1", "", "r", "2026-05-01T00:00:00Z", until)
    admissions = Clearance("production", ("bank",), "2026-05-01T00:00:00Z", (one,))
    terms = {"admissions": admissions, "release": "sha256:ok"}
    assert len(shielded(bank, log, clock=lambda: now, **terms).predict(applicants(1, 1))) == 1
    assert log.decisions[-1].snapshot.startswith("sha256:")
    assert log.decisions[-1].reasons == ()
    late = datetime(2026, 6, 2, tzinfo=UTC)
    for wrong in ({"release": "sha256:other"}, {"environment": "test"}, {"clock": lambda: late}):
        guarded = shielded(bank, log, **{"clock": lambda: now, **terms, **wrong})
        with pytest.raises(Forbidden, match="not let into"):
            guarded.predict(applicants(3, 1))
    assert [row["ended"] for row in log.rows()[1:]] == ["blocked"] * 9
    noted = replace(ENFORCED, unreleased=Action.FLAG)
    shielded(bank, log, noted, **{**terms, "release": "sha256:other"}, clock=lambda: now).predict(applicants(1, 1))
    assert log.decisions[-1].reasons == ("release-not-let-in",)
    assert log.decisions[-1].ended == "answered"


def test_scores_are_disclosed_as_the_policy_says(bank, log):
    model, _ = bank
    frame = applicants(300, 6)
    true = model.predict_proba(frame)
    for terms, most in ((Disclosure(digits=1), 11), (Disclosure(decision_only=True), 2)):
        shown = shielded(bank, log, replace(ENFORCED, disclosure=terms)).predict_proba(frame)
        assert len(np.unique(shown[:, 1])) <= most
        assert np.array_equal(shown.argmax(axis=1), true.argmax(axis=1)), "no decision changes"
        assert [row["output_score_yes"] for row in log.rows()[-300:]] == shown[:, 1].tolist()
    assert (
        shielded(bank, log, replace(ENFORCED, disclosure=Disclosure(digits=1))).predict(frame).tolist()
        == model.predict(frame).tolist()
    )


def test_subjects_are_pseudonyms_and_what_cannot_change_is_remembered(bank, log):
    policy = Policy(
        "credit", "1", (GuardTerms("table.immutable", Mode.ENFORCE, action=Action.BLOCK),), subject="customer"
    )
    guarded = shielded(bank, log, policy, subject_key=b"k" * 32)
    row = applicants(1, 7).iloc[0].to_dict() | {"customer": "Ada"}
    guarded.predict(row)
    with pytest.raises(Blocked, match="differs from an earlier decision about the same person: age"):
        guarded.predict(pd.DataFrame([row | {"age": row["age"] - 1}]))
    guarded.predict(row | {"customer": "Bob", "age": row["age"] - 1})
    names = [decision.subject for decision in log.decisions]
    assert names[0] == names[1] != names[2]
    assert "Ada" not in str(log.decisions)
    assert "customer" not in dict(log.decisions[0].inputs)
    with pytest.raises(FixInput, match="2 subjects for 1 rows"):
        guarded.predict(applicants(1, 7), subjects=["a", "b"])


def test_personal_fields_without_a_vault_are_not_kept(bank, log):
    guarded = shielded(bank, log, replace(ENFORCED, personal=("income", "age", "prediction")))
    guarded.predict(applicants(1, 7))
    guarded.predict(applicants(5, 7))
    for row in log.rows():
        assert not {"input_income", "input_age", "output_prediction"} & set(row)
        assert "input_debt" in row


class Safe:
    """Keeps what is personal in the open, to show what it was given."""

    def pseudonym(self, identifier):
        return f"p-{identifier}"

    def seal_all(self, decisions, personal):
        return [self.seal(decision, personal) for decision in decisions]

    def seal(self, decision, personal):
        hidden = [field for field in decision.inputs if field[0] in personal]
        return replace(decision, sealed=repr(hidden), inputs=tuple(f for f in decision.inputs if f[0] not in personal))


def test_personal_fields_go_to_the_vault_row_by_row(bank, log):
    guarded = shielded(bank, log, replace(ENFORCED, personal=("income",)), vault=Safe())
    frame = applicants(3, 7)
    guarded.predict(frame, subjects=["a", None, "c"])
    assert [d.subject for d in log.decisions] == ["p-a", "", "p-c"]
    assert [d.sealed for d in log.decisions] == [
        f"[('income', {frame.income[0]})]",
        "",
        f"[('income', {frame.income[2]})]",
    ]
    assert all("income" not in dict(d.inputs) for d in log.decisions)


SCORE = """
import pickle, sys
import pandas as pd
guarded = pickle.load(open(sys.argv[1], "rb"))
frames = iter([pd.read_parquet(sys.argv[2])])
for frame in (frame.assign(score=guarded.predict_proba(frame)[:, 1]) for frame in frames):
    frame.to_parquet(sys.argv[3])
"""


def test_a_shield_travels_to_a_worker_and_writes_to_the_same_log(bank, tmp_path):
    """What Spark's mapInPandas and Ray do: pickle, another process, frame by frame."""
    log = LinesLog(tmp_path / "log")
    guarded = shielded(bank, log)
    frame = applicants(40, 8)
    here = guarded.predict_proba(frame)[:, 1]
    guarded.predict(frame.iloc[:1])
    (tmp_path / "shield.pkl").write_bytes(pickle.dumps(guarded))
    frame.to_parquet(tmp_path / "in.parquet")
    command = [sys.executable, "-c", SCORE, "shield.pkl", "in.parquet", "out.parquet"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    assert pd.read_parquet(tmp_path / "out.parquet")["score"].tolist() == here.tolist()
    rows = log.rows()
    assert len(rows) == 81
    assert len({row["id"] for row in rows}) == 81
    assert sorted(row["output_score_yes"] for row in rows if "output_score_yes" in row) == sorted([*here, *here])


def test_a_guard_that_breaks_is_never_silent(bank, log):
    broken = replace(ENFORCED.guards[1], on_error=Action.BLOCK)
    guarded = shielded(bank, log, replace(ENFORCED, guards=(broken,)))
    post = guarded.post()
    armed = replace(post.before[0], prepared=replace(post.before[0].prepared, look=lambda rows: rows.X["no"]))
    guarded._post = replace(post, before=(armed,))
    with pytest.raises(Blocked, match="raised IndexError"):
        guarded.predict(applicants(1, 1))
    verdict = log.decisions[0].verdicts[0]
    assert verdict.failed
    assert (verdict.action, verdict.score) == (Action.BLOCK, None)
    hurried = shielded(bank, log, replace(ENFORCED, guards=(broken,), deadline_ms=1e-9))
    with pytest.raises(Blocked, match="no time left"):
        hurried.predict(applicants(1, 1))


def test_what_cannot_be_is_refused_before_the_first_row(bank, log):
    for terms, words in (
        (GuardTerms("table.rnage"), "no guard 'table.rnage'"),
        (GuardTerms("table.range", params=(("slack", 1),)), "stated"),
        (GuardTerms("table.range", action=Action.REDACT), "cannot redact"),
        (GuardTerms("table.trigger", params=(("triggers", ("horse == 1",)),)), "no column 'horse'"),
    ):
        with pytest.raises(FixInput, match=words):
            shielded(bank, log, replace(ENFORCED, guards=(terms,)))


def test_other_ways_to_an_answer_are_shut(bank, log):
    guarded = shielded(bank, log)
    for name in ("predict_log_proba", "decision_function", "score", "steps", "transform"):
        assert not hasattr(guarded, name)
    with pytest.raises(TypeError, match="is not called"):
        guarded(applicants(1, 1))


def test_an_arrow_table_reaches_a_model_that_takes_one(bank, log):
    frame = spoilt(20, 9, [4])
    table = pa.Table.from_pandas(frame)
    guarded = holdfast.shield(
        lambda t: np.arange(t.num_rows), system="c", reference=bank[1], policy=ENFORCED, log=log, on_block="mask"
    )
    assert guarded(table).compressed().tolist() == list(range(19))


def test_without_a_log_of_ones_own_decisions_lie_in_the_project_and_can_be_proved(bank, tmp_path, monkeypatch):
    import joblib

    model, reference = bank
    joblib.dump((model, reference, applicants(3, 1)), tmp_path / "bank")
    script = (
        "import holdfast, joblib\n"
        "model, reference, rows = joblib.load('bank')\n"
        "holdfast.shield(model, system='bank', reference=reference).predict(rows)\n"
    )
    command = ["-c", "from holdfast.cli.main import run; run()", "decision", "verify", "--home", ".holdfast", "--json"]
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == 0
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 3
