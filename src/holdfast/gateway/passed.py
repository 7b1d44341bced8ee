"""An exchange that is over and in the log, as counts, traces and events see it: no content, no secret, no subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.domain.decision import Ended, Lane
from holdfast.domain.guard import Action, Mode
from holdfast.flows.exchange import ENDS, Asked, Judged, Post, Served
from holdfast.guards.armed import Opinion

BROKE = "failed"
"""The outcome of a guard that made none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one guard wanted for so many decisions, or that it `BROKE`."""

    guard: str
    mode: Mode
    outcome: Action | str
    count: int


@dataclass(slots=True)
class Passed:
    """One exchange. `ended` is how it ended as a whole, `decisions` how many of its decisions ended how, `decision` the
    first one's id, `acted` the guards that changed something, `reason` the first of the log's reasons.
    """

    system: str
    release: str
    lane: Lane
    principal: str
    decision: str
    ended: Ended
    decisions: Sequence[tuple[Ended, int]]
    wanted: Sequence[Wanted]
    acted: tuple[str, ...]
    reason: str = ""


def rows_passed(post: Post, asked: Asked, judged: Judged, served: Served | None, ids: Sequence[str]) -> Passed:
    """Of an exchange of rows; `served` is None where the model failed."""
    decisions = _decisions(served, len(asked))
    opinions = [opinion for opinion in judged.opinions if opinion.any or opinion.failed]
    return Passed(
        post.system,
        post.release,
        asked.lane,
        asked.principal,
        next(iter(ids), ""),
        decisions[-1][0],
        decisions,
        [_wanted(opinion, len(asked)) for opinion in opinions],
        tuple([one.armed.spec.id for one in opinions if one.any and one.armed.mode is Mode.ENFORCE]),
        next(iter(judged.reasons), ""),
    )


def _decisions(served: Served | None, rows: int) -> list[tuple[Ended, int]]:
    """How many rows ended how, in the order of `Ended`."""
    if served is None:
        return [(Ended.FAILED, rows)]
    if rows == 1:
        return [(ENDS[served.ended[0]], 1)]
    counts = np.bincount(served.ended, minlength=len(ENDS)).tolist()
    return [(each, count) for each, count in zip(ENDS, counts, strict=True) if count]


def _wanted(opinion: Opinion, rows: int) -> Wanted:
    armed = opinion.armed
    if opinion.failed:
        return Wanted(armed.spec.id, armed.mode, BROKE, rows)
    return Wanted(armed.spec.id, armed.mode, opinion.action, rows if rows == 1 else int(opinion.flagged.sum()))
