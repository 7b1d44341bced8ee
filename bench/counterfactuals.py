"""What would have changed a decision: `holdfast.explanations` beside DiCE, on real tables, in one run.

    python -m bench.counterfactuals [--quick] [--people N]

German credit and Adult, a histogram-boosted model of each; the first refused people of the test rows, three ways for
each. Both may change the same features: not the protected ones, nor age; both get the ranges of the training rows. What
DiCE cannot be told (that a duration can only fall, that whole numbers stay whole) is judged all the same, as a person
would: `kept` is the share of ways that keep every constraint. `holds` is the share that the model really decides as
wanted, asked by the bench itself, and `found` the share of people with at least one way that holds and keeps. Of
those: how many features change, people passed (percentile shift, summed over features), how far ways of one person are
apart (in min-max units), and the share that is no odder than 99 % of ordinary rows.

DiCE (Mothilal, Sharma and Tan 2020) runs with its `random` and `genetic` methods at their defaults, in an environment
of its own: `make .tools/dice/bin/python`. Where it is missing that is said, and it is left out. Seconds are CPU
seconds a person on one core. Some of the people were among those with whom starts and queries were chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from tests.trips.real_tables import Table, real_table

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.encode import decode, encode
from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.raw import Reader
from holdfast.domain.schema import Kind, Schema
from holdfast.explanations.counterfactuals import find_ways
from holdfast.guards.contract import Ground
from holdfast.guards.learn import learn_reference
from holdfast.search.shift import PercentileShift
from holdfast.targets.direct import DirectTarget
from holdfast.version import __version__

Matrix = NDArray[np.float64]
SEED = 90_210
PEER = Path(".tools/dice/bin/python")
WAYS = 3
FIXED = {"german_credit": ("age", "foreign_worker"), "adult": ("age", "race", "native_country", "relationship")}
FALLS = {"german_credit": ("duration", "credit_amount"), "adult": ()}

DICE = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import dice_ml, joblib, pandas as pd
folder, method = sys.argv[1:3]
told = json.load(open(f"{folder}/told.json"))
types = dict.fromkeys(told["words"], str)
read = lambda name: pd.read_csv(f"{folder}/{name}.csv", dtype=types, keep_default_na=False)
train, people = read("train"), read("people")
model = joblib.load(f"{folder}/model.joblib")
data = dice_ml.Data(dataframe=train, continuous_features=told["numbers"], outcome_name="outcome")
made = dice_ml.Dice(data, dice_ml.Model(model=model, backend="sklearn"), method=method)
found, seconds = [], []
for at in range(len(people)):
    start = time.process_time()
    more = {"random_seed": 1} if method == "random" else {}
    try:
        one = made.generate_counterfactuals(people.iloc[[at]], total_CFs=told["ways"], desired_class=1,
            features_to_vary=told["free"], permitted_range=told["ranges"], verbose=False, **more)
        rows = one.cf_examples_list[0].final_cfs_df
    except Exception as error:
        rows = None
    seconds.append(time.process_time() - start)
    found.append([] if rows is None else json.loads(rows.drop(columns="outcome").to_json(orient="records")))
print(json.dumps({"found": found, "seconds": seconds}))
"""


@dataclass(frozen=True, eq=False)
class Scene:
    """A table, its model, and people who were refused, as rows of the schema."""

    table: Table
    schema: Schema
    model: Any
    train: Matrix
    people: Matrix

    @property
    def target(self) -> DirectTarget:
        return DirectTarget(lambda rows: self.model.predict_proba(decode(rows, self.schema)), self.schema)


def scene(name: str, many: int) -> Scene:
    table = real_table(name)
    frame, features = table.train, list(table.features)
    columns = {c: {"immutable": True} for c in FIXED[name]} | {c: {"monotone": "decrease"} for c in FALLS[name]}
    stated = Stated(table.target, features=tuple(features), favourable=table.favourable, columns=columns)
    schema = infer_schema(frame, stated)
    words = [f.name for f in schema.features if f.kind is Kind.CATEGORY]
    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    learner = HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=0)
    model = make_pipeline(make_column_transformer((code, words), remainder="passthrough"), learner)
    model.fit(frame[features], (frame[table.target] == table.favourable).astype(int))
    schema = replace(schema, classes=(0, 1), favourable=1)
    train, test = encode(frame, schema), encode(table.test, schema)
    made = Scene(table, schema, model, train, test)
    refused = np.flatnonzero(made.target.predict(test) == 0)
    return replace(made, people=test[refused[:many]])


def ours(one: Scene) -> tuple[list[Matrix], list[float]]:
    ground = Ground(learn_reference(one.table.train[list(one.table.features)], one.schema))

    def odd(rows: Matrix) -> Matrix:
        return ground.oddity.share_less_odd(rows, ground.bins.codes(rows))

    found, seconds = [], []
    for at, row in enumerate(one.people):
        start = time.process_time()
        rng = np.random.default_rng((SEED, at))
        ways = find_ways(one.target, one.schema, row, one.train, wanted=1, rng=rng, odd=odd, count=WAYS)
        seconds.append(time.process_time() - start)
        found.append(np.array([way.row for way in ways.found]).reshape(-1, len(row)))
    return found, seconds


