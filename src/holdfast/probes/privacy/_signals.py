"""What an outsider reads off a model's answers about one row, and the attack that weighs it all.

Everything is about *confidence*: how far the answer agrees with the row's true label, on the logit scale. A member's is
higher than that of models which never saw the row; how much higher is the signal (Watson et al. 2022, "difficulty
calibration"; Carlini et al. 2022, LiRA; Zarifzadeh et al. 2024, RMIA; Bertran et al. 2023, quantile regression).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from holdfast.domain.schema import Schema, Task
from holdfast.ports import Target
from holdfast.probes._learners import Matrix, boosted, category_mask, fitted, forest, probabilities
from holdfast.probes.privacy._rows import Audit, Labels, folds, ranks

Column = NDArray[np.float64]

FLOOR = 1e-6
"""Probabilities nearer to 0 or 1 than this say no more."""

ATTENUATION = (0.3, 1.0)
"""How far a reference that never saw a row is taken to understate what the average model would say (RMIA, eq. 10)."""


def answers(target: Target, rows: Matrix, schema: Schema) -> Matrix:
    """All that the target says of `rows`: scores (n, classes), values (n, 1), or decisions as probabilities 0 and 1."""
    return target.scores(rows) if target.gives_scores else decisions(target, rows, schema)


def decisions(target: Target, rows: Matrix, schema: Schema) -> Matrix:
    """(n, classes): what the target decides, without how sure it is, as probabilities 0 and 1."""
    answer = np.zeros((len(rows), len(schema.classes)))
    answer[np.arange(len(rows)), target.predict(rows).astype(np.int64)] = 1.0
    return answer


@dataclass(frozen=True, eq=False)
class Outsider:
    """All that the outsider has before he asks the model: the audited rows, and what his own models say of them.

    `reference` has shape (2 x rounds, n, classes), even ones from boosted trees, odd ones from forests; for regression
    (2 x rounds, n, 1). `scale` is the labels' standard deviation, by which errors in regression are read.
    """

    audit: Audit
    reference: NDArray[np.float64]
    schema: Schema
    scale: float

    def take(self, rows: NDArray[np.int64]) -> Outsider:
        """The same knowledge about some of the rows."""
        return replace(self, audit=self.audit.take(rows), reference=self.reference[:, rows])

    def confidence(self, answer: Matrix) -> Column:
        """(n,) confidence of `answer` in the true labels: log odds; for regression minus the log of the error."""
        y = self.audit.y
        if self.schema.task is Task.REGRESSION:
            return np.asarray(-np.log(np.abs(answer[:, 0] - y) / self.scale + 1e-4), dtype=np.float64)
        p = np.clip(answer[np.arange(len(y)), y.astype(np.int64)], FLOOR, 1 - FLOOR)
        return np.asarray(np.log(p / (1 - p)), dtype=np.float64)

    def facts(self) -> Matrix:
        """(n, k) of each row: features, label, and how hard other models find it. Nothing that the target said."""
        others = [self.confidence(answer) for answer in self.reference]
        return np.column_stack([self.audit.X, self.audit.y, *others])


def study(audit: Audit, background: tuple[Matrix, Labels], schema: Schema, rounds: int, rng: Generator) -> Outsider:
    """Train 4 x `rounds` reference models, so that each row is answered by models that never saw it.

    Two learners that err differently: boosted trees and a forest. Each round splits the audited rows in two halves at
    random; a half is answered by models fitted on the other half and on `background`. Members and non-members are
    treated alike, so a reference alone cannot tell them apart.
    """
    said = []
    for _ in range(rounds):
        half = rng.permutation(len(audit)) % 2
        for learner in (_boosted, _forest):
            out = np.zeros((len(audit), max(1, len(schema.classes))))
            for part in (0, 1):
                X = np.concatenate([audit.X[half != part], background[0]])
                y = np.concatenate([audit.y[half != part], background[1]])
                model = fitted(learner(schema, int(rng.integers(2**31))), X, y)
                out[half == part] = probabilities(model, audit.X[half == part], schema)
            said.append(out)
    return Outsider(audit, np.stack(said), schema, float(np.std(audit.y)) or 1.0)


def _boosted(schema: Schema, seed: int) -> Any:
    return boosted(schema, seed=seed, max_iter=100, learning_rate=0.1, max_leaf_nodes=31)


def _forest(schema: Schema, seed: int) -> Any:
    return forest(schema, seed=seed, n_estimators=60, min_samples_leaf=3)


def signals(answer: Matrix, outsider: Outsider) -> dict[str, Column]:
    """Named attack signals, each (n,), from the target's `answer` (n, classes)."""
    audit, reference = outsider.audit, outsider.reference
    own = outsider.confidence(answer)
    others = np.stack([outsider.confidence(r) for r in reference])
    found = {"confidence": own, "label": audit.y.astype(np.float64)}
    for name, rows in (("boosted trees", others[0::2]), ("forest", others[1::2])):
        found |= {name: rows.mean(axis=0), f"above {name}": own - rows.mean(axis=0)}
        if len(rows) > 1:
            found[f"spread of {name}"] = rows.std(axis=0)
    if outsider.schema.task is Task.REGRESSION:
        return found | _pull(answer[:, 0], audit.y, reference[..., 0], outsider.scale)
    at = np.arange(len(audit)), audit.y.astype(np.int64)
    probability, expected = answer[at], reference[(slice(None), *at)].mean(axis=0)
    found["correct"] = (answer.argmax(axis=1) == audit.y).astype(np.float64)
    found["gain"] = probability - expected
    for a in ATTENUATION:
        found[f"likelihood ratio {a}"] = np.log((probability + FLOOR) / ((1 + a) * expected + 1 - a + FLOOR))
    return found


