"""The decision-based attack against ART's HopSkipJump (and Boundary attack) on one credit table.

``python -m bench.evasion [--quick]``. 10,000 made-up applicants with one-hot, integer, immutable, derived columns and
one relation; XGBoost and a random forest; refused applicants who want to be approved. Distances are L2 in min-max
units over all columns, as ART measures them. ART knows no constraints, so its rows are shown as they are and after
repair. Seconds are CPU seconds of one thread, so that other load on the machine does not count.

ART is slow, can hang on trees and cannot be seeded, so it attacks few rows, one at a time, each stopped after a limit.
Its seconds for 100 rows are extrapolated from the rows that it finished; a stopped row counts as a failure. So does a
row of NaN, which ART also returns. Peers: ``pip install holdfast[bench]``.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.schema import Feature, Kind, Monotone, Schema, Task
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Owned
from holdfast.targets.direct import DirectTarget

Matrix = NDArray[np.float64]

SEED = 0
BUDGET = 500
HOUSING, PURPOSE = ("own", "rent", "other"), ("car", "home", "study", "business")
GOALS = {"xgboost": 30.0, "forest": 100.0}


def schema() -> Schema:
    """Twenty columns; `total_debt` follows from two others."""
    number, whole = Kind.NUMBER, Kind.INTEGER
    features = (
        Feature("income", number, 8, 400),
        Feature("amount", number, 1, 300),
        Feature("value", number, 5, 900),
        Feature("other_debt", number, 0, 250),
        Feature("total_debt", number, 1, 550),
        Feature("term", whole, 6, 84),
        Feature("years_employed", whole, 0, 45),
        Feature("late_payments", whole, 0, 12, immutable=True),
        Feature("accounts", whole, 0, 30),
        Feature("utilisation", number, 0, 1),
        Feature("age", whole, 18, 90, immutable=True),
        Feature("dependants", whole, 0, 8, immutable=True),
        Feature("enquiries", whole, 0, 15, monotone=Monotone.INCREASE),
        *(Feature(f"housing_{name}", whole, 0, 1) for name in HOUSING),
        *(Feature(f"purpose_{name}", whole, 0, 1) for name in PURPOSE),
    )
    groups = (tuple(f"housing_{name}" for name in HOUSING), tuple(f"purpose_{name}" for name in PURPOSE))
    return Schema(
        Task.BINARY, features, "approved", ("no", "yes"), favourable=1, one_hot=groups,
        relations=("total_debt == amount + other_debt", "amount <= 0.95 * value"),
    )  # fmt: skip


def unconstrained(stated: Schema) -> Schema:
    """What ART assumes: every column is a number that moves freely within its range."""
    features = tuple(replace(f, kind=Kind.NUMBER, immutable=False, monotone=None) for f in stated.features)
    return replace(stated, features=features, one_hot=(), relations=())


def applicants(n: int, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    """`n` rows that keep every constraint, and noisy outcomes."""
    rng = np.random.default_rng(seed)
    income = np.clip(rng.lognormal(4, 0.5, n), 8, 400)
    value = np.clip(rng.lognormal(5, 0.6, n), 5, 900)
    amount = np.minimum(np.clip(value * rng.beta(3, 2, n) * 0.95, 1, 300), 0.95 * value)
    other = np.clip(income * rng.beta(2, 5, n), 0, 250)
    years, late = rng.integers(0, 46, n), np.minimum(rng.poisson(1, n), 12)
    utilisation, enquiries = rng.beta(2, 3, n), np.minimum(rng.poisson(1.5, n), 15)
    housing, purpose = rng.integers(0, 3, n), rng.integers(0, 4, n)
    X = np.column_stack([
        income, amount, value, other, amount + other, rng.integers(6, 85, n), years, late,
        np.minimum(rng.poisson(6, n), 30), utilisation, np.clip(18 + years + rng.integers(0, 30, n), 18, 90),
        np.minimum(rng.poisson(1, n), 8), enquiries, np.eye(3)[housing], np.eye(4)[purpose],
    ]).astype(np.float64)  # fmt: skip
    logit = 1.6 * np.log(income / 55) - 1.2 * np.log((amount + other) / 90) - 2 * (utilisation - 0.4)
    logit += -0.6 * (late - 1) - 0.2 * (enquiries - 1.5) + 0.02 * (years - 22) - 1.5 * (amount / value - 0.55)
    logit += 0.3 * (purpose == 1) - 0.4 * (housing == 1)
    return X, (1.5 * logit + rng.logistic(0, 1, n) > 0).astype(np.int64)


@dataclass(frozen=True)
class Line:
    """One attack on one model. `valid` is the share flipped with no constraint violated, `repaired` after repair."""

    attack: str
    model: str
    rows: int
    seconds_per_100: float
    queries_per_row: float
    success: float
    median_l2: float
    valid: float
    repaired: float
    stopped: int = 0


class Stopped(Exception):
    """A row took longer than its limit."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: Any) -> None:
        raise Stopped

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Scene:
    """One model, the refused applicants, and the attacker's own rows."""

    def __init__(self, name: str, model: Any, rows: int) -> None:
        self.name, self.model = name, model
        X, _ = applicants(4000, SEED + 1)
        refused = model.predict(X[:2000]) == 0
        self.victims, self.own = X[:2000][refused][:rows], X[2000:3000]
        self.constrained = ConstraintSet(schema())
        self.free = ConstraintSet(unconstrained(schema()))
        self.low = np.array([f.low for f in schema().features], dtype=np.float64)

    def ours(self, constraints: ConstraintSet, name: str) -> tuple[Line, NDArray[np.float64]]:
        target = DirectTarget(self.model.predict, constraints.schema, gives_scores=False)
        goal = Goal(np.zeros(len(self.victims), np.int64), wanted=1)
        begin = time.process_time()
        owned = Owned(self.own, target.predict(self.own))
        found = attack(target, constraints, self.victims, goal, owned, rng=np.random.default_rng(SEED), budget=BUDGET)
        seconds = time.process_time() - begin
        return self.line(
            name, found.rows, self.victims, seconds=seconds, asked=int(found.queries.sum()) + len(self.own)
        )

    def art(self, kind: str, rows: int, limit: float) -> tuple[Line, NDArray[np.float64]]:
        from art.attacks.evasion import BoundaryAttack, HopSkipJump
        from art.estimators.classification import BlackBoxClassifierNeuralNetwork

        asked = 0

        def answer(scaled: Matrix) -> Matrix:
            nonlocal asked
            asked += len(scaled)
            return np.eye(2)[self.model.predict(scaled * self.free.scale + self.low)]

        np.random.seed(SEED)  # ART draws from numpy's global generator
        wrapped = BlackBoxClassifierNeuralNetwork(
            answer, input_shape=(self.victims.shape[1],), nb_classes=2, clip_values=(0, 1)
        )
        peer = {"HopSkipJump": HopSkipJump, "Boundary": BoundaryAttack}[kind](wrapped, targeted=False, verbose=False)
        chosen = self.victims[:rows]
        scaled = ((chosen - self.low) / self.free.scale).astype(np.float32)
        result, stopped, took = scaled.astype(np.float64), 0, [limit]
        for i in range(len(scaled)):
            begin = time.process_time()
            try:
                with at_most(limit):
                    result[i] = peer.generate(scaled[i : i + 1])[0]
                took.append(time.process_time() - begin)
            except Stopped:
                stopped += 1
        seconds = len(scaled) * float(np.mean(took[1:] or took))
        return self.line(
            f"ART {kind}", result * self.free.scale + self.low, chosen, seconds=seconds, asked=asked, stopped=stopped
        )

    def line(
        self, name: str, rows: Matrix, victims: Matrix, *, seconds: float, asked: int, stopped: int = 0
    ) -> tuple[Line, NDArray[np.float64]]:
        flipped = (self.model.predict(rows) == 1) & np.isfinite(rows).all(axis=1)
        size = np.where(flipped, np.linalg.norm((rows - victims) / self.free.scale, axis=1), np.inf)
        mended = self.constrained.repair(rows, victims)
        n = len(victims)
        return Line(
            attack=name,
            model=self.name,
            rows=n,
            seconds_per_100=100 * seconds / n,
            queries_per_row=asked / n,
            success=float(flipped.mean()),
            median_l2=float(np.median(size[flipped])) if flipped.any() else float("nan"),
            valid=float((flipped & self.constrained.valid(rows, victims)).mean()),
            repaired=float((self.model.predict(mended) == 1).mean()),
            stopped=stopped,
        ), size


