"""Label errors: how many training labels are wrong, in which direction, and which rows to look at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.schema import Schema, Task
from holdfast.probes._learners import boosted, fitted, probabilities
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.poisoning._lapses import ON_FLOOR, SIGNIFICANT, Count, Floor, count, floors, wrong_chance
from holdfast.probes.poisoning._outliers import Outliers, outliers
from holdfast.probes.poisoning._reference import basis, fit, folds, labelled, out_of_fold, too_few
from holdfast.statistics import wilson

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

CATALOGUE = ("ATLAS:AML.T0020", "NISTAML.013", "NISTAML.024", "OWASP:ML02")
LEAST_ROWS = 100
LEAST_OF_CLASS = 10
LEAST_RATE = 0.005
REPORTED = 0.005
"""Below this share of wrong labels, proven, there is nothing to act on: clerks make errors."""
SERIOUS = 0.05
LEAST_OUTLIERS = 5
REPORTED_VALUES = 0.001
SHOWN_ROWS = 50
REMEDY = "Have people check the rows listed against the source documents; correct or drop what is wrong, and retrain."
MOST_SOURCES = 50

ERRORS = Measure(
    id="poisoning.label_error_share",
    title="Wrong labels in the training data",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="Of the training rows, the share whose label is probably wrong, beyond what nature leaves undecided.",
    bounds=(0.0, 1.0),
)
ASYMMETRY = Measure(
    id="poisoning.label_error_asymmetry",
    title="One-sidedness of wrong labels",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="Error rate of the class whose rows are mislabelled most, less that of the class mislabelled least.",
    bounds=(0.0, 1.0),
)


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
    measures=(ERRORS, ASYMMETRY),
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


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of the labels `y` (n,): the `floors` of each class, the `count`, and each row's `chance` (n,) of
    being wrong, by which rows are ranked.
    """

    y: Codes
    floors: list[Floor]
    count: Count
    chance: Vector


def judge(case: Case, data: Dataset, params: Params) -> Judged:
    """Count and rank the wrong labels of a classification; `data` has two classes or more, each on ten rows or more."""
    y, classes = np.asarray(data.y, dtype=np.int64), len(case.schema.classes)
    case.progress(0.05, "fitting the curve that right labels would follow")
    Z = basis(data.X, case.schema)
    found = floors(Z, y)
    fold = folds(y, params.folds, case.rng(1))
    additive = out_of_fold(Z, y, classes, fold)
    counted = count(found, additive, case.rng(2), params.draws)
    boosted_p = _boosted_out_of_fold(case, data.X, y, fold, params)
    # Where the rates are not known, they would only rank one class's rows before the other's.
    rates = found if counted.known else [_even(floor) for floor in found]
    return Judged(y, found, counted, wrong_chance(rates, y, _stacked(rates, y, additive, boosted_p), LEAST_RATE))


def _classes(case: Case, data: Dataset, params: Params) -> Iterator[Yielded]:
    data = _of_frequent_classes(data)
    if len(data) < LEAST_ROWS or data.y is None or len(set(data.y.tolist())) < 2:
        yield too_few(len(data), LEAST_ROWS, "how many of them are wrong")
        return
    judged = judge(case, data, params)
    counted = judged.count
    yield ERRORS.of(counted.share, n=len(data), interval=counted.interval)
    if not counted.known:
        yield _cannot_tell(counted)
        return
    yield ASYMMETRY.of(counted.spread, n=len(data), interval=counted.spread_interval)
    for code, (share, interval) in counted.by_label.items():
        yield ERRORS.of(share, n=int((judged.y == code).sum()), interval=interval, label=case.schema.classes[code])
    yield from _by_source(data, judged.chance)
    if counted.shown and counted.interval.low >= REPORTED:
        yield _mislabelled(case.schema, data, judged)


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


