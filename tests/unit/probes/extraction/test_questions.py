from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.schema import Kind, Task
from holdfast.probes.extraction._questions import Thief, View, ask, crossed, invented, joined, read
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema()
SCORES, DECISIONS = View("scores"), View("decisions", decisions=True)


def odds_of(rows: np.ndarray) -> np.ndarray:
    return (rows[:, 0] - 60) / 20


def target(threshold: float = 0.5) -> DirectTarget:
    def answer(rows: np.ndarray) -> np.ndarray:
        yes = 1 / (1 + np.exp(-odds_of(rows)))
        return np.column_stack([1 - yes, yes])

    return DirectTarget(answer, SCHEMA, threshold=threshold)


def test_made_up_rows_keep_to_the_columns():
    own = credit_rows(30, 1).X
    rows = crossed(own, 2_000, SCHEMA, np.random.default_rng(0))
    for j, feature in enumerate(SCHEMA.features):
        if feature.kind is Kind.CATEGORY:
            assert set(rows[:, j]) <= set(range(len(feature.categories)))
        else:
            assert feature.low is not None
            assert feature.high is not None
            assert rows[:, j].min() >= min(feature.low, own[:, j].min())
            assert rows[:, j].max() <= max(feature.high, own[:, j].max())
        if feature.kind is Kind.INTEGER:
            assert np.array_equal(rows[:, j], np.rint(rows[:, j]))


def test_every_category_is_asked_about_even_if_the_thief_holds_one():
    own = credit_rows(30, 1).X
    own[:, 6] = 0
    assert set(crossed(own, 2_000, SCHEMA, np.random.default_rng(0))[:, 6]) == {0, 1, 2, 3}


def test_missing_values_are_crossed_like_others():
    own = credit_rows(30, 1).X
    own[::2, 0] = np.nan
    share = np.isnan(crossed(own, 2_000, SCHEMA, np.random.default_rng(0))[:, 0]).mean()
    assert 0.4 < share < 0.6


def test_the_turn_of_the_decision_is_read_off_the_answers():
    rows = credit_rows(2_000, 1).X
    answers = read(ask(target(threshold=0.8), rows, SCORES, SCHEMA), SCORES, SCHEMA)
    assert answers.graded is not None
    assert answers.clear is not None
    clear = answers.clear
    assert 0.9 < clear.mean() < 1
    np.testing.assert_allclose(answers.graded[clear, 0], odds_of(rows[clear]) - np.log(4), atol=0.05)


def test_decisions_alone_and_rounded_scores_show_less():
    rows = credit_rows(500, 1).X
    assert read(ask(target(), rows, DECISIONS, SCHEMA), DECISIONS, SCHEMA).graded is None
    view = View("rounded scores", digits=1)
    graded = read(ask(target(), rows, view, SCHEMA), view, SCHEMA).graded
    assert graded is not None
    assert len(np.unique(graded)) <= 11


def test_a_class_that_is_never_given_any_score_does_not_move_the_others():
    schema = replace(SCHEMA, task=Task.MULTICLASS, classes=("a", "b", "never"), favourable=None)
    rows = credit_rows(50, 1).X
    two = target().scores(rows)
    deaf = DirectTarget(lambda X: np.column_stack([target().scores(X), np.zeros(len(X))]), schema)
    answers = read(ask(deaf, rows, SCORES, schema), SCORES, schema)
    assert answers.graded is not None
    np.testing.assert_allclose(answers.graded[:, :2], np.log(two) - np.log(two).mean(axis=1, keepdims=True))
    assert answers.clear is not None
    assert answers.clear.all()


@pytest.mark.parametrize("view", [SCORES, DECISIONS])
def test_the_thief_asks_exactly_as_often_as_he_may_and_his_own_rows_first(view: View):
    own, asked = credit_rows(60, 1).X, target()
    said = list(Thief(asked, SCHEMA, own, view, 0.5).interrogate((50, 120, 200), np.random.default_rng(0)))
    assert [len(rows) for rows, _ in said] == [50, 120, 200]
    assert asked.queries == (200 if view.decisions else 400)  # scores and decisions of the same 200 rows
    np.testing.assert_array_equal(said[-1][0][:60], own)
    np.testing.assert_array_equal(said[-1][1].decision, asked.predict(said[-1][0]))


def test_aimed_questions_crowd_around_the_boundary():
    own = credit_rows(60, 1).X

    def gap(aimed: float) -> float:
        thief = Thief(target(), SCHEMA, own, SCORES, aimed)
        rows, _ = list(thief.interrogate((60, 400), np.random.default_rng(0)))[-1]
        return float(np.median(np.abs(odds_of(rows[60:]))))

    assert gap(1.0) < 0.5 * gap(0.0)


def test_answers_are_joined_in_order():
    rows = credit_rows(20, 1).X
    whole = ask(target(), rows, SCORES, SCHEMA)
    parts = joined(ask(target(), rows[:5], SCORES, SCHEMA), ask(target(), rows[5:], SCORES, SCHEMA))
    np.testing.assert_array_equal(parts.decision, whole.decision)
    assert parts.graded is not None
    assert whole.graded is not None
    np.testing.assert_array_equal(parts.graded, whole.graded)


def test_invented_rows_keep_to_the_columns_and_unknown_ranges_are_missing():
    rows = invented(SCHEMA, 500, np.random.default_rng(0))
    for j, feature in enumerate(SCHEMA.features):
        top = len(feature.categories) - 1 if feature.kind is Kind.CATEGORY else feature.high
        assert (feature.low or 0) <= rows[:, j].min() <= rows[:, j].max() <= top
    first, *others = SCHEMA.features
    unknown = SCHEMA.with_features((replace(first, high=None), *others))
    assert np.isnan(invented(unknown, 5, np.random.default_rng(0))).all(axis=0).tolist() == [True] + [False] * 6
