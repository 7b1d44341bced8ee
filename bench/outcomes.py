"""Watching outcomes: how often the intervals hold the truth, and how often and how soon the series alarm.

    python -m bench.outcomes [--quick] [--streams N] [--data ../shared/data/tables]

First, streams of the trials' credit decisions, whose outcomes come over weeks: clean ones, and others that change on a
known day. Shown are how many clean streams ever alarm in the looks after the reference, by any series of the monitor;
the days of decisions from the change to the alarm, to which the wait for outcomes comes; and how often 95 % intervals
hold what a million decisions say.

Then performance estimated without outcomes, on real tables (adult, credit default): a boosted model, windows of 1,000
decisions of other people than those of the reference, drawn alike, or more often where one column is high (or low).
Beside it NannyML's CBPE on the same rows, its band of three standard errors made one of 95 %. It has an environment of
its own: `make .tools/nannyml/bin/python`. What is missing is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.monitors.contract import MonitorSpec, Rows, Seen, Series
from holdfast.monitors.outcome import estimated
from holdfast.monitors.streams import watch
from holdfast.plugins import find_monitor
from holdfast.statistics import auc
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trials import outcomes, watched_fairness
from holdfast.testing.watched import answered, credit_days, seen
from holdfast.version import __version__

SEED = 40_000
CHANGE, DAYS = outcomes.CHANGE, 260
NANNYML = Path(".tools/nannyml/bin/python")
WINDOW = 1_000

CBPE = """
import json, sys
import pandas as pd
import nannyml
reference, current = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
ask = nannyml.CBPE(y_pred_proba="score", y_pred="decision", y_true="label", problem_type="classification_binary",
    metrics=["accuracy", "roc_auc"], chunk_size=int(sys.argv[3]))
table = ask.fit(reference).estimate(current).filter(period="analysis").to_df()
print(json.dumps({name: [[float(table[(name, part)].iloc[i]) for part in ("value", "sampling_error")]
    for i in range(len(table))] for name in ("accuracy", "roc_auc")}))
