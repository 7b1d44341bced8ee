"""Rates by group with their uncertainty: Holdfast's counts beside Fairlearn's MetricFrame and its bootstrap.

    python -m bench.fairness [--quick]

Same rows, same groups, one run. Prints a table, then one line of JSON. Three questions: how long it takes as the rows
grow; whether the point values agree; and, where the truth is known, how often the 95 % interval of the smallest impact
ratio holds it, and how often it holds its own point.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version

import numpy as np

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.groups import mean_contrasts, rate_contrasts, selection_rates
from holdfast.measures import CALIBRATION_GAP
from holdfast.probes.fairness._groups import groupings
from holdfast.probes.fairness._outcomes import moments, tabulate

GROUPS = 20
SEED = 7
SCHEMA = Schema(
    task=Task.BINARY,
    features=(Feature("x", Kind.NUMBER),),
    target="approved",
    classes=("no", "yes"),
    favourable=1,
    protected=("group",),
)


def rows(n: int, groups: int, seed: int, rates: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """`n` decisions whose selection rate by group is `rates`, with labels and scores."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    rates = np.linspace(0.3, 0.5, groups) if rates is None else rates
    decision = (rng.random(n) < rates[group]).astype(np.int64)
    label = np.where(rng.random(n) < 0.8, decision, 1 - decision)
    return {"group": group, "decision": decision, "label": label, "score": rng.random(n)}


def holdfast(data: dict[str, np.ndarray], groups: int) -> dict[str, object]:
    """All rates, impact ratios, differences and calibration gaps with simultaneous intervals, by measure and group."""
    table = Dataset(
        X=np.empty((len(data["group"]), 0)),
        y=None,
        protected={"group": Attribute(data["group"], tuple(map(str, range(groups))))},
    )
    compared = groupings(table)
    tables = tabulate(compared, data["decision"], data["label"], 1)
    found = list(selection_rates(tables, SCHEMA))
    gaps = mean_contrasts(CALIBRATION_GAP, list(moments(compared, data["label"] - data["score"])), 1)
    for contrast in (*rate_contrasts(tables, SCHEMA), *gaps):
        found += contrast.measurements(SCHEMA)
    return {(m.measure.partition(".")[2], int(m.scope[0][1].partition("=")[2])): m for m in found}


def fairlearn(data: dict[str, np.ndarray], boots: int | None = None) -> object:
    """Six metrics by group, with `boots` row bootstraps."""
    from fairlearn.metrics import (
        MetricFrame,
        count,
        false_negative_rate,
        false_positive_rate,
        mean_prediction,
        selection_rate,
        true_positive_rate,
    )

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "fnr": false_negative_rate,
        "mean_prediction": mean_prediction,
        "count": count,
    }
    bootstrap = {} if boots is None else {"n_boot": boots, "ci_quantiles": [0.025, 0.975], "random_state": SEED}
    return MetricFrame(
        metrics=metrics,
        y_true=data["label"],
        y_pred=data["decision"],
        sensitive_features=data["group"],
        **bootstrap,
    )


def seconds(work, *args) -> float:
    """Wall time of one call, the best of three if it is short."""
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        work(*args)
        best = min(best, time.perf_counter() - start)
        if best > 3:
            break
    return best


def speed(sizes: tuple[int, ...], boots: int) -> list[dict[str, float]]:
    """Time by number of rows; Fairlearn's 100 bootstraps are what `boots` of them cost, times 100 / `boots`."""
    found = []
    for n in sizes:
        data = rows(n, GROUPS, SEED)
        plain = seconds(fairlearn, data)
        start = time.perf_counter()
        fairlearn(data, boots)
        hundred = (time.perf_counter() - start - plain) * 100 / boots + plain
        ours = seconds(holdfast, data, GROUPS)
        found.append({"rows": n, "holdfast": ours, "fairlearn_points": plain, "fairlearn_100_boots": hundred})
    return found


