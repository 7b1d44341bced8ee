"""Credit decisions of women and men by the day: treated alike, or not from one day on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.domain.schema import Feature, Kind, Schema
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import Rows, Seen
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.trial import MonitorTrial
from holdfast.testing.watched import credit_days

CHANGE, DAYS = 110, 160
OWN, RENT = 0, 1
"""Codes of housing."""

RACES = ("Asian", "Black", "white")


def schema_with_groups() -> Schema:
    """The made-up credit decision with sex and race among what the model is given."""
    schema = credit_schema()
    sex = Feature("sex", Kind.CATEGORY, categories=("female", "male"), immutable=True, dtype="str")
    race = Feature("race", Kind.CATEGORY, categories=RACES, immutable=True, dtype="str")
    return replace(schema, features=(*schema.features, sex, race), protected=("sex", "race"))


def people_with_groups(n: int, seed: int) -> Dataset:
    """Applicants with sex and race, which are drawn apart from everything else."""
    rows = credit_rows(n, seed)
    race = np.random.default_rng([seed, 5]).choice(len(RACES), n, p=(0.2, 0.3, 0.5))
    return replace(rows, X=np.column_stack([rows.X, rows.protected["sex"].codes, race]))


def harsher(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, a fifth of the approvals of women are refused."""
    women = rows.X[:, -2] == 0
    refused = (day >= CHANGE) & women & (rng.random(len(rows)) < 0.2)
    return replace(rows, decision=np.where(refused, 0.0, rows.decision))


def by_group(seed: int, spoil: Any, *, days: int = DAYS) -> Seen:
    """What `fairness.outcomes` sees of days that are spoilt like this."""
    from holdfast.monitors.fairness.outcomes import run

    return credit_days(run, seed, spoil, days=days, schema=schema_with_groups(), people=people_with_groups)


outcomes = MonitorTrial(
    planted=lambda seed: by_group(seed, harsher),
    clean=lambda seed: by_group(seed, lambda rows, _day, _rng: rows),
    finds="fairness.selection_gap",
)


def people_of_two_places(n: int, seed: int) -> Dataset:
    """Applicants of whom most women rent; their sex is known here, and no feature of the model."""
    rows = credit_rows(n, seed)
    rng, X = np.random.default_rng([seed, 6]), rows.X.copy()
    women = rows.protected["sex"].codes == 0
    X[:, credit_schema().index("housing")] = np.where(rng.random(n) < np.where(women, 0.8, 0.2), RENT, OWN)
    return replace(rows, X=X)


def harsher_on_tenants(rows: Rows, day: int, rng: np.random.Generator) -> Rows:
    """From the day of the change on, a third of the approvals of those who rent are refused."""
    rents = rows.X[:, credit_schema().index("housing")] == RENT
    refused = (day >= CHANGE) & rents & (rng.random(len(rows)) < 1 / 3)
    return replace(rows, decision=np.where(refused, 0.0, rows.decision))


def by_stand_ins(seed: int, spoil: Any, *, days: int = DAYS) -> Seen:
    """What `fairness.proxies` sees of days that are spoilt like this."""
    from holdfast.monitors.fairness.proxies import proxy_table, run

    held_out = people_of_two_places(4_000, 3_000_000 + seed)

    def with_table(baseline: Baseline) -> Baseline:
        cross = proxy_table(baseline, Rows.of(held_out.X), "sex", held_out.protected["sex"], run.params)
        return replace(baseline, usual=replace(baseline.usual, crosses=(cross,)))

    return credit_days(run, seed, spoil, days=days, people=people_of_two_places, more=with_table)


proxies = MonitorTrial(
    planted=lambda seed: by_stand_ins(seed, harsher_on_tenants),
    clean=lambda seed: by_stand_ins(seed, lambda rows, _day, _rng: rows),
    finds="fairness.proxy_selection_gap",
)
