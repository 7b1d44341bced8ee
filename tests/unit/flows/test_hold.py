"""What a person gets to see of a row, and what whoever asked gets meanwhile, by what the policy says of reviews."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.flows.test_serve import asked, model, post_of, rows

from holdfast import canonical
from holdfast.decisions.master import MasterKey
from holdfast.decisions.subjects import Subjects
from holdfast.domain.decision import Lane
from holdfast.domain.errors import ModelFailed
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import GuardTerms, Review, Unanswered
from holdfast.flows.exchange import Reply
from holdfast.flows.hold import held
from holdfast.flows.serve import serve

LOOK = GuardTerms("table.range", Mode.ENFORCE, action=Action.REVIEW)


def odd(n=3):
    X = rows(n)
    X[1 % n, 3] = 900
    return X


def deciding(X):
    """Scores and the decision that follows from them."""

    def ask(places):
        reply = model(X)(places)
        decided = np.where(reply.scores[:, 1] > 0.5, "yes", "no").astype(object)
        return replace(reply, decisions=(("predict", decided),))

    return ask


@pytest.mark.parametrize(
    ("review", "told", "proposal"), [("hold", False, None), ("propose", False, "no"), ("answer", True, "no")]
)
def test_who_is_told_what_the_model_says(review, told, proposal):
    X = odd()
    post = post_of(LOOK, review=Review(review), review_hours=8.0, unanswered=Unanswered.FALLBACK, fallback="no")
    served = serve(post, asked(X, principal="k"), deciding(X))
    assert (served.answered is None) == told
    assert post.log.rows()[1]["ended"] == "review"
    assert (post.log.rows()[1].get("output_predict") is not None) == told
    (one,) = held(post, asked(X, principal="k"), served)
    assert (one.decision.id, one.decision.principal) == (served.ids[1], "k")
    assert (one.proposal, one.was_answered) == (proposal, told)
    assert bool(one.decision.outputs) == (proposal is not None)
    assert (one.due_at, one.unanswered, one.fallback) == ("2026-05-01T20:00:00Z", "fallback", "no")
    assert one.choices == post.reader.schema.classes
    assert [v.guard for v in one.decision.verdicts if v.action is Action.REVIEW] == ["table.range"]


@pytest.mark.parametrize("review", list(Review))
def test_where_no_release_may_decide_a_person_can_and_the_model_is_not_asked(review):
    class Nothing:
        def admits(self, _release, _environment, _now):
            return False

    X = odd()
    post = replace(post_of(LOOK, review=review, unreleased=Action.REVIEW), admissions=Nothing())

    def never(_places):
        raise AssertionError("a release that may not decide was asked")

    served = serve(post, asked(X), never)
    waiting = held(post, asked(X), served)
    assert [(one.proposal, one.was_answered, one.decision.outputs) for one in waiting] == [(None, False, ())] * 3
    assert {one.decision.reasons for one in waiting} == {("release-not-let-in",)}


def test_scores_alone_propose_no_decision():
    X = odd(1)
    post = post_of(LOOK, review=Review.PROPOSE)
    (one,) = held(post, asked(X), serve(post, asked(X), model(X)))
    assert one.proposal is None
    assert [name for name, _ in one.decision.outputs] == ["no", "yes"]


def test_what_only_listens_or_failed_waits_for_nobody():
    X = odd(1)
    post = post_of(LOOK, review=Review.PROPOSE)
    shadow = asked(X, lane=Lane.SHADOW)
    assert held(post, shadow, serve(post, shadow, model(X))) == ()

    def broken(_places) -> Reply:
        raise OSError("gone")

    with pytest.raises(ModelFailed):
        serve(post, asked(X), broken)
    assert post.log.decisions[-1].ended == "failed"


def test_personal_fields_are_sealed_and_no_number_is_lost(tmp_path):
    X = odd(1)
    X[0, 3] = np.inf
    post = post_of(LOOK)
    name = post.reader.schema.features[3].name
    vault = Subjects(tmp_path / "subjects.db", MasterKey.in_file(tmp_path / "master.key"))
    post = replace(post, policy=replace(post.policy, personal=(name,)), vault=vault)
    question = replace(asked(X), subjects=["5b2c"])
    (one,) = held(post, question, serve(post, question, model(X)))
    assert name not in dict(one.decision.inputs)
    assert dict(vault.open(one.decision).inputs)[name] == "inf"
    assert canonical.decode(type(one), canonical.encode(one)) == one
