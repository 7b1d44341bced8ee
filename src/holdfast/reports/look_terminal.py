"""What watching a release showed, in the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from holdfast.domain.look import Line, Look
from holdfast.reports.look_reading import STATES, is_loud, latest, loudest_first, sentence, since, state_of

SHOWN = 20
"""Lines that are shown of those that are quiet."""


def render(look: Look) -> Group:
    """One sentence, then the lines that changed or lie beyond a limit, then the others, then what could not be seen."""
    lines = loudest_first(look.lines)
    shown = lines[: sum(map(is_loud, lines)) + SHOWN]
    parts: list[RenderableType] = [Text(sentence(look)), Text("")]
    if lines:
        parts.append(_table(look, shown))
    if len(lines) > len(shown):
        parts.append(Text(f"{len(lines) - len(shown)} more lines gave no alarm."))
    parts += [Text(f"{one.probe} did not look: {one.reason}") for one in look.unmet]
    parts += [Text(trouble) for trouble in look.troubles]
    return Group(*parts)


def _table(look: Look, lines: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("measure", "where", "latest", "shift", "since", "state"):
        table.add_column(title, overflow="fold", justify="right" if title in ("latest", "shift") else "left")
    for line in lines:
        value = latest(line)
        table.add_row(
            line.measure,
            line.where,
            "" if value is None else f"{value:.4g}",
            "" if line.shift is None else f"{line.shift:+.3g}",
            since(look, line),
            STATES[state_of(line)][1].lower(),
        )
    return table
