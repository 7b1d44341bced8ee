"""Label errors: how many training labels are wrong, in which direction, and which rows to look at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Finding
from holdfast.domain.schema import Schema, Task
from holdfast.probes._learners import boosted, fitted, probabilities
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.poisoning._excess import Excess, excess, visible_to_oracle
from holdfast.probes.poisoning._label_report import (
    ASYMMETRY,
    CATALOGUE,
    ERRORS,
    EXCESS,
    ORACLE,
    VISIBLE,
    Judged,
    beyond_test,
    cannot_tell,
    differs_from_test,
    drifted,
    mislabelled,
    wrong_values,
)
from holdfast.probes.poisoning._lapses import Floor, count, floors, wrong_chance
from holdfast.probes.poisoning._outliers import outliers
from holdfast.probes.poisoning._reference import basis, fit, folds_of_copies, labelled, out_of_fold, too_few
from holdfast.statistics import wilson

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

LEAST_ROWS = 100
LEAST_OF_CLASS = 10
LEAST_RATE = 0.005
REPORTED = 0.005
"""Below this share of wrong labels, proven, there is nothing to act on: clerks make errors."""
LEAST_OUTLIERS = 5
REPORTED_VALUES = 0.001
MOST_SOURCES = 50


@dataclass(frozen=True)
class Params:
    """`rows` looked at, at most; `folds` of the reference models; bootstrap `draws`; `trees` of the boosted one."""

    rows: int = 60_000
    folds: int = 5
    draws: int = 100
    trees: int = 150


@probe(
    title="Label errors",
    question="How many labels in the training data are wrong, in which direction, and which ones?",
    measures=(ERRORS, ASYMMETRY, EXCESS, VISIBLE),
    efforts={
        "quick": Params(rows=5_000, folds=3, draws=40, trees=60),
        "standard": Params(),
        "deep": Params(rows=500_000, folds=10, draws=400, trees=300),
    },
    trial="holdfast.testing.trials.poisoning:label_errors",
    needs={Need.TRAINING_DATA},
    cost="none: the model under test is not asked",
    memory_mb=500,
    catalogue=CATALOGUE,
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Fit the curve that the labels would follow if all were right, with a floor of wrong ones under it.

    Counting: an additive logistic model with a rate of wrong labels for each class (Copas, JRSS B 50, 1988). Overlap
    of classes fades out where the data is purest, wrong labels do not; so where no part of the data is pure, the two
    cannot be told apart (Scott, Blanchard and Handy 2013, COLT), and the probe says so rather than to count.

    Comparing: where the test data is labelled, it shows how much the classes overlap, so that wrong labels in training
    beyond those in the test data can be told even there (see `_excess`). It assumes that both tables are of one
    population, and finds what differs between them, whatever the cause.

    Ranking: Bayes' rule on out-of-fold probabilities of an additive and a boosted model, stacked. Regression: residuals
    beyond the tail that their own middle implies.

    It assumes that errors strike a class's rows alike. Errors confined to some rows are the business of
    `poisoning.planted_triggers`.
    """
    data = labelled(case.training).sample(params.rows, case.rng(0))
    if case.schema.task is Task.REGRESSION:
        yield from _values(case, data, params)
    else:
        yield from _classes(case, data, params)


def judge(case: Case, data: Dataset, params: Params) -> Judged:
    """Count and rank the wrong labels of a classification; `data` has two classes or more, each on ten rows or more."""
    y = np.asarray(data.y, dtype=np.int64)
    codes = np.unique(y)
    case.progress(0.05, "fitting the curve that right labels would follow")
    found = floors(basis(data.X, case.schema), y)
    test = _comparable(case, codes, params)
    both = y if test is None else np.concatenate([y, np.asarray(test.y, dtype=np.int64)])
    answers = _answers(case, data.X if test is None else np.concatenate([data.X, test.X]), both, params)
    training = np.arange(len(both)) < len(y)
    counted = count(found, answers[0][training], case.rng(2), params.draws)
    beyond = None
    if test is not None:
        beyond = excess(_log_odds(codes, both, answers), both, training, case.rng(3), params.draws)
    rates = _rates(found, counted.known, beyond)
    truth = _stacked(rates, y, [answer[training] for answer in answers])
    chance = wrong_chance(rates, y, truth, LEAST_RATE)
    return Judged(y, found, counted, chance, beyond, visible_to_oracle(truth[:, codes]))


def _comparable(case: Case, codes: Codes, params: Params) -> Dataset | None:
    """The labelled test rows of the training data's classes; None if they are too few to compare with."""
    test = labelled(case.test)
    if test.y is None:
        return None
    test = _of_frequent_classes(test.take(np.flatnonzero(np.isin(test.y, codes)))).sample(params.rows, case.rng(4))
    return test if len(test) >= LEAST_ROWS and len(np.unique(np.asarray(test.y))) > 1 else None


def _answers(case: Case, X: Matrix, y: Codes, params: Params) -> list[Matrix]:
    """Class probabilities by an additive and a boosted model that saw neither the row nor its copies."""
    fold = folds_of_copies(X, y, params.folds, case.rng(1))
    additive = out_of_fold(basis(X, case.schema), y, len(case.schema.classes), fold)
    return [additive, _boosted_out_of_fold(case, X, y, fold, params)]


def _rates(found: list[Floor], known: bool, beyond: Excess | None) -> list[Floor]:
    """Where the rates are not known, they would only rank one class's rows before the other's."""
    if known:
        return found
    return beyond.found if beyond and beyond.shown else [_even(floor) for floor in found]


