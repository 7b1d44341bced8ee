"""``report.html``: one file that a person who decides reads from the top and an engineer from the bottom.

Self-contained: styles and SVG charts are inlined, there is no script and no external request, and the page's own
content security policy forbids both. Every text from a model, a file or a manifest is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from holdfast import charts, words
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.run import Run
from holdfast.domain.schema import Task
from holdfast.domain.verdict import Outcome, Reason
from holdfast.reports import reading
from holdfast.reports.filters import FILTERS
from holdfast.reports.reading import MeasureGroup

if TYPE_CHECKING:
    from jinja2 import Environment

RECORDS_SHOWN = 200
"""Records of one measure on the page; the sealed evidence has all."""

SECTIONS = (
    ("matters", "What matters"),
    ("why", "Why"),
    ("reproduce", "How to reproduce it"),
    ("verdict", "Verdict by limit"),
    ("measurements", "All measurements"),
    ("untested", "What was not tested"),
    ("environment", "Where it was measured"),
    ("materials", "What was measured"),
    ("proof", "Proof"),
    ("limits", "What it does not prove"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn chart with its title and the note on what it leaves out."""

    title: str
    svg: str
    note: str


def render(run: Run) -> bytes:
    """The whole page, UTF-8. The same run gives the same bytes."""
    families = reading.groups(run)
    figures = _figures(run, families)
    template = environment().get_template("report.html")
    page = template.render(
        run=run,
        chart_css=charts.stylesheet(),
        sections=SECTIONS,
        sentence=reading.verdict_sentence(run),
        headline=_headline(run),
        owners=reading.owners(run),
        matters=reading.matters(run),
        asides=reading.asides(run),
        findings=[_explained(run, f, figures) for f in run.evidence.findings if f.severity is not Severity.INFO],
        notes=[f for f in run.evidence.findings if f.severity is Severity.INFO],
        standing=[reason for reason in run.verdict.reasons if reason.limit is None],
        rows=reading.rows(run),
        families=[_family(run, name, groups, figures) for name, groups in families.items()],
        gaps=reading.gaps(run),
        effort=reading.effort(run),
        is_chat=run.evidence.answers is Task.CHAT,
        limits_of_proof=reading.limits_of_proof(run),
    )
    return page.encode("utf-8")


def _figures(run: Run, families: dict[str, tuple[MeasureGroup, ...]]) -> dict[str, Figure]:
    """Each chart once, by measure id: what has several values, and what a finding points at."""
    pointed = {id for finding in run.evidence.findings for id in finding.measures}
    groups = [group for family in families.values() for group in family]
    return {g.measure.id: _figure(run, g) for g in groups if len(g.measurements) > 1 or g.measure.id in pointed}


@cache
def environment() -> Environment:
    """Templates with autoescape on; what they print goes through `holdfast.words`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("holdfast.reports", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= FILTERS
    return made


def _headline(run: Run) -> dict[str, Any] | None:
    """The one number and the one picture: of the finding behind the number, the measure that shows most."""
    reason = reading.headline(run)
    if reason is None or reason.measurement is None:
        return None
    group = _picture(run, reason)
    row = next(row for row in reading.rows(run) if row.reason is reason)
    value, _, unit = row.value.partition(" ")
    return {
        "row": row,
        "lead": "Beyond its limit" if reason.outcome is Outcome.BREACH else "Closest to its limit",
        "value": value,
        "unit": unit,
        "caption": group.measure.title,
        "level": _level(MeasureGroup(row.measure, (reason.measurement,))),
        "wide": charts.svg(_chart(run, group, width=600)),
        "narrow": charts.svg(_chart(run, group)),
    }


def _picture(run: Run, reason: Reason) -> MeasureGroup:
    """The group of the reason's measure; if that is one value, a curve or rows from the finding that rests on it."""
    groups = {group.measure.id: group for family in reading.groups(run).values() for group in family}
    own = groups[reason.measurement.measure] if reason.measurement else next(iter(groups.values()))
    finding = next((f for f in run.evidence.findings if own.measure.id in f.measures), None)
    related = [groups[id] for id in (finding.measures if finding else ()) if id in groups]
    return max([own, *related], key=lambda group: len(group.measurements) > 1)


def _chart(run: Run, group: MeasureGroup, width: int = charts.NARROW) -> charts.Chart:
    reason = reading.reason_for(run, group.measure.id)
    return charts.draw(group.measure, group.measurements, reason.limit if reason else None, width=width)


def _figure(run: Run, group: MeasureGroup) -> Figure:
    chart = _chart(run, group)
    return Figure(group.measure.title, charts.svg(chart), chart.note)


def _explained(run: Run, finding: Finding, figures: dict[str, Figure]) -> dict[str, Any]:
    card = next((card for card in run.evidence.probes if card.id == finding.probe), None)
    return {
        "finding": finding,
        "figures": [figures[id] for id in finding.measures if id in figures],
        "question": card.question if card else "not recorded",
    }


def _family(run: Run, name: str, groups: tuple[MeasureGroup, ...], figures: dict[str, Figure]) -> dict[str, Any]:
    judged = [row.state for row in reading.rows(run) if row.measure.id.partition(".")[0] == name]
    records = sum(len(group.measurements) for group in groups)
    return {
        "id": name,
        "title": reading.family_title(name),
        "state": judged[0] if judged else "",
        "open": Outcome.BREACH.value in judged,
        "words": f"{words.count(len(groups), 'measure')}, {records:,} record{'' if records == 1 else 's'}",
        "singles": [_records(group, figures) for group in groups if len(group.measurements) == 1],
        "measures": [_records(group, figures) for group in groups if len(group.measurements) > 1],
    }


def _records(group: MeasureGroup, figures: dict[str, Figure]) -> dict[str, Any]:
    return {
        "measure": group.measure,
        "figure": figures.get(group.measure.id),
        "shown": group.measurements[:RECORDS_SHOWN],
        "hidden": max(0, len(group.measurements) - RECORDS_SHOWN),
        "origin": _origin(group),
        "level": _level(group),
    }


def _origin(group: MeasureGroup) -> str:
    """Which probe took the measure, in which version, with which seed."""
    origins = dict.fromkeys(f"{m.probe} v{m.version}, seed {m.seed}" for m in group.measurements)
    return "; ".join(origins) + "."


def _level(group: MeasureGroup) -> str:
    """The confidence level of the group's intervals, in words."""
    levels = dict.fromkeys(f"{100 * m.interval.level:g} %" for m in group.measurements if m.interval)
    return words.sentence_case(f"{' and '.join(levels)} interval".strip())
