"""What the command line prints: worst first, one screen where it can be, a last line that says what to do next.

Every function returns what Rich prints, so the console's own width, colour, NO_COLOR and lack of a terminal decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast import words
from holdfast.domain.appetite import Appetite, Limit
from holdfast.domain.evidence import Failed
from holdfast.domain.finding import Exhibit, Finding, Severity
from holdfast.domain.measure import Measure
from holdfast.domain.run import Run
from holdfast.domain.verdict import Outcome
from holdfast.reports import reading
from holdfast.reports.reading import VerdictRow

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

    from holdfast.artifacts.report import FileReport
    from holdfast.artifacts.report import Reason as ScanReason
    from holdfast.probes.contract import ProbeSpec

    Line = tuple[Text, Text]

SHAPES = {"pass": "●", "breach": "◆", "inconclusive": "◐", "stale": "○", "waived": "◇"}
STYLES = {"pass": "green", "breach": "bold red", "inconclusive": "yellow", "stale": "magenta", "waived": "cyan"}

_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters (escape sequences begin with one) and marks that reverse the direction of text."""

_ENDLESS = 10_000
"""Lines of a screen that is no screen: a file or a pipe takes every row."""

_FINDINGS_SHOWN, _GAPS_SHOWN, _REASONS_SHOWN = 5, 4, 3
_SCAN_STATES = {"refuse": "breach", "unknown": "inconclusive", "allow": "pass"}
_BULLET, _MEASURE = 18, 30


def render(run: Run, place: Path | None = None) -> RenderableType:
    """What to print for a run whose files lie in `place`. It fits itself to the console that prints it."""
    return _Screen(run, place)


@dataclass(frozen=True, slots=True)
class _Screen:
    run: Run
    place: Path | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's own hook: yields the parts for this width, and for this height where a person is watching."""
        run, width = self.run, options.max_width
        height = options.height or (console.height if console.is_terminal else _ENDLESS)
        rows = reading.rows(run)
        blocks = [block for block in (_matters(run), _gaps(run), _foot(run, self.place)) if block]
        against = sum(row.reason.outcome is not Outcome.PASS for row in rows)
        room = height - against - 6 - sum(_lines(block, width) + 1 for block in blocks)
        yield _head(run)
        yield text()
        yield _table(rows, max(3, room), width) if rows else text("No limit was judged.")
        for block in blocks:
            yield text()
            yield pairs(block)


