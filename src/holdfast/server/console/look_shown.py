"""What watching a release showed, as a page shows it: lines in order, their pictures, and what is late or missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from holdfast import charts, words
from holdfast.charts import NARROW, WIDE
from holdfast.domain.look import Line, Look
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.verdict import parse_time
from holdfast.domain.watch import DECISION, LABEL, SCORE, Span
from holdfast.flows.watch import SETTLES
from holdfast.reports import look_chart, look_reading
from holdfast.reports.look_chart import Course
from holdfast.reports.look_reading import State

PARTS = {
    SCORE: "Score",
    DECISION: "Decisions",
    LABEL: "Outcomes",
    "drift": "Features",
    "fairness": "Groups",
    "outcome": "Outcomes",
    "performance": "Performance",
    "explanation": "Explanations",
    "feedback": "Feedback",
    "misuse": "Whoever asks",
}
"""What lines are about, by the family of their measure, or by the column that they name."""

LONG = {Span.DAY: timedelta(days=1), Span.HOUR: timedelta(hours=1)}
UNSEEN = timedelta(hours=1)
"""After that long without a look nobody watches any more: the watcher goes round every minute."""

ROWS = Measure("rows", "Decisions", "", Direction.NEUTRAL, "How many decisions were made.")
LABELLED = Measure("labelled", "Decisions whose outcome is known", "", Direction.NEUTRAL, "How many came back.")
ALARMS = Measure("alarms", "Lines in alarm", "", Direction.LOWER_IS_BETTER, "How many lines stand in alarm.")


@dataclass(frozen=True, slots=True)
class Row:
    """One line, ready to be printed. `known` of `needed` ordinary batches are learned; `limit` is in words."""

    line: Line
    measure: Measure
    part: str
    state: State
    latest: float | None
    usual: float | None
    since: str
    known: int
    limit: str
    course: Course

    @property
    def title(self) -> str:
        """The measure and what it is about."""
        return self.course.title

    @property
    def spark(self) -> str:
        """The sparkline."""
        return _spark(self.course)

    @property
    def svg(self) -> str:
        """The chart, as narrow as a phone."""
        return drawn(self.course, NARROW)

    @property
    def wide(self) -> str:
        """The chart, as wide as a page."""
        return drawn(self.course, WIDE)


def rows_of(look: Look, measures: Mapping[str, Measure]) -> list[Row]:
    """Every line, the loudest first."""
    return [row_of(look, line, measures) for line in look_reading.loudest_first(look.lines)]


def row_of(look: Look, line: Line, measures: Mapping[str, Measure]) -> Row:
    """One line."""
    measure = look_reading.measure_of(line, measures)
    return Row(
        line,
        measure,
        part_of(line),
        look_reading.state_of(line),
        look_reading.latest(line),
        look_reading.usual(look, line),
        look_reading.since(look, line),
        sum(value is not None for value in line.values[: look.ordinary]),
        limit_of(line, measure.unit),
        look_chart.course_of(look, line, measure),
    )


def line_of(look: Look | None, measure: str, where: str) -> Line | None:
    """The line of a measure that is about this; None where there is none."""
    lines = look.lines if look is not None else ()
    return next((line for line in lines if line.measure == measure and line.where == where), None)


def part_of(line: Line) -> str:
    """What a line is about, as a key of `PARTS`; the family of its measure where that is not among them."""
    named = next((value for name, value in line.scope if name != "feature" and value in (SCORE, DECISION, LABEL)), "")
    return named or line.measure.partition(".")[0]


def part_title(part: str) -> str:
    """What that is called."""
    return PARTS.get(part, words.sentence_case(part.replace("_", " ")))


def limit_of(line: Line, unit: str) -> str:
    """A line's limits in words; empty without any."""
    low = "" if line.floor is None else f"at least {words.number(line.floor, unit)}"
    high = "" if line.ceiling is None else f"at most {words.number(line.ceiling, unit)}"
    return " and ".join(end for end in (low, high) if end)


def pictures(rows: Sequence[Row]) -> list[Row]:
    """The loudest line of each part."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(part_title(row.part), row)
    return list(first.values())


def volumes(look: Look) -> tuple[Course, ...]:
    """What else is counted by batch: decisions, known outcomes, lines in alarm."""
    alarmed = [_alarmed(look, place) for place in range(len(look.starts))]
    counted = ((ROWS, look.rows), (LABELLED, look.labelled), (ALARMS, alarmed))
    return tuple(look_chart.counts(one.title, look.starts, values, one, look.ordinary) for one, values in counted)


def _alarmed(look: Look, place: int) -> int:
    firsts = ([at for at in (line.alarm, line.out_alarm) if at is not None] for line in look.lines)
    return sum(any(at <= place for at in found) for found in firsts)


def late(look: Look, now: datetime) -> str:
    """Why what is shown may be out of date, in a sentence; empty where it is not."""
    if now - parse_time(look.at) > UNSEEN:
        return "Nobody has looked since: whoever watches is not running, or cannot."
    if not look.starts:
        return ""
    missing = now - (begins(look.starts[-1]) + 2 * LONG[look.span] + SETTLES[look.span] + LONG[look.span])
    return f"No decision since then: the next {look.span} is overdue." if missing > timedelta(0) else ""


def begins(start: str) -> datetime:
    """When a batch began (aware, UTC)."""
    return datetime.fromisoformat(f"{start}:00" if "T" in start else start).replace(tzinfo=UTC)


def days_since(look: Look | None, since: str, until: str) -> list[tuple[str, int]]:
    """The days from a batch on to another one with their decisions, the latest first."""
    if look is None:
        return [(day, 0) for day in dict.fromkeys((until[:10], since[:10])) if day]
    rows: dict[str, int] = {}
    for start, count in zip(look.starts, look.rows, strict=True):
        if since <= start <= until:
            rows[start[:10]] = rows.get(start[:10], 0) + count
    return sorted(rows.items(), reverse=True)


@lru_cache(maxsize=1024)
def drawn(course: Course, width: int) -> str:
    """Drawing takes a tenth of a second; the same course makes the same picture."""
    return charts.svg(look_chart.series(course, width=width))


@lru_cache(maxsize=4096)
def _spark(course: Course) -> str:
    return charts.svg(look_chart.sparkline(course))