def dice(one: Scene, method: str) -> tuple[list[Matrix], list[float]]:
    """DiCE's rows, read as any caller's would be."""
    features = list(one.table.features)
    frame = one.table.train[features].assign(
        outcome=(one.table.train[one.table.target] == one.table.favourable).astype(int)
    )
    numbers = [f.name for f in one.schema.features if f.kind is not Kind.CATEGORY]
    free = [f.name for f in one.schema.features if not f.immutable]
    ranges = {n: [float(frame[n].min()), float(frame[n].max())] for n in numbers if n in free}
    words = [n for n in features if n not in numbers]
    told = {"numbers": numbers, "words": words, "free": free, "ranges": ranges, "ways": WAYS}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "told.json").write_text(json.dumps(told))
        frame.to_csv(place / "train.csv", index=False)
        decode(one.people, one.schema)[features].to_csv(place / "people.csv", index=False)
        joblib.dump(one.model, place / "model.joblib")
        command = [str(PEER), "-c", DICE, folder, method]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, check=False, env=_quiet())
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    said = json.loads(done.stdout.strip().splitlines()[-1])
    reader = Reader(one.schema)
    width = len(one.schema.features)
    return [reader.read(rows).X if rows else np.empty((0, width)) for rows in said["found"]], said["seconds"]


def _quiet() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def judged(one: Scene, found: list[Matrix], seconds: list[float]) -> dict[str, float]:
    """The figures of the module's docstring."""
    constraints = ConstraintSet(one.schema, one.train)
    shift = PercentileShift(constraints, one.train)
    ground = Ground(learn_reference(one.table.train[list(one.table.features)], one.schema))
    holds, kept, good, shifts, changed, odd, apart = [], [], [], [], [], [], []
    for row, ways in zip(one.people, found, strict=True):
        if not len(ways):
            good.append(False)
            continue
        own = np.tile(row, (len(ways), 1))
        does = one.target.predict(ways) == 1
        may = constraints.valid(ways, own)
        holds, kept = [*holds, *does], [*kept, *may]
        fine = ways[does & may]
        good.append(len(fine) > 0)
        if len(fine):
            own = own[: len(fine)]
            shifts += shift(fine, own).tolist()
            changed += (constraints.steps(fine, own) > 0).sum(axis=1).tolist()
            odd += (ground.oddity.share_less_odd(fine, ground.bins.codes(fine)) <= 0.99).tolist()
        if len(fine) > 1:
            apart += [float(constraints.distance(a[None], b[None])[0]) for i, a in enumerate(fine) for b in fine[:i]]
    return {
        "found": _mean(good),
        "holds": _mean(holds),
        "kept": _mean(kept),
        "ways": sum(map(len, found)) / len(found),
        "features": _mean(changed),
        "shift": float(np.median(shifts)) if shifts else float("nan"),
        "apart": _mean(apart),
        "plausible": _mean(odd),
        "seconds": float(np.mean(seconds)),
    }


def _mean(values: list[Any]) -> float:
    return float(np.mean(values)) if values else float("nan")


def main() -> None:
    """Print the table, then one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--people", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    many = options.people or (5 if options.quick else 40)
    methods = ("random",) if options.quick else ("random", "genetic")
    figures: dict[str, dict[str, dict[str, float]]] = {}
    titles = ("found", "holds", "kept", "ways", "features", "shift", "apart", "plausible", "seconds")
    print(f"{'table':<14}{'engine':<14}" + "".join(f"{title:>10}" for title in titles))
    for name in ("german_credit", "adult"):
        try:
            one = scene(name, many)
        except FileNotFoundError:
            print(f"{name} is not here (../shared/data/tables); left out")
            continue
        runs: dict[str, Any] = {"holdfast": lambda one=one: ours(one)}
        if PEER.exists():
            runs |= {f"dice {m}": lambda one=one, m=m: dice(one, m) for m in methods}
        else:
            print(f"DiCE is not here (make {PEER}); left out")
        for engine, run in runs.items():
            figures.setdefault(name, {})[engine] = found = judged(one, *run())
            print(f"{name:<14}{engine:<14}" + "".join(f"{found[title]:>10.3f}" for title in titles), flush=True)
    packages = ("numpy", "scikit-learn", "pandas")
    versions = {"holdfast": __version__, "python": platform.python_version()} | {
        p: metadata.version(p) for p in packages
    }
    print(json.dumps({"people": many, "seed": SEED, "figures": figures, "versions": versions}))


if __name__ == "__main__":
    sys.exit(main())
