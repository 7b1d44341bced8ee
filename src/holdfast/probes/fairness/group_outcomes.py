"""Selection rates, impact ratios, equal opportunity and calibration, by protected group and by pair of attributes.

Everything is computed from counts and sums by group, so that a million rows cost little more than asking the model.
The intervals of a measure hold for all groups of all attributes at once, and again for all pairs of attributes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Cell, Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Measure
from holdfast.domain.schema import Schema, Task
from holdfast.groups import Contrast, mean_contrasts, outcomes, rate_contrasts, selection_rates, too_small
from holdfast.measures import (
    CALIBRATION_GAP,
    FPR_DIFFERENCE,
    IMPACT_RATIO,
    MEAN_ERROR_GAP,
    MEAN_PREDICTION_GAP,
    PARITY_DIFFERENCE,
    SELECTION_RATE,
    TPR_DIFFERENCE,
)
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.fairness._groups import Grouping, groupings
from holdfast.probes.fairness._outcomes import moments, tabulate

MEASURES = (
    SELECTION_RATE,
    IMPACT_RATIO,
    PARITY_DIFFERENCE,
    TPR_DIFFERENCE,
    FPR_DIFFERENCE,
    CALIBRATION_GAP,
    MEAN_PREDICTION_GAP,
    MEAN_ERROR_GAP,
)

FOUR_FIFTHS = 0.8
"""29 CFR 1607.4(D)."""

FAIR_RATIO = 0.9
MATTERS = {MEAN_PREDICTION_GAP: 0.1, MEAN_ERROR_GAP: 0.1}
"""From where a difference is worth a finding; 0.05 elsewhere. A large enough sample proves any trifle."""

TRIFLE = 0.2
"""The interval's nearer end must reach this share of what matters: each probe looks at several measures at once."""


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many test rows are asked about, once for decisions and once for scores."""

    rows: int = 50_000


@probe(
    title="Outcomes by group",
    question="Are people of every protected group, and of every pair of groups, given the good outcome alike?",
    measures=MEASURES,
    efforts={"quick": Params(rows=5_000), "standard": Params(), "deep": Params(rows=5_000_000)},
    needs={Need.MODEL, Need.PROTECTED},
    cost="2 queries a row",
    trial="holdfast.testing.trials.fairness:group_outcomes",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Compare every group with the best one (rates) or with everyone else (means), attributes first, then pairs.

    Without a favourable outcome every class is compared in turn. Groups under 30 rows or 2 % are named, not judged.
    """
    data = case.test.sample(params.rows, case.rng(0))
    compared = groupings(data)
    if not len(data) or not compared:
        return
    case.progress(0.0, "asking for decisions")
    decisions = case.target.predict(data.X)
    case.progress(0.5, "comparing groups")
    if case.target.task is Task.REGRESSION:
        contrasts = list(_value_contrasts(compared, decisions.astype(np.float64), data.y))
    else:
        labels = None if data.y is None else data.y.astype(np.int64)
        tables = [
            table
            for outcome in outcomes(case.schema)
            for table in tabulate(compared, decisions.astype(np.int64), labels, outcome)
        ]
        yield from selection_rates(tables, case.schema)
        contrasts = [*rate_contrasts(tables, case.schema), *_calibration(case, data, compared)]
    for contrast in contrasts:
        yield from contrast.measurements(case.schema)
    yield from _findings(contrasts, case.schema)
    small = too_small(compared)
    if small is not None:
        yield small


def _calibration(case: Case, data: Dataset, compared: list[Grouping]) -> Iterator[Contrast]:
    favourable = case.schema.favourable
    if favourable is None or data.y is None or not case.target.gives_scores:
        return
    stated = case.target.scores(data.X)[:, favourable]
    truth = np.where(data.y < 0, np.nan, data.y == favourable)
    yield from mean_contrasts(CALIBRATION_GAP, list(moments(compared, truth - stated)), favourable)


