"""Can an outsider tell whether somebody's record was in the training data?

Threat model: the outsider holds a record with its true label, may ask the model about it, and trains a few models on
records of the same kind. He has learnt what members look like from records whose membership he knows: the worst case
that an audit should assume (Carlini et al. 2022, "Membership inference attacks from first principles", §IV).

Method: members are training rows, non-members test rows. The answers about both are compared with those of reference
models that never saw the row (difficulty calibration, Watson et al. 2022; RMIA, Zarifzadeh et al. 2024; quantile
regression, Bertran et al. 2023), and a cross-fitted logistic regression weighs all signals: no row is judged by an
attack that was fitted on it. Before that, features and labels alone must *not* separate training from test rows;
where they do (another year, another branch), rows are matched on that separation first, and where matching cannot even
it out the probe says that it cannot tell, rather than call a shift a leak.

It does not prove privacy: only that this attack, with this many rows, finds no more. Differential privacy proves more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure, Measurement
from holdfast.domain.schema import Task
from holdfast.probes._learners import Matrix, columns_left_out
from holdfast.probes.contract import Case, Need, Yielded, probe
from holdfast.probes.privacy import _signals as sig
from holdfast.probes.privacy._rows import Audit, Shift, draw, matched, shift
from holdfast.statistics import auc, auc_interval, bootstrap, clopper_pearson

FEWEST = 50
"""Members, and as many non-members, below which nothing can be told."""

FALSE_ALARMS = 0.01
"""Non-members wrongly accused where the true-positive rate is read."""

FEWEST_ACCUSED = 10
"""Non-members above the threshold below which a true-positive rate is noise, and is not reported."""

NOTABLE = 0.55
"""Lower end of the AUC from which there is something to tell; a fair coin has 0.5."""

MEMBERSHIP_AUC = Measure(
    id="privacy.membership_auc",
    title="Training records told from others (AUC)",
    unit="AUC",
    direction=Direction.LOWER_IS_BETTER,
    meaning="How often an outsider, shown one record from the training data and one that is not, picks the right one.",
    bounds=(0.0, 1.0),
)
MEMBERSHIP_TPR = Measure(
    id="privacy.membership_tpr_at_1pct_fpr",
    title="Training records exposed at 1 % false accusations",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="The share of training records that an outsider recognises while wrongly accusing 1 in 100 others.",
    bounds=(0.0, 1.0),
)
GAP = Measure(
    id="privacy.generalisation_gap",
    title="Better on training data than on new data by",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="How much more accurate the model is on records that it learnt from: accuracy, or R² for a number.",
)
SHIFT_AUC = Measure(
    id="privacy.shift_auc",
    title="Training and test data told apart without the model (AUC)",
    unit="AUC",
    direction=Direction.NEUTRAL,
    meaning="How well features and labels alone separate training from test data; 0.5 means that they are alike.",
    bounds=(0.0, 1.0),
)


@dataclass(frozen=True)
class Params:
    """`rows` audited on each side at most; `rounds` of four reference models, two of which answer each row."""

    rows: int = 4_000
    rounds: int = 2


@probe(
    title="Membership inference",
    question="Can an outsider tell whether a record was in the training data?",
    needs={Need.MODEL, Need.LABELS, Need.TRAINING_DATA},
    measures=(MEMBERSHIP_AUC, MEMBERSHIP_TPR, GAP, SHIFT_AUC),
    efforts={"quick": Params(rows=1_000, rounds=1), "standard": Params(), "deep": Params(rows=20_000, rounds=4)},
    cost="Each audited row once or twice, and 4, 8 or 16 models trained here.",
    memory_mb=500,
    catalogue=("ATLAS:AML.T0024.000", "OWASP:ML04", "NISTAML.033"),
    trial="holdfast.testing.trials.privacy:membership",
)
def run(case: Case, params: Params) -> Iterator[Yielded]:
    """Yield AUC by what the outsider sees, the rate at 1 % false accusations, the gap, and the shift control."""
    audit, background = draw(case.training, case.test, params.rows, case.rng(0))
    if audit.side < FEWEST:
        yield _too_few(audit.side)
        return
    left_out = columns_left_out(case.schema, "the outsider's own boosted trees")
    if left_out is not None:
        yield left_out
    case.progress(0.05, "training reference models")
    outsider = sig.study(audit, background, case.schema, params.rounds, case.rng(1))
    seed = int(case.rng(2).integers(2**31))
    case.progress(0.6, "comparing training and test data without the model")
    before = after = shift(outsider.facts(), audit.member, seed)
    if before.present:
        outsider = outsider.take(matched(before.guess, audit.member, case.rng(3)))
        if outsider.audit.side >= FEWEST:
            after = shift(outsider.facts(), outsider.audit.member, seed + 1)
        yield _shifted(before, after, outsider.audit.side)
    yield SHIFT_AUC.of(before.auc, n=len(audit), interval=before.interval)
    if not after.present:
        yield from _measure(case, outsider, seed)


def _measure(case: Case, outsider: sig.Outsider, seed: int) -> Iterator[Yielded]:
    """Attack with everything that the model says, then with its decisions alone."""
    audit, sees = outsider.audit, _sees(case)
    case.progress(0.7, "asking the model about members and non-members")
    answer = sig.answers(case.target, audit.X, case.schema)
    yield _gap(case, audit, answer)
    found = sig.signals(answer, outsider)
    case.progress(0.8, "weighing the signals")
    guess = sig.attack(found, outsider, seed)
    area, rate, hidden = _area(guess, audit, sees), _exposed(guess, audit, sees), None
    yield area
    if rate is not None:
        yield rate
    if sees == "scores":
        decisions = sig.decisions(case.target, audit.X, case.schema)
        hidden = _area(sig.attack(sig.signals(decisions, outsider), outsider, seed), audit, "decisions")
        yield hidden
    if area.interval is not None and area.interval.low > NOTABLE:
        yield _leak(case, area, rate, hidden, _exhibit(found, audit, area, hidden))
    case.progress(1.0, "done")


def _sees(case: Case) -> str:
    if case.schema.task is Task.REGRESSION:
        return "values"
    return "scores" if case.target.gives_scores else "decisions"


def _area(guess: NDArray[np.float64], audit: Audit, sees: str) -> Measurement:
    area, influence = auc(guess, audit.member)
    return MEMBERSHIP_AUC.of(area, n=len(audit), interval=auc_interval(area, influence, audit.side), sees=sees)


def _exposed(guess: NDArray[np.float64], audit: Audit, sees: str) -> Measurement | None:
    """Members above the threshold that 1 % of non-members pass; None where too few non-members would be above it."""
    outsiders = np.sort(guess[~audit.member])
    allowed = int(FALSE_ALARMS * len(outsiders))
    if allowed < FEWEST_ACCUSED:
        return None
    threshold = outsiders[len(outsiders) - allowed - 1]
    exposed = int((guess[audit.member] > threshold).sum())
    interval = clopper_pearson(exposed, audit.side)
    return MEMBERSHIP_TPR.of(exposed / audit.side, n=audit.side, interval=interval, sees=sees)


def _gap(case: Case, audit: Audit, answer: Matrix) -> Measurement:
    inside, outside = np.flatnonzero(audit.member), np.flatnonzero(~audit.member)
    if case.schema.task is Task.REGRESSION:
        good = -((answer[:, 0] - audit.y) ** 2) / (np.var(audit.y) or 1.0)
    else:
        good = (answer.argmax(axis=1) == audit.y).astype(np.float64)

    def gap(rows: NDArray[np.int64]) -> float:
        return float(good[inside[rows]].mean() - good[outside[rows]].mean())

    # Both sides are as long, so one index array resamples both; they stay independent as their order is random.
    return GAP.of(gap(np.arange(audit.side)), n=len(audit), interval=bootstrap(gap, audit.side, case.rng(4), draws=400))


def _exhibit(
    found: dict[str, NDArray[np.float64]], audit: Audit, area: Measurement, hidden: Measurement | None
) -> Exhibit:
    def alone(name: str) -> float:
        return round(auc(found[name], audit.member)[0], 3)

    rows = [
        ("the model's confidence in the true label", alone("confidence")),
        ("confidence above that of other boosted trees", alone("above boosted trees")),
        ("confidence above that of other forests", alone("above forest")),
        ("all signals together", round(area.value, 3)),
    ]
    if hidden is not None:
        rows.append(("all signals, if the model gave only decisions", round(hidden.value, 3)))
    return Exhibit("What gives training records away", ("signal", "AUC"), tuple(rows))


def _leak(
    case: Case, area: Measurement, rate: Measurement | None, hidden: Measurement | None, exhibit: Exhibit
) -> Finding:
    low = area.interval.low if area.interval else area.value
    grave = low >= 0.65 or (rate is not None and rate.interval is not None and rate.interval.low >= 0.05)
    spared = f" Giving decisions instead of scores would bring that to {hidden.value:.2f}." if hidden else ""
    return Finding(
        slug="membership-leak",
        title="The model gives away who was in its training data",
        sentence=_sentence(case, area, rate),
        severity=Severity.HIGH if grave else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why=(
            f"{area.n // 2:,} training records and as many test records were compared with models that never saw them; "
            f"the attack, always judged on records that it was not fitted on, reaches an AUC of {area.value:.2f} "
            f"({_span(area.interval)}), where 0.50 is guessing. Features and labels alone do not tell the two apart."
        ),
        remedy=(
            "Make the model remember less: more regularisation, larger leaves, fewer rounds, early stopping, or "
            f"training with differential privacy.{spared} Treat the model file as personal data until then."
        ),
        reproduce="Compare the model's confidence on training rows with its confidence on test rows (see the table).",
        measures=(MEMBERSHIP_AUC.id, MEMBERSHIP_TPR.id),
        catalogue=("ATLAS:AML.T0024.000", "OWASP:ML04", "NISTAML.033"),
        exhibits=(exhibit,),
    )


def _sentence(case: Case, area: Measurement, rate: Measurement | None) -> str:
    who = "people" if case.schema.protected else "records"
    if rate is not None and rate.value >= 0.02:
        return (
            f"For {rate.value * 100:.0f} of 100 {who} in the training data an outsider can tell that they are in it, "
            "while accusing 1 of 100 others wrongly."
        )
    return (
        f"Shown one of the {who} in the training data and one who is not in it, an outsider picks the right one "
        f"{area.value * 100:.0f} times in 100; guessing gives 50."
    )


def _span(interval: Interval | None) -> str:
    return f"{interval.low:.2f} to {interval.high:.2f}" if interval else "no interval"


def _too_few(side: int) -> Finding:
    return Finding(
        slug="too-few-rows",
        title="Too few rows to test for membership leaks",
        sentence=f"Only {side} distinct labelled rows on each side: membership inference needs {FEWEST}.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="Rows that occur more than once, in training or test data, say nothing about membership and are left out.",
        remedy="Give more labelled test data that the model was not trained on.",
    )


def _shifted(before: Shift, after: Shift, side: int) -> Finding:
    return Finding(
        slug="train-test-shift",
        title="Training and test data differ for other reasons than membership",
        sentence=(
            "Training and test data can be told apart without asking the model, so a membership leak "
            + (
                "cannot be told from that difference."
                if after.present
                else "was measured only on rows that look alike."
            )
        ),
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why=(
            f"Features and labels alone separate the two with an AUC of {before.auc:.2f} ({_span(before.interval)}). "
            f"Matching leaves {side:,} rows on each side and an AUC of {after.auc:.2f}."
        ),
        remedy="Set test rows aside at random from the same table as the training data.",
        measures=(SHIFT_AUC.id,),
    )