"""

CASES = {
    "outcome.performance": ("a share of outcomes by coin", (0.1, 0.2, 0.4)),
    "outcome.calibration": ("a share of good outcomes turns bad", (0.05, 0.1, 0.33)),
    "outcome.labels": ("a share of outcomes is lost", (0.05, 0.1, 0.3)),
    "outcome.estimated": ("a share comes from near the threshold", (0.1, 0.3, 0.9)),
    "fairness.outcomes": ("a share of women's approvals refused", (0.05, 0.1, 0.2)),
    "fairness.proxies": ("a share of tenants' approvals refused", (0.1, 0.2, 0.33)),
}
"""By monitor, what changes and by how much."""


def spoiler(monitor: str, size: float) -> Any:
    """What happens to a day's rows; nothing but delay where `size` is 0."""

    def of(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
        late = day >= CHANGE and size > 0
        hit = rng.random(len(rows)) < size
        if monitor == "outcome.performance" and late:
            rows = replace(rows, label=np.where(hit, rng.integers(0, 2, len(rows)), rows.label))
        if monitor == "outcome.calibration" and late:
            rows = replace(rows, label=np.where(hit & (rows.label == 1), 0.0, rows.label))
        if monitor == "outcome.estimated" and late:
            rows = rows.take((np.abs(rows.score - 0.5) < 0.25) | ~hit)
        if monitor == "fairness.outcomes" and late:
            rows = replace(rows, decision=np.where(hit & (rows.X[:, -2] == 0), 0.0, rows.decision))
        if monitor == "fairness.proxies" and late:
            rents = rows.X[:, 5] == watched_fairness.RENT
            rows = replace(rows, decision=np.where(hit & rents, 0.0, rows.decision))
        kept = 0.9 * (1 - size) if monitor == "outcome.labels" and late else 0.9
        return outcomes.delayed(rows, day, rng, kept=kept, end=DAYS * outcomes.DAY)

    return of


def stream(monitor: str, size: float, seed: int) -> Seen:
    """84 days of reference, then others, of about 400 decisions each."""
    spec, spoil = find_monitor(monitor), spoiler(monitor, size)
    if monitor == "fairness.proxies":
        return watched_fairness.by_stand_ins(seed, spoil, days=DAYS)
    if monitor == "fairness.outcomes":
        return watched_fairness.by_group(seed, spoil, days=DAYS)
    schema = credit_schema()  # the first column stands for all: nobody asks for the others
    return credit_days(spec, seed, spoil, days=DAYS, schema=schema.with_features(schema.features[:1]))


def alarms(spec: MonitorSpec, stream_seen: Seen) -> tuple[list[int], int, list[Measurement]]:
    """The batches of the first alarm of each series that ever alarms, how many series there are, and the figures."""
    days = np.array([date.fromisoformat(batch.start).toordinal() - 1 for batch in stream_seen.batches])
    found, series, figures = [], 0, []
    for record in spec.run(stream_seen, spec.params):
        if isinstance(record, Measurement):
            figures.append(record)
        if isinstance(record, Series):
            series += 1
            at = watch(record.values, days, stream_seen.ordinary, seed=stream_seen.seed).alarm
            if at is not None:
                found.append(at)
    return found, series, figures


@cache
def truth() -> dict[str, float]:
    """What a million decisions say of the scorecard."""
    rows = answered(credit_rows(1_000_000, 77))
    area, _ = auc(rows.score, rows.label == 1)
    return {
        "performance.accuracy": float((rows.decision == rows.label).mean()),
        "performance.auc": area,
        "performance.brier": float(2 * ((rows.score - rows.label) ** 2).mean()),
        "performance.tpr": float(rows.decision[rows.label == 1].mean()),
        "performance.fpr": float(rows.decision[rows.label == 0].mean()),
        "performance.calibration_bias": float((rows.label - rows.score).mean()),
        "performance.estimated_accuracy": float((rows.decision == rows.label).mean()),
        "performance.estimated_auc": area,
    }


def watched(monitor: str, streams: int, sizes: tuple[float, ...]) -> dict[str, Any]:
    spec, what = find_monitor(monitor), CASES[monitor][0]
    false, each, held = 0, [], dict[str, list[bool]]()
    for number in range(streams):
        found, series, figures = alarms(spec, stream(monitor, 0.0, SEED + number))
        false += bool(found)
        each.append(len(found) / max(1, series))
        for figure in figures:
            if figure.measure in truth() and figure.interval:
                inside = figure.interval.low <= truth()[figure.measure] <= figure.interval.high
                held.setdefault(figure.measure, []).append(inside)
    row: dict[str, Any] = {"monitor": monitor, "what": what, "false": false / streams, "a series": float(np.mean(each))}
    row |= {"series": series, "sizes": sizes}
    for size in sizes:
        firsts = [alarms(spec, stream(monitor, size, 2 * SEED + number))[0] for number in range(streams)]
        late = [min((at - CHANGE + 1 for at in found if at >= CHANGE), default=np.inf) for found in firsts]
        row[f"{size:g}"] = [float(np.median(late)), float(np.mean(np.isinf(late)))]
    row["holds"] = {name: float(np.mean(inside)) for name, inside in held.items()}
    return row


def table(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """All columns as numbers, and whether the outcome is bad or the income high."""
    frame = pd.read_csv(folder / {"adult": "adult.data", "credit default": "credit_default.csv"}[name])
    target = {"adult": "income", "credit default": "default payment"}[name]
    y = (frame.pop(target).astype(str).str.strip().isin([">50K", "1"])).to_numpy().astype(np.int64)
    codes = {c: frame[c] if pd.api.types.is_numeric_dtype(frame[c]) else pd.factorize(frame[c], sort=True)[0]
             for c in frame.columns}  # fmt: skip
    X = pd.DataFrame(codes).to_numpy(dtype=np.float64)
    return X, y


def windows(X: np.ndarray, shifted: bool, many: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of each window: drawn alike, or with chances that rise or fall with one column."""
    found = []
    for _ in range(many):
        chances = np.ones(len(X))
        if shifted:
            values = X[:, rng.integers(X.shape[1])]
            ranks = pd.Series(values).rank(pct=True).to_numpy()
            chances = np.exp(rng.choice([-3.0, -1.5, 1.5, 3.0]) * ranks)
        found.append(rng.choice(len(X), WINDOW, replace=False, p=chances / chances.sum()))
    return found


def estimates(name: str, folder: Path, many: int, seed: int) -> list[dict[str, Any]]:
    """Without and with a shift: how far estimates are from what outcomes show, and how often intervals hold it."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = table(name, folder)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    train, usual, rest = np.split(order, [len(X) * 3 // 10, len(X) // 2])
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(X[train], y[train])

    def rows(which: np.ndarray) -> Rows:
        score = model.predict_proba(X[which])[:, 1]
        return Rows.of(X[which][:, :1], score=score, decision=(score >= 0.5) * 1.0, label=y[which] * 1.0)

    schema = Schema(Task.BINARY, (Feature("first", Kind.NUMBER),), "y", ("no", "yes"), favourable=1)
    found = []
    for shifted in (False, True):
        days = [rows(rest[which]) for which in windows(X[rest], shifted, many, rng)]
        reference = rows(usual)
        hidden = [replace(day, label=np.full(len(day), np.nan)) for day in days]
        ours = [_estimate(seen(estimated.run, schema, reference, [day], ordinary=0)) for day in hidden]
        told = {"table": name, "shift": "by a column" if shifted else "none", "windows": many}
        true = {"accuracy": [float((d.decision == d.label).mean()) for d in days],
                "auc": [auc(d.score, d.label == 1)[0] for d in days]}  # fmt: skip
        for measure in ("accuracy", "auc"):
            scored = _scored([one[measure] for one in ours], true[measure])
            found.append({**told, "measure": measure, "stack": "holdfast", **scored})
        least = float(np.mean([o["least"] <= a for o, a in zip(ours, true["accuracy"], strict=True)]))
        gap = float(np.mean([a - o["least"] for o, a in zip(ours, true["accuracy"], strict=True)]))
        found.append({**told, "measure": "accuracy at least", "stack": "holdfast", "off": gap, "holds": least,
                      "width": gap})  # fmt: skip
        if NANNYML.exists():
            theirs = _nannyml(reference, days)
            for measure, key in (("accuracy", "accuracy"), ("auc", "roc_auc")):
                band = [(v, v - 1.96 * s, v + 1.96 * s) for v, s in theirs[key]]
                found.append({**told, "measure": measure, "stack": "nannyml", **_scored(band, true[measure])})
    return found


def _mean(rows: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Of the same figure on several splits of a table into training data, reference and the rest."""
    numbers = {name: float(np.mean([row[name] for row in rows])) for name in ("off", "holds", "width")}
    return {**rows[0], **numbers, "windows": sum(row["windows"] for row in rows)}


def _estimate(what: Seen) -> dict[str, Any]:
    params = replace(estimated.run.params, window=1)
    by_id = {m.measure: m for m in estimated.run.run(what, params) if isinstance(m, Measurement)}
    told = {name: by_id[f"performance.estimated_{name}"] for name in ("accuracy", "auc")}
    return {**{name: (m.value, m.interval.low, m.interval.high) for name, m in told.items()},
            "least": by_id["performance.estimated_accuracy_at_least"].value}  # fmt: skip


def _scored(told: list[tuple[float, float, float]], true: list[float]) -> dict[str, float]:
    value, low, high = np.array(told).T
    return {"off": float(np.abs(value - true).mean()), "holds": float(((low <= true) & (true <= high)).mean()),
            "width": float((high - low).mean())}  # fmt: skip


def _nannyml(reference: Rows, days: list[Rows]) -> Any:
    def frame(rows: Rows) -> pd.DataFrame:
        return pd.DataFrame(
            {"score": rows.score, "decision": rows.decision.astype(int), "label": rows.label.astype(int)}
        )

    with tempfile.TemporaryDirectory(prefix="bench-outcomes-") as folder:
        files = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
        frame(reference).to_parquet(files[0])
        pd.concat([frame(day) for day in days]).to_parquet(files[1])
        quiet = {"NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        command = [str(NANNYML.absolute()), "-c", CBPE, *files, str(WINDOW)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | quiet)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print two tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.outcomes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: 2 streams, 20 windows")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/tables"), help="left out where it is not there"
    )
    options = parser.parse_args()
    streams = 2 if options.quick else options.streams
    rows = [watched(monitor, streams, sizes[-1:] if options.quick else sizes) for monitor, (_, sizes) in CASES.items()]
    print(
        f"{streams} streams a cell, {DAYS - 84} looks. False: any alarm on a clean one. Then days to an alarm, unseen"
    )
    for row in rows:
        seen_in = ", ".join(f"{size:g} {row[f'{size:g}'][0]:.0f} ({row[f'{size:g}'][1]:.0%})"
                            for size in row["sizes"])  # fmt: skip
        print(f"{row['monitor']:<21}{row['series']:>3} series; false {row['false']:.1%}, of a series "
              f"{row['a series']:.1%}; {row['what']}: {seen_in}")  # fmt: skip
    for row in rows:
        if row["holds"]:
            told = ", ".join(f"{name.partition('.')[2]} {share:.0%}" for name, share in row["holds"].items())
            print(f"{row['monitor']}: 95 % intervals hold the truth: {told}")
    missing, estimated_rows = [], []
    for name in ("adult", "credit default"):
        if options.data.exists():
            splits = [estimates(name, options.data, 20 if options.quick else 100, SEED + split)
                      for split in range(1 if options.quick else 5)]  # fmt: skip
            estimated_rows += [_mean(same) for same in zip(*splits, strict=True)]
        else:
            missing.append(f"{name} is not here ({options.data})")
    missing += [] if NANNYML.exists() else [f"there is no {NANNYML}"]
    print(f"{'Without outcomes':<18}{'shift':<13}{'':<20}{'':<10}{'windows':>8}{'off by':>9}{'holds':>8}{'width':>8}")
    for row in estimated_rows:
        print(f"{row['table']:<18}{row['shift']:<13}{row['measure']:<20}{row['stack']:<10}{row['windows']:>8}"
              f"{row['off']:>9.4f}{row['holds']:>8.1%}{row['width']:>8.4f}")  # fmt: skip
    if missing:
        print("Left out: " + "; ".join(missing) + ".")
    versions = {"holdfast": __version__, "python": platform.python_version(), "numpy": np.__version__}
    figures = {"streams": rows, "estimates": estimated_rows}
    print(json.dumps({"bench": "outcomes", "figures": figures, "seed": SEED, "versions": versions}, default=str))


if __name__ == "__main__":
    main()