def _classes(case: Case, data: Dataset, params: Params) -> Iterator[Yielded]:
    data = _of_frequent_classes(data)
    if len(data) < LEAST_ROWS or data.y is None or len(set(data.y.tolist())) < 2:
        yield too_few(len(data), LEAST_ROWS, "how many of them are wrong")
        return
    judged = judge(case, data, params)
    counted, beyond, n = judged.count, judged.excess, len(data)
    yield ERRORS.of(counted.share, n=n, interval=counted.interval)
    yield VISIBLE.of(judged.oracle, n=n, knowing=ORACLE)
    if beyond:
        yield EXCESS.of(beyond.share, n=n, interval=beyond.interval)
        yield VISIBLE.of(beyond.visible, n=n)
    if counted.known:
        yield ASYMMETRY.of(counted.spread, n=n, interval=counted.spread_interval)
        for code, (share, interval) in counted.by_label.items():
            yield ERRORS.of(share, n=int((judged.y == code).sum()), interval=interval, label=case.schema.classes[code])
        yield from _by_source(data, judged.chance)
    yield from findings(case.schema, data, judged)


def findings(schema: Schema, data: Dataset, judged: Judged) -> Iterator[Finding]:
    """What the count shows, or else the comparison; if neither, why not."""
    counted, beyond = judged.count, judged.excess
    if counted.shown and counted.interval.low >= REPORTED:
        yield mislabelled(schema, data, judged)
    elif beyond and beyond.shown and beyond.interval.low >= REPORTED:
        yield differs_from_test(beyond) if drifted(beyond) else beyond_test(schema, data, judged, beyond)
    elif not counted.known:
        yield cannot_tell(judged)


def _of_frequent_classes(data: Dataset) -> Dataset:
    """Without the rows of classes so rare that nothing can be learnt of them."""
    if data.y is None or not len(data):
        return data
    _, inverse, rows = np.unique(data.y, return_inverse=True, return_counts=True)
    return data.take(np.flatnonzero(rows[inverse] >= LEAST_OF_CLASS))


def _boosted_out_of_fold(case: Case, X: Matrix, y: Codes, fold: Codes, params: Params) -> Matrix:
    p = np.zeros((len(y), len(case.schema.classes)))
    for number in range(params.folds):
        case.progress(0.4 + 0.5 * number / params.folds, "asking reference models that have not seen the row")
        here, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        model = boosted(
            case.schema,
            seed=case.seed,
            max_iter=params.trees,
            learning_rate=0.07,
            max_leaf_nodes=15,
            min_samples_leaf=30,
            l2_regularization=1.0,
        )
        p[here] = probabilities(fitted(model, X[rest], y[rest]), X[here], case.schema)
    return p


def _stacked(found: list[Floor], y: Codes, answers: list[Matrix]) -> Matrix:
    """Chance of each true class (n, classes): the answers' log-odds weighted as the labels, less their errors, ask."""
    from scipy.special import expit

    truth = np.zeros_like(answers[0])
    for floor in found:
        odds = _odds(floor.code, answers)
        line = fit(odds, y == floor.code, rates=(floor.gained, floor.lost))
        truth[:, floor.code] = expit(line.logit(odds))
    return truth


def _log_odds(codes: Codes, y: Codes, answers: list[Matrix]) -> Matrix:
    """Log-odds of each label (n, classes), its errors included."""
    z = np.zeros_like(answers[0])
    for code in codes:
        odds = _odds(code, answers)
        z[:, code] = fit(odds, y == code).logit(odds)
    return z


def _odds(code: int, answers: list[Matrix]) -> Matrix:
    from scipy.special import logit

    return np.column_stack([logit(np.clip(p[:, code], 1e-5, 1 - 1e-5)) for p in answers])


def _even(floor: Floor) -> Floor:
    return Floor(floor.code, floor.marked, floor.z, LEAST_RATE, LEAST_RATE, floor.won)


def _by_source(data: Dataset, chance: Vector) -> Iterator[Yielded]:
    """The share of wrong labels in what each source delivered."""
    if data.source is None:
        return
    names, inverse, rows = np.unique(data.source.astype(str), return_inverse=True, return_counts=True)
    if len(names) > MOST_SOURCES:
        return
    wrong = np.bincount(inverse, chance)
    for name, sum_, n in zip(names, wrong, rows, strict=True):
        yield ERRORS.of(sum_ / n, n=n, interval=wilson(float(sum_), int(n)), source=name)


def _values(case: Case, data: Dataset, params: Params) -> Iterator[Yielded]:
    if len(data) < LEAST_ROWS or data.y is None:
        yield too_few(len(data), LEAST_ROWS, "which values are wrong")
        return
    value = np.asarray(data.y, dtype=np.float64)
    predicted = np.zeros(len(value))
    fold = case.rng(1).permutation(len(value)) % params.folds
    for number in range(params.folds):
        case.progress(0.1 + 0.8 * number / params.folds, "asking reference models that have not seen the row")
        here, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        # Absolute error, so that the wrong values themselves do not bend the reference.
        model = boosted(case.schema, seed=case.seed, loss="absolute_error", max_iter=params.trees, max_leaf_nodes=15)
        predicted[here] = probabilities(fitted(model, data.X[rest], value[rest]), data.X[here], case.schema)[:, 0]
    found = outliers(value, predicted)
    yield ERRORS.of(found.share, n=len(value), interval=found.interval)
    if len(found.rows):
        yield ASYMMETRY.of(abs(2 * found.above - len(found.rows)) / len(value), n=len(value))
    if len(found.rows) >= LEAST_OUTLIERS and found.interval.low >= REPORTED_VALUES:
        yield wrong_values(case.schema, data, value, found)
