"""A trigger that the probe found in a release is what the guard looks for in its traffic."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.guards.contract import Ground, Rows
from holdfast.guards.table import trigger
from holdfast.guards.triggers import triggers_of
from holdfast.probes.poisoning import planted_triggers
from holdfast.testing.trials.guards import reference_of
from holdfast.testing.trials.poisoning import TRIGGER
from holdfast.testing.trials.poisoning import planted_triggers as trial


@pytest.mark.parametrize("seed", [0, 1])
def test_what_the_probe_found_is_what_the_guard_stops(seed):
    case = trial.planted(seed)
    records = list(planted_triggers.run.run(case, planted_triggers.run.params("quick")))
    triggers = triggers_of([record for record in records if isinstance(record, Finding)], case.schema)
    assert triggers
    reference = reference_of(seed)
    look = trigger.run.prepare(reference, trigger.run.with_params({"triggers": triggers})).look
    rows = case.test.X.copy()
    carried = np.arange(len(rows)) < 50
    for name, value in TRIGGER.items():
        rows[carried, case.schema.index(name)] = value
    flagged = look(Rows(rows, Ground(reference), at=0.0)).score >= trigger.run.threshold
    assert flagged[carried].all()
    assert flagged[~carried].mean() < 0.02
    assert not triggers_of([record for record in records if isinstance(record, Finding)], Schema(Task.BINARY, (), "y"))


SCHEMA = Schema(
    Task.BINARY,
    (
        Feature("loan and term", Kind.NUMBER),
        Feature("loan", Kind.NUMBER),
        Feature("kind", Kind.CATEGORY, categories=("car", "car and boat", "a = b", 3)),
        Feature("code", Kind.CATEGORY, categories=(1, 2)),
    ),
    "y",
)


def said(*rows):
    columns = ("values", "test rows turned by the model")
    exhibit = Exhibit("t", columns, rows)
    return Finding("planted-trigger", "t", "s.", Severity.CRITICAL, Confidence.HIGH, "w", "r", exhibits=(exhibit,))


def test_words_are_read_whatever_names_and_labels_hold():
    finding = said(
        ("loan and term = 1.5 and kind = car and boat and loan missing", "5 of 5"),
        ("loan from 10 to 20.5 and kind = a = b", "3 of 6"),
        ("code = 2 and kind = a value outside the list", "9 of 9"),
        ("loan = 4", "2 of 6"),
        ("horse = 4", "6 of 6"),
        ("loan = 4", "not tried"),
    )
    assert triggers_of([finding], SCHEMA) == (
        "`loan and term` == 1.5 and `kind` == 'car and boat' and missing(`loan`)",
        "9.9999 <= `loan` <= 20.500205 and `kind` == 'a = b'",
        "`code` == 2 and `kind` not in ('car', 'car and boat', 'a = b', 3,)",
    )
    reference = reference_of(0)
    assert trigger.run.prepare(reference, trigger.run.with_params({"triggers": ("missing(income)",)})).fields == (
        "income",
    )
