"""`holdfast drift` beside Evidently and NannyML: two tables of a million rows, one core, each in its own process.

    python -m bench.drift [--quick] [--rows N]

Each reads the same two Parquet files of 12 numbers (some with missing values), 3 integers and 5 labels, of which one
number and one label drifted. Time and peak memory are those of the whole process, imports included. Holdfast gives all
of its statistics at once; Evidently runs its default preset, and once more for PSI; NannyML its Kolmogorov-Smirnov,
Jensen-Shannon, Wasserstein and chi-square in ten chunks. What they say of the same columns is held side by side.

The peers have environments of their own: `make .tools/evidently/bin/python .tools/nannyml/bin/python`. What is missing
is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, wasserstein_distance

from holdfast.version import __version__

SEED = 11
CORE = min(os.sched_getaffinity(0))
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}

HOLDFAST = """
import json, sys
from holdfast.flows.drift import compare
found = compare(sys.argv[1], sys.argv[2])
print(json.dumps({c.name: [c.standing, c.difference.distance, c.difference.psi, c.difference.jensen_shannon,
    c.difference.in_sd] for c in found.columns}))
"""
WATCH = """
import json, os, sys, time
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(json.dumps({"wall_s": time.perf_counter() - started, "cpu_s": used.ru_utime + used.ru_stime,
    "peak_mb": used.ru_maxrss / 1000}))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a program from a process that is small itself: a child's peak counts what its parent had when it began."""

EVIDENTLY = """
import json, sys
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
how = {"method": sys.argv[3]} if len(sys.argv) > 3 else {}
reference, current = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
told = Report([DataDriftPreset(**how)]).run(current, reference).dict()["metrics"]
print(json.dumps({m["config"]["column"]: float(m["value"]) for m in told if "column" in m["config"]}))
"""
NANNYML = """
import json, sys
import pandas as pd
import nannyml
reference, current = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
labels = [name for name in reference.columns if name.startswith("label")]
ask = nannyml.UnivariateDriftCalculator(column_names=list(reference.columns), treat_as_categorical=labels,
    continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
    categorical_methods=["jensen_shannon", "chi2"], chunk_number=int(sys.argv[3]))
ask.fit(reference)
table = ask.calculate(current).filter(period="analysis").to_df()
print(json.dumps({name: float(table[(name, "jensen_shannon", "value")].mean()) for name in labels}))
"""
PEERS = {"evidently": Path(".tools/evidently/bin/python"), "nannyml": Path(".tools/nannyml/bin/python")}


def table(rows: int, seed: int, *, drifted: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for number in range(12):
        values = rng.lognormal(0, 1, rows) if number % 3 == 2 else rng.normal(0, 1, rows)
        values[rng.random(rows) < (0.05 if number % 4 == 1 else 0.0)] = np.nan
        columns[f"number{number}"] = values + (0.4 if drifted and number == 0 else 0.0)
    for number in range(3):
        columns[f"whole{number}"] = rng.poisson(5 * 10**number, rows)
    for number in range(5):
        weights = 1 / np.arange(1.0, 4 + 6 * number)
        weights[0] *= 1.6 if drifted and number == 0 else 1.0
        names = np.array([f"kind {place}" for place in range(len(weights))])
        columns[f"label{number}"] = names[rng.choice(len(weights), rows, p=weights / weights.sum())]
    return pd.DataFrame(columns)


def taken(name: str, program: str, script: str, files: list[str]) -> dict[str, Any]:
    """What a contender says, and what it costs: seconds of wall and CPU, and megabytes at its peak."""
    command = ["taskset", "-c", str(CORE), sys.executable, "-S", "-c", WATCH, program, "-c", script, *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | QUIET)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    *_, found, cost = done.stdout.splitlines()
    return {"stack": name, **json.loads(cost), "found": json.loads(found)}


def measured(files: list[str]) -> list[dict[str, Any]]:
    rows = [taken("holdfast", sys.executable, HOLDFAST, files)]
    if PEERS["evidently"].exists():
        program = str(PEERS["evidently"].absolute())
        rows.append(taken("evidently, default", program, EVIDENTLY, files))
        rows.append(taken("evidently, psi", program, EVIDENTLY, [*files, "psi"]))
    if PEERS["nannyml"].exists():
        rows.append(taken("nannyml", str(PEERS["nannyml"].absolute()), NANNYML, [*files, "10"]))
    return rows


def agreement(rows: list[dict[str, Any]], reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """The widest difference between what Holdfast says of a column and what its peers, or all values, say."""
    ours = rows[0]["found"]
    by_name = {row["stack"]: row["found"] for row in rows}
    numbers = [name for name in reference.columns if name.startswith("number")]
    pairs = {name: (reference[name].dropna().to_numpy(), current[name].dropna().to_numpy()) for name in numbers}
    found = {
        "ks, all values": max(abs(ours[name][1] - ks_2samp(*pairs[name]).statistic) for name in numbers),
        "wasserstein / sd, all values": max(
            abs(ours[name][4] - wasserstein_distance(*pairs[name]) / pairs[name][0].std()) for name in numbers
        ),
    }
    labels = [name for name in reference.columns if name.startswith("label")]
    if "evidently, psi" in by_name:
        found["psi of labels, evidently"] = max(abs(ours[name][2] - by_name["evidently, psi"][name]) for name in labels)
    return found


def versions() -> dict[str, str]:
    known = {"holdfast": __version__, "python": platform.python_version(), "pyarrow": metadata.version("pyarrow")}
    for name, program in PEERS.items():
        if program.exists():
            ask = f"from importlib import metadata; print(metadata.version({name!r}))"
            told = subprocess.run([str(program), "-c", ask], check=True, capture_output=True, text=True)
            known[name] = told.stdout.strip()
    return known


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.drift", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: 50,000 rows")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    count = 50_000 if options.quick else options.rows
    reference, current = table(count, SEED, drifted=False), table(count, SEED + 1, drifted=True)
    with tempfile.TemporaryDirectory(prefix="bench-drift-") as folder:
        files = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
        for frame, file in zip((reference, current), files, strict=True):
            frame.to_parquet(file, compression="zstd", index=False, row_group_size=131_072)
        rows = measured(files)
    print(f"{count:,} rows of 20 columns, twice; one core")
    print(f"{'':<22}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'x holdfast':>12}")
    for row in rows:
        times = row["wall_s"] / rows[0]["wall_s"]
        print(f"{row['stack']:<22}{row['wall_s']:>9.2f}{row['cpu_s']:>9.2f}{row['peak_mb']:>9.0f}{times:>12.1f}")
    apart = agreement(rows, reference, current)
    print("Furthest apart: " + "; ".join(f"{what} {gap:.1e}" for what, gap in apart.items()))
    drifted = [name for name, (standing, *_) in rows[0]["found"].items() if standing == "drifted"]
    print(f"Holdfast: {', '.join(drifted)} drifted, of which number0 and label0 did.")
    missing = [f"there is no {program}" for program in PEERS.values() if not program.exists()]
    if missing:
        print("Left out: " + "; ".join(missing) + ".")
    figures = [{name: value for name, value in row.items() if name != "found"} for row in rows]
    print(json.dumps({"bench": "drift", "rows": count, "figures": figures, "apart": apart, "drifted": drifted,
                      "seed": SEED, "versions": versions()}))  # fmt: skip


if __name__ == "__main__":
    main()