def _value_contrasts(
    compared: list[Grouping], predictions: NDArray[np.float64], y: NDArray[np.generic] | None
) -> Iterator[Contrast]:
    """Mean predictions and mean errors, each in standard deviations."""
    spread = float(predictions.std())
    if spread > 0:
        yield from mean_contrasts(MEAN_PREDICTION_GAP, list(moments(compared, predictions / spread)))
    labels = np.full(len(predictions), np.nan) if y is None else y.astype(np.float64)
    known = labels[np.isfinite(labels)]
    if len(known) and known.std() > 0:
        errors = (labels - predictions) / known.std()
        yield from mean_contrasts(MEAN_ERROR_GAP, list(moments(compared, errors)))


@dataclass(frozen=True)
class Judged:
    """One group's contrast as a conclusion; `least` is its distance from equal at the nearer end of the interval."""

    severity: Severity
    least: float
    contrast: Contrast
    position: int

    @property
    def value(self) -> float:
        """The point value."""
        return float(self.contrast.against.value[self.position])

    @property
    def group(self) -> str:
        """The group in words."""
        return self.contrast.words(self.position)

    @property
    def best(self) -> str:
        """The group with the highest rate, in words."""
        return self.contrast.words(int(np.argmax(self.contrast.rates)))


def judge(contrast: Contrast, position: int) -> Judged | None:
    """A conclusion on one group, or None.

    Concluded only where the simultaneous interval clearly excludes "equal" and the point is far enough from it to
    matter; severe where even the nearer end of the interval is (for the impact ratio: is below four fifths).
    """
    value, interval = float(contrast.against.value[position]), contrast.against.interval(position)
    if contrast.measure is IMPACT_RATIO:
        matters = 1 - FAIR_RATIO
        least, far = 1 - interval.high, value < FAIR_RATIO
        high, medium = interval.high < FOUR_FIFTHS, value < FOUR_FIFTHS
    else:
        matters = MATTERS.get(contrast.measure, 0.05)
        least, far = max(interval.low, -interval.high), abs(value) >= matters
        high, medium = least >= 3 * matters, least >= matters
    if least < matters * TRIFLE or not far:
        return None
    severity = Severity.HIGH if high else Severity.MEDIUM if medium else Severity.LOW
    return Judged(severity, least, contrast, position)


def _findings(contrasts: Sequence[Contrast], schema: Schema) -> Iterator[Finding]:
    for measures, describe in (
        ((IMPACT_RATIO,), _approval),
        ((PARITY_DIFFERENCE, MEAN_PREDICTION_GAP), _outcome),
        ((TPR_DIFFERENCE,), _opportunity),
        ((CALIBRATION_GAP, MEAN_ERROR_GAP), _error),
    ):
        found = _worst_first(contrasts, measures)
        if found:
            yield _finding(found, describe(found[0], schema), schema)


def _worst_first(contrasts: Sequence[Contrast], measures: tuple[Measure, ...]) -> list[Judged]:
    concluded = (
        judge(contrast, position)
        for contrast in contrasts
        if contrast.measure in measures
        for position in range(len(contrast.index))
    )
    found = [judged for judged in concluded if judged is not None]
    return sorted(found, key=lambda j: (-j.severity.rank, j.contrast.grouping.order, -j.least, j.group))


@dataclass(frozen=True)
class Words:
    """The parts of a finding that differ from measure to measure."""

    slug: str
    title: str
    sentence: str
    remedy: str


def _approval(worst: Judged, schema: Schema) -> Words:
    interval = worst.contrast.against.interval(worst.position)
    return Words(
        "unequal-approval",
        "One group is given the good outcome less often",
        f"People with {worst.group} get {_outcome_name(worst, schema)} {100 * worst.value:.0f} % as often as people "
        f"with {worst.best} (95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f} %); the four-fifths "
        "mark is 80 %.",
        "Find out which columns carry the difference (fairness.proxies), whether the labels already hold it, and "
        "whether a model that is as accurate treats the groups more alike; then set and justify a limit.",
    )


def _outcome(worst: Judged, schema: Schema) -> Words:
    if worst.contrast.measure is MEAN_PREDICTION_GAP:
        side = "higher" if worst.value > 0 else "lower"
        sentence = (
            f"The predicted {schema.target} of people with {worst.group} is {abs(worst.value):.2f} standard deviations "
            f"{side} than everyone else's ({_range(worst, scale=1)})."
        )
    else:
        sentence = (
            f"People with {worst.group} get {_outcome_name(worst, schema)} {_points(worst.value)} less often than "
            f"people with {worst.best} ({_range(worst)} points)."
        )
    return Words(
        "unequal-outcomes",
        "Groups get different outcomes",
        sentence,
        "Find out which columns carry the difference (fairness.proxies), and whether it has a reason you can defend.",
    )


