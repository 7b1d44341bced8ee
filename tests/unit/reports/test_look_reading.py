"""What a look says in words, and in which order."""

from __future__ import annotations

import math
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from tests.unit.server import looking

from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.look import Look
from holdfast.reports import look_reading
from holdfast.reports.look_reading import State
from holdfast.reports.look_terminal import render

AT = "2026-11-28T00:00:00Z"


def look(**changes) -> Look:
    return looking.look_of("sha256:1", AT, **changes)


def test_lines_stand_by_what_can_be_said_of_them_and_then_by_evidence():
    stronger = looking.changed(looking.line("drift.location", 30, feature="age"), 0.2, evidence=12.0)
    ordered = look_reading.loudest_first((*look().lines, stronger))
    states = [look_reading.state_of(line) for line in ordered]
    assert states == sorted(states, key=list(State).index)
    assert [line.where for line in ordered[:3]] == ["group sex=female", "feature age", "feature income"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lines": look().lines[:1]}, "One of one line changed."),
        ({"lines": (replace(look().lines[3], alarm=None),)}, "One line lies beyond a limit."),
        ({"lines": ()}, "Nothing was seen in 17 days."),
        ({"lines": (), "troubles": ("x",)}, "Nothing was seen in 17 days. Some decisions could not be read."),
        ({"lines": (), "ordinary": 4}, "It takes 28 days to say what is usual; there are 4."),
        ({"lines": (), "starts": (), "ordinary": 0}, "No day of its decisions is over yet."),
    ],
)
def test_the_whole_is_one_sentence(changes, said):
    assert look_reading.sentence(look(**changes)) == said


def test_a_whole_without_alarms_learns_until_it_knows_what_is_usual():
    assert look_reading.state_of_all(look()) is State.BEYOND
    assert look_reading.state_of_all(looking.quiet("r", AT)) is State.QUIET
    assert look_reading.state_of_all(looking.learning("r", AT)) is State.LEARNING
    assert look_reading.state_of_all(looking.empty("r", AT)) is State.LEARNING


def test_what_could_not_be_looked_at_is_never_called_quiet():
    quiet = looking.quiet("r", AT)
    crashed = replace(quiet, unmet=(Failed("x.y", "1", "It crashed."),))
    wandering = replace(quiet, lines=tuple(replace(line, wanders=True) for line in quiet.lines))
    for partly in (looking.troubled("r", AT), crashed, wandering, replace(quiet, lines=())):
        assert look_reading.state_of_all(partly) is State.PARTLY
    skipped = replace(quiet, unmet=(Skipped("x.y", "1", "It needs scores."),))
    assert look_reading.state_of_all(skipped) is State.QUIET


def test_what_is_said_of_chance_never_promises_more_than_the_evidence():
    for times in (2.5, 9.9, 101.0, 1299.0, 98_765.4):
        said = look_reading.sureness(math.log(times))
        named = int(said.partition("once in ")[2].partition(" ")[0].replace(",", ""))
        assert times / 1.1 - 1 < named <= times
    assert look_reading.sureness(math.log(3e6)).startswith("Chance shows this less than once in a million")
    assert look_reading.sureness(0.0) == look_reading.sureness(-4.0) == "Chance explains it."
    assert "not known" in look_reading.sureness(None)


def test_the_most_evidence_that_a_line_ever_had_counts():
    line = looking.changed(looking.line("drift.location", 1), 0.4, evidence=5.0)
    assert look_reading.evidence(line) == pytest.approx(5.0)
    assert look_reading.evidence(replace(line, beyond=(0.0, 9.0, 1.0))) == 9.0
    assert look_reading.evidence(replace(line, money=(0.0, -3.0))) == 0.0


def test_the_usual_is_of_ordinary_batches_alone_and_the_latest_skips_gaps():
    line = replace(look().lines[0], values=(1.0, None, 3.0, 9.0, None))
    small = look(starts=looking.STARTS[:5], ordinary=3)
    assert (look_reading.usual(small, line), look_reading.latest(line)) == (2.0, 9.0)
    nothing = replace(line, values=(None,) * 5)
    assert (look_reading.usual(small, nothing), look_reading.latest(nothing)) == (None, None)


def test_the_terminal_says_the_same_and_counts_what_it_leaves_out():
    out = StringIO()
    Console(file=out, width=120).print(render(look()))
    said = out.getvalue()
    assert said.startswith("Two of 48 lines changed; one line lies beyond a limit.")
    assert said.index("beyond its limit") < said.index("wanders") < said.index("quiet")
    assert "26 more lines gave no alarm." in said
    assert "outcome.calibration did not look: It needs scores" in said