def _lines(block: list[Line], width: int) -> int:
    """About how many lines the block takes once its sentences wrap."""
    mark = 2 + max(name.cell_len for name, _ in block)
    return sum(1 + sentence.cell_len // max(1, width - mark) for _, sentence in block)


def text(content: str = "", style: str = "") -> Text:
    """Text in which nothing can steer the terminal: names come from files that strangers made."""
    from rich.text import Text

    return Text(_STEERING.sub("\N{REPLACEMENT CHARACTER}", content), style)


def _paragraph(content: str) -> Text:
    """Text whose own line breaks are kept."""
    from rich.text import Text

    return Text("\n").join([text(line) for line in content.splitlines()])


def pairs(lines: list[Line]) -> Table:
    """Lines of a mark and a sentence; the sentence wraps under itself."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for mark, sentence in lines:
        table.add_row(mark, sentence)
    return table


def _head(run: Run) -> Text:
    outcome = run.verdict.outcome.value
    head = _state(outcome).append("  ").append_text(text(reading.verdict_sentence(run), "bold")).append("\n  ")
    about = (run.system.name, f"{run.verdict.tier.value} risk", f"run {run.id}", f"{run.evidence.effort} effort")
    return head.append_text(text(" · ".join(about), "dim"))


def _state(state: str) -> Text:
    return text(f"{SHAPES[state]} {words.sentence_case(state)}", STYLES[state])


def _table(rows: tuple[VerdictRow, ...], room: int, width: int) -> Table:
    """The verdict rows. A narrow screen drops owner, age, margin and limit, in this order; then the measure is cut."""
    from rich.cells import cell_len
    from rich.table import Table

    kept = [row for row in rows if row.reason.outcome is Outcome.PASS]
    shown = [row for row in rows if row.reason.outcome is not Outcome.PASS] + kept[:room]
    columns: dict[str, list[Text]] = {
        "Verdict": [_state(row.state) for row in shown],
        "Value": [text(row.value or "–") for row in shown],
        "Limit": [text(row.limit) for row in shown],
        "Margin": [text(margin(row)) for row in shown],
        "Age": [text(row.age) for row in shown],
        "Owner": [text(row.owner or "nobody") for row in shown],
    }
    names = [text(row.measure.title).append_text(text(f" ({row.about})" if row.about else "", "dim")) for row in shown]
    sizes = {name: 2 + max([cell_len(name), *(cell_len(c.plain) for c in cells)]) for name, cells in columns.items()}
    while len(columns) > 2 and width - sum(sizes[name] for name in columns) < _MEASURE:
        columns.popitem()
    left = max(12, width - sum(sizes[name] for name in columns))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("Measure", max_width=left - 2, overflow="ellipsis", no_wrap=True)
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if name == "Value" else "left")
    for at, measure in enumerate(names):
        table.add_row(measure, *(cells[at] for cells in columns.values()))
    if len(kept) > room:
        table.add_row(text(f"and {words.count(len(kept) - room, 'more limit')} kept", "dim"))
    return table


def margin(row: VerdictRow, cells: int = _BULLET) -> str:
    """The bullet graph in characters: ``─`` the interval, ``●`` or ``◆`` the value, ``┃`` the limit."""
    found, limit = row.reason.measurement, row.reason.limit
    if found is None or limit is None:
        return ""
    ends = [end for end in (limit.minimum, limit.maximum) if end is not None]
    span = found.interval
    low_high = [span.low, span.high] if span else []
    low, high = min([found.value, *ends, *low_high]), max([found.value, *ends, *low_high])
    air = 0.1 * (high - low) or 1.0

    def at(value: float) -> int:
        return round((value - low + air) / (high - low + 2 * air) * (cells - 1))

    line = ["·"] * cells
    if span:
        line[at(span.low) : at(span.high) + 1] = ["─"] * (at(span.high) + 1 - at(span.low))
    for end in ends:
        line[at(end)] = "┃"
    line[at(found.value)] = SHAPES["breach" if row.state == "breach" else "pass"]
    return "".join(line)


def _matters(run: Run) -> list[Line]:
    """Findings as sentences, worst first, then what else stands against the release; failed probes have their own."""
    failed = [outcome.probe for outcome in run.evidence.outcomes if isinstance(outcome, Failed)]
    lines = [
        (_mark(m.finding.severity) if m.finding else _state(m.reason.outcome.value if m.reason else ""), m.sentence)
        for m in reading.matters(run)
        if m.finding or (m.reason and m.reason.limit) or not any(probe in m.sentence for probe in failed)
    ]
    lines += [(_mark(finding.severity), finding.sentence) for finding in reading.asides(run)]
    return _folded([(mark, text(sentence)) for mark, sentence in lines], _FINDINGS_SHOWN)


def _folded(lines: list[Line], most: int) -> list[Line]:
    hidden = len(lines) - most
    more = [(text(), text(f"and {words.spelled(hidden)} more in the report", "dim"))] if hidden > 0 else []
    return lines[:most] + more


def _mark(severity: Severity) -> Text:
    return text(words.sentence_case(severity.value), "bold" if severity.rank > Severity.MEDIUM.rank else "")


def _gaps(run: Run) -> list[Line]:
    gaps = reading.gaps(run)
    lines = [(text("Failed" if gap.failed else "Not run", "dim"), text(f"{gap.what}: {gap.why}")) for gap in gaps]
    return _folded(lines, _GAPS_SHOWN)


def _foot(run: Run, place: Path | None) -> list[Line]:
    names = "  ".join(path for _, path in run.files)
    files = [(text("Files", "dim"), text(f"{names}  in {place}" if place else names))] if names else []
    return [*files, (text("Next", "dim"), text(next_step(run, place), "bold"))]


def next_step(run: Run, place: Path | None = None) -> str:
    """What to do now: look at the worst finding, mend what kept a probe from running, or verify the record."""
    worst = next((m.finding for m in reading.matters(run) if m.finding), None)
    if run.verdict.outcome is Outcome.PASS:
        return f"holdfast verify {place or 'RUN-FOLDER'}"
    if worst is not None:
        return f"holdfast explain {run.id} {worst.slug}"
    hint = next((gap.hint for gap in reading.gaps(run) if gap.hint), "")
    return hint or f"open {place / 'report.html' if place else 'report.html'}"


def render_finding(run: Run, finding: Finding) -> RenderableType:
    """One finding, whole: the sentence, why, its exhibits, how to see it again, what to do."""
    from rich.console import Group

    card = next((card for card in run.evidence.probes if card.id == finding.probe), None)
    reasons = [r for r in run.verdict.reasons if r.limit is not None and r.limit.measure in finding.measures]
    about = f"{words.sentence_case(finding.severity.value)} severity, {finding.confidence.value} confidence"
    facts = {
        "Where": finding.where,
        "Why": finding.why,
        "See again": finding.reproduce,
        "Question": card.question if card else "",
        "Probe": f"{finding.probe}, run {run.id}, seed {run.evidence.seed}",
        "Catalogue": ", ".join(finding.catalogue),
    }
    parts: list[RenderableType] = [text(finding.sentence, "bold"), text(about, "dim"), text()]
    parts.append(pairs([(text(name, "dim"), _paragraph(said)) for name, said in facts.items() if said]))
    for exhibit in finding.exhibits:
        parts += [text(), text(exhibit.title, "italic"), _exhibit(exhibit)]
    if reasons:
        judged = [(_state(r.outcome.value), text(words.because(r, run.evidence))) for r in reasons]
        parts += [text(), pairs(judged)]
    return Group(*parts, text(), pairs([(text("Next", "dim"), text(finding.remedy, "bold"))]))


def _exhibit(exhibit: Exhibit) -> Table:
    from rich.table import Table

    right = words.numeric_columns(exhibit)
    table = Table(box=None, pad_edge=False)
    for at, column in enumerate(exhibit.columns):
        table.add_column(text(column, "dim"), justify="right" if at in right else "left")
    for row in exhibit.rows:
        table.add_row(*(_paragraph(words.cell(value)) for value in row))
    return table


def render_scan(reports: Sequence[FileReport]) -> RenderableType:
    """Each scanned file with its verdict and, where it is not allowed, why; worst first."""
    from rich.console import Group

    if not reports:
        return text("No file was scanned. Give a file, or a folder that holds some.")
    ordered = sorted(reports, key=lambda report: (-report.verdict.rank, report.path))
    lines = []
    for report in ordered:
        state = _SCAN_STATES[report.verdict.value]
        mark = text(f"{SHAPES[state]} {words.sentence_case(report.verdict.value)}", STYLES[state])
        about = text(report.path).append_text(text(f"  {report.format}, {words.size(report.size)}", "dim"))
        lines.append((mark, about))
        lines += [(text(), _why(reason)) for reason in report.reasons[:_REASONS_SHOWN]]
        hidden = len(report.reasons) - _REASONS_SHOWN
        lines += [(text(), text(f"and {words.spelled(hidden)} more, with --json", "dim"))] if hidden > 0 else []
    return Group(pairs(lines), text(), pairs([(text("Next", "dim"), text(_after_scan(ordered), "bold"))]))


def _why(reason: ScanReason) -> Text:
    place = " in ".join(
        part for part in (f"byte {reason.offset:,}" if reason.offset is not None else "", reason.member) if part
    )
    return text(reason.message).append_text(text(f"  {reason.rule}{', ' + place if place else ''}", "dim"))


def _after_scan(reports: list[FileReport]) -> str:
    refused = sum(report.verdict.value == "refuse" for report in reports)
    unknown = sum(report.verdict.value == "unknown" for report in reports)
    if refused:
        return "Do not load what is refused. Ask for a format that carries no code, such as ONNX."
    if unknown:
        return "Treat what nobody can tell as unsafe: ask for a safe format, or allow a class of your own with --allow."
    return f"{words.sentence_case(words.count(len(reports), 'file'))} may be loaded. Attack the model: holdfast check"


def render_probes(specs: Sequence[ProbeSpec]) -> RenderableType:
    """The probes by family: what each asks, needs and costs."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for family in dict.fromkeys(spec.family for spec in specs):
        parts.append(text(reading.family_title(family), "bold"))
        chosen = [spec for spec in specs if spec.family == family]
        parts += [pairs([line for spec in chosen for line in _probe_lines(spec)]), text()]
    return Group(*parts, pairs([(text("Next", "dim"), text("holdfast check --only PROBE", "bold"))]))


def _probe_lines(spec: ProbeSpec) -> list[Line]:
    needs = "; ".join(sorted(need.value for need in spec.needs)) or "nothing"
    cost = f". Costs: {spec.cost.rstrip('.')}" if spec.cost else ""
    return [(text(f"  {spec.id}"), text(spec.question)), (text(), text(f"Needs: {needs}{cost}.", "dim"))]


def render_appetite(appetite: Appetite, limits: Sequence[Limit], measures: Mapping[str, Measure]) -> RenderableType:
    """Each limit: what it measures, the number, why it is what it is, for which tiers, and who answers for it."""
    from rich.console import Group

    approved = f", approved by {appetite.approved_by.rstrip('.')}" if appetite.approved_by else ", approved by nobody"
    head = text(f"{appetite.name} {appetite.version}", "bold")
    about = f"{approved}. Evidence counts for {words.count(appetite.evidence_days, 'day')}."
    parts: list[RenderableType] = [head.append_text(text(about, "dim")), text()]
    for limit in limits:
        parts += [_limit(limit, measures.get(limit.measure)), text()]
    return Group(*parts, pairs([(text("Next", "dim"), text("holdfast check --appetite FILE", "bold"))]))


def _limit(limit: Limit, measure: Measure | None) -> Table:
    title, unit = (measure.title, measure.unit) if measure else (limit.measure, "")
    about = "".join(f", {words.part(*pair)}" for pair in limit.scope)
    sample = f", on {limit.sample:,} rows or more" if limit.sample > 1 else ""
    needed = "required" if limit.required else "judged only where it was measured"
    lines = {
        "Limit": f"{words.bound(limit, unit)}{about}",
        "Why": limit.why,
        "Judged": f"{words.basis(limit)}{sample}; {needed}",
        "Tiers": ", ".join(tier.value for tier in limit.tiers),
        "Owner": limit.owner or "nobody",
        "Measure": f"{limit.measure}. {measure.meaning}" if measure else limit.measure,
    }
    rows = [(text(f"  {name}", "dim"), text(said)) for name, said in lines.items()]
    return _headed(title, rows)


def _headed(title: str, rows: list[Line]) -> Table:
    from rich.table import Table

    table = Table.grid()
    table.add_row(text(title, "bold"))
    table.add_row(pairs(rows))
    return table
