"""The reasons that a refused person would be given, and whether they hold.

For the decisions that somebody would contest, the principal reasons are computed as Shapley values and put to three
tests. Are they the same for somebody in practically the same situation? Are they the same when they are computed again?
And are they the reasons: does the score recover more by mending them than by mending other columns? Reason codes are
owed under Reg B §1002.9 (up to four), and meaningful information under GDPR 15(1)(h).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.schema import Kind, Task
from holdfast.explanations.score import asked_score, log_odds
from holdfast.explanations.walks import Players, Score, overlap, players, top_reasons, walks
from holdfast.ports import FloatMatrix
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.statistics import mean_interval, wilson

LOCAL = Measure(
    "explain.local_stability",
    "Reasons shared with a near twin",
    "share",
    Direction.HIGHER_IS_BETTER,
    "How many of a person's principal reasons stay the same for somebody whose numbers differ by one hundredth.",
)
REPEAT = Measure(
    "explain.repeat_stability",
    "Reasons that come out the same again",
    "share",
    Direction.HIGHER_IS_BETTER,
    "How many of a person's principal reasons stay the same when they are computed again with other comparisons.",
)
FAITHFUL = Measure(
    "explain.faithfulness",
    "Reasons that are the reasons",
    "share",
    Direction.HIGHER_IS_BETTER,
    "How often mending the stated reasons recovers the score more than mending as many other columns.",
)
SHARE = Measure(
    "explain.reason_share",
    "Weight of a column in the reasons",
    "share",
    Direction.NEUTRAL,
    "How much of the distance between a person's score and the usual one a column accounts for.",
)
FIXED = Measure(
    "explain.unchangeable_reasons",
    "People whose main reason they cannot change",
    "share",
    Direction.LOWER_IS_BETTER,
    "For how many contested decisions the strongest reason is a column that the person cannot change.",
)

TWIN = 0.01
"""A near twin's numbers differ by this share of the column's spread."""

COARSE = 0.05
"""A whole number is near another only if one unit is at most this share of the column's spread."""

UNSTABLE = 0.75
"""Fewer shared reasons than this and a twin is told another story."""

SHOWN = 10

PAIRS = 16
"""Rows and donors by which a block of columns is weighed."""

FEWEST = 5
"""Decisions below which nothing is told."""

OTHERS = "(all other columns)"


@dataclass(frozen=True)
class Params:
    """`rows` decisions explained by `permutations` walks (even), `reasons` of them stated, as Reg B allows at most.

    Of more than twice as many, `columns` are explained one by one and the others together; and only as many decisions
    as keep the cells asked about (rows by columns) below `cells`.
    """

    rows: int = 100
    permutations: int = 32
    reasons: int = 4
    columns: int = 64
    cells: int = 1_500_000_000


