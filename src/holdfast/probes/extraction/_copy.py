"""The thief's own model: fitted to what the target said, it answers as the target would."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.schema import Kind, Schema, Task
from holdfast.probes._learners import (
    HISTOGRAM_BINS,
    MOST_COLUMNS,
    Matrix,
    boosted,
    category_mask,
    encoder,
    fitted,
    probabilities,
)

Column = NDArray[np.float64]

SATURATION = 4.0
"""Log odds beyond which trees need not tell answers apart: the decision is far away."""

KEPT_BACK = 5
"""One in so many answers is kept back to choose between a formula, terms and trees."""

FEW_BINS = 30
SPARSE = 3e-4
"""Penalty on a step of a term, in standard deviations of what is taught."""

MOST_STEPS = 1_000
"""Steps that all terms have together, about."""

MANY = 2_000
"""Answers from which larger trees pay."""


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
    """The best copy that `answers` allow: of a formula, terms and trees what errs least on answers kept back."""
    if len(rows) < 4 * KEPT_BACK:
        return trees(rows, answers, schema, seed)
    order = np.random.default_rng(seed).permutation(len(rows))
    keep, use = order[::KEPT_BACK], np.delete(order, np.s_[::KEPT_BACK])

    def error(fit: Fit) -> float:
        return _error(fit(rows[use], answers.take(use), schema, seed), rows[keep], answers.take(keep))

    kinds: tuple[Fit, ...] = (formula, trees) if len(schema.features) > MOST_COLUMNS else (formula, terms, trees)
    return min(kinds, key=error)(rows, answers, schema, seed)


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


def terms(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    """A sum of one term a column, as scorecards and boosted stumps are.

    Scores that such a sum gives are solved for its steps, few of the many possible ones (`Cuts` under a lasso:
    Petersen, Witten and Simon 2016, "Fused lasso additive model"); decisions only bound it.
    """
    from sklearn.linear_model import Lasso
    from sklearn.pipeline import make_pipeline

    if answers.graded is None or answers.graded.shape[1] > 1:
        return _boosted_terms(rows, answers, schema, seed)
    weight, column = _weight(answers, schema), answers.graded[:, 0]
    clear = np.ones(len(rows), bool) if answers.clear is None or not answers.clear.any() else answers.clear
    penalty = (0.03 if answers.noisy else SPARSE) * (float(column[clear].std()) or 1.0)
    model = make_pipeline(Cuts(schema), Lasso(alpha=penalty, max_iter=500, tol=1e-3, precompute=True))
    with warnings.catch_warnings(action="ignore"):  # a path not walked to its end is as good a guess
        model.fit(rows[clear], column[clear], lasso__sample_weight=weight[clear])
    return Copy((model,), schema, graded=True, formula=True)


def _boosted_terms(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    rounds, leaf = (60, 20) if answers.noisy else (200, 4)
    if answers.graded is not None:
        part = Boosted(schema, rounds=rounds, leaf=leaf, leaves=4, seed=seed, alone=True)
        part.fit(rows, _softened(answers.graded, schema), _weight(answers, schema))
        return Copy((part,), schema, graded=True)
    settings = {"max_iter": rounds, "max_leaf_nodes": 4, "min_samples_leaf": leaf}
    model = boosted(schema, seed=seed, interaction_cst="no_interactions", **settings)
    return Copy((fitted(model, rows, answers.decision),), schema, graded=False)


class Cuts:
    """Rows to a dense design: of a number whether it is above each of some cuts, or missing; of a category which it is.

    Cuts lie halfway between values that were asked about, at quantiles where there are too many.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def fit(self, rows: Matrix, _answers: object = None) -> Cuts:
        """Choose the cuts."""
        most = max(MOST_STEPS // len(self._schema.features), 4)
        self._cuts = [
            np.arange(len(feature.categories), dtype=np.float64)
            if feature.kind is Kind.CATEGORY
            else _cuts(column, most)
            for feature, column in zip(self._schema.features, rows.T, strict=True)
        ]
        return self

    def transform(self, rows: Matrix) -> Matrix:
        """(n, steps) of 0 and 1."""
        design = []
        for feature, cuts, column in zip(self._schema.features, self._cuts, rows.T, strict=True):
            design.append(column[:, None] == cuts if feature.kind is Kind.CATEGORY else column[:, None] > cuts)
            design.append(np.isnan(column)[:, None])
        return np.hstack(design).astype(np.float64)


def _cuts(column: Column, most: int) -> Column:
    values = np.unique(column[~np.isnan(column)])
    between = (values[1:] + values[:-1]) / 2
    return between if len(between) <= most else np.unique(np.quantile(between, np.linspace(0, 1, most)))


def trees(rows: Matrix, answers: Answers, schema: Schema, seed: int) -> Copy:
    """Kinds of trees that err differently; larger ones where there are answers to fill them."""
    if answers.graded is None:
        return Copy(_tree_classifiers(rows, answers, schema, seed), schema, graded=False)
    graded = _softened(answers.graded, schema)
    weight = _weight(answers, schema)
    rounds = int(np.clip(len(rows) // 4, 40, 60 if answers.noisy else 400))
    leaves = 31 if len(rows) >= MANY and not answers.noisy else 15
    settings: dict[str, Any] = {"rounds": rounds, "leaf": 20 if answers.noisy else 4, "leaves": leaves, "seed": seed}
    parts: list[Any] = [Boosted(schema, **settings), Corrected(encoder(schema), schema, **settings)]
    if len(schema.features) <= MOST_COLUMNS:
        parts.append(Corrected(_curves(schema, len(rows)), schema, **settings))
    return Copy(tuple(part.fit(rows, graded, weight) for part in parts), schema, graded=True)


def _curves(schema: Schema, rows: int) -> Any:
    """From so many rows to a dense design of one cubic spline a number, with one-hot categories."""
    from sklearn.preprocessing import QuantileTransformer, SplineTransformer

    spline = SplineTransformer(n_knots=6, knots="uniform", extrapolation="constant")
    return encoder(schema, QuantileTransformer(n_quantiles=min(100, rows)), spline)


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
    """Boosted regression trees, one ensemble per output. `rounds` of trees with at least `leaf` rows in a leaf.

    With `alone`, every tree asks of one column.
    """

    def __init__(
        self, schema: Schema, *, rounds: int, leaf: int, seed: int, leaves: int = 15, alone: bool = False
    ) -> None:
        # Weighted rows cost a percentile a bin: few on tables with many columns.
        bins = HISTOGRAM_BINS if len(schema.features) <= MOST_COLUMNS else FEW_BINS
        self._settings: dict[str, Any] = {
            "max_iter": rounds,
            "max_leaf_nodes": leaves,
            "interaction_cst": "no_interactions" if alone else None,
            "min_samples_leaf": leaf,
            "max_features": 0.5,
            "max_bins": bins + 1,
            "categorical_features": category_mask(schema, bins),
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
    """A formula over a `design` of the rows, and boosted trees on what it leaves over: for smooth models with bends."""

    def __init__(self, design: Any, schema: Schema, **settings: Any) -> None:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline

        self._formula = make_pipeline(design, Ridge(alpha=1.0))
        self._trees = Boosted(schema, **settings)

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
