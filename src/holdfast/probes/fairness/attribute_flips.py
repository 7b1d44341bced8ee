"""Would the decision be another one if only the protected attribute were?

The columns that record the attribute are set to what is typical of every other group, all else stays, and the model is
asked again. A model that is not given the attribute changes nothing: its rate is 0 without asking. What this does not
show is what other columns reveal of the attribute: see `fairness.proxies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Cell, Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.schema import Kind, Schema, Task
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.fairness._groups import Grouping, carriers, groupings
from holdfast.statistics import wilson

FLIP_RATE = Measure(
    "fairness.attribute_flip_rate",
    "Decisions that the protected attribute alone would change",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of people who would get another decision (for regression: one that differs by more than a tenth of a "
    "standard deviation) if they belonged to another group and nothing else were different.",
    (0, 1),
)
TENTH = 0.1


@dataclass(frozen=True)
class Params:
    """`rows`: so many test rows are asked about, once as they are and once for each other group."""

    rows: int = 5_000


@dataclass(frozen=True, eq=False)
class Flip:
    """Everybody outside the group `to` answered as if in it: row numbers (m,), answers before and after (m,)."""

    to: int
    rows: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


@probe(
    title="Protected attribute flipped",
    question="Would the decision be another one if nothing but the person's protected attribute were different?",
    measures=(FLIP_RATE,),
    efforts={"quick": Params(rows=1_000), "standard": Params(), "deep": Params(rows=100_000)},
    needs={Need.MODEL, Need.PROTECTED},
    cost="1 query a row and 1 a row for each other group of an attribute that the model sees",
    trial="holdfast.testing.trials.fairness:attribute_flips",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Flip each protected attribute in turn. Kusner et al. (2017, §2) say what a causal counterfactual would need.

    Categories take the group's commonest value, numbers its median, one-hot columns change together.
    """
    data = case.test.sample(params.rows, case.rng(0))
    if not len(data):
        return
    before = case.target.predict(data.X).astype(np.float64)
    findings: list[tuple[float, Finding]] = []
    single = [grouping for grouping in groupings(data) if grouping.order == 1]
    for done, grouping in enumerate(single):
        case.progress(done / len(single), f"changing {grouping.name}")
        known = int((grouping.codes >= 0).sum())
        columns = carriers(data.X, data.protected[grouping.name], grouping.name, case.schema)
        flips = _flips(case, data, grouping, columns, before) if columns else []
        if columns and not flips:
            continue
        changed = _changed(flips, before, case.target.task)
        rate = float(changed[grouping.codes >= 0].mean()) if known else 0.0
        interval = wilson(float(changed.sum()), known) if columns else None
        yield FLIP_RATE.of(rate, n=known, interval=interval, attribute=grouping.name)
        if interval is not None and changed.any():
            findings.append((interval.low, _finding(rate, interval, grouping, flips, case.schema)))
    if findings:
        yield _together([finding for _, finding in sorted(findings, key=lambda pair: -pair[0])])


def _together(findings: list[Finding]) -> Finding:
    """One finding for all attributes: the worst, followed by what was found of the others."""
    worst, others = findings[0], findings[1:]
    also = "".join(f" {other.sentence}" for other in others)
    exhibits = tuple(exhibit for finding in findings for exhibit in finding.exhibits)
    return replace(worst, why=worst.why + also, exhibits=exhibits)


def _flips(
    case: Case, data: Dataset, grouping: Grouping, columns: tuple[int, ...], before: NDArray[np.float64]
) -> list[Flip]:
    """All flips to each judged group, asked in one call. None where fewer than two groups are large enough."""
    targets = np.flatnonzero(grouping.judged)
    if len(targets) < 2:
        return []
    outside = [np.flatnonzero((grouping.codes >= 0) & (grouping.codes != to)) for to in targets]
    parts = []
    for to, rows in zip(targets, outside, strict=True):
        part = data.X[rows].copy()
        part[:, columns] = _typical(data.X[grouping.codes == to][:, columns], columns, case.schema)
        parts.append(part)
    after = case.target.predict(np.concatenate(parts)).astype(np.float64)
    pieces = np.split(after, np.cumsum([len(rows) for rows in outside])[:-1])
    return [Flip(int(to), rows, before[rows], piece) for to, rows, piece in zip(targets, outside, pieces, strict=True)]


