"""What is said about wrong labels: the measures, and the findings in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Interval, Measure
from holdfast.domain.schema import Schema
from holdfast.probes.poisoning._excess import LEVEL, POWER, Excess
from holdfast.probes.poisoning._lapses import ON_FLOOR, SIGNIFICANT, Count, Floor
from holdfast.probes.poisoning._outliers import Outliers

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

CATALOGUE = ("ATLAS:AML.T0020", "NISTAML.013", "NISTAML.024", "OWASP:ML02")
SERIOUS = 0.05
SHOWN_ROWS = 50
CLEARLY = 2.0
"""Log-likelihood by which one explanation must be better than another to be preferred."""
REMEDY = "Have people check the rows listed against the source documents; correct or drop what is wrong, and retrain."

ERRORS = Measure(
    id="poisoning.label_error_share",
    title="Wrong labels in the training data",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="Of the training rows, the share whose label is probably wrong, beyond what nature leaves undecided.",
    bounds=(0.0, 1.0),
)
ASYMMETRY = Measure(
    id="poisoning.label_error_asymmetry",
    title="One-sidedness of wrong labels",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="Error rate of the class whose rows are mislabelled most, less that of the class mislabelled least.",
    bounds=(0.0, 1.0),
)
EXCESS = Measure(
    id="poisoning.label_error_excess",
    title="Wrong labels in training beyond those in the test data",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning="Of the training rows, the share whose label is wrong beyond the share that is wrong in the test data, or "
    "was decided otherwise than there.",
    bounds=(0.0, 1.0),
)
VISIBLE = Measure(
    id="poisoning.smallest_visible_label_errors",
    title="Smallest share of wrong labels that would have been seen",
    unit="share",
    direction=Direction.LOWER_IS_BETTER,
    meaning=f"Wrong labels, drawn at random, on this share of the training rows are found {POWER:.0%} of the time by "
    "comparing them with the test labels; fewer may go unseen. Also as it would be for who knew every row's true "
    "chances: below that, these labels cannot show it to anybody.",
    bounds=(0.0, 1.0),
)
ORACLE = "every row's true chances"
"""Known to nobody: what the labels alone can show, at most."""

ALIKE = "Rows that look alike carry other labels in training than in the test data, more often than by luck"


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of the labels `y` (n,): the `floors` of each class, the `count`, and each row's `chance` (n,) of
    being wrong, by which rows are ranked; the `excess` over the test labels, None without any; and the share of wrong
    labels that an `oracle` would see.
    """

    y: Codes
    floors: list[Floor]
    count: Count
    chance: Vector
    excess: Excess | None
    oracle: float


def mislabelled(schema: Schema, data: Dataset, judged: Judged) -> Finding:
    """The training data itself shows wrong labels."""
    counted, n = judged.count, len(data)
    code, (worst, _) = max(counted.by_label.items(), key=lambda item: item[1][0])
    rows, low, high = _rows(counted.share, counted.interval, n)
    return Finding(
        slug="mislabelled-rows",
        title="Training labels are wrong",
        sentence=f"About {rows:,} of {n:,} training labels are wrong ({low:,} to {high:,}); of the rows labelled "
        f"“{schema.classes[code]}” it is {worst:.1%}.",
        severity=_severity(counted.interval),
        confidence=Confidence.HIGH if counted.won >= 3 * SIGNIFICANT else Confidence.MEDIUM,
        why=f"Even where the columns leave no doubt ({counted.on_floor:.0%} of the rows concerned), labels disagree at "
        "a constant rate. If classes merely overlapped, the labels would agree more and more there.",
        remedy=REMEDY,
        measures=(ERRORS.id, ASYMMETRY.id),
        catalogue=CATALOGUE,
        exhibits=(_suspects(schema, data, judged, rows),),
    )


def beyond_test(schema: Schema, data: Dataset, judged: Judged, excess: Excess) -> Finding:
    """The training data shows wrong labels beside the test data."""
    n, either = len(data), _as_well(excess)
    worst = max(excess.found, key=lambda floor: floor.wrongly_marked)
    rows, low, high = _rows(excess.share, excess.interval, n)
    return Finding(
        slug="mislabelled-rows",
        title="Training labels are wrong",
        sentence=f"About {rows:,} of {n:,} training labels ({low:,} to {high:,}) are wrong beyond what the test data "
        f"has of them{', or their outcome had other odds' if either else ''}; of the rows labelled "
        f"“{schema.classes[worst.code]}” it is {worst.wrongly_marked:.1%}.",
        severity=Severity.MEDIUM if either else _severity(excess.interval),
        confidence=_confidence(excess),
        why=f"{ALIKE} (chance {excess.luck:.2g}), in the way of wrong labels: rows of one class appear under another "
        f"at a constant rate. Classes overlap as much in the test data. {_otherwise(excess)}",
        remedy=REMEDY,
        measures=(EXCESS.id,),
        catalogue=CATALOGUE,
        exhibits=(_suspects(schema, data, judged, rows),),
    )


