"""Real tables as traffic: a model of the oldest rows, held-out rows that it answered, and rows that come in later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.load import to_dataset
from holdfast.domain.schema import Schema
from holdfast.monitors.contract import Rows
from holdfast.probes._learners import boosted
from holdfast.targets.direct import DirectTarget

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "tables"
FILES = {
    "adult": ("adult.data", "income", ">50K"),
    "german_credit": ("german_credit.csv", "class_label", 1),
    "credit_default": ("credit_default.csv", "default payment", 0),
    "electricity": ("electricity.csv", "class", 1),
}
RARE = 0.02


@dataclass(frozen=True, eq=False)
class Traffic:
    """Three rows in ten taught the `model`; one in seven was held out; one in twenty is the attacker's own; the rest is
    `live`. Electricity lies in time order, the others are shuffled.
    """

    name: str
    schema: Schema
    model: Any
    train: Dataset
    held_out: Dataset
    own: Dataset
    live: Dataset

    @property
    def target(self) -> DirectTarget:
        return DirectTarget(self.model.predict_proba, self.schema)

    def rows(self, X: np.ndarray, y: np.ndarray | None = None, **known: Any) -> Rows:
        """Rows with what the model says of them, and their labels where given."""
        said = self.model.predict_proba(X)
        labels = {} if y is None else {"label": np.asarray(y, dtype=np.float64)}
        decision = said.argmax(axis=1).astype(np.float64)
        return Rows.of(X, score=said[:, self.schema.favourable], decision=decision, **labels, **known)

    @property
    def usual(self) -> Rows:
        return self.rows(self.held_out.X, self.held_out.y)


def traffic(name: str, seed: int, folder: Path = DATA) -> Traffic:
    """The table `name` dealt with `seed`; FileNotFoundError where it is not in the folder."""
    file, target, favourable = FILES[name]
    frame = pd.read_csv(folder / file).rename(columns=lambda column: str(column).strip().replace("-", "_"))
    target, frame = target.replace("-", "_"), frame.drop(columns=[c for c in ("fnlwgt",) if c in frame])
    for column in frame.columns.drop(target):
        if not pd.api.types.is_numeric_dtype(frame[column]):
            share = frame[column].map(frame[column].value_counts(normalize=True))
            frame[column] = frame[column].where(share >= RARE, "other")
    if isinstance(favourable, str):
        frame[target] = frame[target].str.strip().str.rstrip(".")
    schema = infer_schema(frame, Stated(target=target, favourable=favourable))
    data, n = to_dataset(frame, schema, digest=name), len(frame)
    order = np.arange(n) if name == "electricity" else np.random.default_rng(seed).permutation(n)
    cuts = [int(n * share) for share in (0.3, 0.45, 0.5)]
    train, held_out, own, live = (data.take(part) for part in np.split(order, cuts))
    model = boosted(schema, seed=seed).fit(train.X, train.y)
    return Traffic(name, schema, model, train, held_out, own, live)
