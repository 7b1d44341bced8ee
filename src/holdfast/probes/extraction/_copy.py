"""The thief's own model: fitted to what the target said, it answers as the target would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Schema, Task
from holdfast.probes._learners import Matrix, boosted, category_mask, encoder, fitted, probabilities

Column = NDArray[np.float64]

SATURATION = 4.0
"""Log odds beyond which trees need not tell answers apart: the decision is far away."""

KEPT_BACK = 5
"""One in so many answers is kept back to choose between a formula and trees."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of some rows: `decision` (n,), class codes or values; `graded` (n, k), how strongly, or None.

    `graded` is positive where a binary decision is class 1 (k = 1), largest at the class decided for several classes
    (k = classes), the value itself for regression (k = 1). `clear` (n,) is False where a score was too near to 0 or 1
    to be read. `noisy` marks labels: no model's answers, the same row may have got another.
    """

    decision: NDArray[Any]
    graded: Matrix | None = None
    clear: NDArray[np.bool_] | None = None
    noisy: bool = False

    def take(self, rows: NDArray[np.int64]) -> Answers:
        """The answers about some of the rows."""
        graded = None if self.graded is None else self.graded[rows]
        clear = None if self.clear is None else self.clear[rows]
        return Answers(self.decision[rows], graded, clear, self.noisy)


@dataclass(frozen=True, eq=False)
class Copy:
    """A fitted copy. `parts` are averaged; with `graded` they are regressions, otherwise classifiers."""

    parts: tuple[Any, ...]
    schema: Schema
    graded: bool
    formula: bool = False

    def utility(self, rows: Matrix) -> Matrix:
        """(n, k) as `Answers.graded`; probabilities (n, classes) where the copy was taught by decisions."""
        if self.graded:
            said = [np.asarray(part.predict(rows), dtype=np.float64).reshape(len(rows), -1) for part in self.parts]
        else:
            said = [probabilities(part, rows, self.schema) for part in self.parts]
        return np.asarray(np.mean(said, axis=0), dtype=np.float64)

    def decide(self, rows: Matrix) -> NDArray[Any]:
        """What the copy says of `rows`: class codes or values (n,)."""
        utility = self.utility(rows)
        if self.schema.task is Task.REGRESSION:
            return utility[:, 0]
        if utility.shape[1] == 1:
            return (utility[:, 0] > 0).astype(np.int64)
        return np.asarray(utility.argmax(axis=1), dtype=np.int64)

    def doubt(self, rows: Matrix) -> Column:
        """(n,) high where the copy is least sure: near the boundary; for regression where its parts differ."""
        if self.schema.task is Task.REGRESSION:
            said = [part.predict(rows).reshape(len(rows)) for part in self.parts]
            return np.asarray(np.std(said, axis=0), dtype=np.float64)
        return -distance(self.utility(rows))


def distance(utility: Matrix) -> Column:
    """(n,) distance to the decision boundary in units of `utility` (n, k)."""
    if utility.shape[1] == 1:
        return np.abs(utility[:, 0])
    ordered = np.sort(utility, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2], dtype=np.float64)


Fit = Callable[[Matrix, Answers, Schema, int], Copy]


def learn(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    """The best copy that `answers` allow: a formula or trees, whichever errs less on answers kept back."""
    if len(rows) < 4 * KEPT_BACK:
        return trees(rows, answers, schema, seed)
    order = np.random.default_rng(seed).permutation(len(rows))
    keep, use = order[::KEPT_BACK], np.delete(order, np.s_[::KEPT_BACK])

    def error(fit: Fit) -> float:
        return _error(fit(rows[use], answers.take(use), schema, seed), rows[keep], answers.take(keep))

    best = formula if error(formula) < error(trees) else trees
    return best(rows, answers, schema, seed)


def _error(copy: Copy, rows: Matrix, answers: Answers) -> float:
    """Log loss of decisions; of graded answers the mean gap, counted most where a decision hangs on it."""
    if answers.graded is None:
        said = copy.utility(rows)[np.arange(len(rows)), answers.decision.astype(np.int64)]
        return float(-np.log(np.clip(said, 1e-3, 1)).mean())
    said = copy.utility(rows)
    if copy.formula:
        said = _softened(said, copy.schema)
    gap = np.abs(said - _softened(answers.graded, copy.schema)).mean(axis=1)
    return float(np.average(gap, weights=_weight(answers, copy.schema)))


def _weight(answers: Answers, schema: Schema) -> Column:
    """More for answers near the boundary, where a copy's decisions are won and lost."""
    if answers.graded is None or schema.task is Task.REGRESSION:
        return np.ones(len(answers.decision))
    return np.asarray(1 / (0.5 + distance(answers.graded)), dtype=np.float64)