def _otherwise(excess: Excess) -> str:
    """What else could be the cause."""
    words = (
        "An outcome that changed between the two tables could look like this, and so could better checked test data."
    )
    if _as_well(excess):
        words += " Here an outcome that was more or less frequent then explains the labels about as well as errors do."
    if excess.columns_differ:
        words += " The rows themselves differ, too: the tables may not be of one population."
    return words


def _as_well(excess: Excess) -> bool:
    """Whether other odds of the outcome explain the difference about as well as errors do."""
    return excess.shift_won > excess.won - CLEARLY


def drifted(excess: Excess) -> bool:
    """Whether they explain it clearly better."""
    return excess.shift_won >= excess.won + CLEARLY


def _confidence(excess: Excess) -> Confidence:
    if excess.columns_differ or _as_well(excess):
        return Confidence.LOW
    return Confidence.HIGH if excess.won >= 3 * SIGNIFICANT else Confidence.MEDIUM


def differs_from_test(excess: Excess) -> Finding:
    """The labels of the two tables differ, but not as wrong ones would."""
    return Finding(
        slug="labels-differ-from-test",
        title="Training labels follow other odds than test labels",
        sentence="Like rows have another outcome in training than in the test data, by a change of all odds rather "
        "than by wrong labels.",
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        why=f"{ALIKE} (chance {excess.luck:.2g}). An outcome that became more or less frequent explains that better "
        f"than wrong labels do (log-likelihood {excess.shift_won:.1f} against {excess.won:.1f}).",
        remedy="Find out what changed between the two tables; train on data of the time and place of use.",
        measures=(EXCESS.id,),
    )


def cannot_tell(judged: Judged) -> Finding:
    """Neither the training data nor the comparison shows anything."""
    counted, excess = judged.count, judged.excess
    compared = (
        f"Beside the test data, wrong labels on {excess.visible:.1%} of the rows would have been found {POWER:.0%} of "
        "the time."
        if excess
        else "With labelled test data, wrong labels beyond those in the test data could be told."
    )
    return Finding(
        slug="errors-not-separable",
        title="Wrong labels cannot be counted here",
        sentence=f"Between {counted.interval.low:.1%} and {counted.interval.high:.1%} of the training labels may be "
        "wrong; the classes overlap too much to say more.",
        severity=Severity.INFO,
        confidence=Confidence.LOW,
        why="Too little of the data is pure enough to tell a wrong label from one that the columns do not determine: "
        f"{counted.on_floor:.1%} of the rows concerned are beyond doubt, {ON_FLOOR:.0%} are needed. {compared} Below "
        f"{judged.oracle:.1%} even who knew every row's true chances would miss them more than {1 - POWER:.0%} of "
        f"the time, at {LEVEL:.0%} false alarms.",
        remedy="Have a sample of labels checked by people, or add columns that determine the outcome better.",
        measures=(ERRORS.id, VISIBLE.id),
    )


def _rows(share: float, interval: Interval, n: int) -> tuple[int, int, int]:
    return round(share * n), round(interval.low * n), round(interval.high * n)


def _severity(interval: Interval) -> Severity:
    return Severity.HIGH if interval.low >= SERIOUS else Severity.MEDIUM


def _suspects(schema: Schema, data: Dataset, judged: Judged, rows: int) -> Exhibit:
    y, chance = judged.y, judged.chance
    order = np.lexsort((data.row, -chance))[: min(rows, SHOWN_ROWS)]
    return Exhibit(
        title=f"Rows most likely mislabelled ({len(order)} of about {rows:,}; row numbers from 0)",
        columns=("row", "label", "chance that it is wrong"),
        rows=tuple((int(data.row[i]), str(schema.classes[y[i]]), round(float(chance[i]), 3)) for i in order),
    )


def wrong_values(schema: Schema, data: Dataset, value: Vector, found: Outliers) -> Finding:
    """Values of a regression that no tail explains."""
    rows, n = len(found.rows), len(value)
    shown = found.rows[:SHOWN_ROWS]
    return Finding(
        slug="mislabelled-rows",
        title="Target values are wrong",
        sentence=f"{rows:,} of {n:,} values of {schema.target} lie further from what the other columns say than any "
        f"tail explains; {found.above:,} of them are too high.",
        severity=_severity(found.interval),
        confidence=Confidence.MEDIUM,
        why="Residuals of models that had not seen the row were compared with the tail that their own middle implies, "
        "which should hold about one row beyond this point. A few may be rare but true.",
        remedy=REMEDY,
        measures=(ERRORS.id, ASYMMETRY.id),
        catalogue=CATALOGUE,
        exhibits=(
            Exhibit(
                title=f"Rows furthest off ({len(shown)} of {rows:,}; row numbers from 0)",
                columns=("row", schema.target, "distance in typical errors"),
                rows=tuple((int(data.row[i]), float(value[i]), round(float(found.distance[i]), 1)) for i in shown),
            ),
        ),
    )
