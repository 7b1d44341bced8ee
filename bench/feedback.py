"""Whose labels were turned: who is named, how soon, who wrongly; and which rows a gate keeps out of training.

    python -m bench.feedback [--quick] [--data FOLDER]

Labels are those of real rows (`../shared/data/tables`), 500 a day from forty sources, whose habits differ: each gives
up to a few labels in a hundred in its own favour. After four weeks two of them turn labels, so that `bad` of all labels
are wrong: any (`turn`), or only those of people with the unfavourable outcome (`favour`), or those of one part of the
people (`part`: the upper quarter of the first number). `named` is the share of colluders named within eight weeks,
`weeks` the median time that took, `wrongly` honest sources named, in all runs. `psi`, `label rate` and `per source` are
what is used otherwise: the population stability index of the week's labels above 0.1, the week's label rate outside
four standard errors, and a source's weekly label rate outside four standard errors of the others' (an alarm about the
right source counts as named). ART's provenance defence (Baracaldo et al. 2017) stands beside them where
`.tools/art/bin/python` has it (`make .tools/art/bin/python`): one look at the end, on one seed, at 4,000 labels, half
of them its validation data, with the sources that it would remove.

The gate judges the eight weeks at once, with the frozen model's scores: `precision` and `recall` are of the rows held
back against the labels that were turned; of `clean` labels, how many rows are held back. `own` mixes in rows that the
model labelled itself, half of all, with the log beside.

Margins were chosen on both tables with seeds 410 to 423, and the bets on labels turned either way came after a look at
seed 400. The seeds here are others.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, replace
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench.real_traffic import DATA, Traffic, traffic
from holdfast.domain.finding import Finding
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows
from holdfast.monitors.feedback.gate import Admitted, Why, judge
from holdfast.plugins import find_monitor
from holdfast.testing.traffic import FIRST, baseline_of, moment, seen_of, together
from holdfast.version import __version__

SEED = 800
TABLES = ("adult", "credit_default")
SOURCES, A_DAY, ORDINARY, WATCHED = 40, 500, 28, 56
HABIT = 0.02
BADS = (0.0, 0.0044, 0.0094)
GATED = (("clean", 0.0), ("turn", 0.01), ("turn", 0.02), ("favour", 0.01), ("favour", 0.02), ("part", 0.02))
KINDS = ("turn", "favour", "part")
ART = Path(".tools/art/bin/python")
PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy")

PROVENANCE = """
import json, sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from art.estimators.classification import SklearnClassifier
from art.defences.detector.poison import ProvenanceDefense
told = np.load(sys.argv[1])
X, y, who = told["X"], np.eye(2)[told["y"]], np.eye(int(told["who"].max()) + 1)[told["who"]]
model = LogisticRegression(max_iter=1000).fit(X, told["y"])
half = len(X) // 2
def right(true, said):  # its own accuracy cannot read what its own classifier for scikit-learn says
    return float((true.argmax(axis=1) == said.argmax(axis=1)).mean())
defence = ProvenanceDefense(SklearnClassifier(model), X[:half], y[:half], who[:half], X[half:], y[half:],
    eps=0.0, perf_func=right)
