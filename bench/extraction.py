"""Model theft: Holdfast's thief beside ART's, by what the thief holds, sees and asks, on the same models and rows.

    python -m bench.extraction [--quick] [--data ../shared/data/tables] [--seeds N]

XGBoost and a random forest on a generated credit table (one-hot, whole-number, immutable and derived columns), and on
Adult where `--data` has it. Every thief is judged by label agreement with the model on 4,000 rows that neither saw.

Holdfast's thief holds 200 unlabelled rows, or only the columns' ranges, and makes up the rest of its questions. ART's
are its `KnockoffNets` on natural rows, of which it is lent as many as it asks about (which flatters it), and its
`CopycatCNN` on rows anywhere in the ranges; their copies are of the target's own class and settings (which flatters
them too). Beside them stand thieves who ask nothing and train Holdfast's learners on the true labels of 200 and of
4,000 rows. Seeds start at 2000; the method was tuned on seeds below 100. Prints tables, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.contract import Case
from holdfast.probes.extraction._copy import Answers, learn
from holdfast.probes.extraction._questions import Thief, View, invented
from holdfast.probes.extraction.surrogate import Params
from holdfast.targets.direct import DirectTarget

SEED = 2_000
ROWS = 14_000
OWN = 200
LENT = 4_000
LEVELS = (0.90, 0.95, 0.98)
VIEWS = (View("scores"), View("decisions", decisions=True))
PURPOSES = ("car", "home", "study", "business", "medical")
HOUSING = ("own", "rent", "other")
MODELS = ("xgboost", "random forest")
PACKAGES = ("holdfast", "adversarial-robustness-toolbox", "xgboost", "scikit-learn")


def credit_schema() -> Schema:
    """Twenty columns: amounts, counts, one-hot groups, and two that are computed from others."""
    numbers = [("income", 8, 400), ("amount", 1, 80), ("rate", 0.03, 0.25), ("utilisation", 0, 1.2)]
    counts = [("term", 12, 72), ("age", 18, 90), ("years_employed", 0, 45), ("late", 0, 12), ("accounts", 1, 30)]
    flags = [f"purpose_{name}" for name in PURPOSES] + [f"housing_{name}" for name in HOUSING] + ["joint"]
    features = [Feature(name, Kind.NUMBER, low=low, high=high) for name, low, high in numbers]
    features += [Feature(n, Kind.INTEGER, low=a, high=b, immutable=n == "age") for n, a, b in counts]
    features += [Feature(name, Kind.INTEGER, low=0, high=1) for name in flags]
    features += [Feature("instalment", Kind.NUMBER, low=0, high=8), Feature("burden", Kind.NUMBER, low=0, high=3)]
    groups = (tuple(flags[: len(PURPOSES)]), tuple(flags[len(PURPOSES) : -1]))
    return Schema(Task.BINARY, tuple(features), "repaid", ("no", "yes"), 1, one_hot=groups)


def credit_rows(n: int, seed: int) -> Dataset:
    """`n` loans; repayment follows income, burden, history and purpose, not only one at a time, plus logistic noise."""
    rng = np.random.default_rng(seed)
    income = np.clip(rng.lognormal(4.0, 0.5, n), 8, 400)
    amount = np.clip(income * rng.gamma(2, 0.1, n), 1, 80)
    rate, used = np.clip(rng.normal(0.11, 0.04, n), 0.03, 0.25), np.clip(rng.beta(2, 4, n) * 1.2, 0, 1.2)
    term, age = rng.choice([12, 24, 36, 48, 60, 72], n), np.clip(rng.normal(42, 13, n).round(), 18, 90)
    years = np.clip(np.minimum(rng.exponential(8, n).round(), age - 18), 0, 45)
    late, accounts = np.minimum(rng.poisson(0.8, n), 12), np.clip(rng.poisson(7, n), 1, 30)
    purpose, housing, joint = rng.integers(0, 5, n), rng.choice(3, n, p=[0.5, 0.4, 0.1]), rng.random(n) < 0.3
    instalment = amount * (rate / 12) / (1 - (1 + rate / 12) ** -term)
    burden = 12 * instalment / income
    logit = 1.2 * np.log(income / 55) - 6 * (burden - 0.09) - 0.7 * late + 0.04 * years - 3 * (used - 0.4)
    logit += 0.8 * joint * (income < 60) - 0.9 * ((purpose == 3) & (years < 4)) - 0.6 * (housing == 1) * (used > 0.5)
    logit += 0.5 * np.sin(age / 8) + 0.3 * (accounts > 9) - 0.4 * (term > 48) * (rate > 0.13) + 1.2
    table = [income, amount, rate, used, term, age, years, late, accounts]
    table += [*(purpose == np.arange(5)[:, None]), *(housing == np.arange(3)[:, None]), joint, instalment, burden]
    y = (logit + rng.logistic(0, 1, n) > 0).astype(np.int64)
    return Dataset(np.column_stack(table).astype(np.float64), y)


def adult(folder: Path) -> tuple[Schema, Dataset]:
    """The Adult table (UCI), categories as codes."""
    import pandas as pd

    frame = pd.read_csv(folder / "adult.data")
    y = frame.pop("income").str.contains(">").to_numpy(np.int64)
    features, columns = [], []
    for name, column in frame.items():
        if column.dtype.kind in "if":
            features.append(Feature(str(name), Kind.INTEGER, low=float(column.min()), high=float(column.max())))
            columns.append(column.to_numpy(np.float64))
        else:
            codes, labels = pd.factorize(column)
            features.append(Feature(str(name), Kind.CATEGORY, categories=tuple(labels)))
            columns.append(codes.astype(np.float64))
    return Schema(Task.BINARY, tuple(features), "income", ("no", "yes"), 1), Dataset(np.column_stack(columns), y)


def model(name: str, seed: int, trees: int = 100) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from xgboost import XGBClassifier

    if name == "xgboost":
        return XGBClassifier(n_estimators=trees, max_depth=5, learning_rate=0.1, n_jobs=1, random_state=seed)
    return RandomForestClassifier(trees, min_samples_leaf=3, n_jobs=1, random_state=seed)


def holdfast(case: Case, holds: np.ndarray, view: View, budgets: tuple[int, ...]) -> list[float]:
    """Agreement after each number of questions."""
    thief = Thief(case.target, case.schema, holds, view, Params().aimed)
    asked = thief.interrogate(budgets, np.random.default_rng(case.seed))
    return [agreement(case, learn(rows, answers, case.schema, case.seed).decide) for rows, answers in asked]


def agreement(case: Case, decide: Callable[[np.ndarray], np.ndarray]) -> float:
    return float((decide(case.test.X) == case.target.predict(case.test.X)).mean())


def unasked(case: Case, rows: Dataset) -> float:
    """Agreement of Holdfast's learners taught by true labels, without a question."""
    labels = np.asarray(rows.y, dtype=np.int64)
    return agreement(case, learn(rows.X, Answers(labels, noisy=True), case.schema, case.seed).decide)


