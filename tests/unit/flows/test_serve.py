"""The pipeline by itself: blocks of a batch, guards after the model, and the two halves that a gateway calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from holdfast.datasets.raw import Reader, Reading
from holdfast.domain.guard import Action, Mode, Stage
from holdfast.domain.ids import Ids
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.flows import serve as flow
from holdfast.flows.exchange import ENDS, TOGETHER, Asked, Post, Reply
from holdfast.flows.serve import before, serve, settle, to_ask
from holdfast.flows.serve_log import FEW_ROWS
from holdfast.guards.armed import arm
from holdfast.guards.contract import Ground, Looked, Prepared, Reads, guard
from holdfast.plugins import find_guards
from holdfast.testing.decisions import LinesLog, MemoryLog
from holdfast.testing.trials.guards import reference_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Params:
    pass


@guard(
    title="Sure answers", question="Is the answer too sure?", params=Params(), threshold=0.9, unit="chance",
    stage=Stage.AFTER, action=Action.BLOCK, cost="nothing", trial="tests:none",
)  # fmt: skip
def too_sure(_reference, _params):
    return Prepared(("score",), lambda rows: Looked(rows.outputs.max(axis=1), lambda _i: "the model is too sure"))


def post_of(*guards: GuardTerms, **policy) -> Post:
    terms = Policy("p", "1", guards, **policy)
    reference, specs = reference_of(0), (*find_guards(), too_sure)
    return Post(
        system="s",
        release="sha256:r",
        environment="production",
        gateway="g-1",
        policy=terms,
        ground=Ground(reference),
        reader=Reader(reference.schema),
        before=arm(terms, reference, specs, Stage.BEFORE),
        after=arm(terms, reference, specs, Stage.AFTER),
        log=MemoryLog(),
        clock=lambda: NOW,
        ids=Ids(),
    )


def rows(n, seed=0):
    from holdfast.testing.tables import credit_rows

    return credit_rows(n, seed).X


def asked(X, **more) -> Asked:
    return Asked(Reading(X), **more)


def model(X):
    """Scores from the first column; the row that it is asked about is in its answer."""

    def ask(places):
        own = X if places is None else X[places]
        chance = np.clip(own[:, 0] / 400, 0, 1)
        return Reply(("no", "yes"), (1 - chance, chance), np.column_stack([1 - chance, chance]))

    return ask


RANGE = GuardTerms("table.range", Mode.ENFORCE, action=Action.BLOCK)
SURE = GuardTerms(too_sure.id, Mode.ENFORCE)


@pytest.fixture
def by_column(monkeypatch):
    """Even a few rows are logged as many are."""
    monkeypatch.setattr("holdfast.flows.serve_log.FEW_ROWS", 1)


def test_a_guard_after_the_model_stops_an_answer_that_was_given(by_column):
    X = rows(200)
    X[:, 0] = 100.0
    X[[5, 60], 0] = 390.0  # 0.975: too sure
    X[7, 3] = 900  # out of range, not asked
    post = post_of(RANGE, SURE)
    served = serve(post, asked(X), model(X))
    stopped = np.flatnonzero(served.ended == ENDS.index("blocked")).tolist()
    assert stopped == [5, 7, 60]
    assert np.array_equal(served.answered, np.setdiff1d(np.arange(200), stopped))
    assert served.reply.scores.shape == (197, 2)
    logged = post.log.rows()
    assert [row["output_yes"] for row in logged if row["ended"] == "blocked"] == [None] * 3
    said = {i: [(v["guard"], v["action"], v.get("score")) for v in logged[i]["verdicts"]] for i in (5, 7)}
    assert said[5] == [("table.range", "allow", None), (too_sure.id, "block", 1.0)]
    assert said[7][1][1:] == ("allow", None), "nothing was answered, so nothing was looked at"


@pytest.mark.parametrize(("row", "column", "value"), [(5, 0, 390.0), (7, 3, 900.0)], ids=["after", "before"])
def test_rows_that_go_together_are_answered_and_logged_as_one(row, column, value):
    X = rows(9)
    X[:, 0] = 100.0
    X[row, column] = value
    post = post_of(RANGE, SURE)
    served = serve(post, asked(X, together=True), model(X))
    assert served.reply is None
    assert set(served.ended.tolist()) == {ENDS.index("blocked")}
    assert {(entry["ended"], entry.get("output_yes")) for entry in post.log.rows()} == {("blocked", None)}
    assert all(TOGETHER in entry["reasons"] for entry in post.log.rows())


def test_one_row_stopped_after_the_model_is_logged_without_its_answer():
    X = rows(1)
    X[0, 0] = 390.0
    post = post_of(SURE)
    served = serve(post, asked(X), model(X))
    assert served.reply is None
    (decision,) = post.log.decisions
    assert (decision.ended, decision.outputs) == ("blocked", ())
    assert decision.verdicts[0].because == "the model is too sure"
    assert decision.verdicts[0].score == pytest.approx(0.975)


def test_a_batch_is_looked_at_in_blocks_as_if_it_were_one(monkeypatch):
    X = rows(1_000)
    X[::97, 3] = 900
    every = tuple(GuardTerms(spec.id, Mode.ENFORCE) for spec in find_guards() if spec.reads is Reads.ROWS)
    people = [f"p-{i % 300}" for i in range(1_000)]
    whole = post_of(*every)
    first = before(whole, asked(X, principal="a", subjects=people))
    monkeypatch.setattr(flow, "AT_ONCE", 64)
    parts = post_of(*every)
    second = before(parts, asked(X, principal="a", subjects=people))
    assert np.array_equal(first.acts, second.acts)
    assert len(first.opinions) == len(second.opinions) == len(every)
    for one, other in zip(first.opinions, second.opinions, strict=True):
        assert np.allclose(one.score, other.score), one.armed.spec.id
        assert np.array_equal(one.flagged, other.flagged)


def test_a_gateway_asks_the_model_between_the_two_halves():
    X = rows(3)
    X[1, 3] = 900
    post = post_of(RANGE)
    question = asked(X, principal="key-1", trace="t")
    judged = before(post, question)
    open_rows = to_ask(post.policy, judged)
    assert open_rows.tolist() == [0, 2]
    served = settle(post, question, judged, model(X)(open_rows))
    assert len(served.ids) == 3
    row = post.log.rows()[0]
    fixed = {name: row[name] for name in ("system", "release", "environment", "principal", "trace", "at", "lane")}
    assert fixed == {
        "system": "s",
        "release": "sha256:r",
        "environment": "production",
        "principal": "key-1",
        "trace": "t",
        "at": "2026-05-01T12:00:00.000000Z",
        "lane": "live",
    }


def test_no_rows_are_no_decision():
    post = post_of(RANGE, SURE)
    assert len(serve(post, asked(rows(0)), model(rows(0))).ids) == 0
    assert not post.log.rows()


def test_what_a_record_cannot_hold_is_kept_as_text(tmp_path):
    answers = (np.float64(np.nan), np.float32(np.inf), np.int64(2**60), np.str_("yes"), np.bool_(True), np.int8(3), {1})
    log = LinesLog(tmp_path)
    post = replace(post_of(), log=log)
    for answer in answers:
        column = np.empty(1, dtype=object)
        column[0] = answer
        serve(post, asked(rows(1)), lambda _places, column=column: Reply(("prediction",), (column,)))
    kept = [row["output_prediction"] for row in log.rows()]
    assert kept == [None, "inf", str(2**60), "yes", True, 3, "{1}"]


def test_a_batch_of_mixed_answers_is_kept_as_text(by_column):
    post = post_of()
    column = np.array([1, "no", None, {2}], dtype=object)
    serve(post, asked(rows(4)), lambda _places: Reply(("prediction",), (column,)))
    assert [row["output_prediction"] for row in post.log.rows()] == ["1", "no", None, "{2}"]


def test_a_few_rows_join_the_journal_and_many_come_by_column(tmp_path):
    for n in (2, FEW_ROWS, FEW_ROWS + 1):
        log = MemoryLog()
        serve(replace(post_of(RANGE), log=log), asked(rows(n)), model(rows(n)))
        assert (len(log.decisions), sum(batch.num_rows for batch in log.batches)) == (
            (n, 0) if n <= FEW_ROWS else (0, n)
        )
