"""Groups compared every day: `fairness.outcomes` beside Fairlearn's MetricFrame and its bootstrap, one core each.

    python -m bench.fairness_monitor [--quick] [--rows N]

Four weeks of decisions on 20 groups. Holdfast counts each day once and works on the counts of all; what it then takes
to say everything again the next day stands beside it. Fairlearn is given six metrics, for point values and with row
bootstraps, of which a few are run and a hundred reckoned from them. Then, where the truth is known, how often an
interval of a gap between two groups holds it: at one look, and at all looks when somebody looks every day.

Fairlearn has an environment of its own: `make .tools/fairlearn/bin/python`. Without it, its part is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.version import __version__

SEED = 7
GROUPS, DAYS = 20, 28
FAIRLEARN = Path(".tools/fairlearn/bin/python")
CORE = min(os.sched_getaffinity(0))
BOOTS = 40
RATES = (0.5, 0.45)
"""Of the two groups whose gap is known."""

HOLDFAST = """
import json, resource, sys, time
from dataclasses import replace
import numpy as np
from holdfast.domain.profile import Bins, Profile
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows, Seen
from holdfast.monitors.counting import count
from holdfast.monitors.fairness.outcomes import run
from holdfast.domain.measure import Measurement
import scipy.optimize, scipy.special, scipy.stats
data = np.load(sys.argv[1])
groups, days = int(sys.argv[2]), int(sys.argv[3])
names = tuple(map(str, range(groups)))
schema = Schema(Task.BINARY, (Feature("group", Kind.CATEGORY, categories=names),), "approved", ("no", "yes"),
    favourable=1, protected=("group",))
bins = (Bins("input_group", labels=names), Bins("score", tuple(np.linspace(0.005, 1, 200))),
    Bins("decision", labels=("no", "yes")), Bins("label", labels=("no", "yes")))
rows = Rows.of(data["group"].astype(float)[:, None], score=data["score"], decision=data["decision"].astype(float),
    label=data["label"].astype(float))
parts = [rows.take(slice(a, b)) for a, b in zip(data["edges"][:-1], data["edges"][1:])]
few = count("", schema, rows.take(slice(0, 20_000)), bins)
baseline = Baseline("bench", schema, "bench", few.profile, few)
baseline = replace(baseline, usual=count("", schema, rows.take(slice(0, 20_000)), bins, run.asks(baseline, run.params)))
asks = run.asks(baseline, run.params)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
batches = tuple(count(f"2026-01-{day + 1:02d}", schema, part, bins, asks) for day, part in enumerate(parts))
counted = time.perf_counter()
told = [m for m in run.run(Seen(baseline, batches), run.params) if isinstance(m, Measurement)]
done = time.perf_counter()
again = list(run.run(Seen(baseline, batches), run.params))
last = time.perf_counter()
print(json.dumps({"count_s": counted - start, "first_s": done - counted, "again_s": last - done,
    "more_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000,
    "found": [[m.measure.partition(".")[2], dict(m.scope)["group"].partition("=")[2], m.value] for m in told]}))
"""
METRICS = """
import json, resource, sys, time
import numpy as np
from fairlearn.metrics import (MetricFrame, count, false_negative_rate, false_positive_rate, mean_prediction,
    selection_rate, true_positive_rate)
data = np.load(sys.argv[1])
metrics = {"selection_rate": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate,
    "fnr": false_negative_rate, "mean_prediction": mean_prediction, "count": count}
def frame(**more):
    start = time.perf_counter()
    made = MetricFrame(metrics=metrics, y_true=data["label"], y_pred=data["decision"],
        sensitive_features=data["group"], **more)
    return made, time.perf_counter() - start
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made, plain = frame()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
boots = int(sys.argv[2])
_, more = frame(n_boot=boots, ci_quantiles=[0.025, 0.975], random_state=0)
print(json.dumps({"points_s": plain, "boot_s": (more - plain) / boots, "more_mb": (peak - before) / 1000,
    "boots_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000,
    "found": {name: [float(x) for x in made.by_group[name]] for name in ("selection_rate", "tpr", "fpr")}}))
