"""The same question asked in another way: again, in another order, one row at a time.

A decision about a person must not depend on who else was in the batch. Models that normalise over a batch, keep state
between calls, or draw at random answer differently, and nobody sees it in an accuracy figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.ports import FloatMatrix, Target
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.statistics import clopper_pearson

TOLERANCE = 1e-5
"""Scores this close, relative to their size, are the same: float32 arithmetic differs by batch size."""

DISAGREEMENT = Measure(
    "stress.disagreement",
    "Answers that depend on how one asks",
    "share",
    Direction.LOWER_IS_BETTER,
    "How many rows get another answer when they are asked again, in another order, or alone.",
)

WORDS = {
    "repeated": "when the same rows are asked again",
    "shuffled": "when the rows come in another order",
    "alone": "when a row is asked alone instead of in a batch",
}


@dataclass(frozen=True)
class Params:
    """`rows` are asked again and in another order; `alone` of them one at a time."""

    rows: int = 2_000
    alone: int = 100


@probe(
    title="Consistency",
    question="Does a row get the same answer however it is asked?",
    needs={Need.MODEL},
    measures=(DISAGREEMENT,),
    efforts={"quick": Params(500, 25), "standard": Params(), "deep": Params(20_000, 1_000)},
    cost="three questions a row, and some rows alone",
    memory_mb=100,
    catalogue=("NISTAML.022",),
    trial="holdfast.testing.trials.stress:consistency",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Ask in three other ways and count the rows whose answer differs."""
    rows = case.test.sample(params.rows, case.rng(0)).X
    answer = _answers(case.target, rows)
    for way, asked, again in _other_ways(case, params, rows):
        case.progress(0.5, f"asking {way}")
        different = int(_differs(answer[asked], again).sum())
        interval = clopper_pearson(different, len(asked))
        yield DISAGREEMENT.of(different / max(len(asked), 1), n=len(asked), interval=interval, asked=way)
        if different:
            yield _finding(way, different, len(asked))


def _answers(target: Target, rows: FloatMatrix) -> NDArray[Any]:
    """Scores where there are any, else decisions; shape (n, k)."""
    answer = target.scores(rows) if target.gives_scores else target.predict(rows)
    return np.asarray(answer, dtype=np.float64).reshape(len(rows), -1)


def _other_ways(
    case: Case, params: Params, rows: FloatMatrix
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Each way of asking: its name, the row numbers asked, and the answers in that order."""
    everything = np.arange(len(rows))
    yield "repeated", everything, _answers(case.target, rows)
    order = case.rng(1).permutation(len(rows))
    yield "shuffled", order, _answers(case.target, rows[order])
    few = everything[: params.alone]
    singly = [_answers(case.target, rows[i : i + 1]) for i in few]
    yield "alone", few, np.concatenate(singly) if singly else np.empty((0, 1))


def _differs(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(~np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE).all(axis=1))


def _finding(way: str, different: int, asked: int) -> Finding:
    share = different / asked
    return Finding(
        slug=f"answer-depends-on-{way}",
        title="The answer depends on how one asks",
        sentence=f"{different} of {asked} people get another answer {WORDS[way]}.",
        severity=Severity.HIGH if share > 0.01 else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why="The same rows were asked in two ways and the answers compared. Random draws, state between calls, and "
        "normalising over a batch all do this. A decision that cannot be repeated cannot be explained.",
        remedy="Fix random seeds, fit every transformation on training data alone, and keep no state between calls.",
        reproduce="holdfast check --only stress.consistency --fresh",
        where=way,
        measures=(DISAGREEMENT.id,),
    )
