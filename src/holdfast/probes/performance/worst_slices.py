"""For whom is the model worst, and does it know?

Slices by one or two conditions are searched on half of the rows and measured on the other half, so that a slice that
was only unlucky is not believed. Two searches: where the model is wrong most often (some cases are simply hard), and
where it is wrong more often than its own scores say (there it is blind). Only the second is a flaw of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Cell, Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure, Measurement
from holdfast.domain.schema import Task
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.performance._rows import labelled, too_few
from holdfast.probes.performance._slices import Slice, conditions, worst_slices

Vector = NDArray[np.float64]

GAP = Measure(
    "performance.worst_slice_gap",
    "Error in the worst slices",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much more often the model is wrong in the slice than elsewhere (for regression: how much larger the absolute "
    "error is, in standard deviations of the labels).",
)
EXCESS = Measure(
    "performance.worst_slice_excess",
    "Unadmitted error in the worst slices",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much more often the model is wrong in the slice than its own scores say, compared with everywhere else.",
)
WEAK, HARD = "The model fails in one part of the data", "Some cases are harder than others"
LEAST_ROWS = 200
LEAST_SUPPORT = 20


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many labelled test rows; `support`: share that a slice needs; `slices`: how many to report."""

    rows: int = 20_000
    support: float = 0.03
    slices: int = 3


@dataclass(frozen=True, eq=False)
class Losses:
    """Each (n,): the `error` (0 or 1, or standard deviations), and the error that is `admitted` by the scores."""

    error: Vector
    admitted: Vector | None


@dataclass(frozen=True)
class Confirmed:
    """One slice on the rows that it was not found on; `inside` and `outside` are mean errors."""

    words: str
    rows: int
    gap: float
    interval: Interval
    inside: float
    outside: float
    admitted: float | None


