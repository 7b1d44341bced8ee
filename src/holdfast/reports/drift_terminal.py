"""What `holdfast drift` prints: the sentence, what drifted, the rest in a line, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast import words
from holdfast.domain.drift import ColumnDrift, Drift, Standing
from holdfast.domain.verdict import Outcome
from holdfast.reports import drift_reading as reading
from holdfast.reports.terminal import SHAPES, STYLES, pairs, text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

STEADY_SHOWN = 8


def render_drift(drift: Drift, report: str = "") -> RenderableType:
    """The comparison; `report` is where its page was written."""
    from rich.console import Group

    outcome = drift.outcome.value
    head = _mark(outcome, words.sentence_case(outcome)).append("  ")
    head.append_text(text(reading.sentence(drift).replace("`", ""), "bold"))
    rows = (f"{count:,}" for count in drift.rows)
    about = f"  {drift.reference} ({next(rows)} rows) → {drift.current} ({next(rows)} rows)"
    limit = f" · limit {words.number(drift.limit, 'share')} of rows · {words.number(drift.alpha, 'share')} false alarms"
    parts: list[RenderableType] = [head, text(about + limit, "dim")]
    if drift.columns:
        parts += [text(), _table(drift)]
    if drift.joint is not None:
        shape, word = reading.STATES[drift.joint.standing]
        told = f"{reading.together(drift.joint)}.".replace("`", "")
        parts += [text(), pairs([(text("All together  ").append_text(_mark(shape, word)), text(told))])]
    if drift.unlike:
        parts += [text(), pairs([(text(one.name), text(f"{one.why}.")) for one in drift.unlike])]
    return Group(*parts, text(), pairs(_foot(drift, report)))


def _table(drift: Drift) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name, justify in (("Column", "left"), ("", "left"), ("Moved", "right"), ("Chance", "right"), ("What", "left")):
        table.add_column(name, justify=justify, no_wrap=name != "What", overflow="fold")  # type: ignore[arg-type]
    still = drift.of(Standing.STEADY)
    hidden = len(still) - STEADY_SHOWN if len(still) > STEADY_SHOWN + 1 else 0
    for column in drift.columns[: len(drift.columns) - hidden] if not drift.of(Standing.UNKNOWN) else drift.columns:
        table.add_row(*_row(column))
    if hidden and not drift.of(Standing.UNKNOWN):
        table.add_row(text(f"and {words.spelled(hidden)} more are steady", "dim"))
    return table


def _row(column: ColumnDrift) -> tuple[Text, ...]:
    shape, word = reading.STATES[column.standing]
    is_still = column.standing is Standing.STEADY
    told = text("" if is_still else reading.change(column).replace("`", ""))
    return text(column.name), _mark(shape, word), text(reading.size(column)), text(reading.chance(column), "dim"), told


def _mark(state: str, word: str) -> Text:
    return text(f"{SHAPES[state]} {word}", STYLES[state])


def _foot(drift: Drift, report: str) -> list[tuple[Text, Text]]:
    if drift.outcome is Outcome.BREACH:
        what = f"open {report}" if report else "holdfast drift … --html drift.html draws what moved"
    elif drift.outcome is Outcome.INCONCLUSIVE:
        what = "Compare more rows, or raise --limit."
    else:
        what = "holdfast check attacks the model itself"
    return [(text("Next", "dim"), text(what, "bold"))]