def agreement(n: int) -> float:
    """Largest difference between the point values of both."""
    data = rows(n, GROUPS, SEED)
    by_group, ours = fairlearn(data).by_group, holdfast(data, GROUPS)
    worst = 0.0
    for g in range(GROUPS):
        row = by_group.loc[g]
        pairs = [
            (ours["selection_rate", g].value, row["selection_rate"]),
            (ours["impact_ratio", g].value, row["selection_rate"] / by_group["selection_rate"].max()),
            (ours["tpr_difference", g].value, by_group["tpr"].max() - row["tpr"]),
            (ours["fpr_difference", g].value, by_group["fpr"].max() - row["fpr"]),
        ]
        worst = max(worst, *(abs(a - b) for a, b in pairs))
    return worst


def coverage(draws: int, boots: int) -> list[dict[str, float]]:
    """Known truth, 400 rows: how often each interval holds the smallest impact ratio, and its own point."""
    from fairlearn.metrics import MetricFrame, selection_rate

    cases = {"equal": np.full(4, 0.5), "one lower": np.array([0.5, 0.5, 0.5, 0.35])}
    found = []
    for name, rates in cases.items():
        truth = rates.min() / rates.max()
        held, own = np.zeros(2), np.zeros(2)
        for draw in range(draws):
            data = rows(400, 4, 1_000 + draw, rates)
            ratios = [m for (measure, _), m in holdfast(data, 4).items() if measure == "impact_ratio"]
            lowest = min(ratios, key=lambda m: m.value)
            frame = MetricFrame(
                metrics=selection_rate,
                y_true=data["label"],
                y_pred=data["decision"],
                sensitive_features=data["group"],
                n_boot=boots,
                ci_quantiles=[0.025, 0.975],
                random_state=draw,
            )
            # the smallest true ratio lies between the smallest lower and the smallest upper end of all groups
            intervals = (
                (min(m.interval.low for m in ratios), min(m.interval.high for m in ratios), lowest.value),
                (*frame.ratio_ci(), frame.ratio()),
            )
            for k, (low, high, point) in enumerate(intervals):
                held[k] += low - 1e-9 <= truth <= high + 1e-9
                own[k] += low - 1e-9 <= point <= high + 1e-9
        found.append(
            {
                "case": name,
                "truth": float(truth),
                "holdfast_holds_truth": held[0] / draws,
                "fairlearn_holds_truth": held[1] / draws,
                "holdfast_holds_own_point": own[0] / draws,
                "fairlearn_holds_own_point": own[1] / draws,
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ends within 50 s on 2 cores")
    quick = parser.parse_args().quick
    holdfast(rows(1_000, GROUPS, SEED), GROUPS)  # imports are no part of the comparison
    fairlearn(rows(1_000, GROUPS, SEED))
    times = speed((10_000, 100_000) if quick else (10_000, 100_000, 1_000_000), boots=2)
    million = seconds(holdfast, rows(1_000_000, GROUPS, SEED), GROUPS)
    worst = agreement(50_000)
    covered = coverage(20 if quick else 200, boots=50 if quick else 100)

    print(f"{'rows':>10} {'Holdfast, intervals':>20} {'Fairlearn, points':>18} {'100 boots':>10} {'ratio':>8}")
    for row in times:
        ratio = row["fairlearn_100_boots"] / row["holdfast"]
        print(
            f"{row['rows']:>10,} {row['holdfast']:>18.3f} s {row['fairlearn_points']:>16.2f} s "
            f"{row['fairlearn_100_boots']:>8.1f} s {ratio:>7,.0f}x"
        )
    print(f"{1_000_000:>10,} {million:>18.3f} s   (goal 0.2 s)")
    print(f"largest difference of point values: {worst:.1e}")
    for row in covered:
        print(
            f"{row['case']:>10}: interval holds the truth {row['holdfast_holds_truth']:.0%} (Holdfast), "
            f"{row['fairlearn_holds_truth']:.0%} (Fairlearn); its own point {row['holdfast_holds_own_point']:.0%}, "
            f"{row['fairlearn_holds_own_point']:.0%}"
        )
    figures = {
        "speed": times,
        "million_rows_seconds": million,
        "largest_difference": worst,
        "coverage": covered,
        "ratio_at_most_rows": times[-1]["fairlearn_100_boots"] / times[-1]["holdfast"],
        "versions": {name: version(name) for name in ("holdfast", "fairlearn", "numpy", "scipy")},
        "seed": SEED,
        "quick": quick,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