def models(quick: bool) -> Iterator[tuple[str, Any]]:
    from sklearn.ensemble import RandomForestClassifier
    from xgboost import XGBClassifier

    X, y = applicants(10_000, SEED)
    yield "xgboost", XGBClassifier(n_estimators=200, max_depth=5, n_jobs=1, random_state=SEED).fit(X, y)
    yield "forest", RandomForestClassifier(30 if quick else 100, n_jobs=1, random_state=SEED).fit(X, y)


def compare(quick: bool) -> tuple[list[Line], dict[str, dict[str, float]]]:
    lines: list[Line] = []
    ratios: dict[str, dict[str, float]] = {}
    plan = {"xgboost": (20, 3.0), "forest": (3, 12.0)} if quick else {"xgboost": (40, 20.0), "forest": (6, 120.0)}
    for name, model in models(quick):
        scene = Scene(name, model, 100)
        free, free_sizes = scene.ours(scene.free, "Holdfast, free")
        bound, _ = scene.ours(scene.constrained, "Holdfast, constrained")
        peer, sizes = scene.art("HopSkipJump", *plan[name])
        lines += [free, bound, peer]
        if not quick and name == "xgboost":
            lines.append(scene.art("Boundary", 20, 20.0)[0])
        both = np.isfinite(sizes)
        ratios[name] = {
            "speed": peer.seconds_per_100 / free.seconds_per_100,
            "speed_constrained": peer.seconds_per_100 / bound.seconds_per_100,
            "queries": peer.queries_per_row / free.queries_per_row,
            "median_l2_same_rows": float(np.median(free_sizes[: len(sizes)][both] / sizes[both]))
            if both.any()
            else 0.0,
        }
    return lines, ratios


