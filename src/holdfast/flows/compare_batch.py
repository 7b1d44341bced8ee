"""A batch of rows against a trusted baseline: what somebody who poisons training data would have to leave behind.

Four questions, each a difference between the two tables and not a property of the batch alone: are there copies beyond
chance, did the labels shift, do labels contradict what the baseline teaches, and is there a trigger (the probe
``poisoning.planted_triggers``) that the baseline does not know? A patient attacker who stays below all four limits is
not seen; neither is poison that the baseline holds already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.infer import sorted_values
from holdfast.datasets.load import to_dataset
from holdfast.datasets.terms import Tally, written
from holdfast.domain.contract import ColumnKind, Contract
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.verdict import Outcome
from holdfast.probes._learners import boosted, fitted, probabilities
from holdfast.probes.contract import Case
from holdfast.probes.poisoning import planted_triggers
from holdfast.probes.poisoning._reference import folds
from holdfast.statistics import difference
from holdfast.targets.direct import DirectTarget

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int64]
Matrix = NDArray[np.float64]

NUMERIC = {ColumnKind.NUMBER: Kind.NUMBER, ColumnKind.INTEGER: Kind.INTEGER}
LEAST_ROWS = 100
MOST_CLASSES = 20
MOST_ROWS = 20_000
NEAR = 100
"""Numbers are equal, for a copy, within a hundredth of the baseline's middle half."""
CONTRADICTIONS = 0.02
"""Share of turned labels that the batch must at least imply, at the cautious end of a 95 % interval."""
SUREST = 0.01
FOLDS = 3
TWO_SIDED = 1.96
NATURAL_ROWS = 10
"""Baseline rows with a trigger's values from which the baseline can speak for it."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Both tables in matrix form. `rows` maps a row of `batch` to its row in the table that was handed in."""

    schema: Schema
    batch: Dataset
    baseline: Dataset
    rows: Codes


def compare(batch: pd.DataFrame, baseline: pd.DataFrame, contract: Contract, tally: Tally, *, seed: int = 0) -> None:
    """Add to `tally` what speaks against the batch. Rows that fail the contract already are left out."""
    rows = np.flatnonzero(~tally.failing)
    if len(rows) < LEAST_ROWS or len(baseline) < LEAST_ROWS:
        few = (
            f"{len(rows)} rows against {len(baseline)} of the baseline are too few to compare; both need {LEAST_ROWS}."
        )
        tally.table("poisoning", few, outcome=Outcome.INCONCLUSIVE)
        return
    pair = _paired(batch.iloc[rows], baseline, contract, rows)
    _copies(pair, contract, tally, seed)
    pair = _without(pair, tally.failing)  # a row that is repeated looks like a trigger, and is set aside already
    if len(pair.batch) < LEAST_ROWS:
        return
    if pair.batch.y is not None and pair.baseline.y is not None and len(pair.schema.classes) > 1:
        _labels(pair, contract, tally)
        _contradictions(pair, tally, seed)
        _triggers(pair, tally, seed)


def _paired(batch: pd.DataFrame, baseline: pd.DataFrame, contract: Contract, rows: Codes) -> Pair:
    import pandas as pd

    batch, baseline = _comparable(batch, contract), _comparable(baseline, contract)
    target = contract.column(contract.target)
    classes: tuple[Any, ...] = ()
    if target is not None:
        classes = sorted_values(pd.concat([baseline[target.name], batch[target.name]]))
    has_classes = 1 < len(classes) <= MOST_CLASSES
    schema = Schema(
        task=Task.BINARY if len(classes) == 2 else Task.MULTICLASS,
        features=tuple(_features(contract)),
        target=contract.target if has_classes else "",
        classes=classes if has_classes else (),
    )
    return Pair(schema, to_dataset(batch, schema, digest=""), to_dataset(baseline, schema, digest=""), rows)


def _without(pair: Pair, failing: NDArray[np.bool_]) -> Pair:
    left = np.flatnonzero(~failing[pair.rows])
    return replace(pair, batch=pair.batch.take(left), rows=pair.rows[left])


