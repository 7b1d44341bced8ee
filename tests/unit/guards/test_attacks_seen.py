"""The probes' own attacks, sent by one caller, against the guards that remember; ordinary callers beside them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.dataset import Dataset
from holdfast.guards.contract import Ground, Rows
from holdfast.guards.learn import learn_reference
from holdfast.guards.table import made_up, probing
from holdfast.probes.extraction._questions import Thief, View
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Owned
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema()


class Tapped(DirectTarget):
    """A target that keeps what it was asked, call by call."""

    def __init__(self, answer):
        super().__init__(answer, SCHEMA)
        self.calls = []

    def _ask(self, rows):
        self.calls.append(rows.copy())
        return super()._ask(rows)


@cache
def setting():
    train = credit_rows(3_000, 1)
    model = RandomForestClassifier(20, min_samples_leaf=10, random_state=0).fit(train.X, train.y)
    return train, model, learn_reference(Dataset(X=train.X, y=None), SCHEMA)


def flagged(spec, calls, principals=None):
    """By row whether the guard, at its own threshold, flags it."""
    _, _, reference = setting()
    look, ground = spec.prepare(reference, spec.params).look, Ground(reference)
    principals = principals or ["attacker"] * len(calls)
    scores = [look(Rows(X, ground, at=0.0, principal=p)).score for X, p in zip(calls, principals, strict=True)]
    return np.concatenate(scores) >= spec.threshold


def walk(victims, seed):
    """The rows that the decision-based attack asks about, call by call, to turn so many refusals at once."""
    train, model, _ = setting()
    target = Tapped(model.predict_proba)
    answers = target.predict(train.X)
    refused = np.flatnonzero(answers == 0)[seed : seed + victims]
    owned = Owned(train.X[:300], answers[:300])
    target.calls.clear()
    constraints = ConstraintSet(SCHEMA, train.X[:300])
    goal = Goal(answers[refused], 1, 0.0)
    attack(target, constraints, train.X[refused], goal, owned, rng=np.random.default_rng(seed), budget=400)
    return target.calls


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_walk_around_one_decision_is_seen_before_half_of_it(seed):
    calls = walk(1, seed)
    seen = flagged(probing.run, calls)
    assert np.argmax(seen) < len(seen) / 2
    assert seen[np.argmax(seen) :].mean() > 0.5


def test_a_walk_around_many_decisions_at_once_is_thinner_than_the_window_sees():
    """Said in the guard's own words: what is dealt over many rows takes many times more to be seen."""
    assert flagged(probing.run, walk(40, 1)).mean() < 0.2


def test_questions_of_a_thief_are_seen_before_half_of_them():
    train, model, _ = setting()
    target = Tapped(model.predict_proba)
    thief = Thief(target, SCHEMA, train.X[:200], View("scores"), 0.8)
    list(thief.interrogate((2_000,), np.random.default_rng(0)))
    seen = flagged(made_up.run, target.calls)
    assert not seen[:200].any(), "his own rows are as good as anybody's"
    assert np.argmax(seen) < 1_000
    assert not flagged(probing.run, target.calls).any(), "they are not near one another: the other guard is for these"


def test_ordinary_callers_are_left_alone():
    """A hundred thousand rows of fifty callers, retries of every tenth, and calculators with up to ten variants."""
    rng = np.random.default_rng(7)
    calls, principals = [], []
    for k in range(50):
        X = credit_rows(1_800, 500 + k).X
        X = np.insert(X, np.arange(0, len(X), 10), X[::10], axis=0)
        tried = np.repeat(X[:10], rng.integers(2, 11, 10), axis=0)
        tried[:, rng.integers(0, 5)] *= rng.uniform(0.8, 1.3, len(tried))
        calls += [X, tried]
        principals += [f"branch-{k}", f"calculator-{k}"]
    assert sum(map(len, calls)) > 99_000
    assert flagged(probing.run, calls, principals).mean() == 0
    assert flagged(made_up.run, calls, principals).mean() == 0
