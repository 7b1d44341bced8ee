from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.domain.schema import Task
from holdfast.probes.extraction._copy import Answers, Cuts, distance, formula, learn, sketch, terms, trees
from holdfast.testing.tables import credit_rows, credit_schema

SCHEMA = credit_schema()
ROWS, OTHERS = credit_rows(200, 1).X, credit_rows(500, 2).X


def linear(rows: np.ndarray) -> np.ndarray:
    return 0.05 * (rows[:, 0] - 60) - 0.4 * rows[:, 4] + 0.8 * (rows[:, 5] == 1)


def steps(rows: np.ndarray) -> np.ndarray:
    return np.where((rows[:, 0] > 60) ^ (rows[:, 2] > 20), 2.0, -2.0)


def graded(truth: np.ndarray) -> Answers:
    return Answers((truth > 0).astype(np.int64), truth.reshape(-1, 1))


def test_a_formula_is_solved_from_few_more_scores_than_it_has_terms():
    few = ROWS[:30]
    copy = learn(few, graded(linear(few)), SCHEMA, 0)
    assert copy.formula
    np.testing.assert_allclose(copy.utility(OTHERS)[:, 0], linear(OTHERS), atol=1e-3)


def test_trees_are_copied_by_trees():
    copy = learn(ROWS, graded(steps(ROWS)), SCHEMA, 0)
    assert not copy.formula
    right = (copy.decide(OTHERS) == (steps(OTHERS) > 0)).mean()
    straight = (formula(ROWS, graded(steps(ROWS)), SCHEMA, 0).decide(OTHERS) == (steps(OTHERS) > 0)).mean()
    assert right > 0.9 > straight


def test_decisions_alone_teach_too():
    for truth in (linear, steps):
        copy = learn(ROWS, Answers((truth(ROWS) > 0).astype(np.int64)), SCHEMA, 0)
        assert (copy.decide(OTHERS) == (truth(OTHERS) > 0)).mean() > 0.88


def test_one_decision_only_is_copied_as_a_constant():
    always = Answers(np.ones(len(ROWS), np.int64))
    assert (learn(ROWS, always, SCHEMA, 0).decide(OTHERS) == 1).all()
    assert np.isfinite(sketch(ROWS, always, SCHEMA, 0).doubt(OTHERS)).all()


def test_several_classes():
    schema = replace(SCHEMA, task=Task.MULTICLASS, classes=("a", "b", "c"), favourable=None)

    def scores(rows: np.ndarray) -> np.ndarray:
        return np.column_stack([linear(rows), -linear(rows), np.zeros(len(rows))])

    answers = Answers(scores(ROWS).argmax(axis=1), scores(ROWS))
    for fit in (learn, trees):
        assert (fit(ROWS, answers, schema, 0).decide(OTHERS) == scores(OTHERS).argmax(axis=1)).mean() > 0.88


def test_regression_copies_values():
    schema = replace(SCHEMA, task=Task.REGRESSION, classes=(), favourable=None)
    value = 1_000 + 50 * linear(ROWS)
    copy = learn(ROWS, Answers(value, value.reshape(-1, 1)), schema, 0)
    np.testing.assert_allclose(copy.decide(OTHERS), 1_000 + 50 * linear(OTHERS), atol=0.1)
    assert (sketch(ROWS, Answers(value, value.reshape(-1, 1)), schema, 0).doubt(OTHERS) >= 0).all()


def test_unreadable_scores_do_not_bend_the_formula():
    odds = 8 * linear(ROWS)
    clipped = np.clip(odds, -5, 5)
    answers = Answers((odds > 0).astype(np.int64), clipped.reshape(-1, 1), clear=np.abs(odds) < 5)
    np.testing.assert_allclose(formula(ROWS, answers, SCHEMA, 0).utility(OTHERS)[:, 0], 8 * linear(OTHERS), atol=0.01)


def test_distance_to_the_boundary():
    assert distance(np.array([[-2.0], [0.5]])).tolist() == [2.0, 0.5]
    assert distance(np.array([[1.0, 4.0, 3.5]])).tolist() == [0.5]


def stumps(rows: np.ndarray) -> np.ndarray:
    cuts = [(0, 45, 0.7), (0, 60, 0.4), (0, 90, 0.5), (1, 20, -0.6), (2, 10, 0.5), (4, 0.5, -0.9), (4, 2.5, -0.4)]
    return -0.1 + sum(weight * (rows[:, j] > cut) for j, cut, weight in cuts)


def test_a_sum_of_steps_is_solved_from_few_scores():
    few = ROWS[:100]
    copies = {fit: fit(few, graded(stumps(few)), SCHEMA, 0) for fit in (formula, terms, trees)}
    right = {fit: (copy.decide(OTHERS) == (stumps(OTHERS) > 0)).mean() for fit, copy in copies.items()}
    assert right[terms] > 0.93
    assert right[terms] > max(right[formula], right[trees])
    assert (learn(few, graded(stumps(few)), SCHEMA, 0).decide(OTHERS) == (stumps(OTHERS) > 0)).mean() > 0.93


def test_terms_of_several_classes_and_of_decisions():
    three = np.column_stack([stumps(ROWS), -stumps(ROWS), np.zeros(len(ROWS))])
    schema = replace(SCHEMA, task=Task.MULTICLASS, classes=("a", "b", "c"), favourable=None)
    for answers, task in ((Answers(three.argmax(axis=1), three), schema), (Answers(three[:, 0] > 0), SCHEMA)):
        copy = terms(ROWS, replace(answers, decision=answers.decision.astype(np.int64)), task, 0)
        assert (copy.decide(ROWS) == answers.decision).mean() > 0.9


def test_cuts_lie_between_values_and_missing_is_a_step():
    rows = ROWS[:50].copy()
    rows[0, 0] = np.nan
    design = Cuts(SCHEMA).fit(rows).transform(rows)
    assert set(np.unique(design)) == {0.0, 1.0}
    assert design[0].sum() >= 1
    assert np.isfinite(Cuts(SCHEMA).fit(rows).transform(OTHERS)).all()