"""
LOOKS = """
import json, sys
import numpy as np
from fairlearn.metrics import MetricFrame, selection_rate
data = np.load(sys.argv[1])
ends, boots = json.loads(sys.argv[2]), int(sys.argv[3])
found = []
for group, decision in zip(data["group"], data["decision"]):
    found.append([])
    for end in ends:
        made = MetricFrame(metrics=selection_rate, y_true=decision[:end], y_pred=decision[:end],
            sensitive_features=group[:end], n_boot=boots, ci_quantiles=[0.025, 0.975], random_state=end)
        low, high = made.difference_ci()
        found[-1].append([float(low), float(high), float(made.difference())])
print(json.dumps(found))
"""


def made(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Decisions whose rate, and labels that agree with them, by group."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, rows)
    decision = (rng.random(rows) < np.linspace(0.3, 0.5, GROUPS)[group]).astype(np.int64)
    label = np.where(rng.random(rows) < 0.8, decision, 1 - decision)
    edges = np.linspace(0, rows, DAYS + 1).astype(np.int64)
    return {"group": group, "decision": decision, "label": label, "score": rng.random(rows), "edges": edges}


def asked(program: str, script: str, *arguments: str) -> Any:
    command = ["taskset", "-c", str(CORE), program, "-c", script, *arguments]
    quiet = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | quiet)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def apart(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """The largest difference of point values."""
    rate, tpr, fpr = (np.array(theirs["found"][name]) for name in ("selection_rate", "tpr", "fpr"))
    order = sorted(range(GROUPS), key=str)  # Fairlearn's groups are in order of their codes, ours carry their names
    want = {"selection_rate": rate, "impact_ratio": rate / rate.max(), "tpr_difference": tpr.max() - tpr,
            "fpr_difference": fpr.max() - fpr}  # fmt: skip
    found = [abs(value - want[name][int(group)]) for name, group, value in ours["found"] if name in want]
    assert len(found) == 4 * len(order)
    return max(found)


def streams(draws: int, days: int, a_day: int, effects: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups and decisions (draws, days * a_day) of two groups; each day moves both rates together by chance."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, (draws, days * a_day))
    moved = np.repeat(rng.normal(0, effects, (draws, days)), a_day, axis=1)
    decision = rng.random(group.shape) < np.array(RATES)[group] + moved
    return group.astype(np.int8), decision.astype(np.int8)


def our_looks(group: np.ndarray, decision: np.ndarray, days: int, ends: list[int]) -> np.ndarray:
    """Intervals (draws, looks, 2) of the gap: the confidence sequence that `fairness.outcomes` gives."""
    from holdfast.statistics import confidence_sequence

    by_day = (len(group), days, -1)
    mine, given = (group == 0).reshape(by_day), decision.reshape(by_day)
    gap = (given * mine).sum(2) / mine.sum(2) - (given * ~mine).sum(2) / (~mine).sum(2)
    found = [[confidence_sequence(one[:end]) for end in ends] for one in gap]
    return np.array([[(each.low, each.high) for each in one] for one in found])


def held(intervals: np.ndarray) -> dict[str, float]:
    """`intervals` is (draws, looks, 2)."""
    truth = RATES[0] - RATES[1]
    holds = (intervals[:, :, 0] <= truth) & (truth <= intervals[:, :, 1])
    width = intervals[:, -1, 1] - intervals[:, -1, 0]
    return {"last look": float(holds[:, -1].mean()), "all looks": float(holds.all(axis=1).mean()),
            "width": float(width.mean())}  # fmt: skip


def coverage(folder: str, draws: int, theirs: int) -> list[dict[str, Any]]:
    """Two groups, 56 days of 400 decisions, looked at every day from the 28th on."""
    days, a_day = 56, 400
    ends = list(range(28, days + 1))
    found = []
    for name, effects in (("as it is every day", 0.0), ("days differ", 0.03)):
        group, decision = streams(draws, days, a_day, effects, SEED)
        found.append({"stream": name, "stack": "holdfast", "draws": draws, "looks": len(ends),
                      **held(our_looks(group, decision, days, ends))})  # fmt: skip
        if theirs:
            file = str(Path(folder) / "looks.npz")
            np.savez(file, group=group[:theirs], decision=decision[:theirs])
            some = ends[:: 14 if theirs < 10 else 7]
            told = np.array(
                asked(str(FAIRLEARN.absolute()), LOOKS, file, json.dumps([e * a_day for e in some]), str(BOOTS))
            )
            inside = (told[:, :, 0] <= told[:, :, 2]) & (told[:, :, 2] <= told[:, :, 1])
            stack = f"fairlearn, {BOOTS} bootstraps"
            found.append({"stream": name, "stack": stack, "draws": theirs, "looks": len(some),
                          **held(told[:, :, :2]), "own point": float(inside.mean())})  # fmt: skip
    return found


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.fairness_monitor", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: 20,000 rows for Fairlearn")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    there = FAIRLEARN.exists()
    with tempfile.TemporaryDirectory(prefix="bench-fairness-") as folder:
        ours = contest(folder, options.rows, beside=there and not options.quick)
        beside = contest(folder, min(20_000, options.rows), beside=True) if there and options.quick else None
        looks = coverage(folder, 100 if options.quick else 1_000, (2 if options.quick else 20) if there else 0)
    print(f"{GROUPS} groups, {DAYS} days; one core; after imports and reading")
    print(f"{'':<44}{'rows':>10}{'seconds':>10}{'more MB':>9}")
    for one in filter(None, (ours, beside)):
        told(one)
    if not there:
        print(f"Left out: there is no {FAIRLEARN}.")
    tell_looks(looks)
    figures = [one for one in (ours, beside) if one]
    print(json.dumps({"bench": "fairness_monitor", "figures": figures, "coverage": looks, "seed": SEED,
                      "versions": versions()}))  # fmt: skip


def contest(folder: str, rows: int, *, beside: bool) -> dict[str, Any]:
    """What Holdfast takes for so many rows, and what Fairlearn takes for the same ones."""
    file = str(Path(folder) / "rows.npz")
    np.savez(file, **made(rows, SEED))
    ours = asked(sys.executable, HOLDFAST, file, str(GROUPS), str(DAYS))
    found = {"rows": rows, **{f"holdfast_{name}": value for name, value in ours.items() if name != "found"}}
    if beside:
        theirs = asked(str(FAIRLEARN.absolute()), METRICS, file, "2")
        hundred = theirs["points_s"] + 100 * theirs["boot_s"]
        found |= {f"fairlearn_{name}": value for name, value in theirs.items() if name != "found"}
        times = hundred / (ours["count_s"] + ours["first_s"])
        found |= {"fairlearn_100_boots_s": hundred, "times_as_fast": times, "apart": apart(ours, theirs)}
    return found


def told(one: dict[str, Any]) -> None:
    def line(what: str, seconds: float, memory: str = "") -> None:
        print(f"{what:<44}{one['rows']:>10,}{seconds:>10.3f}{memory:>9}")

    line("holdfast, counting every day once", one["holdfast_count_s"])
    line("holdfast, all figures with intervals", one["holdfast_first_s"], f"{one['holdfast_more_mb']:.0f}")
    line("holdfast, the same once more", one["holdfast_again_s"])
    if "apart" in one:
        line("fairlearn, six metrics, points", one["fairlearn_points_s"], f"{one['fairlearn_more_mb']:.0f}")
        line("fairlearn, 100 bootstraps (from 2)", one["fairlearn_100_boots_s"], f"{one['fairlearn_boots_mb']:.0f}")
        times, gap = one["times_as_fast"], one["apart"]
        print(f"With intervals, counting included, {times:,.0f} times as fast; point values at most {gap:.0e} apart.")


def tell_looks(looks: list[dict[str, Any]]) -> None:
    print(f"How often a 95 % interval holds the true gap of {RATES[0] - RATES[1]:.2f}, 400 decisions a day")
    print(f"{'':<22}{'':<26}{'draws':>6}{'looks':>7}{'last look':>11}{'all looks':>11}{'width':>8}{'own point':>11}")
    for row in looks:
        own = f"{row['own point']:>11.0%}" if "own point" in row else f"{'100%':>11}"
        print(f"{row['stream']:<22}{row['stack']:<26}{row['draws']:>6}{row['looks']:>7}{row['last look']:>11.1%}"
              f"{row['all looks']:>11.1%}{row['width']:>8.3f}{own}")  # fmt: skip


def versions() -> dict[str, str]:
    known = {"holdfast": __version__, "python": platform.python_version(), "numpy": np.__version__}
    if FAIRLEARN.exists():
        ask = "from importlib import metadata; print(metadata.version('fairlearn'))"
        done = subprocess.run([str(FAIRLEARN), "-c", ask], check=True, capture_output=True, text=True)
        known["fairlearn"] = done.stdout.strip()
    return known


if __name__ == "__main__":
    main()
