"""How good a copy of the model does somebody get by asking it questions, and how many questions does that take?

Threat model: a competitor or a fraudster who holds a few rows of his own, knows which columns the model takes, and may
ask it anything; he sees scores, rounded scores, or only decisions. He wants a model that decides alike: to use it for
nothing, or to prepare attacks on it unseen.

Method: the thief asks about his own rows, then about rows made up by crossing them, most of them where his copy so far
is least sure, and fits the copy again (Tramèr et al. 2016, "Stealing machine learning models via prediction APIs";
Jagielski et al. 2020, "High accuracy and high fidelity extraction of neural networks"). A formula and a sum of one term
a column are tried beside trees, so a linear model or a scorecard that gives its scores falls to about as many questions
as it has parameters.

Fidelity alone says little, as any model of the same thing agrees with the target on easy rows: it stands beside the
fidelity of a thief who asks nothing and trains on the true labels of the same rows. What counts is the difference.

It does not prove that the model cannot be copied: a thief who holds more rows, or better guesses how the model was
made, gets further.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.schema import Task
from holdfast.probes._learners import Matrix, columns_left_out
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.extraction._copy import Answers, learn
from holdfast.probes.extraction._questions import Thief, View, invented
from holdfast.statistics import bootstrap, wilson

FEWEST_OWN = 20
"""Rows below which the thief has nothing to start from."""

FEWEST_HELD_OUT = 50
"""Rows below which agreement cannot be judged."""

TOLERANCE = 0.1
"""In regression a copy agrees where it is within this many standard deviations of the model's own values."""

CHEAP = 1_000
"""Questions up to which a good copy is cheap."""

GOOD = 0.95
"""Agreement from which a copy replaces the model for most purposes."""

WORTHWHILE = 0.05
"""Advantage over asking nothing from which the questions are worth their price."""

LEVELS = (0.90, 0.95, 0.98)

FIDELITY = Measure(
    id="extraction.fidelity",
    title="Agreement of a stolen copy with the model",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="The share of new cases that a copy, taught by asking the model, decides as the model does.",
    bounds=(0.0, 1.0),
)
BASELINE = Measure(
    id="extraction.baseline_fidelity",
    title="Agreement of a model made without asking",
    unit="share",
    direction=Direction.NEUTRAL,
    meaning="The share of new cases that a model trained on labelled rows, without one question, decides alike.",
    bounds=(0.0, 1.0),
)
ADVANTAGE = Measure(
    id="extraction.advantage",
    title="What asking the model adds to a copy",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="By how much agreement grows when somebody asks the model, instead of training on the same rows' labels.",
    bounds=(-1.0, 1.0),
)
QUERIES_TO = {
    level: Measure(
        id=f"extraction.queries_to_{level * 100:.0f}",
        title=f"Questions to a copy that agrees on {level:.0%}",
        unit="questions",
        direction=Direction.HIGHER_IS_BETTER,
        meaning=f"The smallest number of questions tried after which a copy agreed on {level * 100:.0f} of 100 cases.",
    )
    for level in LEVELS
}
R2 = Measure(
    id="extraction.r2",
    title="Variation of the model's values that a copy explains",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="R² of a copy's values against the model's own on new cases; 1 is a perfect copy.",
)


@dataclass(frozen=True)
class Params:
    """`queries`: numbers of questions after which the copy is judged; `own`: rows that the thief holds.

    `aimed`: share of the made-up questions put where the copy is least sure; `held_out`: rows that judge it at most;
    `rounded`: also try scores rounded to two decimals, which shows what rounding would save; `blind`: also try a thief
    who holds no row and knows the columns' ranges alone.
    """

    queries: tuple[int, ...] = (100, 250, 500, 1_000, 2_000)
    own: int = 200
    aimed: float = 0.8
    held_out: int = 2_000
    rounded: bool = True
    blind: bool = True