def _opportunity(worst: Judged, schema: Schema) -> Words:
    name = _outcome_name(worst, schema)
    return Words(
        "unequal-opportunity",
        "Deserving people of one group are passed over more often",
        f"Of the people whose true outcome is {name}, those with {worst.group} get it {_points(worst.value)} less "
        f"often than those with {worst.best} ({_range(worst)} points).",
        "Look at the columns that are less telling for this group, gather more of its rows, or train under an equal "
        "opportunity constraint.",
    )


def _error(worst: Judged, schema: Schema) -> Words:
    side = "underrates" if worst.value > 0 else "overrates"
    if worst.contrast.measure is MEAN_ERROR_GAP:
        amount = f"{abs(worst.value):.2f} standard deviations ({_range(worst, scale=1)})"
    else:
        amount = f"{_points(worst.value)} ({_range(worst)} points)"
    return Words(
        "unequal-calibration",
        "Scores mean different things for different groups",
        f"Compared with everyone else, the model {side} {schema.target} for people with {worst.group} by {amount}.",
        "Recalibrate by group where the law allows it, or give the model columns that tell the group's members apart.",
    )


def _outcome_name(judged: Judged, schema: Schema) -> str:
    outcome = judged.contrast.outcome
    return schema.target if outcome is None else f"{schema.target} = {schema.classes[outcome]}"


def _points(share: float) -> str:
    return f"{100 * abs(share):.0f} points"


def _range(judged: Judged, scale: float = 100) -> str:
    """The interval of the distance from equal, whichever its sign."""
    interval = judged.contrast.against.interval(judged.position)
    low, high = sorted((abs(interval.low) * scale, abs(interval.high) * scale))
    return f"95 % interval {low:.0f} to {high:.0f}" if scale > 1 else f"95 % interval {low:.2f} to {high:.2f}"


def _finding(found: list[Judged], words: Words, schema: Schema) -> Finding:
    worst = found[0]
    grouping = worst.contrast.grouping
    rest = [f"{judged.group}" for judged in found[1:6] if judged.contrast.grouping is not grouping]
    also = f" The same is shown for {', '.join(rest)}." if rest else ""
    versus = "the best" if worst.contrast.measure.id.endswith(("ratio", "_difference")) else "everyone else"
    return Finding(
        slug=words.slug,
        title=words.title,
        sentence=words.sentence,
        severity=worst.severity,
        confidence=Confidence.HIGH,
        why=f"Every group of {grouping.name} was compared with {versus}. The intervals hold for all groups together, "
        f"so none of them stands out because many were looked at.{also}",
        remedy=words.remedy,
        reproduce=f"Ask the model about every test row and count its decisions by {grouping.name}.",
        where=worst.contrast.group(worst.position),
        measures=(worst.contrast.measure.id,),
        exhibits=(_exhibit(worst.contrast, schema),),
    )


def _exhibit(contrast: Contrast, schema: Schema) -> Exhibit:
    """Every judged group of the grouping, best first."""
    rate = "mean" if contrast.outcome is None or contrast.measure is CALIBRATION_GAP else "rate"
    outcome = "" if contrast.outcome is None else f", {schema.target} = {schema.classes[contrast.outcome]}"
    rows: list[tuple[Cell, ...]] = []
    for position in np.argsort(-contrast.rates, kind="stable")[:40]:
        interval = contrast.against.interval(int(position))
        figures = [contrast.rates[position], contrast.against.value[position], interval.low, interval.high]
        if contrast.labelled is not None:
            figures.append(contrast.labelled[position])
        name = contrast.words(int(position))
        rows.append((name, int(contrast.rows[position]), *(round(float(figure), 4) for figure in figures)))
    columns: tuple[str, ...] = ("group", "rows", rate, contrast.measure.title.lower(), "at least", "at most")
    if contrast.labelled is not None:
        columns += ("rate in the labels",)
    return Exhibit(f"{contrast.measure.title} by {contrast.grouping.name}{outcome}", columns, tuple(rows))
