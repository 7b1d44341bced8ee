"""Hold: what another appetite would have made of decisions that were already watched."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.domain.appetite import Appetite
from holdfast.domain.look import Backtest, Crossing, Line, Look
from holdfast.domain.schema import Task
from holdfast.domain.system import System
from holdfast.flows.bets import held_to
from holdfast.flows.desk import Desk
from holdfast.flows.file_baseline import schema_of
from holdfast.flows.watch import last_look, watched_releases
from holdfast.ports import Batches


def backtest(desk: Desk, batches: Batches, appetite: Appetite) -> tuple[Backtest, ...]:
    """For each release that is watched: which series would have been known to lie beyond a limit, and when."""
    found = list[Backtest]()
    for release in watched_releases(desk):
        look, schema = last_look(batches, release), schema_of(desk, release)
        if look is not None and schema is not None:
            found.append(replay(look, appetite, desk.store.get(System, look.system).record, schema.task))
    return tuple(found)


def replay(look: Look, appetite: Appetite, system: System, task: Task) -> Backtest:
    """The decisions behind one look under another appetite."""
    lines = held_to(look, appetite.binding(system.tier, task, system.use_case))
    crossings = sorted((one for line in lines for one in _crossings(look, line)), key=lambda one: one.known)
    limited = sum(line.floor is not None or line.ceiling is not None for line in lines)
    return Backtest(look.system, look.release, len(look.starts) - look.past, limited, tuple(crossings))


def _crossings(look: Look, line: Line) -> Iterator[Crossing]:
    if line.out_alarm is None or line.out_since is None or line.level is None:
        return
    is_low = line.floor is not None and (line.ceiling is None or line.level < line.floor)
    limit = line.floor if is_low else line.ceiling
    if limit is not None:
        since, known = look.starts[line.out_since], look.starts[line.out_alarm]
        yield Crossing(line.measure, line.where, since, known, line.level, limit)