def art(case: Case, fitted: Any, copy: Any, attack: str, rows: np.ndarray) -> float:
    """Agreement of ART's thief after one question about each of `rows`."""
    from art.attacks.extraction import CopycatCNN, KnockoffNets
    from art.estimators.classification import BlackBoxClassifier
    from art.estimators.classification.scikitlearn import ScikitlearnClassifier

    class Fitted(ScikitlearnClassifier):
        """ART hands every copy the arguments of a network's training, and labels one-hot."""

        def fit(self, x: np.ndarray, y: np.ndarray, **_: Any) -> None:
            self.model.fit(x, y.argmax(axis=1))

    victim, thieved = BlackBoxClassifier(fitted.predict_proba, (rows.shape[1],), 2), Fitted(copy)
    settings = {"nb_stolen": len(rows), "batch_size_fit": 64, "batch_size_query": 512, "nb_epochs": 1}
    if attack == "KnockoffNets":
        stolen = KnockoffNets(victim, sampling_strategy="random", verbose=False, **settings)
    else:
        stolen = CopycatCNN(victim, **settings)
    stolen.extract(rows, thieved_classifier=thieved)
    return agreement(case, copy.predict)


def anywhere(schema: Schema, n: int, seed: int) -> np.ndarray:
    """(n, features) rows anywhere in the ranges: what a thief asks who holds nothing."""
    rng, columns = np.random.default_rng(seed), []
    for f in schema.features:
        top = len(f.categories) - 1 if f.kind is Kind.CATEGORY else f.high or 0.0
        values = rng.uniform(f.low or 0.0, top, n) if f.kind is Kind.NUMBER else rng.integers(f.low or 0, top + 1, n)
        columns.append(values.astype(np.float64))
    return np.column_stack(columns)


