"""The data gate's comparison with a baseline: how often each kind of poison is seen, and a clean batch stopped.

    python -m bench.data_gate [--quick]

A batch and a baseline are drawn from one table without overlap. The batch is then left clean, has a share of its labels
turned, carries a trigger on 1 or 2 % of its rows (values of three columns, each from the table, and one label), or
repeats five rows. Tables are generated (``holdfast.testing.tables``) and, where ``../shared/data`` is there, public.
Limits were set on seeds 0 to 2 (generated) and 1000 to 1007 (public); the figures are from seeds 5000 on. Prints a
table, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.datasets.encode import decode
from holdfast.datasets.terms import Tally, hold_to_contract, written
from holdfast.domain.contract import ColumnKind, ColumnTerms, Contract
from holdfast.flows.compare_batch import compare
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.version import __version__

TABLES = Path(__file__).parents[2] / "shared" / "data" / "tables"
PUBLIC = ("credit_default.csv", "electricity.csv", "german_credit.csv")
FIRST_SEED = 5000
BATCH, BASELINE = 3_000, 6_000


def generated() -> pd.DataFrame:
    schema, data = credit_schema(), credit_rows(30_000, 4_999, noise=0.6)
    return decode(data.X, schema).assign(approved=np.array(schema.classes)[data.y])


def contract_of(frame: pd.DataFrame) -> Contract:
    """A contract that the table keeps; its last column is the label."""
    columns = []
    for name in frame.columns:
        values = frame[name]
        if name == frame.columns[-1] or not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 10:
            kinds = tuple(written(value) for value in values.dropna().unique())
            columns.append(ColumnTerms(name, ColumnKind.CATEGORY, categories=kinds, missing_at_most=1))
        else:
            columns.append(ColumnTerms(name, ColumnKind.NUMBER, missing_at_most=1))
    return Contract("table", "1", tuple(columns), target=str(frame.columns[-1]))


def turned(share: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    def poison(batch: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        labels = batch.iloc[:, -1].to_numpy()
        first, second = pd.unique(labels)[:2]
        other = np.where(labels == first, second, first)
        return batch.assign(**{batch.columns[-1]: np.where(rng.random(len(batch)) < share, other, labels)})

    return poison


def trigger(share: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    def poison(batch: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        batch = batch.copy()
        columns = rng.choice(len(batch.columns) - 1, 3, replace=False)
        label = rng.choice(batch.iloc[:, -1].unique())
        others = np.flatnonzero(batch.iloc[:, -1] != label)
        rows = rng.choice(others, min(round(share * len(batch)), len(others)), replace=False)
        for column in columns:
            batch.iloc[rows, column] = batch.iloc[int(rng.integers(len(batch))), column]
        batch.iloc[rows, -1] = label
        return batch

    return poison


def copies(batch: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = np.arange(len(batch))
    again = rng.choice(len(batch), 5, replace=False)
    rows[-len(batch) // 20 :] = np.resize(again, len(rows[-len(batch) // 20 :]))
    return batch.iloc[rows].reset_index(drop=True)


POISONS: dict[str, Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]] = {
    "clean": lambda batch, _rng: batch,
    "5 % labels turned": turned(0.05),
    "10 % labels turned": turned(0.10),
    "trigger on 1 %": trigger(0.01),
    "trigger on 2 %": trigger(0.02),
    "5 rows repeated, 5 %": copies,
}


def objections(frame: pd.DataFrame, contract: Contract, poison: str, seed: int) -> set[str]:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    size = min(BATCH, len(frame) // 3)
    batch = frame.iloc[order[:size]].reset_index(drop=True)
    baseline = frame.iloc[order[size : size + BASELINE]].reset_index(drop=True)
    poisoned = POISONS[poison](batch, rng)
    tally = Tally(len(poisoned))
    hold_to_contract(poisoned, contract, tally)
    compare(poisoned, baseline, contract, tally, seed=seed)
    return {objection.check for objection in tally.objections}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    tables = {"generated": generated()}
    if not quick:
        tables |= {name: pd.read_csv(TABLES / name) for name in PUBLIC if (TABLES / name).exists()}
    seeds = range(FIRST_SEED, FIRST_SEED + (3 if quick else 10))
    figures: dict[str, dict[str, float]] = {}
    print(f"{'table':20} {'batch':22} stopped  why")
    for name, frame in tables.items():
        contract = contract_of(frame)
        for poison in POISONS:
            found = [objections(frame, contract, poison, seed) for seed in seeds]
            share = sum(map(bool, found)) / len(found)
            why = {check: sum(check in one for one in found) for check in sorted(set().union(*found))}
            figures.setdefault(name, {})[poison] = share
            print(f"{name:20} {poison:22} {share:7.0%}  {why or ''}", flush=True)
    print(json.dumps({"stopped": figures, "seeds": [seeds[0], seeds[-1]], "versions": {"holdfast": __version__}}))


if __name__ == "__main__":
    main()
