"""Inputs as broken feeds and careless people deliver them: noisy, missing, never seen, out of range.

Two questions. How many decisions change when every input is a little off? And does one bad value in one column buy the
favourable decision: a field left empty, a category that nobody knows, a number that no validator stopped?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.errors import ModelFailed
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.schema import Feature, Kind, Task
from holdfast.ports import FloatMatrix
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.statistics import wilson

NOISE = Measure(
    "stress.noise_flip_rate",
    "Decisions changed by noise",
    "share",
    Direction.LOWER_IS_BETTER,
    "How many decisions change when every input is off by a given share of its usual spread.",
)
ACCURACY_LOST = Measure(
    "stress.noise_accuracy_loss",
    "Accuracy lost to noise",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much of the accuracy on labelled rows is lost when every input is off by a given share of its usual spread.",
)
FLIPPED = Measure(
    "stress.bad_value_flip_rate",
    "Decisions changed by one bad value",
    "share",
    Direction.LOWER_IS_BETTER,
    "How many decisions change when one column holds a missing, unseen or out-of-range value.",
)
BOUGHT = Measure(
    "stress.bad_value_gain",
    "Refusals turned by one bad value",
    "share",
    Direction.LOWER_IS_BETTER,
    "How many unfavourable decisions become favourable when one column holds a missing, unseen or out-of-range value.",
)
REFUSED = Measure(
    "stress.refused_inputs",
    "Bad values that the model refuses",
    "share",
    Direction.HIGHER_IS_BETTER,
    "In how many columns the model answers a bad value with an error instead of a decision.",
)

BRITTLE_AT = 0.05
BRITTLE = 0.2
"""More decisions changed by noise of 5 % of the spread than a smooth model (1 to 5 %) or a forest (up to 10 %) has."""

BUYS = 0.25
"""One bad value that turns more refusals than this is a way in."""

KINDS = ("missing", "unseen", "out of range")
VERBS = {"missing": "leaving {} empty", "unseen": "giving an unknown {}", "out of range": "giving {} as {}"}


@dataclass(frozen=True)
class Params:
    """`rows` are degraded `draws` times at each of the `levels` (in standard deviations), and in `columns` columns."""

    rows: int = 1_000
    draws: int = 2
    columns: int = 60
    levels: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)


@probe(
    title="Degraded inputs",
    question="What happens when inputs are noisy, missing, never seen or out of range?",
    needs={Need.MODEL},
    measures=(NOISE, ACCURACY_LOST, FLIPPED, BOUGHT, REFUSED),
    efforts={
        "quick": Params(rows=200, draws=1, columns=20),
        "standard": Params(),
        "deep": Params(rows=5_000, draws=5, columns=1_000),
    },
    cost="ten questions a row for noise, and up to four a row and column",
    memory_mb=300,
    catalogue=("NISTAML.022", "OWASP:ML01"),
    trial="holdfast.testing.trials.stress:degraded_inputs",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Noise on everything, then one bad value at a time."""
    rows = case.test.sample(params.rows, case.rng(0))
    if not len(rows):
        return
    answers = Answers(case, rows)
    yield from _noise(case, params, rows, answers)
    yield from _bad_values(case, params, rows, answers)