def _stacked(found: list[Floor], y: Codes, *answers: Matrix) -> Matrix:
    """Chance of each true class (n, classes): the answers' log-odds weighted as the labels, less their errors, ask."""
    from scipy.special import expit, logit

    truth = np.zeros_like(answers[0])
    for floor in found:
        odds = np.column_stack([logit(np.clip(p[:, floor.code], 1e-5, 1 - 1e-5)) for p in answers])
        line = fit(odds, y == floor.code, rates=(floor.gained, floor.lost))
        truth[:, floor.code] = expit(line.logit(odds))
    return truth


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


def _mislabelled(schema: Schema, data: Dataset, judged: Judged) -> Finding:
    counted, n = judged.count, len(data)
    code, (worst, _) = max(counted.by_label.items(), key=lambda item: item[1][0])
    rows, low, high = (round(share * n) for share in (counted.share, counted.interval.low, counted.interval.high))
    return Finding(
        slug="mislabelled-rows",
        title="Training labels are wrong",
        sentence=f"About {rows:,} of {n:,} training labels are wrong ({low:,} to {high:,}); of the rows labelled "
        f"“{schema.classes[code]}” it is {worst:.1%}.",
        severity=Severity.HIGH if counted.interval.low >= SERIOUS else Severity.MEDIUM,
        confidence=Confidence.HIGH if counted.won >= 3 * SIGNIFICANT else Confidence.MEDIUM,
        why=f"Even where the columns leave no doubt ({counted.on_floor:.0%} of the rows concerned), labels disagree at "
        "a constant rate. If classes merely overlapped, the labels would agree more and more there.",
        remedy=REMEDY,
        measures=(ERRORS.id, ASYMMETRY.id),
        catalogue=CATALOGUE,
        exhibits=(_suspects(schema, data, judged, rows),),
    )


def _suspects(schema: Schema, data: Dataset, judged: Judged, rows: int) -> Exhibit:
    y, chance = judged.y, judged.chance
    order = np.lexsort((data.row, -chance))[: min(rows, SHOWN_ROWS)]
    return Exhibit(
        title=f"Rows most likely mislabelled ({len(order)} of about {rows:,}; row numbers from 0)",
        columns=("row", "label", "chance that it is wrong"),
        rows=tuple((int(data.row[i]), str(schema.classes[y[i]]), round(float(chance[i]), 3)) for i in order),
    )


def _cannot_tell(counted: Count) -> Finding:
    return Finding(
        slug="errors-not-separable",
        title="Wrong labels cannot be counted here",
        sentence=f"Between {counted.interval.low:.1%} and {counted.interval.high:.1%} of the training labels may be "
        "wrong; the classes overlap too much to say more.",
        severity=Severity.INFO,
        confidence=Confidence.LOW,
        why="Too little of the data is pure enough to tell a wrong label from one that the columns do not determine: "
        f"{counted.on_floor:.1%} of the rows concerned are beyond doubt, {ON_FLOOR:.0%} are needed.",
        remedy="Have a sample of labels checked by people, or add columns that determine the outcome better.",
        measures=(ERRORS.id,),
    )


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
        yield _wrong_values(case.schema, data, value, found)


def _wrong_values(schema: Schema, data: Dataset, value: Vector, found: Outliers) -> Finding:
    rows, n = len(found.rows), len(value)
    shown = found.rows[:SHOWN_ROWS]
    return Finding(
        slug="mislabelled-rows",
        title="Target values are wrong",
        sentence=f"{rows:,} of {n:,} values of {schema.target} lie further from what the other columns say than any "
        f"tail explains; {found.above:,} of them are too high.",
        severity=Severity.HIGH if found.interval.low >= SERIOUS else Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        why="Residuals of models that had not seen the row were compared with the tail that their own middle implies, "
        "which should hold about one row beyond this point. A few may be rare but true.",
        remedy=REMEDY,
        measures=(ERRORS.id, ASYMMETRY.id),
        catalogue=CATALOGUE,
        exhibits=(
            Exhibit(
                title=f"Rows furthest off ({len(shown)} of {rows:,}; row numbers from 0)",
                columns=("row", schema.target, "distance in typical errors"),
                rows=tuple((int(data.row[i]), float(value[i]), round(float(found.distance[i]), 1)) for i in shown),
            ),
        ),
    )