def _comparable(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The table with categories as text: one row that is wrong can change how all others of its column were read."""
    names = [column.name for column in contract.columns if column.kind is ColumnKind.CATEGORY]
    return frame.assign(**{name: frame[name].map(written, na_action="ignore") for name in names})


def _features(contract: Contract) -> Iterator[Feature]:
    """The columns that say something of a row and can be compared: neither its label, nor its name, nor free text."""
    for column in contract.columns:
        if column.name == contract.target or column.unique:
            continue
        if column.kind in NUMERIC:
            yield Feature(column.name, NUMERIC[column.kind], column.low, column.high)
        elif column.kind is ColumnKind.CATEGORY:
            yield Feature(column.name, Kind.CATEGORY, categories=tuple(map(written, column.categories)), dtype="str")


def _copies(pair: Pair, contract: Contract, tally: Tally, seed: int) -> None:
    """Rows that have a near-equal, in the batch or the baseline, beyond what as many baseline rows have."""
    rng, most = np.random.default_rng(seed), min(len(pair.batch), len(pair.baseline))
    batch, baseline = _near(pair, pair.batch), _near(pair, pair.baseline)
    n_batch, n_baseline = rng.permutation(batch)[:most], rng.permutation(baseline)[:most]
    copies, natural = _repeated(n_batch), _repeated(n_baseline)
    if difference(copies, most, natural, most).low > contract.copies_at_most:
        value, first, count = np.unique(batch, return_index=True, return_counts=True)
        failing = np.isin(batch, value[count > 1])
        failing[first] = False
        words = f"are near-copies of earlier rows ({copies / most:.1%} repeat, {natural / most:.1%} in the baseline)"
        tally.fail("near-duplicates", _spread(failing, pair, tally), words)


def _near(pair: Pair, data: Dataset) -> NDArray[np.uint64]:
    """One hash a row (n,) of its features and label, numbers on a grid of the baseline's middle half."""
    import pandas as pd

    columns = {}
    for j, feature in enumerate(pair.schema.features):
        column = data.X[:, j]
        if feature.kind is not Kind.CATEGORY:
            low, high = np.nanquantile(pair.baseline.X[:, j], [0.25, 0.75])
            column = np.asarray(np.round(column / ((high - low) / NEAR or 1.0)), dtype=np.float64)
        columns[j] = column + 0.0
    if data.y is not None:
        columns[-1] = np.asarray(data.y, dtype=np.float64)
    hashes = pd.util.hash_pandas_object(pd.DataFrame(columns, index=range(len(data))), index=False)
    return np.asarray(hashes.to_numpy(), dtype=np.uint64)


def _repeated(hashes: NDArray[np.uint64]) -> int:
    """How many rows have an equal among the others."""
    count = np.unique(hashes, return_counts=True)[1]
    return int(count[count > 1].sum())


def _spread(failing: NDArray[np.bool_], pair: Pair, tally: Tally) -> NDArray[np.bool_]:
    """Bool over the batch's rows, as bool over those of the table that was handed in."""
    found = np.zeros(tally.rows, dtype=bool)
    found[pair.rows[failing]] = True
    return found


def _labels(pair: Pair, contract: Contract, tally: Tally) -> None:
    """Whether a label's share changed beyond the limit and beyond chance."""
    assert pair.batch.y is not None and pair.baseline.y is not None  # noqa: S101, PT018 - for the type checker
    for code in range(len(pair.schema.classes)):
        now, before = int((pair.batch.y == code).sum()), int((pair.baseline.y == code).sum())
        shift = difference(now, len(pair.batch), before, len(pair.baseline))
        if max(shift.low, -shift.high) > contract.label_shift_at_most:
            shares = f"{before / len(pair.baseline):.1%} of the baseline, {now / len(pair.batch):.1%} here"
            tally.table("label-shift", f"Label number {code + 1} has {shares}.", column=contract.target)


def _contradictions(pair: Pair, tally: Tally, seed: int) -> None:
    """Labels that surprise a model of the baseline more than those of baseline rows do that it has not seen.

    Turning a label adds the log-odds of the right one to its surprise, so the excess in surprise over those log-odds is
    the share of labels that would explain it. Drift and wrong labels look alike here, so a person has to look.
    """
    rng = np.random.default_rng(seed)
    baseline, batch = pair.baseline.sample(MOST_ROWS, rng), pair.batch.sample(MOST_ROWS, rng)
    fold = folds(np.asarray(baseline.y, dtype=np.int64), FOLDS, rng)
    unseen = [
        _confidence(_model(pair.schema, baseline.take(np.flatnonzero(fold != k)), seed), pair, baseline.take(rows))
        for k in range(FOLDS)
        if len(rows := np.flatnonzero(fold == k))
    ]
    before = np.concatenate(unseen)
    now = _confidence(_model(pair.schema, baseline, seed), pair, batch)
    turning = float(np.mean(np.log(before) - np.log1p(-before)))
    excess = float(np.log(before).mean() - np.log(now).mean())
    error = float(np.sqrt(np.log(before).var() / len(before) + np.log(now).var() / len(now)))
    if turning > 0 and (excess - TWO_SIDED * error) / turning > CONTRADICTIONS:
        share = f"as if {excess / turning:.0%} of the labels had been turned"
        sentence = f"Labels contradict what the baseline teaches, {share}. Either things changed or labels were."
        tally.table("contradictions", sentence, outcome=Outcome.INCONCLUSIVE)


def _model(schema: Schema, data: Dataset, seed: int) -> Any:
    return fitted(boosted(schema, seed=seed, max_iter=60, max_leaf_nodes=15), data.X, np.asarray(data.y))


def _confidence(model: Any, pair: Pair, data: Dataset) -> Matrix:
    """The probability (n,) that the model gives to each row's label, away from 0 and 1."""
    p = probabilities(model, data.X, pair.schema)
    return np.clip(p[np.arange(len(p)), np.asarray(data.y, dtype=np.int64)], SUREST, 1 - SUREST)


def _triggers(pair: Pair, tally: Tally, seed: int) -> None:
    """Triggers planted in the batch, tried on baseline rows by a model of the batch; what the baseline itself shows to
    be so is none.
    """
    numbered = replace(pair.batch, row=np.arange(len(pair.batch), dtype=np.int64))
    model = _model(pair.schema, numbered.sample(MOST_ROWS, np.random.default_rng(seed)), seed)
    target = DirectTarget(lambda rows: probabilities(model, rows, pair.schema), pair.schema)
    case = Case(target, pair.schema, test=pair.baseline, train=numbered, seed=seed)
    params = planted_triggers.Params(rows=MOST_ROWS, columns=20, candidates=10, replays=200, folds=3)
    searched = planted_triggers.search(case, params)
    for replay in searched.replays:
        if _is_natural(replay.trigger, pair.baseline):
            continue
        suspects = np.zeros(len(pair.batch), dtype=bool)
        suspects[searched.data.row[replay.trigger.suspects]] = True
        columns = ", ".join(pair.schema.names[feature] for feature, _ in replay.trigger.stamp)
        outcome = Outcome.BREACH if replay.works else Outcome.INCONCLUSIVE
        tally.fail(
            "planted-trigger", _spread(suspects, pair, tally), f"may carry a trigger in {columns}", outcome=outcome
        )


def _is_natural(trigger: Any, baseline: Dataset) -> bool:
    """Whether baseline rows with the trigger's values carry its label about as often."""
    stamped = trigger.stamped(baseline.X)
    carried = np.all((stamped == baseline.X) | (np.isnan(stamped) & np.isnan(baseline.X)), axis=1)
    if int(carried.sum()) < NATURAL_ROWS or baseline.y is None:
        return False
    share = float((baseline.y[carried] == trigger.cell.label).mean())
    return bool(share >= 0.8 * trigger.cell.hits / trigger.cell.rows)
