from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.domain.finding import Confidence, Severity
from holdfast.domain.measure import Interval
from holdfast.probes.poisoning._excess import Excess
from holdfast.probes.poisoning._label_report import Judged, beyond_test, cannot_tell, differs_from_test, drifted
from holdfast.probes.poisoning._lapses import Count, Floor
from holdfast.testing.tables import credit_rows, credit_schema

DATA = credit_rows(400, 1)
Y = np.asarray(DATA.y, dtype=np.int64)
YES = Floor(1, Y == 1, np.linspace(-2, 2, 400), 0.2, 0.05, 0.0)
FOUND = Excess(
    0.12,
    Interval(0.06, 0.18),
    [YES.other_side(0), YES],
    luck=0.0005,
    won=20.0,
    shift_won=5.0,
    columns_differ=False,
    visible=0.08,
)
UNKNOWN = Count(0.1, Interval(0.0, 0.3), 0.0, Interval(0.0, 0.1), {}, known=False, on_floor=0.05, won=0.0)


def judged(excess: Excess | None) -> Judged:
    return Judged(Y, FOUND.found, UNKNOWN, np.linspace(0, 1, 400), excess, 0.03)


def finding(**changed: object):
    excess = replace(FOUND, **changed)
    return beyond_test(credit_schema(), DATA, judged(excess), excess)


def test_it_says_how_many_and_which_class_is_struck_most():
    said = finding()
    assert said.sentence.startswith(
        "About 48 of 400 training labels (24 to 72) are wrong beyond what the test data has"
    )
    assert "“yes”" in said.sentence
    assert (said.severity, said.confidence) == (Severity.HIGH, Confidence.HIGH)
    assert [row[0] for row in said.exhibits[0].rows][:2] == [399, 398]


@pytest.mark.parametrize("changed", [{"shift_won": 18.5}, {"columns_differ": True}])
def test_it_is_less_sure_where_the_tables_may_differ_otherwise(changed: dict[str, object]):
    said = finding(**changed)
    assert said.confidence is Confidence.LOW
    assert len(said.why) > len(finding().why)


def test_where_other_odds_explain_the_labels_it_says_so():
    assert "or their outcome had other odds" in finding(shift_won=18.5).sentence
    assert finding(shift_won=18.5).severity is Severity.MEDIUM
    assert not drifted(replace(FOUND, shift_won=21.0))
    assert drifted(replace(FOUND, shift_won=22.0))
    assert differs_from_test(FOUND).severity is Severity.LOW


def test_what_would_have_been_seen_is_said_where_nothing_was():
    assert "8.0% of the rows would have been found 80% of the time" in cannot_tell(judged(FOUND)).why
    assert "Below 3.0%" in cannot_tell(judged(None)).why
