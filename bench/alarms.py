"""How often watching a stream cries wolf, and how soon it sees a change.

    python -m bench.alarms [--quick] [--streams N]

Streams are daily means of 500 rows, in standard deviations of a row, twelve weeks of which are the reference. Each
clean one is looked at a thousand times; the share that ever alarms stands beside what was promised. To others a shift
is added after a hundred days: the median delay in days, and how many are not seen within a hundred. The seeds are none
with which anything was chosen.
"""

from __future__ import annotations

import argparse
import json
import platform
from math import sqrt
from typing import Any

import numpy as np

from holdfast.monitors.streams import watch
from holdfast.version import __version__

SEED = 5_000_000
ROWS, REFERENCE, BEFORE, AFTER, LOOKS = 500, 84, 100, 100, 1_000
SHIFTS = (0.1, 0.2, 0.5)


def made(kind: str, T: int, rng: np.random.Generator) -> np.ndarray:
    chance, day = rng.normal(0, 1 / sqrt(ROWS), T), np.arange(T)
    if kind == "season and daily effects":
        return chance + 0.2 * np.sin(2 * np.pi * day / 7) + rng.normal(0, 0.05, T)
    if kind == "heavy tails":
        return 0.05 * rng.standard_t(3, T)
    if kind == "skewed":
        return 0.05 * (rng.exponential(1, T) - 1)
    if kind.startswith("days tied by "):
        tie, found = float(kind.rpartition(" ")[2]), np.zeros(T)
        for t, news in enumerate(rng.normal(0, 0.05 * sqrt(1 - tie**2), T)):
            found[t] = tie * found[t - 1] + news
        return found
    return chance


KINDS = {
    "independent": 0.02,
    "season and daily effects": 0.02,
    "heavy tails": 0.02,
    "skewed": 0.02,
    "days tied by 0.8": 0.05,
}
"""What each may show of false alarms in a thousand looks."""


def looked(kind: str, streams: int) -> dict[str, Any]:
    def seen(seed: int, T: int, shift: float = 0.0) -> Any:
        values = made(kind, T, np.random.default_rng(seed))
        values[REFERENCE + BEFORE :] += shift
        return watch(values, np.arange(T), REFERENCE, seed=seed)

    alarms = [seen(SEED + n, REFERENCE + LOOKS).alarm is not None for n in range(streams)]
    row: dict[str, Any] = {"stream": kind, "false": float(np.mean(alarms)), "promised": KINDS[kind]}
    for shift in SHIFTS:
        found = [seen(2 * SEED + n, REFERENCE + BEFORE + AFTER, shift).alarm for n in range(streams)]
        late = [np.inf if at is None else at - REFERENCE - BEFORE + 1 for at in found]
        delays = [delay for delay in late if delay > 0]
        row[f"delay {shift}"] = float(np.median(delays))
        row[f"unseen {shift}"] = float(np.mean(np.isinf(delays)))
    return row


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.alarms", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: 40 streams of each kind")
    parser.add_argument("--streams", type=int, default=300)
    options = parser.parse_args()
    streams = 40 if options.quick else options.streams
    rows = [looked(kind, streams) for kind in KINDS]
    heads = "".join(f"{f'shift {shift}':>11}{'unseen':>8}" for shift in SHIFTS)
    print(f"{streams} streams of each kind; alarms in {LOOKS:,} looks, then days until a shift is seen")
    print(f"{'':<26}{'false':>8}{'promised':>10}{heads}")
    for row in rows:
        cells = "".join(f"{row[f'delay {shift}']:>11.0f}{row[f'unseen {shift}']:>8.0%}" for shift in SHIFTS)
        print(f"{row['stream']:<26}{row['false']:>8.1%}{row['promised']:>10.0%}{cells}")
    told = {"holdfast": __version__, "python": platform.python_version(), "numpy": np.__version__}
    figures = [{k: None if v == np.inf else v for k, v in row.items()} for row in rows]
    print(json.dumps({"bench": "alarms", "figures": figures, "streams": streams, "seed": SEED, "versions": told}))


if __name__ == "__main__":
    main()