def formula(rows: Matrix, answers: Answers, schema: Schema, _seed: int) -> Copy:
    """Scores that a formula gives are solved for it (Tramèr et al. 2016, §4.1); decisions only bound it."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    if answers.graded is None:
        model = make_pipeline(encoder(schema), LogisticRegression(max_iter=1_000, C=1.0 if answers.noisy else 100.0))
        return Copy((fitted(model, rows, answers.decision),), schema, graded=False, formula=True)
    clear = np.ones(len(rows), bool) if answers.clear is None or not answers.clear.any() else answers.clear
    model = make_pipeline(encoder(schema), Ridge(alpha=1.0 if answers.noisy else 1e-6))
    model.fit(rows[clear], answers.graded[clear], ridge__sample_weight=_weight(answers, schema)[clear])
    return Copy((model,), schema, graded=True, formula=True)


def trees(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    """Two kinds of trees, which err differently."""
    if answers.graded is None:
        return Copy(_tree_classifiers(rows, answers, schema, seed), schema, graded=False)
    graded = _softened(answers.graded, schema)
    weight = _weight(answers, schema)
    rounds = int(np.clip(len(rows) // 2, 40, 60 if answers.noisy else 150))
    settings = {"rounds": rounds, "leaf": 20 if answers.noisy else 4, "seed": seed}
    parts = (Boosted(schema, **settings), Corrected(schema, **settings))
    return Copy(tuple(part.fit(rows, graded, weight) for part in parts), schema, graded=True)


def sketch(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    """A quick copy, good enough to say where the next questions should go."""
    if answers.graded is None:
        model = boosted(schema, seed=seed, max_iter=40, max_leaf_nodes=15, min_samples_leaf=4, max_features=0.5)
        return Copy((fitted(model, rows, answers.decision),), schema, graded=False)
    graded, weight = _softened(answers.graded, schema), _weight(answers, schema)
    seeds = (seed, seed + 1) if schema.task is Task.REGRESSION else (seed,)
    parts = [Boosted(schema, rounds=60, leaf=4, seed=s).fit(rows, graded, weight) for s in seeds]
    return Copy(tuple(parts), schema, graded=True)


def _softened(graded: Matrix, schema: Schema) -> Matrix:
    """What trees learn: the margin of each class over the best of the others, as far as it matters."""
    if schema.task is Task.REGRESSION:
        return graded
    if graded.shape[1] > 1:
        first, second = np.sort(graded, axis=1)[:, [-1, -2]].T[..., None]
        graded = graded - np.where(graded == first, second, first)
    return np.clip(graded, -SATURATION, SATURATION)


def _tree_classifiers(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> tuple[Any, ...]:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.pipeline import make_pipeline

    most, leaf, smallest = (40, 20, 5) if answers.noisy else (120, 4, 1)
    rounds = int(np.clip(len(rows) // 2, 40, most))
    boost = boosted(schema, seed=seed, max_iter=rounds, max_leaf_nodes=15, min_samples_leaf=leaf, max_features=0.5)
    forest = make_pipeline(encoder(schema), ExtraTreesClassifier(100, min_samples_leaf=smallest, random_state=seed))
    return fitted(boost, rows, answers.decision), fitted(forest, rows, answers.decision)


class Boosted:
    """Boosted regression trees, one ensemble per output. `rounds` of trees with at least `leaf` rows in a leaf."""

    def __init__(self, schema: Schema, *, rounds: int, leaf: int, seed: int) -> None:
        self._settings = {
            "max_iter": rounds,
            "max_leaf_nodes": 15,
            "min_samples_leaf": leaf,
            "max_features": 0.5,
            "categorical_features": category_mask(schema),
            "early_stopping": False,
            "random_state": seed,
        }

    def fit(self, rows: Matrix, graded: Matrix, weight: Column) -> Boosted:
        """Fit on `graded` (n, k) with `weight` (n,)."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        self._models = [
            fitted(HistGradientBoostingRegressor(**self._settings), rows, column, sample_weight=weight)
            for column in graded.T
        ]
        return self

    def predict(self, rows: Matrix) -> Matrix:
        """(n, k)."""
        return np.column_stack([model.predict(rows) for model in self._models])


class Corrected:
    """A formula, and boosted trees on what it leaves over: for models that are smooth with a few bends."""

    def __init__(self, schema: Schema, *, rounds: int, leaf: int, seed: int) -> None:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline

        self._formula = make_pipeline(encoder(schema), Ridge(alpha=1.0))
        self._trees = Boosted(schema, rounds=rounds, leaf=leaf, seed=seed)

    def fit(self, rows: Matrix, graded: Matrix, weight: Column) -> Corrected:
        """Fit on `graded` (n, k) with `weight` (n,)."""
        self._formula.fit(rows, graded, ridge__sample_weight=weight)
        left = graded - self._formula.predict(rows).reshape(graded.shape)
        self._trees.fit(rows, left, weight)
        return self

    def predict(self, rows: Matrix) -> Matrix:
        """(n, k)."""
        left = self._trees.predict(rows)
        return np.asarray(self._formula.predict(rows).reshape(left.shape) + left, dtype=np.float64)
