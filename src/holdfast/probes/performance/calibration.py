"""When the model says 80 %, is it so in 80 of 100 cases?

For two classes the probability of the favourable one (else the second) is held against how often it is true; for
several classes the probability of the most likely one against how often that is right. The usual expected calibration
error is too large on few rows, because noise within a bin counts as error; the one here takes that noise away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Cell, Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Schema, Task
from holdfast.measures import CALIBRATION_BIAS, CALIBRATION_ERROR, CALIBRATION_SLOPE
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.performance._rows import labelled, too_few
from holdfast.reliability import Reliability, binned, calibration_error, calibration_slope
from holdfast.statistics import mean_interval, wilson

Vector = NDArray[np.float64]

LEAST_ROWS = 50
ROWS_PER_BIN = 50


@dataclass(frozen=True)
class Params:
    """`rows`: at most so many labelled test rows are asked about; `bins`: at most so many groups of equal size."""

    rows: int = 50_000
    bins: int = 15


@probe(
    title="Calibration",
    question="When the model says 80 %, is it so in 80 of 100 cases?",
    measures=(CALIBRATION_ERROR, CALIBRATION_BIAS, CALIBRATION_SLOPE),
    efforts={"quick": Params(rows=5_000), "standard": Params(), "deep": Params(rows=5_000_000)},
    needs={Need.MODEL, Need.SCORES, Need.LABELS},
    tasks={Task.BINARY, Task.MULTICLASS},
    cost="1 query a row",
    trial="holdfast.testing.trials.performance:calibration",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Calibration in the large and slope (Cox 1958); debiased squared error in bins (Kumar, Liang and Ma 2019, §4)."""
    data = labelled(case, params.rows)
    if len(data) < LEAST_ROWS or data.y is None:
        yield too_few(len(data), LEAST_ROWS, "whether the scores can be believed")
        return
    stated, true = _claims(case.target.scores(data.X), np.asarray(data.y, dtype=np.int64), case.schema)
    bins = binned(stated, true, min(params.bins, max(2, len(data) // ROWS_PER_BIN)))
    error = calibration_error(bins)
    yield error
    yield CALIBRATION_BIAS.of(float((true - stated).mean()), n=len(data), interval=mean_interval(true - stated))
    if len(case.schema.classes) == 2:
        slope = calibration_slope(stated, true)
        if slope is not None:
            yield slope
    finding = _finding(error, bins, case.schema)
    if finding is not None:
        yield finding


def _claims(scores: NDArray[np.float64], labels: NDArray[np.int64], schema: Schema) -> tuple[Vector, Vector]:
    """What the model states as a probability, and whether it is so (0 or 1), each (n,)."""
    if len(schema.classes) == 2:
        asked = _asked(schema)
        return scores[:, asked], (labels == asked).astype(np.float64)
    return scores.max(axis=1), (labels == np.argmax(scores, axis=1)).astype(np.float64)


def _asked(schema: Schema) -> int:
    return 1 if schema.favourable is None else schema.favourable


def _finding(error: Measurement, bins: Reliability, schema: Schema) -> Finding | None:
    """Where even the lower end of the error is 3 points or more."""
    least = error.interval.low if error.interval else 0.0
    if least < 0.03:
        return None
    worst = int(np.argmax(bins.rows * np.maximum((bins.observed - bins.stated) ** 2 - bins.noise, 0)))
    share = wilson(float(bins.observed[worst] * bins.rows[worst]), int(bins.rows[worst]))
    binary = len(schema.classes) == 2
    what = f"that {schema.target} = {schema.classes[_asked(schema)]} is" if binary else "that its answer is right with"
    return Finding(
        slug="miscalibrated",
        title="Stated probabilities cannot be taken at their word",
        sentence=f"When the model says {what} {100 * bins.stated[worst]:.0f} % likely, it is so in "
        f"{100 * bins.observed[worst]:.0f} of 100 cases "
        f"(95 % interval {100 * share.low:.0f} to {100 * share.high:.0f}).",
        severity=Severity.HIGH if least >= 0.1 else Severity.MEDIUM if least >= 0.05 else Severity.LOW,
        confidence=Confidence.HIGH,
        why=f"Over {error.n} test rows a stated probability is typically {100 * error.value:.0f} points off, sampling "
        "noise taken away.",
        remedy="Recalibrate on data that the model was not trained on (isotonic or logistic), and choose the decision "
        "threshold again afterwards.",
        reproduce="Sort the test rows by score, cut them into equal groups, compare mean score and share of labels.",
        measures=(CALIBRATION_ERROR.id, CALIBRATION_BIAS.id, CALIBRATION_SLOPE.id),
        exhibits=(_exhibit(bins),),
    )


def _exhibit(bins: Reliability) -> Exhibit:
    rows: list[tuple[Cell, ...]] = []
    for count, stated, observed in zip(bins.rows, bins.stated, bins.observed, strict=True):
        share = wilson(float(observed * count), int(count))
        rows.append((int(count), *(round(100 * float(x), 1) for x in (stated, observed, share.low, share.high))))
    return Exhibit("Stated and observed, in %", ("rows", "stated", "observed", "at least", "at most"), tuple(rows))
