from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from holdfast.artifacts.report import FileReport, refuse, unknown
from holdfast.domain.evidence import Done
from holdfast.domain.verdict import Outcome
from holdfast.plugins import find_probes
from holdfast.reports import reading, terminal
from holdfast.testing.runs import MEASURES, sample_appetite, sample_run

PLACE = Path(".holdfast/runs/abc")


def printed(view, *, width=100, height=None) -> str:
    """What a console of this size prints; a file's or pipe's without `height`."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=height is not None, color_system=None)
    console.print(view)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_screen(outcome, width):
    said = printed(terminal.render(sample_run(outcome), PLACE), width=width)
    assert max(cell_len(line) for line in said.splitlines()) <= width


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_usual_case_fits_a_screen(outcome):
    assert len(printed(terminal.render(sample_run(outcome)), height=36).splitlines()) <= 36
    assert len(printed(terminal.render(sample_run(outcome), PLACE), width=120, height=24).splitlines()) <= 24


def test_the_first_line_is_the_verdict_and_the_last_what_to_do_next():
    lines = printed(terminal.render(sample_run())).splitlines()
    assert lines[0] == "◆ Breach  Three of eleven limits are breached; the release may not ship."
    assert lines[-1] == f"Next   holdfast explain {sample_run().id} price-to-flip"
    assert printed(terminal.render(sample_run("pass"), Path("r"))).splitlines()[-1] == "Next   holdfast verify r"
    assert (
        printed(terminal.render(sample_run("inconclusive")))
        .splitlines()[-1]
        .startswith("Next   Raise `limits.seconds`")
    )


def test_breaches_are_never_folded_away():
    said = printed(terminal.render(sample_run()), width=120, height=10)
    assert all(row.measure.title in said for row in reading.rows(sample_run()) if row.state == "breach")
    assert "and five more limits kept" in said


def test_a_wide_screen_shows_the_whole_verdict_row():
    line = next(x for x in printed(terminal.render(sample_run()), width=160).splitlines() if x.startswith("Refused"))
    for part in ("◆ Breach", "41 %", "at most 25 %", "┃", "2 minutes", "Head of model risk"):
        assert part in line


def test_the_margin_has_the_limit_on_the_side_where_it_is():
    beyond, within = (
        terminal.margin(next(r for r in reading.rows(sample_run(o)) if r.measure.id == "evasion.flip_rate"))
        for o in ("breach", "pass")
    )
    assert beyond.index("┃") < beyond.index("◆")
    assert within.index("●") < within.index("┃")
    assert len(beyond) == len(within) == 18


def test_colour_follows_the_console():
    def shown(**how) -> str:
        out = io.StringIO()
        Console(file=out, width=100, **how).print(terminal.render(sample_run()))
        return out.getvalue()

    assert "\x1b[" not in shown()
    assert "\x1b[" in shown(force_terminal=True, color_system="standard", no_color=False)


def test_no_color_leaves_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=True, color_system="standard").print(terminal.render(sample_run()))
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b[1;31m" not in out.getvalue()


def test_names_from_strangers_cannot_steer_the_terminal():
    hostile = "\x1b[2J\x1b]0;owned\x07[bold]x[/bold]\u202egnp\r\n"
    run = sample_run()
    outcomes = tuple(
        replace(o, findings=tuple(replace(f, sentence=hostile) for f in o.findings))
        if isinstance(o, Done)
        else replace(o, reason=hostile)
        for o in run.evidence.outcomes
    )
    evil = replace(run, system=replace(run.system, name=hostile), evidence=replace(run.evidence, outcomes=outcomes))
    finding = evil.evidence.findings[0]
    scanned = FileReport(hostile, hostile, 1, (refuse("pickle.x", hostile, 1, hostile),))
    for view in (terminal.render(evil), terminal.render_finding(evil, finding), terminal.render_scan([scanned])):
        said = printed(view)
        assert not set("\x1b\x07\r\u202e") & set(said)
        assert "[bold]x[/bold]" in said


def test_a_finding_is_told_whole_and_ends_with_what_to_do():
    run = sample_run()
    said = printed(terminal.render_finding(run, run.finding("price-to-flip")), width=120)
    assert said.splitlines()[0].startswith("A refused applicant is approved")
    for part in ("High severity, high confidence", "41,300", "◆ Breach", "at most 25 %", "ATLAS:AML.T0043"):
        assert part in said
    assert said.splitlines()[-1].startswith("Next  Add a review band")


def test_a_scan_shows_the_worst_file_first_and_why():
    reports = [
        FileReport("good.joblib", "joblib", 1_200),
        FileReport("odd.bin", "data", 3, (unknown("format.unknown", "Nobody can tell what this is."),)),
        FileReport(
            "bad.pkl", "pickle", 40, (refuse("pickle.unlisted-global", "It imports os.system.", 17, "os.system"),)
        ),
    ]
    said = printed(terminal.render_scan(reports))
    assert said.index("bad.pkl") < said.index("odd.bin") < said.index("good.joblib")
    assert "◆ Refuse" in said
    assert "pickle.unlisted-global, byte 17" in said
    assert said.splitlines()[-1].startswith("Next  Do not load what is refused.")
    assert printed(terminal.render_scan(reports[:1])).splitlines()[-1].startswith("Next  One file may be loaded.")
    assert "No file was scanned" in printed(terminal.render_scan([]))


def test_the_probes_are_listed_by_family_with_needs():
    specs = find_probes()
    said = printed(terminal.render_probes(specs), width=120)
    assert all(spec.id in said for spec in specs)
    assert said.count("Needs: ") == len(specs)


def test_the_appetite_says_why_and_who():
    appetite = sample_appetite()
    measures = {measure.id: measure for measure in MEASURES}
    said = printed(terminal.render_appetite(appetite, appetite.limits, measures), width=120)
    assert "Credit models 2026.2, approved by Board risk committee. Evidence counts for 90 days." in said
    for part in ("at most 25 %", "Few applicants may game the decision.", "Head of model risk", "on 100 rows or more"):
        assert part in said
    assert "explain.repeat_stability" in said
