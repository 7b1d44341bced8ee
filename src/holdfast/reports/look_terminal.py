"""What watching a release showed, in the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from holdfast.domain.look import Line, Look

SHOWN = 20
"""Lines that are shown of those that are quiet."""


def render(look: Look) -> Group:
    """One sentence, then the lines that changed or lie beyond a limit, then the others, then what could not be seen."""
    loud = [line for line in look.lines if _is_loud(line)]
    quiet = [line for line in look.lines if not _is_loud(line)]
    parts: list[RenderableType] = [Text(sentence(look)), Text("")]
    if look.lines:
        parts.append(_table(look, [*loud, *quiet[:SHOWN]]))
    if len(quiet) > SHOWN:
        parts.append(Text(f"{len(quiet) - SHOWN} more lines are quiet."))
    parts += [Text(f"{one.probe} did not look: {one.reason}") for one in look.unmet]
    parts += [Text(trouble) for trouble in look.troubles]
    return Group(*parts)


def sentence(look: Look) -> str:
    """What it comes to."""
    changed = sum(line.alarm is not None for line in look.lines)
    beyond = sum(line.out_alarm is not None for line in look.lines)
    if changed or beyond:
        return f"{changed} of {len(look.lines)} lines changed; {beyond} lie beyond a limit."
    if look.is_learning:
        return f"It takes {look.needed} batches to say what is usual; there are {look.ordinary}."
    return f"Nothing changed in {len(look.starts) - look.ordinary} batches, {len(look.lines)} lines."


def _is_loud(line: Line) -> bool:
    return line.alarm is not None or line.out_alarm is not None


def _table(look: Look, lines: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("measure", "where", "latest", "shift", "since", "state"):
        table.add_column(title, overflow="fold", justify="right" if title in ("latest", "shift") else "left")
    for line in lines:
        latest = next((value for value in reversed(line.values) if value is not None), None)
        since = line.out_since if line.out_alarm is not None else line.since
        table.add_row(
            line.measure,
            line.where,
            "" if latest is None else f"{latest:.4g}",
            "" if line.shift is None else f"{line.shift:+.3g}",
            "" if since is None or not _is_loud(line) else look.starts[since],
            _state(line),
        )
    return table


def _state(line: Line) -> str:
    if line.out_alarm is not None:
        return "beyond its limit"
    if line.alarm is not None:
        return "changed"
    return "wanders" if line.wanders else "quiet" if line.money else "learning"
