from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Owned
from holdfast.search.shift import PercentileShift
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import credit_rows, credit_schema

Matrix = np.ndarray


def plane(width: int = 6) -> tuple[Schema, np.ndarray, float]:
    """A schema on [0, 1] and a linear boundary w·x = t, so that the nearest point is known in closed form."""
    w = np.linspace(0.5, 1.5, width)
    features = tuple(Feature(f"x{j}", Kind.NUMBER, low=0, high=1) for j in range(width))
    return Schema(Task.BINARY, features, "y", ("no", "yes"), favourable=1), w, float(w.sum() * 0.5)


def test_the_flip_comes_close_to_the_nearest_point_of_a_plane() -> None:
    schema, w, threshold = plane()
    target = DirectTarget(lambda X: X @ w >= threshold, schema, gives_scores=False)
    rows = np.random.default_rng(0).uniform(0.2, 0.8, (400, 6))
    answers = target.predict(rows)
    victims = rows[answers == 0][:30]
    best = (threshold - victims @ w) / np.linalg.norm(w)
    outcome = attack(
        target, ConstraintSet(schema), victims, Goal(np.zeros(30, np.int64), 1), Owned(rows, answers),
        rng=np.random.default_rng(1), budget=400,
    )  # fmt: skip
    assert outcome.flipped.all()
    assert (outcome.size >= best - 1e-9).all()
    assert np.median(outcome.size / best) < 1.1


def forest(task: Task = Task.BINARY) -> tuple[DirectTarget, Matrix]:
    from sklearn.ensemble import RandomForestClassifier

    data = credit_rows(800, 1)
    model = RandomForestClassifier(20, min_samples_leaf=5, random_state=0).fit(data.X, data.y)
    return DirectTarget(model.predict_proba, credit_schema()), credit_rows(400, 2).X


@pytest.fixture(scope="module")
def scene() -> tuple[DirectTarget, Matrix, np.ndarray, Matrix]:
    target, rows = forest()
    answers = target.predict(rows)
    return target, rows, answers, rows[answers == 0][:25]


def hunt(scene: tuple, schema: Schema | None = None, budget: int = 150, **kwargs: object) -> tuple:
    target, rows, answers, victims = scene
    constraints = ConstraintSet(schema or credit_schema())
    goal = Goal(np.zeros(len(victims), np.int64), 1)
    outcome = attack(
        target, constraints, victims, goal, Owned(rows, answers), rng=np.random.default_rng(3), budget=budget, **kwargs
    )
    return outcome, constraints, victims


def test_every_flip_is_permitted_and_holds_on_the_model(scene: tuple) -> None:
    outcome, constraints, victims = hunt(scene)
    assert outcome.flipped.mean() > 0.9
    assert constraints.valid(outcome.rows, victims).all()
    assert (scene[0].predict(outcome.rows[outcome.flipped]) == 1).all()
    np.testing.assert_allclose(
        constraints.distance(outcome.rows, victims)[outcome.flipped], outcome.size[outcome.flipped]
    )
    np.testing.assert_array_equal(outcome.rows[~outcome.flipped], victims[~outcome.flipped])


def test_the_budget_holds_for_each_row_and_every_question_is_counted(scene: tuple) -> None:
    for budget in (5, 40, 150):
        before = scene[0].queries
        outcome, _, _ = hunt(scene, budget=budget)
        asked = scene[0].queries - before - int(outcome.flipped.sum())  # the replay is not the attacker's
        assert outcome.queries.max() <= budget
        assert asked <= outcome.queries.sum()


def test_more_questions_find_nearer_flips(scene: tuple) -> None:
    few, many = hunt(scene, budget=60)[0], hunt(scene, budget=400)[0]
    assert np.median(many.size) < np.median(few.size)


