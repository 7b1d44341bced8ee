"""What watching a release showed, in words and in order, for terminal and page alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import fmean

from holdfast import words
from holdfast.domain.evidence import Failed
from holdfast.domain.look import Line, Look
from holdfast.domain.measure import Direction, Measure

SURE = math.log(1e6)
"""Evidence beyond which no number of streams is named: nobody can tell one in a million from less."""


class State(StrEnum):
    """What can be said of one line, the loudest first; `PARTLY` is of a whole alone."""

    BEYOND = "beyond"
    CHANGED = "changed"
    PARTLY = "partly"
    WANDERS = "wanders"
    LEARNING = "learning"
    QUIET = "quiet"


STATES = {
    State.BEYOND: ("breach", "Beyond its limit"),
    State.CHANGED: ("inconclusive", "Changed"),
    State.PARTLY: ("inconclusive", "Partly seen"),
    State.WANDERS: ("", "Wanders"),
    State.LEARNING: ("", "Learning"),
    State.QUIET: ("pass", "Quiet"),
}
"""Shape and word of each; no shape where nothing is judged."""

MEANS = {
    State.BEYOND: "its level lies on the wrong side of a limit, and that is no chance",
    State.CHANGED: "its level is another than it used to be, and that is no chance",
    State.PARTLY: "some of it could not be looked at, so it is not known to be quiet",
    State.WANDERS: "it has no level of its own that could change, so nothing is alarmed on",
    State.LEARNING: "too few batches had rows enough to say what is usual",
    State.QUIET: "nothing that chance does not explain",
}


def sentence(look: Look) -> str:
    """What it comes to, and whether something could not be read."""
    said = _sentence(look)
    return f"{said} Some decisions could not be read." if look.troubles else said


def _sentence(look: Look) -> str:
    lines = len(look.lines)
    changed = sum(line.alarm is not None for line in look.lines)
    beyond = sum(line.out_alarm is not None for line in look.lines)
    if changed or beyond:
        parts = [f"{words.spelled(changed)} of {words.count(lines, 'line')} changed"] if changed else []
        parts += [f"{words.count(beyond, 'line')} {'lies' if beyond == 1 else 'lie'} beyond a limit"] if beyond else []
        return words.sentence_case("; ".join(parts)) + "."
    if not look.starts:
        return f"No {look.span} of its decisions is over yet."
    if look.is_learning:
        return f"It takes {look.needed} {look.span}s to say what is usual; there are {look.ordinary}."
    since = words.count(len(look.starts) - look.ordinary, str(look.span))
    return f"Nothing changed in {since}, on {words.count(lines, 'line')}." if lines else f"Nothing was seen in {since}."


def state_of(line: Line) -> State:
    """What can be said of a line."""
    if line.out_alarm is not None:
        return State.BEYOND
    if line.alarm is not None:
        return State.CHANGED
    if line.wanders:
        return State.WANDERS
    return State.QUIET if line.money or line.beyond else State.LEARNING


def is_loud(line: Line) -> bool:
    """Whether somebody has to look at it."""
    return line.alarm is not None or line.out_alarm is not None


def state_of_all(look: Look) -> State:
    """What can be said of the whole: the loudest of its lines; that it learns where it does; that it is quiet only
    where everything could be looked at, and one line at least is.
    """
    states = [state_of(line) for line in loudest_first(look.lines)]
    if states and states[0] in (State.BEYOND, State.CHANGED):
        return states[0]
    if look.is_learning or not look.starts:
        return State.LEARNING
    crashed = any(isinstance(one, Failed) for one in look.unmet)
    return State.PARTLY if look.troubles or crashed or State.QUIET not in states else State.QUIET


def evidence(line: Line) -> float:
    """The natural logarithm of the evidence against chance, of the stronger of both questions; 0 without any.

    The most that a path ever reached counts: that holds over the whole life of a stream (Ville 1939).
    """
    return max((0.0, *line.money, *line.beyond))


def loudest_first(lines: Iterable[Line]) -> list[Line]:
    """Lines by what can be said of them, and by evidence."""
    order = list(State)
    return sorted(lines, key=lambda line: (order.index(state_of(line)), -evidence(line), line.measure, line.scope))


def latest(line: Line) -> float | None:
    """The newest value; None where there never was one."""
    return next((value for value in reversed(line.values) if value is not None), None)


def usual(look: Look, line: Line) -> float | None:
    """The mean of the batches that say what is usual; None where none had rows enough."""
    known = [value for value in line.values[: look.ordinary] if value is not None]
    return fmean(known) if known else None


def begun(line: Line) -> int | None:
    """The batch (its place) at which what it is loud about most likely began; None of a line that is not loud."""
    if line.out_alarm is not None:
        return line.out_since
    return line.since if line.alarm is not None else None


def since(look: Look, line: Line) -> str:
    """The batch at which what it is loud about most likely began; empty of a line that is not loud."""
    place = begun(line)
    return "" if place is None else look.starts[place]


def batch(start: str) -> str:
    """A batch by its start: ``2026-11-28``, ``2026-11-28, 13:00``."""
    return f"{start.replace('T', ', ')}:00" if "T" in start else start


def measure_of(line: Line, measures: Mapping[str, Measure]) -> Measure:
    """What a line measures, as far as is known here."""
    return measures.get(line.measure) or Measure(line.measure, line.measure, "", Direction.NEUTRAL, "")


def title(line: Line, measures: Mapping[str, Measure]) -> str:
    """A line's measure and what it is about: ``Where values lie (feature income)``."""
    name = measure_of(line, measures).title
    return f"{name} ({line.where})" if line.where else name


def sureness(evalue: float | None) -> str:
    """How sure, from the natural logarithm of the evidence: ``Chance shows this once in 180 streams ...``."""
    if evalue is None:
        return "It was found, not bet on: how often chance finds as much is not known."
    if evalue <= math.log(2):
        return "Chance explains it."
    if evalue > SURE:
        return "Chance shows this less than once in a million streams over their whole life."
    return f"Chance shows this at most once in {_rounded(math.exp(evalue)):,} streams over their whole life."


def _rounded(times: float) -> int:
    """Two digits of it, never more than it is: what is said must hold."""
    step = 10 ** max(int(math.log10(times)) - 1, 0)
    return int(times // step * step)