def compare(name: str, schema: Schema, data: Dataset, budgets: tuple[int, ...], seed: int) -> dict[str, list[float]]:
    """By thief, agreement after each number of questions (asked nothing: the same figure throughout)."""
    data = data.take(np.random.default_rng(seed).permutation(len(data)))
    train, lent, held_out = (data.take(part) for part in np.split(np.arange(len(data)), [-2 * LENT, -LENT]))
    fitted = model(name, seed).fit(train.X, train.y)
    case = Case(DirectTarget(fitted.predict_proba, schema), schema, held_out, seed=seed)
    own, made_up = lent.X[:OWN], invented(schema, OWN, np.random.default_rng(seed))
    blind = anywhere(schema, LENT, seed)
    return {
        "asks nothing, 200 labelled": [unasked(case, lent.take(np.arange(OWN)))] * len(budgets),
        "asks nothing, 4,000 labelled": [unasked(case, lent)] * len(budgets),
        "ART CopycatCNN, ranges": [art(case, fitted, model(name, 1), "CopycatCNN", blind[:n]) for n in budgets],
        "ART KnockoffNets, lent rows": [art(case, fitted, model(name, 1), "KnockoffNets", lent.X[:n]) for n in budgets],
        "Holdfast decisions, ranges": holdfast(case, made_up, VIEWS[1], budgets),
        "Holdfast decisions, 200 rows": holdfast(case, own, VIEWS[1], budgets),
        "Holdfast scores, ranges": holdfast(case, made_up, VIEWS[0], budgets),
        "Holdfast scores, 200 rows": holdfast(case, own, VIEWS[0], budgets),
    }


def reached(agrees: list[float], budgets: tuple[int, ...]) -> dict[str, int | None]:
    """By level, the fewest questions tried that reached it."""
    pairs = list(zip(budgets, agrees, strict=True))
    return {f"{level:.2f}": next((n for n, share in pairs if share >= level), None) for level in LEVELS}


def show(title: str, table: dict[str, dict[str, Any]], budgets: tuple[int, ...]) -> None:
    print(f"{title:<34}" + "".join(f"{n:>8,}" for n in budgets) + "   queries to .90/.95/.98")
    for thief, row in table.items():
        to = "/".join("-" if n is None else f"{n:,}" for n in row["queries_to"].values())
        print(f"{thief:<34}" + "".join(f"{share:>8.3f}" for share in row["agreement"]) + f"   {to}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ends within 50 s on 2 cores: one seed, 500 and 1,000")
    parser.add_argument("--data", default="../shared/data/tables", help="folder with adult.data; left out if not there")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    budgets = (500, 1_000) if options.quick else (250, 500, 1_000, 2_000, 4_000)
    seeds = range(SEED, SEED + (1 if options.quick else options.seeds))
    here = not options.quick and (Path(options.data) / "adult.data").exists()
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for source, name in product(("generated", "adult")[: 1 + here], MODELS):
        runs = []
        for seed in seeds:
            schema, data = (
                adult(Path(options.data)) if source == "adult" else (credit_schema(), credit_rows(ROWS, seed))
            )
            runs.append(compare(name, schema, data.sample(ROWS, np.random.default_rng(seed)), budgets, seed))
        mean = {thief: np.mean([run[thief] for run in runs], axis=0).round(4).tolist() for thief in runs[0]}
        figures[f"{source}, {name}"] = table = {
            thief: {"agreement": agrees, "queries_to": {} if "nothing" in thief else reached(agrees, budgets)}
            for thief, agrees in mean.items()
        }
        show(f"{source}, {name}", table, budgets)
    summary = {"bench": "extraction", "queries": budgets, "figures": figures, "seeds": list(seeds)}
    versions = {package: version(package) for package in PACKAGES}
    print(json.dumps(summary | {"versions": versions, "quick": options.quick}))


if __name__ == "__main__":
    main()