report, clean = defence.detect_poison()
wrong = np.flatnonzero(np.asarray(clean) == 0)
print(json.dumps(sorted({int(w) for w in told["who"][:half][wrong]})))
"""


@dataclass(frozen=True, eq=False)
class Stream:
    """Days of labels, and what is true of them: who turns labels, and which ones were, by day."""

    days: list[Rows]
    colluders: frozenset[str]
    turned: list[np.ndarray]


def stream(t: Traffic, seed: int, kind: str, bad: float) -> Stream:
    rng = np.random.default_rng((seed, 7))
    names = np.array([f"source-{k:02d}" for k in range(SOURCES)], dtype=object)
    pair, habit = rng.choice(SOURCES, 2, replace=False), rng.uniform(-HABIT, HABIT, SOURCES)
    order, favourable = rng.permutation(len(t.live.X)), t.schema.favourable
    part = t.live.X[:, 0] >= np.nanquantile(t.live.X[:, 0], 0.75)
    all_rows = t.rows(t.live.X, t.live.y)
    days, turned = [], []
    for day in range(ORDINARY + WATCHED):
        chosen = order[np.arange(day * A_DAY, (day + 1) * A_DAY) % len(order)]
        who, label = rng.integers(0, SOURCES, A_DAY), t.live.y[chosen].astype(float)
        own = (rng.random(A_DAY) < np.abs(habit[who])) & ((label == favourable) == (habit[who] < 0))
        label[own] = 1 - label[own]
        may = np.isin(who, pair)
        may &= {"turn": np.ones(A_DAY, dtype=bool), "favour": label != favourable, "part": part[chosen]}[kind]
        candidates = rng.permutation(np.flatnonzero(may))
        bads = candidates[: rng.binomial(A_DAY, bad)] if day >= ORDINARY else candidates[:0]
        label[bads] = 1 - label[bads]
        at = moment(day) + np.sort(rng.random(A_DAY)) * 86_400
        known = {"label": label, "source": names[who], "at": at, "label_at": at}
        days.append(replace(all_rows.take(chosen), **known))
        turned.append(np.isin(np.arange(A_DAY), bads))
    return Stream(days, frozenset(names[pair].tolist()), turned)


# --- who is named -----------------------------------------------------------------------------------------------------


def holdfast(s: Stream, baseline: Baseline) -> dict[str, int]:
    """Whom the monitor names, and on which day after the start."""
    spec = find_monitor("feedback.sources")
    seen = seen_of(spec, baseline, s.days, ordinary=ORDINARY)
    found: dict[str, int] = {}
    for one in spec.run(seen, spec.params):
        if isinstance(one, Finding) and one.exhibits:
            for name, _, day, *_ in one.exhibits[0].rows:
                at = (date.fromisoformat(str(day)) - FIRST).days - ORDINARY + 1
                found[str(name)] = min(found.get(str(name), at), at)
    return found


def weeks_of(s: Stream) -> list[Rows]:
    return [together(s.days[k : k + 7]) for k in range(0, len(s.days), 7)]


def whole_stream(s: Stream, how: str) -> int | None:
    """On which day after the start label rates alarm about all labels together; None where they never do."""
    weeks = weeks_of(s)
    usual = np.concatenate([week.label for week in weeks[: ORDINARY // 7]])
    p = usual.mean()
    for k, week in enumerate(weeks[ORDINARY // 7 :]):
        q, n = week.label.mean(), len(week)
        psi = (p - q) * np.log(p / q) + (q - p) * np.log((1 - p) / (1 - q))
        far = abs(q - p) > 4 * np.sqrt(p * (1 - p) * (1 / n + 1 / len(usual)))
        if (psi > 0.1) if how == "psi" else far:
            return 7 * (k + 1)
    return None


def per_source(s: Stream) -> dict[str, int]:
    """Sources whose label rate of a week lies four standard errors off the others', and on which day."""
    found: dict[str, int] = {}
    for k, week in enumerate(weeks_of(s)[ORDINARY // 7 :]):
        for name in np.unique(week.source.astype(str)):
            own, others = week.label[week.source == name], week.label[week.source != name]
            error = np.sqrt(others.mean() * (1 - others.mean()) * (1 / len(own) + 1 / len(others)))
            if abs(own.mean() - others.mean()) > 4 * error:
                found.setdefault(name, 7 * (k + 1))
    return found


def provenance(t: Traffic, s: Stream) -> dict[str, int] | None:
    """Sources from which ART's provenance defence would remove rows, at the end; None where it is not there."""
    if not ART.exists():
        return None
    rows = together(s.days[ORDINARY:])
    X = np.nan_to_num((rows.X - np.nanmean(t.train.X, axis=0)) / (np.nanstd(t.train.X, axis=0) + 1e-9))
    names, who = np.unique(rows.source.astype(str), return_inverse=True)
    order = np.random.default_rng(0).permutation(len(X))[:4_000]
    with tempfile.TemporaryDirectory(prefix="bench-feedback-") as folder:
        file = str(Path(folder) / "rows.npz")
        np.savez(file, X=X[order], y=rows.label[order].astype(int), who=who[order])
        done = subprocess.run(
            [str(ART), "-c", PROVENANCE, file], check=False, capture_output=True, text=True, timeout=600
        )
    if done.returncode:
        print("ART's provenance defence: " + (done.stderr.strip().splitlines() or ["?"])[-1][:160])
        return None
    return {str(names[k]): WATCHED for k in json.loads(done.stdout.splitlines()[-1])}


def sources(t: Traffic, seed: int, *, with_art: bool) -> list[dict[str, Any]]:
    baseline = baseline_of(find_monitor("feedback.sources"), t.schema, t.train.X, t.usual)
    rows = []
    for kind in KINDS:
        for bad in BADS if kind == KINDS[0] else BADS[1:]:
            s = stream(t, seed, kind, bad)
            told: dict[str, dict[str, int] | None] = {"holdfast": holdfast(s, baseline), "per source": per_source(s)}
            for how in ("psi", "label rate"):  # an alarm that names nobody; on clean labels a false one
                at = whole_stream(s, how)
                told[how] = {} if at is None else {"": at}
            told["ART provenance"] = provenance(t, s) if with_art and kind == KINDS[0] else None
            rows += [_named(t, s, kind, bad, by, found) for by, found in told.items() if found is not None]
    return rows


def _named(t: Traffic, s: Stream, *told: Any) -> dict[str, Any]:
    kind, bad, by, found = told
    right = [day for name, day in found.items() if name in s.colluders and bad > 0]
    wrong = [name for name in found if name and (name not in s.colluders or bad == 0)]
    return {"table": t.name, "kind": kind if bad else "clean", "bad": bad, "by": by, "named": len(right) / 2,
            "weeks": [day / 7 for day in right], "wrongly": len(wrong), "alarm": bool(found)}  # fmt: skip


# --- the gate ---------------------------------------------------------------------------------------------------------


def gate(t: Traffic, seed: int) -> list[dict[str, Any]]:
    baseline = baseline_of(find_monitor("feedback.sources"), t.schema, t.train.X, t.usual)
    rows = []
    for kind, bad in (
        ("clean", 0.0),
        ("turn", 0.01),
        ("turn", 0.02),
        ("favour", 0.01),
        ("favour", 0.02),
        ("part", 0.02),
    ):
        s = stream(t, seed, "turn" if kind == "clean" else kind, bad)
        said = judge(baseline, together(s.days[ORDINARY:]))
        rows.append(_judged(t, kind, bad, said, np.concatenate(s.turned[ORDINARY:])))
    return [*rows, _own(t, seed, baseline)]


def _own(t: Traffic, seed: int, baseline: Baseline) -> dict[str, Any]:
    """Half of the rows have the label that the model gave, and nobody vouches for any."""
    n = min(4_000, len(t.live.X) // 2)
    live = t.live.sample(n, np.random.default_rng(seed))
    log = t.rows(live.X, id=np.array([f"decision-{k}" for k in range(n)], dtype=object))
    own = np.random.default_rng(seed).random(n) < 0.5
    candidate = replace(log, label=np.where(own, log.decision, live.y.astype(float)))
    said = judge(baseline, candidate, log)
    honest = judge(baseline, replace(log, label=live.y.astype(float)), log)
    row = _judged(t, "own", 0.5, said, own)
    return row | {"produced": said.produced, "held of honest": sum(one.why is Why.OWN for one in honest.held)}


def _judged(t: Traffic, kind: str, bad: float, said: Admitted, wrong: np.ndarray) -> dict[str, Any]:
    held = np.zeros(len(wrong), dtype=bool)
    held[[one.row for one in said.held]] = True
    return {"table": t.name, "kind": kind, "bad": bad, "outcome": said.outcome.value, "held": int(held.sum()),
            "of": len(held), "wrong": int(wrong.sum()),
            "precision": float(wrong[held].mean()) if held.any() else None,
            "recall": float(held[wrong].mean()) if wrong.any() else None,
            "named": [one.name for one in said.named]}  # fmt: skip


# --- tables -----------------------------------------------------------------------------------------------------------


def summed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By table, what was planted, and contender, over seeds."""
    found = []
    for key in dict.fromkeys((r["table"], r["kind"], r["bad"], r["by"]) for r in rows):
        own = [r for r in rows if (r["table"], r["kind"], r["bad"], r["by"]) == key]
        weeks = [week for r in own for week in r["weeks"]]
        found.append(dict(zip(("table", "kind", "bad", "by"), key, strict=True)) | {
            "named": float(np.mean([r["named"] for r in own])),
            "weeks": float(np.median(weeks)) if weeks else None,
            "wrongly": sum(r["wrongly"] for r in own),
            "alarms": sum(r["alarm"] for r in own), "runs": len(own)})  # fmt: skip
    return found


def main() -> None:
    """Print two tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.feedback", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: one seed, no ART")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the tables")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    seeds = range(SEED, SEED + (1 if options.quick else options.seeds))
    named: list[dict[str, Any]] = []
    judged: list[dict[str, Any]] = []
    for name in TABLES:
        for seed in seeds:
            try:
                t = traffic(name, seed, options.data)
            except FileNotFoundError:
                print(f"{name} is not in {options.data}; left out")
                break
            named += sources(t, seed, with_art=seed == SEED and not options.quick)
            judged += gate(t, seed)
    print(f"{'':<16}{'':<8}{'bad':>6}  {'':<16}{'named':>7}{'weeks':>7}{'wrongly':>9}{'runs that alarm':>17}")
    for r in summed(named):
        weeks = "-" if r["weeks"] is None else f"{r['weeks']:.1f}"
        print(f"{r['table']:<16}{r['kind']:<8}{r['bad']:>6.2%}  {r['by']:<16}{r['named']:>7.0%}{weeks:>7}"
              f"{r['wrongly']:>9}{r['alarms']:>10} of {r['runs']}")  # fmt: skip
    print(f"\n{'':<16}{'':<8}{'bad':>6}{'outcome':>14}{'held':>7}{'wrong':>7}{'precision':>11}{'recall':>8}")
    for r in judged:
        shares = [" -" if r[name] is None else f"{r[name]:.2f}" for name in ("precision", "recall")]
        print(f"{r['table']:<16}{r['kind']:<8}{r['bad']:>6.2%}{r['outcome']:>14}{r['held']:>7}{r['wrong']:>7}"
              f"{shares[0]:>11}{shares[1]:>8}")  # fmt: skip
    if not ART.exists():
        print(f"Left out: there is no {ART}.")
    told = {"holdfast": __version__, "python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES}
    print(json.dumps({"bench": "feedback", "named": summed(named), "gate": judged, "seeds": list(seeds),
                      "versions": told}))  # fmt: skip


if __name__ == "__main__":
    main()