@probe(
    title="Worst slices",
    question="For which rows is the model wrong most often, and do its scores admit it?",
    measures=(GAP, EXCESS),
    efforts={"quick": Params(rows=2_000), "standard": Params(), "deep": Params(rows=100_000, slices=5)},
    needs={Need.MODEL, Need.LABELS},
    cost="2 queries a row",
    trial="holdfast.testing.trials.performance:worst_slices",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Exhaustive search over single conditions and pairs, by matrix products; related to SliceLine (Sagadeeva 2021)."""
    data = labelled(case, params.rows)
    if len(data) < LEAST_ROWS:
        yield too_few(len(data), LEAST_ROWS, "for whom the model is worst")
        return
    losses = _losses(case, data)
    if losses is None:
        return
    case.progress(0.3, "searching slices")
    half = np.zeros(len(data), dtype=bool)
    half[case.rng(1).permutation(len(data))[: len(data) // 2]] = True
    least = max(LEAST_SUPPORT, int(params.support * half.sum()))

    def search(loss: Vector) -> list[Confirmed]:
        candidates = conditions(data.X, case.schema, half, least)
        return _confirm(worst_slices(candidates, loss, half, least, params.slices), loss, losses, half)

    hard = search(losses.error)
    yield from _measured(GAP, hard)
    blind: list[Confirmed] = []
    if losses.admitted is not None:
        blind = search(losses.error - losses.admitted)
        yield from _measured(EXCESS, blind)
    yield from _findings(hard, blind, losses, case)


def _losses(case: Case, data: Dataset) -> Losses | None:
    answers = case.target.predict(data.X)
    if case.target.task is Task.REGRESSION:
        labels = np.asarray(data.y, dtype=np.float64)
        return Losses(np.abs(answers - labels) / labels.std(), None) if labels.std() > 0 else None
    wrong = (answers != data.y).astype(np.float64)
    if not case.target.gives_scores:
        return Losses(wrong, None)
    stated = case.target.scores(data.X)[np.arange(len(data)), answers.astype(np.int64)]
    return Losses(wrong, 1 - stated)


def _confirm(slices: list[Slice], loss: Vector, losses: Losses, half: NDArray[np.bool_]) -> list[Confirmed]:
    """The slices on the other half, with Welch's interval; 95 % for all of them together (Bonferroni)."""
    from scipy.stats import norm

    z = float(norm.ppf(1 - 0.025 / max(len(slices), 1)))
    confirmed = []
    for part in slices:
        inside, outside = part.rows & ~half, ~part.rows & ~half
        if inside.sum() < LEAST_SUPPORT or outside.sum() < LEAST_SUPPORT:
            continue
        gap = float(loss[inside].mean() - loss[outside].mean())
        # no less than the variance of the whole, so that a slice that is wrong throughout does not look certain
        variances = [max(loss[rows].var(), loss[~half].var() / 2) / rows.sum() for rows in (inside, outside)]
        width = z * float(np.sqrt(sum(variances)))
        confirmed.append(
            Confirmed(
                words=part.words,
                rows=int(inside.sum()),
                gap=gap,
                interval=Interval(gap - width, gap + width),
                inside=float(losses.error[inside].mean()),
                outside=float(losses.error[outside].mean()),
                admitted=None if losses.admitted is None else float(losses.admitted[inside].mean()),
            )
        )
    return sorted(confirmed, key=lambda c: -c.interval.low)


def _measured(measure: Measure, confirmed: list[Confirmed]) -> Iterator[Measurement]:
    for part in confirmed:
        yield measure.of(part.gap, n=part.rows, interval=part.interval, slice=part.words)


def _findings(hard: list[Confirmed], blind: list[Confirmed], losses: Losses, case: Case) -> Iterator[Finding]:
    """A weak slice where it is shown to be a flaw; else the hardest slice, for the reader."""
    regression = case.schema.task is Task.REGRESSION
    matters = 0.25 if regression else 0.05
    suspects = hard if losses.admitted is None else blind
    weak = [part for part in suspects if part.interval.low >= matters]
    if regression:
        weak = [part for part in weak if part.inside >= 1.5 * part.outside]
    if weak:
        severity = Severity.HIGH if weak[0].interval.low >= 3 * matters else Severity.MEDIUM
        if losses.admitted is None and not regression:
            severity = Severity.LOW  # without scores a hard case cannot be told from a flaw
        measure = GAP if losses.admitted is None else EXCESS
        yield _finding(weak, regression, measure, slug="weak-slice", title=WEAK, severity=severity)
    plain = [part for part in hard if part.interval.low > 0 and part.words not in {other.words for other in weak}]
    if plain:
        yield _finding(plain, regression, GAP, slug="hard-slice", title=HARD, severity=Severity.INFO)


def _finding(
    parts: list[Confirmed], regression: bool, measure: Measure, *, slug: str, title: str, severity: Severity
) -> Finding:
    return Finding(
        slug=slug,
        title=title,
        sentence=_sentence(parts[0], slug, regression),
        severity=severity,
        confidence=Confidence.HIGH,
        why="The slice was found on one half of the test rows and measured on the other half, among all slices by one "
        "or two conditions; the intervals hold for all reported slices together.",
        remedy="Look at the slice's rows and labels, gather more of them, add a column that tells them apart, or send "
        "these cases to a person.",
        reproduce=f"Filter the test rows by {parts[0].words} and compare decisions with labels.",
        where=parts[0].words,
        measures=(measure.id,),
        exhibits=(_exhibit(parts, regression),),
    )


def _sentence(part: Confirmed, slug: str, regression: bool) -> str:
    if regression:
        return (
            f"Where {part.words}, the model is off by {part.inside:.2f} standard deviations on average, against "
            f"{part.outside:.2f} elsewhere."
        )
    plain = (
        f"Where {part.words}, the model is wrong in {100 * part.inside:.0f} of 100 cases, against "
        f"{100 * part.outside:.0f} elsewhere"
    )
    if part.admitted is None:
        return plain + "."
    admits = "its scores admit only" if slug == "weak-slice" else "its scores say"
    return f"{plain}; {admits} {100 * part.admitted:.0f}."


def _exhibit(parts: list[Confirmed], regression: bool) -> Exhibit:
    scale = 1 if regression else 100
    rows: list[tuple[Cell, ...]] = []
    for part in parts:
        admitted = None if part.admitted is None else round(scale * part.admitted, 2)
        figures = (part.inside, part.outside, part.interval.low, part.interval.high)
        rows.append((part.words, part.rows, *(round(scale * figure, 2) for figure in figures), admitted))
    unit = "standard deviations" if regression else "%"
    columns = ("slice", "rows", "error", "elsewhere", "gap at least", "gap at most", "admitted by scores")
    return Exhibit(f"Slices, error in {unit}", columns, tuple(rows))
