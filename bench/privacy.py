"""Membership inference: Holdfast's probe beside ART's black-box attack, LiRA-16 and RMIA-16, on one model each.

    python -m bench.privacy [--quick] [--adult PATH/adult.data]

An overfit and a regularised LightGBM on a generated credit table, or on Adult. Every attack sees the same members and
non-members. ART is fitted on half of them and judged on the other half. LiRA (Carlini et al. 2022) and RMIA (Zarifzadeh
et al. 2024) are written out here, online, with 16 references *of the target's own class and settings*, which flatters
them: Holdfast trains 8 of other classes, and is told nothing about the target. Prints a table, then one line of JSON.
CPU seconds, imports left out.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.privacy.membership import Params, run
from holdfast.statistics import auc
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import credit_rows, credit_schema

SEED = 0
REFERENCES = 16
MODELS: dict[str, dict[str, int]] = {
    "overfit": {"n_estimators": 300, "num_leaves": 127, "min_child_samples": 1},
    "regularised": {"n_estimators": 60, "num_leaves": 7, "min_child_samples": 50},
}


def model(name: str) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**MODELS[name], verbose=-1, n_jobs=1, random_state=SEED)


def adult(path: str) -> tuple[Schema, Dataset]:
    """The Adult table (UCI), whose header names its columns and whose label is `income`."""
    import pandas as pd

    frame = pd.read_csv(path)
    y = frame.pop("income").str.contains(">").to_numpy(np.int64)
    features, columns = [], []
    for name, column in frame.items():
        if column.dtype.kind in "if":
            features.append(Feature(str(name), Kind.NUMBER))
            columns.append(column.to_numpy(np.float64))
        else:
            codes, labels = pd.factorize(column)
            features.append(Feature(str(name), Kind.CATEGORY, categories=tuple(labels)))
            columns.append(codes.astype(np.float64))
    return Schema(Task.BINARY, tuple(features), "income", ("no", "yes"), 1), Dataset(np.column_stack(columns), y)


def rate(guess: np.ndarray, member: np.ndarray) -> float:
    """True-positive rate where at most 1 % of non-members are above the threshold."""
    outside = np.sort(guess[~member])
    return float((guess[member] > outside[len(outside) - int(0.01 * len(outside)) - 1]).mean())


def holdfast(case: Case, rows: int) -> tuple[float, float]:
    found = {
        m.measure: m.value
        for m in run.run(case, Params(rows=rows))
        if isinstance(m, Measurement) and ("sees", "decisions") not in m.scope
    }
    return found["privacy.membership_auc"], found.get("privacy.membership_tpr_at_1pct_fpr", float("nan"))


def art(fitted: Any, X: np.ndarray, y: np.ndarray, member: np.ndarray) -> tuple[float, float]:
    """ART's attack with a random forest on predictions and labels."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import BlackBoxClassifier

    # ART's own LightGBM wrapper refuses two classes.
    wrapped = BlackBoxClassifier(fitted.predict_proba, input_shape=X.shape[1:], nb_classes=2)
    attack = MembershipInferenceBlackBox(wrapped, attack_model_type="rf")
    said = fitted.predict_proba(X)
    half = np.random.default_rng(SEED).permutation(len(y)) % 2 == 0
    inside, outside = half & member, half & ~member
    attack.fit(pred=said[inside], y=y[inside], test_pred=said[outside], test_y=y[outside])
    guess = attack.infer(None, y[~half], pred=said[~half], probabilities=True).reshape(-1)
    return auc(guess, member[~half])[0], rate(guess, member[~half])


