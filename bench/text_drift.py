"""Drift of texts: how often nothing is taken for something, what is found, and what the log keeps of a turn.

    python -m bench.text_drift [--quick] [--data FOLDER]

Texts are public prompts of four kinds (FOLDER/prompts/train.jsonl.gz; see there for their licences). Two samples of
one kind are compared as `holdfast drift` does; to the second one a share of another kind is added. Then it is said how
far a fifth of another kind shifts the numbers that the log keeps of the words of a prompt, in standard deviations of
one prompt, and what working them out costs a turn. No peer is beside it: Evidently's text descriptors have to be told
what to look for, and its domain classifier is another question (see `bench.drift`).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from holdfast.domain.drift import Standing
from holdfast.flows.drift import compare
from holdfast.text.shape import names_of, shape_of
from holdfast.version import __version__

SEED, ROWS = 4_000_000, 1_000
KINDS = ("gpt_tool", "gpt_code", "hh_harmless", "gpt_roleplay")
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)


def read(folder: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    with gzip.open(folder / "prompts" / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            found[one["source"]].append(one["text"])
    return {kind: found[kind] for kind in KINDS}


def compared(texts: dict[str, list[str]], share: float, runs: int) -> dict[str, Any]:
    """Which comparisons say that something moved, and that it drifted, where so many texts are of another kind."""
    moved = drifted = words = 0
    for run in range(runs):
        rng = np.random.default_rng(SEED + run)
        own, other = rng.choice(len(KINDS), 2, replace=False)
        first, second = texts[KINDS[own]], texts[KINDS[other]]
        order = rng.permutation(len(first))
        half = min(ROWS, len(first) // 2)
        now = [first[i] for i in order[half : 2 * half]]
        for place in np.flatnonzero(rng.random(half) < share):
            now[place] = second[int(rng.integers(len(second)))]
        then = pd.DataFrame({"asked": [first[i] for i in order[:half]]})
        found = compare(then, pd.DataFrame({"asked": now}), seed=run)
        said = {column.name: column.standing for column in found.columns}
        moved += any(one in (Standing.MOVED, Standing.DRIFTED) for one in said.values())
        drifted += Standing.DRIFTED in said.values()
        words += said["vocabulary of asked"] in (Standing.MOVED, Standing.DRIFTED)
    return {"other": share, "runs": runs, "moved": moved / runs, "drifted": drifted / runs, "words": words / runs}


def shapes(texts: dict[str, list[str]]) -> tuple[list[dict[str, Any]], float]:
    """How far a fifth of another kind shifts the number of words that it shifts most; and microseconds a turn."""
    began, made, names = process_time(), {}, names_of("prompt")
    for kind, some in texts.items():
        told = [dict(shape_of(text, "prompt")) for text in some]
        made[kind] = np.array([[one[name] for name in names] for one in told if names[0] in one])
    micros = 1e6 * (process_time() - began) / sum(map(len, texts.values()))
    rows = []
    for one, other in combinations(KINDS, 2):
        gaps = np.abs(made[other].mean(axis=0) - made[one].mean(axis=0)) / made[one].std(axis=0)
        rows.append({"from": one, "to": other, "shift of a fifth": 0.2 * float(gaps.max())})
    return rows, micros


def main() -> None:
    """Print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.text_drift", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the comparisons")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where prompts/train.jsonl.gz lies")
    options = parser.parse_args()
    texts, runs = read(options.data), 20 if options.quick else 200
    rows = [compared(texts, share, runs) for share in SHARES]
    print(f"{ROWS:,} texts then and now, some of the latter of another kind: comparisons that say so")
    print(f"{'other':>8}{'runs':>8}{'moved':>10}{'drifted':>10}{'by words':>10}")
    for row in rows:
        shares = "".join(f"{row[name]:>10.1%}" for name in ("moved", "drifted", "words"))
        print(f"{row['other']:>8.0%}{row['runs']:>8}{shares}")
    kept, micros = shapes(texts)
    print("What a fifth of other prompts shifts in the log's numbers of words, in standard deviations of a prompt")
    for row in kept:
        print(f"{row['from']:>14} → {row['to']:<14}{row['shift of a fifth']:.2f}")
    print(f"The shape of a prompt takes {micros:.0f} µs")
    print(json.dumps({"bench": "text_drift", "comparisons": rows, "shapes": kept, "micros": micros, "seed": SEED,
                      "versions": {"holdfast": __version__, "numpy": np.__version__}}))  # fmt: skip


if __name__ == "__main__":
    main()