@dataclass(frozen=True, eq=False)
class Curve:
    """Agreement on each held-out row, bool (n,), by number of questions, for what the thief sees."""

    sees: str
    agrees: dict[int, NDArray[np.bool_]]

    def reached(self, level: float) -> int | None:
        """The fewest questions after which the copy agreed on `level` of the rows."""
        return next((queries for queries, agrees in self.agrees.items() if agrees.mean() >= level), None)


@dataclass(frozen=True, eq=False)
class Setting:
    """The thief's `own` rows with labels, all that he could come by, and held-out rows with the model's answers."""

    own: Dataset
    pool: Dataset
    held_out: Matrix
    truth: NDArray[Any]

    def agreement(self, answers: NDArray[Any], task: Task) -> NDArray[np.bool_]:
        """(n,) where `answers` agree with the model's."""
        if task is Task.REGRESSION:
            near = TOLERANCE * float(np.std(self.truth)) + 1e-12
            return np.asarray(np.abs(answers - self.truth) <= near)
        return np.asarray(answers == self.truth)


@probe(
    title="Model theft",
    question="How good a copy of the model does somebody get by asking it questions?",
    needs={Need.MODEL, Need.LABELS},
    measures=(FIDELITY, BASELINE, ADVANTAGE, *QUERIES_TO.values(), R2),
    efforts={
        "quick": Params(queries=(100, 250, 500), held_out=1_000, rounded=False, blind=False),
        "standard": Params(),
        "deep": Params(queries=(100, 250, 500, 1_000, 2_000, 4_000, 8_000), held_out=5_000),
    },
    cost="2,500, 12,000 or 45,000 rows asked, and some dozens of small models trained here.",
    memory_mb=400,
    catalogue=("ATLAS:AML.T0024.002", "ATLAS:AML.T0005.001", "OWASP:ML05", "NISTAML.031"),
    trial="holdfast.testing.trials.extraction:surrogate",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Yield fidelity against questions by what the thief sees, beside the thief who asks nothing."""
    setting = _setting(case, params)
    if setting is None:
        yield _too_few(len(case.test))
        return
    left_out = columns_left_out(case.schema, "the thief's boosted trees")
    if left_out is not None:
        yield left_out
    case.progress(0.05, "training without asking")
    unasked = {len(rows): _unasked(case, setting, rows) for rows in (setting.own, setting.pool)}
    for holds, agrees in unasked.items():
        yield BASELINE.of(agrees.mean(), n=len(agrees), interval=_share(agrees), holds=holds)
    views, curves = _views(case, params), []
    for k, view in enumerate(views):
        case.progress(0.1 + 0.9 * k / len(views), f"stealing the model through its {view.name}")
        curves.append((yield from _steal(case, params, setting, view, unasked[len(setting.own)])))
    if params.blind:
        yield from _steal_blind(case, params, setting, views[0])
    questions = _cheapest(case, curves[0], unasked[len(setting.own)])
    if questions is not None:
        yield _cheap_copy(case, setting, curves, unasked, questions)
    case.progress(1.0, "done")


def _setting(case: Case, params: Params) -> Setting | None:
    """Test rows dealt out: half of them could be the thief's, the others judge the copy."""
    test = _labelled(case.test)
    order = case.rng(0).permutation(len(test))
    pool, held_out = order[: len(order) // 2], order[len(order) // 2 :][: params.held_out]
    if len(pool) < FEWEST_OWN or len(held_out) < FEWEST_HELD_OUT:
        return None
    rows = test.X[held_out]
    return Setting(test.take(pool[: params.own]), test.take(pool), rows, case.target.predict(rows))


def _labelled(data: Dataset) -> Dataset:
    y = np.empty(0, np.int64) if data.y is None else data.y
    return data.take(np.flatnonzero(y >= 0 if y.dtype.kind == "i" else np.isfinite(y)))


def _views(case: Case, params: Params) -> tuple[View, ...]:
    """What the target could show, most telling first."""
    if case.schema.task is Task.REGRESSION:
        return (View("values"),)
    decisions = View("decisions", decisions=True)
    if not case.target.gives_scores:
        return (decisions,)
    rounded = (View("rounded scores", digits=2),) if params.rounded else ()
    return (View("scores"), *rounded, decisions)


def _unasked(case: Case, setting: Setting, rows: Dataset) -> NDArray[np.bool_]:
    """(n,) where a model trained on the labels of `rows`, without asking, agrees with the target."""
    labels = np.empty(0, np.int64) if rows.y is None else rows.y
    graded = labels.astype(np.float64).reshape(-1, 1) if case.schema.task is Task.REGRESSION else None
    model = learn(rows.X, Answers(labels, graded, noisy=True), case.schema, _seed(case))
    return setting.agreement(model.decide(setting.held_out), case.schema.task)


def _seed(case: Case) -> int:
    return int(case.rng(1).integers(2**31))


def _steal(
    case: Case, params: Params, setting: Setting, view: View, nothing: NDArray[np.bool_]
) -> Generator[Yielded, None, Curve]:
    """Measure one thief at each number of questions; `nothing` (n,) is where he would agree without asking."""
    thief = Thief(case.target, case.schema, setting.own.X, view, params.aimed)
    curve, n = Curve(view.name, {}), len(setting.truth)
    # Every view starts from the same random numbers, so that views differ by what is seen, not by luck.
    for rows, answers in thief.interrogate(params.queries, case.rng(2)):
        copied = learn(rows, answers, case.schema, _seed(case)).decide(setting.held_out)
        curve.agrees[len(rows)] = agrees = setting.agreement(copied, case.schema.task)
        yield FIDELITY.of(agrees.mean(), n=n, interval=_share(agrees), queries=len(rows), sees=view.name)
        gain, interval = agrees.mean() - nothing.mean(), _gain(case, agrees, nothing)
        yield ADVANTAGE.of(gain, n=n, interval=interval, queries=len(rows), sees=view.name, holds=len(setting.own))
        if case.schema.task is Task.REGRESSION and np.var(setting.truth) > 0:
            explained = 1 - np.mean((copied - setting.truth) ** 2) / np.var(setting.truth)
            yield R2.of(explained, n=n, queries=len(rows), sees=view.name)
    yield from _levels(curve, n)
    return curve


def _steal_blind(case: Case, params: Params, setting: Setting, view: View) -> Iterator[Yielded]:
    """Measure a thief who makes up his first rows too, where all ranges are known."""
    rows = invented(case.schema, params.own, case.rng(4))
    if np.isnan(rows).any():
        return
    thief, curve = Thief(case.target, case.schema, rows, view, params.aimed), Curve(view.name, {})
    for asked, answers in thief.interrogate(params.queries, case.rng(2)):
        copied = learn(asked, answers, case.schema, _seed(case)).decide(setting.held_out)
        curve.agrees[len(asked)] = agrees = setting.agreement(copied, case.schema.task)
        share = agrees.mean()
        yield FIDELITY.of(
            share, n=len(agrees), interval=_share(agrees), queries=len(asked), sees=view.name, holds="ranges"
        )
    yield from _levels(curve, len(setting.truth), holds="ranges")


def _levels(curve: Curve, n: int, **scope: Any) -> Iterator[Yielded]:
    for level in LEVELS:
        reached = curve.reached(level)
        if reached is not None:
            yield QUERIES_TO[level].of(reached, n=n, sees=curve.sees, **scope)


def _share(agrees: NDArray[np.bool_]) -> Interval:
    return wilson(int(agrees.sum()), len(agrees))


def _gain(case: Case, agrees: NDArray[np.bool_], nothing: NDArray[np.bool_]) -> Interval:
    """Interval of the difference on the same rows."""
    difference = agrees.astype(np.float64) - nothing
    return bootstrap(lambda rows: float(difference[rows].mean()), len(difference), case.rng(3))


def _cheapest(case: Case, curve: Curve, nothing: NDArray[np.bool_]) -> int | None:
    """The fewest questions, if few enough, whose copy is good and surely better than one made without asking."""
    for questions, agrees in curve.agrees.items():
        good = questions <= CHEAP and agrees.mean() >= GOOD
        if good and _gain(case, agrees, nothing).low >= WORTHWHILE:
            return questions
    return None


def _cheap_copy(
    case: Case, setting: Setting, curves: list[Curve], unasked: dict[int, NDArray[np.bool_]], questions: int
) -> Finding:
    agrees, nothing = curves[0].agrees[questions], unasked[len(setting.own)]
    near = " within a tenth of its spread" if case.schema.task is Task.REGRESSION else ""
    grave = agrees.mean() >= LEVELS[-1] and questions <= 500
    return Finding(
        slug="cheap-copy",
        title="The model can be copied by asking it a few questions",
        sentence=(
            f"With {questions:,} questions a competitor gets a copy that agrees with the model{near} on "
            f"{_in_100(agrees)} of 100 cases; without asking it would reach {_in_100(nothing)}.{_pace(case, questions)}"
        ),
        severity=Severity.HIGH if grave else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why=(
            f"A thief with {len(setting.own):,} rows of its own asked about them and about rows made up from them, saw "
            f"the model's {curves[0].sees}, and was judged on {len(nothing):,} other rows. The true labels of its own "
            f"rows, without one question, teach a model that agrees on {_in_100(nothing)} of 100; "
            f"{max(unasked):,} such rows on {_in_100(unasked[max(unasked)])}."
        ),
        remedy=_remedy(curves, questions),
        reproduce=f"Ask the model {questions:,} times, fit a model to the answers, and compare the two on other rows.",
        measures=(FIDELITY.id, BASELINE.id, ADVANTAGE.id),
        catalogue=("ATLAS:AML.T0024.002", "ATLAS:AML.T0005.001", "OWASP:ML05", "NISTAML.031"),
        exhibits=(_exhibit(curves, unasked),),
    )


def _in_100(agrees: NDArray[np.bool_]) -> str:
    """A share as cases in a hundred; never 100 unless all agree."""
    share = 100 * float(agrees.mean())
    return f"{share:.0f}" if share == 100 or round(share) < 100 else "over 99"


def _pace(case: Case, questions: int) -> str:
    """How long the questions take at the rate at which the model decides."""
    if not case.decisions_per_year:
        return ""
    days = questions / case.decisions_per_year * 365
    if days < 1:
        return " The model decides that many cases in less than a day."
    return f" The model decides that many cases in {days:,.0f} day{'' if round(days) == 1 else 's'}."


def _remedy(curves: list[Curve], questions: int) -> str:
    others = [f"{_in_100(curve.agrees[questions])} of 100 through {curve.sees}" for curve in curves[1:]]
    effect = f" After as many questions a copy agrees on {' and '.join(others)}." if others else ""
    return (
        "Show callers no more than they need, limit questions per caller, and watch for callers whose questions crowd "
        f"around the point where the decision turns.{effect}"
    )


def _exhibit(curves: list[Curve], unasked: dict[int, NDArray[np.bool_]]) -> Exhibit:
    rows: list[tuple[str | float, ...]] = [
        ("nothing", f"{holds:,} labelled rows", round(float(agrees.mean()), 3)) for holds, agrees in unasked.items()
    ]
    for curve in curves:
        rows += [
            (curve.sees, f"{questions:,} questions", round(float(agrees.mean()), 3))
            for questions, agrees in curve.agrees.items()
        ]
    return Exhibit(
        "Agreement with the model by what the thief sees and spends", ("sees", "spends", "agrees"), tuple(rows)
    )


def _too_few(rows: int) -> Finding:
    return Finding(
        slug="too-few-rows",
        title="Too few rows to test for model theft",
        sentence=f"Only {rows} test rows: {FEWEST_HELD_OUT} judge the copy, and as many are what the thief may hold.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="Half of the labelled test rows play the thief's own data, the other half judge the copy.",
        remedy=f"Give at least {2 * FEWEST_HELD_OUT} labelled test rows.",
    )