class Answers:
    """What the model says of the rows as they are, and whether another answer is a change."""

    def __init__(self, case: Case, rows: Dataset) -> None:
        self._case = case
        self.rows = rows.X
        self.before = case.target.predict(rows.X)
        self._step = 0.1 * float(np.std(self.before)) if case.schema.task is Task.REGRESSION else 0.0

    def after(self, rows: FloatMatrix) -> NDArray[Any] | None:
        """The answers to degraded rows; None where the model refuses such rows."""
        try:
            return self._case.target.predict(rows)
        except ModelFailed:
            return None

    def changed(self, after: NDArray[Any]) -> NDArray[np.bool_]:
        """Another class; for regression a move by more than a tenth of the answers' spread."""
        before = np.tile(self.before, len(after) // len(self.before))
        if self._case.schema.task is Task.REGRESSION:
            return np.abs(after - before) > self._step
        return np.asarray(after != before)

    @property
    def unfavourable(self) -> NDArray[np.bool_]:
        """The rows whose decision somebody would like to turn; none where no outcome is better."""
        favourable = self._case.schema.favourable
        if favourable is None:
            return np.zeros(len(self.before), dtype=bool)
        return np.asarray(self.before != favourable)


def _noise(case: Case, params: Params, rows: Dataset, answers: Answers) -> Iterator[Yielded]:
    for step, level in enumerate(params.levels):
        case.progress(0.3 * step / len(params.levels), f"noise of {level:.0%}")
        noisy = np.concatenate([_with_noise(case, rows.X, level, (1, step, draw)) for draw in range(params.draws)])
        after = answers.after(noisy)
        if after is None:
            continue
        share = float(answers.changed(after).mean())
        interval = wilson(share * len(rows), len(rows))  # the rows are the sample; draws only steady the estimate
        yield NOISE.of(share, n=len(rows), interval=interval, noise=level)
        if rows.y is not None and case.schema.task is not Task.REGRESSION:
            yield _accuracy_lost(rows, answers, after, level)
        if level == BRITTLE_AT and interval.low > BRITTLE:
            yield _brittle(share, interval, len(rows))


def _with_noise(case: Case, rows: FloatMatrix, level: float, key: tuple[int, ...]) -> FloatMatrix:
    """The rows with each number off by `level` of its column's spread and each category redrawn as often; in range."""
    rng = case.rng(*key)
    noisy = rows.copy()
    for j, feature in enumerate(case.schema.features):
        column = rows[:, j]
        if feature.kind is Kind.CATEGORY:
            other = rng.integers(0, max(len(feature.categories), 1), len(rows)).astype(np.float64)
            noisy[:, j] = np.where(rng.random(len(rows)) < level, other, column)
            continue
        moved = column + level * np.nanstd(case.test.X[:, j]) * rng.standard_normal(len(rows))
        if feature.kind is Kind.INTEGER:
            moved = np.rint(moved)
        noisy[:, j] = np.clip(moved, *_range(feature, column))
    return noisy


def _range(feature: Feature, column: NDArray[np.float64]) -> tuple[float, float]:
    """The feature's own range, widened to what the rows hold."""
    known = column[np.isfinite(column)]
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    return float(known.min(initial=low)), float(known.max(initial=high))


def _accuracy_lost(rows: Dataset, answers: Answers, after: NDArray[Any], level: float) -> Yielded:
    labels = np.asarray(rows.y)
    right_before = answers.before == labels
    right_after = (after == np.tile(labels, len(after) // len(labels))).reshape(-1, len(labels)).mean(axis=0)
    lost = right_before - right_after
    half = 1.96 * float(np.std(lost)) / np.sqrt(len(lost))
    mean = float(lost.mean())
    return ACCURACY_LOST.of(mean, n=len(lost), interval=Interval(mean - half, mean + half), noise=level)


def _bad_values(case: Case, params: Params, rows: Dataset, answers: Answers) -> Iterator[Yielded]:
    """Each kind of bad value in each column, one column at a time."""
    columns = _columns(case, params)
    for k, kind in enumerate(KINDS):
        tried, refused, effects = 0, 0, []
        for step, j in enumerate(columns):
            case.progress(0.3 + 0.7 * (k + step / len(columns)) / len(KINDS), f"{kind} values")
            feature = case.schema.features[j]
            for value in _values(feature, kind):
                spoilt = rows.X.copy()
                spoilt[:, j] = value
                after = answers.after(spoilt)
                tried += 1
                refused += after is None
                if after is not None:
                    effects.append(_effect(answers, feature, kind, value, after))
        if tried:
            yield REFUSED.of(refused / tried, n=tried, kind=kind)
        if effects:
            yield from _report(case.schema.task, kind, effects, answers)


def _columns(case: Case, params: Params) -> list[int]:
    """The columns to spoil: all, or as many as the effort allows, drawn by the seed."""
    every = len(case.schema.features)
    if every <= params.columns:
        return list(range(every))
    return sorted(int(j) for j in case.rng(2).choice(every, params.columns, replace=False))


def _values(feature: Feature, kind: str) -> tuple[float, ...]:
    """The bad values of one kind that make sense for a feature."""
    if kind == "missing":
        return (np.nan,)
    if kind == "unseen":
        return (-1.0,) if feature.kind is Kind.CATEGORY else ()
    if feature.kind is Kind.CATEGORY or feature.low is None or feature.high is None:
        return ()
    span = max(feature.high - feature.low, 1.0)
    return feature.low - 10 * span, feature.high + 10 * span


@dataclass(frozen=True)
class Effect:
    """What one bad value in one column did: rows changed, unfavourable decisions turned."""

    feature: str
    kind: str
    value: float
    changed: int
    turned: int


def _effect(answers: Answers, feature: Feature, kind: str, value: float, after: NDArray[Any]) -> Effect:
    changed = answers.changed(after)
    turned = int((changed & answers.unfavourable).sum()) if answers.unfavourable.any() else 0
    return Effect(feature.name, kind, value, int(changed.sum()), turned)


def _report(task: Task, kind: str, effects: list[Effect], answers: Answers) -> Iterator[Yielded]:
    n, refusals = len(answers.before), int(answers.unfavourable.sum())
    worst = max(effects, key=lambda effect: (effect.changed, effect.feature))
    yield FLIPPED.of(worst.changed / n, n=n, interval=wilson(worst.changed, n), kind=kind, feature=worst.feature)
    if not refusals or task is Task.MULTICLASS:
        return
    best = max(effects, key=lambda effect: (effect.turned, effect.feature))
    interval = wilson(best.turned, refusals)
    yield BOUGHT.of(best.turned / refusals, n=refusals, interval=interval, kind=kind, feature=best.feature)
    if kind != "out of range" and interval.low > BUYS:
        yield _way_in(kind, [effect for effect in effects if wilson(effect.turned, refusals).low > BUYS], refusals)


def _brittle(share: float, interval: Interval, n: int) -> Finding:
    return Finding(
        slug="brittle-under-noise",
        title="Small errors change decisions",
        sentence=f"{share:.0%} of decisions change when every input is off by {BRITTLE_AT:.0%} of its usual spread.",
        severity=Severity.HIGH if interval.low > 2 * BRITTLE else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why=f"Normal noise was added to {n} rows, within each column's range. A smooth model changes 1 to 5 % of its "
        "decisions at this level. Rounding, a late feed, or a slip at a keyboard is enough to be treated differently.",
        remedy="Regularise the model, drop columns that carry noise, or send decisions near the boundary to a person.",
        reproduce="holdfast check --only stress.degraded_inputs --fresh",
        measures=(NOISE.id,),
    )


def _way_in(kind: str, effects: list[Effect], refusals: int) -> Finding:
    ordered = sorted(effects, key=lambda effect: (-effect.turned, effect.feature))
    first = ordered[0]
    how = VERBS[kind].format(first.feature, f"{first.value:g}")
    return Finding(
        slug=f"{kind.replace(' ', '-')}-value-approves",
        title="A bad value buys the favourable decision",
        sentence=f"{first.turned} of {refusals} people who are refused get the favourable decision by {how}.",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        why="One column at a time was spoilt in the rows of people who are refused, and the model was asked again. It "
        "answered instead of rejecting the input, and whoever knows that can use it.",
        remedy="Reject such values before the model is asked, or make the decision wait for a person.",
        reproduce="holdfast check --only stress.degraded_inputs --fresh",
        where=first.feature,
        measures=(BOUGHT.id,),
        exhibits=(
            Exhibit(
                f"Refusals turned by one {kind} value",
                ("column", "refusals turned", "share"),
                tuple((e.feature, e.turned, round(e.turned / refusals, 3)) for e in ordered[:10]),
            ),
        ),
    )
