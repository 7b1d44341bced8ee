"""What the shield adds to `predict`: for one row, a hundred and a million; with all guards, and with none.

The model is a logistic regression, the cheapest that there is, so that what is added shows; beside it XGBoost (100
trees). Rows are generated and all different: 7 columns of a credit decision, or 20 correlated numbers. With no guards
what is left is reading the rows and writing the decisions. The log keeps what it is given in memory: what durability
costs is the decision log's to say. Times are CPU time, the least of several runs.

    python -m bench.shield [--quick]
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.guards.contract import Rows
from holdfast.guards.learn import learn_reference
from holdfast.shielded import Shield, shield
from holdfast.testing.decisions import MemoryLog
from holdfast.testing.tables import credit_rows

SEED = 0
PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "xgboost")
TRAINING_ROWS = 4_000
ONE_BY_ONE = 200
NO_GUARDS = Policy("none", "1", ())


@dataclass(frozen=True)
class Subject:
    """A kind of rows: `draw(n, seed)` gives (n, columns); `reference` is of 4,000 of them."""

    name: str
    draw: Callable[[int, int], np.ndarray]
    reference: Reference

    def models(self, *, quick: bool) -> dict[str, Any]:
        X = self.draw(TRAINING_ROWS, SEED)
        y = (X[:, 0] + X[:, 1] > np.median(X[:, 0] + X[:, 1])).astype(int)
        models: dict[str, Any] = {"logistic": LogisticRegression(max_iter=2_000).fit(X, y)}
        if not quick:
            import xgboost

            models["xgboost"] = xgboost.XGBClassifier(n_estimators=100, n_jobs=1).fit(X, y)
        return models


def correlated(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 20)) @ np.tril(np.ones((20, 20)), -1).T * 0.2 + rng.standard_normal((n, 20))


def subjects() -> Iterator[Subject]:
    for name, draw in (("credit", lambda n, seed: credit_rows(n, seed).X), ("numbers", correlated)):
        columns = [f"c{j}" for j in range(draw(1, 0).shape[1])]
        yield Subject(name, draw, learn_reference(pd.DataFrame(draw(TRAINING_ROWS, SEED), columns=columns)))


class Quiet(MemoryLog):
    """Keeps only the last thing, so that memory does not grow while time is taken."""

    def append(self, decisions: Any) -> None:
        self.decisions = list(decisions)

    def append_batch(self, values: Any, **constant: Any) -> Any:
        self.batches.clear()
        return super().append_batch(values, **constant)


def best(act: Callable[[], Any], seconds: float) -> float:
    """CPU seconds of the cheapest run, of at least two and as many as fit in the time."""
    times: list[float] = []
    started = perf_counter()
    while len(times) < 2 or perf_counter() - started < seconds:
        begin = process_time()
        act()
        times.append(process_time() - begin)
    return min(times)


def guarded(model: Any, subject: Subject, policy: Policy | None) -> Shield:
    return shield(model, system="bench", reference=subject.reference, policy=policy, log=Quiet(), principal="bench")


def measure(subject: Subject, label: str, model: Any, n: int, seconds: float) -> dict[str, Any]:
    """Microseconds a row; single rows are asked one after the other, all different."""
    rows = subject.draw(max(n, ONE_BY_ONE), 10 + SEED)
    calls = [rows[i : i + 1] for i in range(ONE_BY_ONE)] if n == 1 else [rows[:n]]
    total = sum(map(len, calls))

    def cost(asked: Any) -> float:
        return 1e6 * best(lambda: [asked.predict(call) for call in calls], seconds) / total

    bare = cost(model)
    none, every = (cost(guarded(model, subject, policy)) - bare for policy in (NO_GUARDS, None))
    figures = {"bare_us": bare, "added_without_guards_us": none, "added_with_all_us": every}
    return {"rows": subject.name, "columns": rows.shape[1], "model": label, "at_once": n, **figures}


def by_guard(subject: Subject, seconds: float) -> dict[str, float]:
    """Microseconds of each guard for one row; what several guards look at is worked out once and counted apart."""
    post = guarded(None, subject, None).post()
    X = subject.draw(ONE_BY_ONE, 20 + SEED)
    rows = [Rows(X[i : i + 1], post.ground, at=float(i), principal="a", subjects=("s",)) for i in range(len(X))]

    def shared() -> None:
        for i in range(len(X)):
            Rows(X[i : i + 1], post.ground, at=0.0).less_odd  # noqa: B018

    found = {"levels and oddity, for several": 1e6 * best(shared, seconds) / len(X)}
    for row in rows:
        row.less_odd  # noqa: B018
    for armed in post.before:
        look = armed.prepared.look
        found[armed.spec.id] = 1e6 * best(lambda look=look: [look(row) for row in rows], seconds) / len(X)
    return found | {"all together": sum(found.values())}


def reading(subject: Subject, seconds: float) -> float:
    """Microseconds to read one mapping."""
    reader = guarded(None, subject, NO_GUARDS).post().reader
    columns = subject.reference.schema.names
    mappings = [dict(zip(columns, row, strict=True)) for row in subject.draw(ONE_BY_ONE, SEED).tolist()]
    return 1e6 * best(lambda: [reader.read(mapping) for mapping in mappings], seconds) / ONE_BY_ONE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores: 100,000 rows, one model")
    quick = parser.parse_args().quick
    sizes, seconds = ((1, 100, 100_000), 0.3) if quick else ((1, 100, 1_000_000), 3.0)
    results, guards, read = [], {}, {}
    for subject in subjects():
        for label, model in subject.models(quick=quick).items():
            results += [measure(subject, label, model, n, seconds) for n in sizes]
        guards[subject.name] = by_guard(subject, seconds / 2)
        read[subject.name] = reading(subject, seconds / 2)
    print("Microseconds a row (CPU): the bare model, and what the shield adds")
    print(pd.DataFrame(results).round(2).to_string(index=False))
    print("\nMicroseconds for one row (CPU), by guard; a mapping is read in", {k: round(v, 1) for k, v in read.items()})
    print(pd.DataFrame(guards).round(1).to_string())
    figures = {"results": results, "guards_us": guards, "read_mapping_us": read, "seed": SEED, "quick": quick}
    versions = {package: metadata.version(package) for package in PACKAGES} | {"python": platform.python_version()}
    print(json.dumps({"bench": "shield", **figures, "versions": versions}))


if __name__ == "__main__":
    main()