def test_every_question_is_a_permitted_row(scene: tuple) -> None:
    target, rows, answers, victims = scene
    schema = replace(credit_schema(), relations=("debt <= 0.9 * income",))
    constraints, seen = ConstraintSet(schema), []

    class Spy:
        task, gives_scores, queries = Task.BINARY, False, 0

        def predict(self, asked: Matrix) -> np.ndarray:
            seen.append(asked.copy())
            return target.predict(asked)

    one = victims[:1]
    attack(
        Spy(), constraints, one, Goal(np.zeros(1, np.int64), 1), Owned(rows, answers),
        rng=np.random.default_rng(0), budget=100,
    )  # fmt: skip
    asked = np.concatenate(seen)
    assert constraints.valid(asked, np.repeat(one, len(asked), axis=0)).all()


def test_the_same_seed_gives_the_same_rows(scene: tuple) -> None:
    np.testing.assert_array_equal(hunt(scene)[0].rows, hunt(scene)[0].rows)


def test_an_immutable_table_cannot_be_turned(scene: tuple) -> None:
    schema = credit_schema()
    fixed = schema.with_features(tuple(replace(f, immutable=f.name != "purpose") for f in schema.features))
    never = DirectTarget(lambda X: np.zeros(len(X)), schema, gives_scores=False)
    _, rows, answers, victims = scene
    outcome = attack(
        never, ConstraintSet(fixed), victims, Goal(np.zeros(len(victims), np.int64), 1), Owned(rows, answers),
        rng=np.random.default_rng(0), budget=50,
    )  # fmt: skip
    assert not outcome.flipped.any()
    assert np.isinf(outcome.size).all()
    np.testing.assert_array_equal(outcome.rows, victims)


def test_another_size_is_made_small_instead(scene: tuple) -> None:
    shift = PercentileShift(ConstraintSet(credit_schema()), scene[1])
    nearest, _, victims = hunt(scene)
    smallest, _, _ = hunt(scene, size=shift)
    assert np.median(shift(smallest.rows, victims)) < np.median(shift(nearest.rows, victims))


def test_percentile_shift_counts_people_passed() -> None:
    schema = Schema(
        Task.BINARY,
        (Feature("a", Kind.NUMBER, low=0, high=1e6), Feature("c", Kind.CATEGORY, categories=("x", "y"))),
        "y",
    )
    people = np.column_stack([[*range(99), 1e6], np.zeros(100)])
    shift = PercentileShift(ConstraintSet(schema), people)
    rows, originals = np.array([[60.5, 0], [50, 1], [np.nan, 0], [50, 0]]), np.tile([50.0, 0.0], (4, 1))
    assert shift(rows, originals) == pytest.approx([0.105, 1, 1, 0])


def test_goals() -> None:
    victim = np.array([0, 1, 1])
    assert Goal(np.array([0, 2]), wanted=1).reached(np.array([1, 2, 1]), victim).tolist() == [True, False, True]
    assert Goal(np.array([0, 2])).reached(np.array([1, 2, 0]), victim).tolist() == [True, False, True]
    moved = Goal(np.array([0.0, 5.0]), tolerance=1.0).reached(np.array([1.0, 6.5, 3.5]), victim)
    assert moved.tolist() == [False, True, True]


def test_of_thousands_of_columns_only_those_that_matter_are_changed() -> None:
    rng = np.random.default_rng(0)
    width = 10_000
    schema = Schema(
        Task.BINARY,
        tuple(Feature(f"x{j}", Kind.NUMBER, low=0, high=1) for j in range(width)),
        "y",
        ("no", "yes"),
        favourable=1,
    )
    target = DirectTarget(lambda X: X[:, 7] + X[:, 5000] > 1, schema, gives_scores=False)
    rows = rng.random((300, width))
    answers = target.predict(rows)
    victims = rows[answers == 0][:5]
    outcome = attack(
        target, ConstraintSet(schema), victims, Goal(np.zeros(5, np.int64), 1), Owned(rows, answers),
        rng=np.random.default_rng(1), budget=150,
    )  # fmt: skip
    assert outcome.flipped.all()
    assert ((outcome.rows != victims).sum(axis=1) <= 2).all()
    assert np.median(outcome.size / ((1 - victims[:, 7] - victims[:, 5000]) / np.sqrt(2))) < 1.5
