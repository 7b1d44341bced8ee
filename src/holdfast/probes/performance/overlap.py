"""Do test rows stand in the training data? Then every figure of the model is too good.

Tables with few columns hold equal rows by chance. How many is seen inside the training data: a test row that was drawn
fairly finds its like there as often as a training row finds its like among the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.statistics import difference, wilson

OVERLAP = Measure(
    "performance.train_test_overlap",
    "Test rows that stand in the training data",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of test rows that are found, equal in every feature and the label, among the training rows.",
    (0, 1),
)
EXCESS = Measure(
    "performance.train_test_overlap_excess",
    "Test rows that stand in the training data beyond chance",
    "share",
    Direction.LOWER_IS_BETTER,
    "The same, less the share of training rows that have an equal among the other training rows; 0 where the split is "
    "fair.",
    (-1, 1),
)


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many test rows are looked up, among all training rows."""

    rows: int = 1_000_000


@probe(
    title="Overlap of test and training data",
    question="Was the model tested on rows that it was trained on?",
    measures=(OVERLAP, EXCESS),
    efforts={"quick": Params(rows=100_000), "standard": Params(), "deep": Params(rows=100_000_000)},
    needs={Need.TRAINING_DATA},
    cost="no queries",
    trial="holdfast.testing.trials.performance:overlap",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Compare 64-bit hashes of whole rows, -0 as 0 and NaN as equal to NaN."""
    test = case.test.sample(params.rows, case.rng(0))
    train = case.training
    if not len(test) or len(train) < 2:
        return
    with_labels = test.y is not None and train.y is not None
    mine, theirs = _hashes(test, with_labels), _hashes(train, with_labels)
    copies = int(np.isin(mine, theirs).sum())
    counts = np.unique(theirs, return_counts=True)[1]
    natural = int(counts[counts > 1].sum())
    raw, expected = copies / len(test), natural / len(train)
    excess = difference(copies, len(test), natural, len(train))
    yield OVERLAP.of(raw, n=len(test), interval=wilson(copies, len(test)))
    yield EXCESS.of(raw - expected, n=len(test), interval=excess)
    if excess.low >= 0.01:
        yield _finding(copies, len(test), expected, excess)


def _hashes(data: Dataset, with_labels: bool) -> NDArray[np.uint64]:
    """One hash a row, uint64 (n,)."""
    import pandas as pd

    columns = [*data.X.T, np.asarray(data.y, dtype=np.float64)] if with_labels and data.y is not None else [*data.X.T]
    frame = pd.DataFrame(dict(enumerate(column + 0.0 for column in columns)), index=range(len(data)))
    return np.asarray(pd.util.hash_pandas_object(frame, index=False).to_numpy(), dtype=np.uint64)


def _finding(copies: int, rows: int, expected: float, excess: Interval) -> Finding:
    return Finding(
        slug="test-rows-in-training",
        title="The model was tested on rows that it was trained on",
        sentence=f"{copies:,} of {rows:,} test rows also stand in the training data, where chance explains "
        f"{expected * rows:,.0f}; figures from this test data are too good.",
        severity=Severity.HIGH if excess.low >= 0.1 else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why="Rows were compared in every feature and the label. Inside the training data "
        f"{100 * expected:.1f} % of the rows have an equal; a fair split would show the same share here.",
        remedy="Split again so that no row, and no person, is on both sides; then check again.",
        reproduce="Join test and training rows on all features and the label.",
        measures=(OVERLAP.id, EXCESS.id),
    )