def _typical(values: NDArray[np.float64], columns: tuple[int, ...], schema: Schema) -> NDArray[np.float64]:
    """What a group's columns (n, columns) typically hold, float64 (columns,)."""
    features = [schema.features[j] for j in columns]
    if len(columns) == 1 and features[0].kind is not Kind.CATEGORY and np.isfinite(values).any():
        # an actual value of the group, so that it is one that the model can be given
        return np.asarray(np.nanquantile(values, 0.5, axis=0, method="inverted_cdf"))
    patterns, counts = np.unique(values, axis=0, return_counts=True)
    return np.asarray(patterns[np.argmax(counts)])


def _changed(flips: list[Flip], before: NDArray[np.float64], task: Task) -> NDArray[np.bool_]:
    """Which rows any flip changes, bool (n,)."""
    changed = np.zeros(len(before), dtype=bool)
    for flip in flips:
        changed[flip.rows] |= _differs(flip, before, task)
    return changed


def _differs(flip: Flip, before: NDArray[np.float64], task: Task) -> NDArray[np.bool_]:
    if task.is_classification:
        return np.asarray(flip.after != flip.before)
    return np.asarray(np.abs(flip.after - flip.before) > TENTH * before.std())


def _finding(rate: float, interval: Interval, grouping: Grouping, flips: list[Flip], schema: Schema) -> Finding:
    grades = ((0.05, Severity.HIGH), (0.01, Severity.MEDIUM), (0.001, Severity.LOW))
    severity = next((severity for least, severity in grades if interval.low >= least), Severity.INFO)
    return Finding(
        slug="protected-attribute-decides",
        title="A protected attribute decides by itself",
        sentence=f"{100 * rate:.1f} % of people would get another {schema.target} if nothing but their {grouping.name} "
        f"were different (95 % interval {100 * interval.low:.1f} to {100 * interval.high:.1f} %).",
        severity=severity,
        confidence=Confidence.HIGH,
        why=f"The model is given {grouping.name}. Everybody was asked about again with the value that is typical of "
        "each other group; all other columns stayed as they were.",
        remedy=f"Train without {grouping.name} and the columns that record it, unless the law allows its use here, and "
        "check what other columns reveal of it (fairness.proxies).",
        reproduce=f"Change {grouping.name} in a row and ask the model again.",
        where=grouping.name,
        measures=(FLIP_RATE.id,),
        exhibits=(_exhibit(flips, grouping, schema),),
    )


def _exhibit(flips: list[Flip], grouping: Grouping, schema: Schema) -> Exhibit:
    """From which group to which, how many answers change and which way."""
    rows: list[tuple[Cell, ...]] = []
    for flip in flips:
        origin = grouping.codes[flip.rows]
        for group in np.unique(origin):
            here = origin == group
            better, worse = _ways(flip.before[here], flip.after[here], schema)
            rows.append((grouping.words[group], grouping.words[flip.to], int(here.sum()), better, worse))
    rows.sort(key=lambda row: -max(float(row[3] or 0), float(row[4] or 0)))
    ways = ("gain the good outcome", "lose it") if schema.favourable is not None else ("go up", "go down")
    title = f"Answers that change with {grouping.name}, in %"
    return Exhibit(title, ("as is", "as if", "rows", *ways), tuple(rows[:20]))


def _ways(before: NDArray[np.float64], after: NDArray[np.float64], schema: Schema) -> tuple[float, float]:
    """Percent that go up and down: to and from the favourable class, or in value (in class code without one)."""
    if schema.favourable is not None:
        before, after = before == schema.favourable, after == schema.favourable
    change = after.astype(np.float64) - before.astype(np.float64)
    return round(100 * float(np.mean(change > 0)), 1), round(100 * float(np.mean(change < 0)), 1)