@probe(
    title="Reason codes",
    question="Do the reasons given for a decision hold?",
    needs={Need.MODEL, Need.SCORES},
    measures=(LOCAL, REPEAT, FAITHFUL, SHARE, FIXED),
    efforts={
        "quick": Params(25, 16, cells=300_000_000),
        "standard": Params(),
        "deep": Params(500, 128, columns=128, cells=30_000_000_000),
    },
    cost="two questions a column and permutation for each explained decision",
    memory_mb=300,
    catalogue=("NISTAML.022",),
    trial="holdfast.testing.trials.explain:reason_codes",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Explain contested decisions, then their twins, then mend the reasons."""
    count = max(1, min(params.reasons, len(case.schema.features) // 3))  # of few columns, most are shared by chance
    rows = _contested(case, params)
    if len(rows) < FEWEST or len(case.schema.features) < 2:
        return
    background = case.test.sample(200, case.rng(1)).X
    case.progress(0.05, "looking for the columns that move the score")
    turns = _turns(case, rows, background, params)
    rows = rows[: _affordable(rows, turns, params)]
    score = _score(case, rows)
    case.progress(0.1, f"explaining {len(rows)} decisions")
    steps = walks(score, rows, background, turns, permutations=params.permutations, rng=case.rng(2))
    case.progress(0.5, "explaining their near twins")
    twins = walks(score, _twins(case, rows), background, turns, permutations=params.permutations, rng=case.rng(2))
    alone = _alone(turns)
    values = steps.mean(axis=0)
    reasons = alone[top_reasons(values[:, : len(alone)], count)]
    twin_reasons = alone[top_reasons(twins.mean(axis=0)[:, : len(alone)], count)]
    local = overlap(reasons, twin_reasons)
    case.progress(0.9, "mending the reasons")
    faithful = _faithful(case, score, rows, reasons, background)
    yield LOCAL.of(float(local.mean()), n=len(rows), interval=_clipped(local))
    repeat = _repeat(steps[:, :, : len(alone)], count)
    yield REPEAT.of(float(repeat.mean()), n=len(rows), interval=_clipped(repeat))
    yield FAITHFUL.of(faithful / len(rows), n=len(rows), interval=wilson(faithful, len(rows)))
    yield from _what_they_are(case, values, turns, reasons)
    if _clipped(local).high < UNSTABLE:
        yield _unstable(case, local, reasons, twin_reasons)
    if len(alone) < len(turns):
        yield _grouped(case, values, len(alone))


def _turns(case: Case, rows: FloatMatrix, background: FloatMatrix, params: Params) -> Players:
    rng = case.rng(5)
    own, donors = (pool[rng.integers(0, len(pool), PAIRS)] for pool in (rows, background))
    return players(_score(case, own), own, donors, params.columns)


def _affordable(rows: FloatMatrix, turns: Players, params: Params) -> int:
    """Decisions that can be explained, twins included, within the cells that may be asked about."""
    each = 2 * params.permutations * (len(turns) + 1) * rows.shape[1]
    return int(max(FEWEST, min(len(rows), params.cells // each)))


def _alone(turns: Players) -> NDArray[np.int64]:
    """The columns that are walked one by one, which come first."""
    return np.array([turn[0] for turn in turns if len(turn) == 1], dtype=np.int64)


def _contested(case: Case, params: Params) -> FloatMatrix:
    """The rows that somebody would ask about: unfavourable decisions, or any where no outcome is better."""
    pool = case.test.sample(20 * params.rows, case.rng(0)).X
    if case.schema.favourable is not None and case.schema.task is not Task.REGRESSION and len(pool):
        pool = pool[case.target.predict(pool) != case.schema.favourable]
    return pool[: params.rows]


def _score(case: Case, rows: FloatMatrix) -> Score:
    """What the reasons pull down: the favourable class's log-odds, else the row's own class's, or a value."""
    schema = case.schema
    if schema.task is Task.REGRESSION or schema.favourable is not None:
        return asked_score(case.target, schema, schema.favourable)[0]
    own = case.target.predict(rows).astype(np.int64)

    def of_own_class(asked: FloatMatrix) -> NDArray[np.float64]:
        scores = case.target.scores(asked)
        return -log_odds(scores[np.arange(len(asked)), np.tile(own, len(asked) // len(own))])

    return of_own_class


def _twins(case: Case, rows: FloatMatrix) -> FloatMatrix:
    """The same people, each number off by a hundredth of its column's spread; a whole number by at least one."""
    rng, twins = case.rng(3), rows.copy()
    for j, feature in enumerate(case.schema.features):
        step = TWIN * float(np.nanstd(case.test.X[:, j]))
        if feature.kind is Kind.INTEGER:  # coarse counts have no near value
            step = max(1.0, np.rint(step)) if step >= TWIN / COARSE else 0.0
        if feature.kind is not Kind.CATEGORY:
            twins[:, j] += step * rng.choice([-1.0, 1.0], len(rows))
    return twins


def _repeat(steps: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The overlap of the reasons from one half of the walks with the other half's; antithetic pairs stay together."""
    pairs = steps.reshape(-1, 2, *steps.shape[1:]).mean(axis=1)
    half = len(pairs) // 2
    return overlap(*(top_reasons(part.mean(axis=0), count) for part in (pairs[:half], pairs[half:])))


def _faithful(case: Case, score: Score, rows: FloatMatrix, reasons: NDArray[np.int64], background: FloatMatrix) -> int:
    """In how many rows mending the reasons recovers more than mending as many other columns drawn at random.

    To mend a column is to take its value from somebody else: the mean over eight people.
    """
    rng = case.rng(4)
    others = _other_columns(rows.shape[1], reasons, rng)
    gains = np.zeros((2, len(rows)))
    for _ in range(8):
        donor = background[rng.integers(0, len(background), len(rows))]
        for which, columns in enumerate((reasons, others)):
            mended = rows.copy()
            np.put_along_axis(mended, columns, np.take_along_axis(donor, columns, axis=1), axis=1)
            gains[which] += score(mended)
    return int((gains[0] > gains[1]).sum())


def _other_columns(d: int, reasons: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """As many columns as reasons, drawn from the rest; where the rest is too small, from all."""
    keys = rng.random((len(reasons), d))
    np.put_along_axis(keys, reasons, 2.0, axis=1)
    return np.argsort(keys, axis=1)[:, : reasons.shape[1]]


def _what_they_are(
    case: Case, values: NDArray[np.float64], turns: Players, reasons: NDArray[np.int64]
) -> Iterator[Yielded]:
    weight = np.abs(values).mean(axis=0)
    total = float(weight.sum())
    for j in np.argsort(-weight, kind="stable")[:SHOWN]:
        if total > 0:
            name = case.schema.features[turns[j][0]].name if len(turns[j]) == 1 else OTHERS
            yield SHARE.of(float(weight[j]) / total, n=len(values), column=name)
    fixed = np.array([feature.immutable for feature in case.schema.features])
    count = int(fixed[reasons[:, 0]].sum())
    yield FIXED.of(count / len(values), n=len(values), interval=wilson(count, len(values)))


def _clipped(shares: NDArray[np.float64]) -> Interval:
    interval = mean_interval(shares)
    return Interval(max(0.0, interval.low), min(1.0, interval.high), interval.level)


def _unstable(case: Case, local: NDArray[np.float64], reasons: NDArray[np.int64], twins: NDArray[np.int64]) -> Finding:
    names = case.schema.names
    worst = np.argsort(local, kind="stable")[:5]
    share = float(local.mean())
    return Finding(
        slug="unstable-reasons",
        title="Near twins are given different reasons",
        sentence=f"Two people whose numbers differ by one hundredth share only {share:.0%} of their reasons.",
        severity=Severity.HIGH if share < UNSTABLE / 2 else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why=f"The principal reasons of {len(local)} decisions were computed as Shapley values, and again for a twin "
        "whose continuous numbers differ by one hundredth of their spread, with the same comparisons. Those that jump "
        "are those of the noise that the model learnt, not of the person.",
        remedy="Regularise the model until reasons settle, or give reasons from a simpler model that decides the same.",
        reproduce="holdfast check --only explain.reason_codes --fresh",
        measures=(LOCAL.id,),
        exhibits=(
            Exhibit(
                "Reasons of a person and of a near twin",
                ("person", "near twin"),
                tuple((", ".join(names[j] for j in reasons[i]), ", ".join(names[j] for j in twins[i])) for i in worst),
            ),
        ),
    )


def _grouped(case: Case, values: NDArray[np.float64], alone: int) -> Finding:
    weight = np.abs(values).mean(axis=0)
    rest = float(weight[-1] / weight.sum()) if weight.any() else 0.0
    total = len(case.schema.features)
    return Finding(
        slug="columns-together",
        title="Only the weightiest columns were explained one by one",
        sentence=(
            f"Of {total:,} columns the {alone} that move the score most can be a stated reason; the others together "
            f"account for {rest:.0%} of the distance between these {len(values)} decisions and the usual score."
        ),
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="Blocks of columns were taken from other people and halved where the score moved most. A column outside "
        "those that were found is a reason only as part of all the others.",
        remedy="Where the others account for much, no short list of reasons tells why the model decides: use fewer "
        "columns, or raise `columns` and `cells` for this probe in the manifest.",
        measures=(SHARE.id,),
    )