def show(lines: list[Line], ratios: dict[str, dict[str, float]]) -> None:
    print(f"{'attack':<24}{'model':<9}{'rows':>5}{'CPU s/100':>10}{'queries':>9}{'success':>9}{'L2':>8}{'valid':>7}"
          f"{'repaired':>10}{'stopped':>9}")  # fmt: skip
    for x in lines:
        print(f"{x.attack:<24}{x.model:<9}{x.rows:>5}{x.seconds_per_100:>10.1f}{x.queries_per_row:>9.0f}{x.success:>9.2f}"
              f"{x.median_l2:>8.3f}{x.valid:>7.2f}{x.repaired:>10.2f}{x.stopped:>9}")  # fmt: skip
    for name, r in ratios.items():
        met = "met" if r["speed"] >= GOALS[name] and r["median_l2_same_rows"] < 1 else "NOT MET"
        print(f"{name}: {r['speed']:.0f}x faster than HopSkipJump (goal {GOALS[name]:.0f}x), {r['queries']:.0f}x fewer "
              f"queries, {r['median_l2_same_rows']:.2f} of its median L2 on the same rows: {met}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores")
    quick = parser.parse_args().quick
    try:
        versions = {p: version(p) for p in ("adversarial-robustness-toolbox", "xgboost", "scikit-learn", "numpy")}
    except ImportError:
        sys.exit("This benchmark needs its peers: pip install 'holdfast[bench]'")
    lines, ratios = compare(quick)
    show(lines, ratios)
    if quick:
        print("quick: ART attacked few rows and a smaller forest; seconds are extrapolated per row.")
    figures = [vars(line) for line in lines]
    print(json.dumps({
        "bench": "evasion", "quick": quick, "seed": SEED, "budget": BUDGET, "figures": figures, "ratios": ratios,
        "goals": GOALS, "versions": {**versions, "python": platform.python_version()},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