def _pull(value: Column, y: Labels, reference: Matrix, scale: float) -> dict[str, Column]:
    """For regression: how far the model's value left the others' for the true one; 1 is all the way."""
    expected = reference.mean(axis=0)
    away = y - expected
    share = (value - expected) * np.sign(away) / (np.abs(away) + 0.01 * scale)
    return {"pull": np.clip(share, -2, 3), "surprise": np.log(np.abs(away) / scale + 1e-4)}


def attack(found: dict[str, Column], outsider: Outsider, seed: int) -> Column:
    """(n,) in (0, 1), high for rows taken for members; each is judged by an attack that never saw it.

    Splines over all signals, the two RMIA ratios as ranks among known non-members, and the confidence beyond what a
    non-member like this would show, under a ridge-penalised logistic regression.
    """
    member, schema, facts = outsider.audit.member, outsider.schema, outsider.facts()
    ratios = [found[f"likelihood ratio {a}"] for a in ATTENUATION if schema.task.is_classification]
    guess = np.empty(len(member))
    for k, (learn, judge) in enumerate(folds(member, seed)):
        strangers = learn[~member[learn]]
        beyond = unexpected(found["confidence"], facts, strangers, schema, seed + k)
        columns = np.column_stack([*found.values(), beyond, *(rmia(ratio, strangers) for ratio in ratios)])
        model = _stacker(len(learn)).fit(columns[learn], member[learn])
        guess[judge] = ranks(model.decision_function(columns[judge]))
    return guess


def rmia(ratio: Column, population: NDArray[np.int64]) -> Column:
    """(n,) share of the `population` rows whose likelihood ratio the row's own exceeds (RMIA with gamma = 1).

    One sort and a binary search a row, where the definition compares all pairs.
    """
    return np.searchsorted(np.sort(ratio[population]), ratio, side="right") / len(population)


def unexpected(own: Column, facts: Matrix, strangers: NDArray[np.int64], schema: Schema, seed: int) -> Column:
    """(n,) confidence beyond what non-members with the same features and label show.

    Fitted on two halves of `strangers`, known non-members; each half is itself judged by the other.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    mask = category_mask(schema) + [False] * (facts.shape[1] - len(schema.features))
    halves = strangers[0::2], strangers[1::2]
    expected = []
    for half in halves:
        model = HistGradientBoostingRegressor(
            max_iter=60, max_leaf_nodes=15, categorical_features=mask, early_stopping=False, random_state=seed
        )
        expected.append(fitted(model, facts[half], own[half]).predict(facts))
    mean = (expected[0] + expected[1]) / 2
    mean[halves[0]], mean[halves[1]] = expected[1][halves[0]], expected[0][halves[1]]
    return np.asarray(own - mean, dtype=np.float64)


def _stacker(rows: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, SplineTransformer, StandardScaler

    return make_pipeline(
        QuantileTransformer(n_quantiles=min(200, rows), subsample=None),
        SplineTransformer(n_knots=6, degree=3, extrapolation="constant"),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=500),
    )