def references(name: str, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the true label under 16 references (16, n), and which rows each was fitted on (16, n)."""
    rng = np.random.default_rng(SEED + 1)
    # Each row is in exactly half of the references.
    inside = rng.permuted(np.tile(np.arange(REFERENCES) % 2 == 0, (len(y), 1)), axis=1).T
    said = [model(name).fit(X[rows], y[rows]).predict_proba(X)[np.arange(len(y)), y] for rows in inside]
    return np.stack(said), inside


def logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def lira(own: np.ndarray, said: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of the target's logit between references with and without the row; one variance each."""
    odds = logit(said)

    def likelihood(which: np.ndarray) -> np.ndarray:
        mean = np.nanmean(np.where(which, odds, np.nan), axis=0)
        spread = np.sqrt(np.mean(((odds - mean) ** 2)[which]))
        return -0.5 * ((logit(own) - mean) / spread) ** 2 - np.log(spread)

    return likelihood(inside) - likelihood(~inside)


def rmia(own: np.ndarray, said: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Share of the population whose ratio is at most the row's (gamma = 1)."""
    ratio = own / np.clip(said.mean(axis=0), 1e-6, 1)
    return np.searchsorted(np.sort(ratio[~member]), ratio, side="right") / (~member).sum()


def timed(attack: Callable[[], tuple[float, float]]) -> dict[str, float]:
    start = time.process_time()
    area, exposed = attack()
    return {"auc": area, "tpr_at_1pct_fpr": exposed, "cpu_seconds": time.process_time() - start}


def compare(name: str, schema: Schema, train: Dataset, test: Dataset) -> dict[str, dict[str, float]]:
    assert train.y is not None
    assert test.y is not None
    fitted = model(name).fit(train.X, train.y)
    case = Case(DirectTarget(fitted.predict_proba, schema), schema, test, train, seed=SEED)
    X, y = np.concatenate([train.X, test.X]), np.concatenate([train.y, test.y])
    member = np.arange(len(y)) < len(train)
    own = fitted.predict_proba(X)[np.arange(len(y)), y]

    def scored(guess: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[float, float]:
        ranked = guess(*references(name, X, y))
        return auc(ranked, member)[0], rate(ranked, member)

    return {
        "Holdfast": timed(lambda: holdfast(case, len(train))),
        "ART": timed(lambda: art(fitted, X, y, member)),
        "LiRA-16": timed(lambda: scored(lambda said, inside: lira(own, said, inside))),
        "RMIA-16": timed(lambda: scored(lambda said, _: rmia(own, said, member))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ends within 50 s on 2 cores")
    parser.add_argument("--adult", default="", help="path of the Adult table; a generated table without it")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    n = 1_500 if options.quick else 8_000
    if options.adult:
        schema, table = adult(options.adult)
        order = np.random.default_rng(SEED).permutation(len(table))
        train, test = table.take(order[:n]), table.take(order[n : 2 * n])
    else:
        schema = replace(credit_schema(), protected=())
        train, test = credit_rows(n, 1, noise=2.0), credit_rows(n, 2, noise=2.0)
    few = np.arange(400)
    compare("regularised", schema, train.take(few), test.take(few))  # imports are no part of the comparison
    table_of = {name: compare(name, schema, train, test) for name in MODELS}
    print(f"{'model':>12} {'attack':>10} {'AUC':>6} {'TPR at 1 % FPR':>15} {'CPU s':>7}   ({n:,} members)")
    for name, attacks in table_of.items():
        for attack, row in attacks.items():
            figures = f"{row['auc']:>6.3f} {row['tpr_at_1pct_fpr']:>15.3f} {row['cpu_seconds']:>7.1f}"
            print(f"{name:>12} {attack:>10} {figures}")
    ours, peers = table_of["overfit"]["Holdfast"], [v for k, v in table_of["overfit"].items() if k != "Holdfast"]
    summary = {
        "attacks": table_of,
        "auc_above_best_peer": ours["auc"] - max(row["auc"] for row in peers),
        "cpu_share_of_lira": ours["cpu_seconds"] / table_of["overfit"]["LiRA-16"]["cpu_seconds"],
        "members": n,
        "table": "adult" if options.adult else "generated",
        "versions": {p: version(p) for p in ("holdfast", "adversarial-robustness-toolbox", "lightgbm", "scikit-learn")},
        "seed": SEED,
        "quick": options.quick,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
