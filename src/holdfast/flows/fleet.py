"""Watch: which series stand out among those of all systems, so that a large fleet names few wrongly.

The promise of one release is about its own series. Of a hundred releases in order, one has a false alarm at some time,
and where only two truly changed, that one is a third of what people look at. So the latest evidence of every series
that is bet on, of whatever system, goes through the e-BH procedure once more, all together.

What holds: whenever somebody looks, at most one in a hundred of the series named then is named wrongly, on average,
however the series depend on each other (Wang and Ramdas 2022, arXiv 2009.02824, proposition 2: e-values need no
independence, and an e-process stopped at any time is an e-value). What does not: that so few are wrong among all that
were named at *any* time, since the most that a series ever had is no e-value; and a look chosen by what *other* series
show is a stopping time of theirs, not of this one's (Choe and Ramdas 2024, arXiv 2402.09698). The watcher looks by the
clock, which is neither. A series that stood out is named no longer once its evidence has gone: its alert stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.domain.look import Line, Look
from holdfast.domain.rounds import Named
from holdfast.monitors.false_discovery import LEVEL, chosen


def named_among(looks: Sequence[Look], level: float = LEVEL) -> tuple[int, tuple[Named, ...]]:
    """How many series of these looks are bet on, and those that stand out among them all, the surest first."""
    asked = [one for look in looks for line in look.lines for one in _bets(look, line)]
    if not asked:
        return 0, ()
    is_named = chosen(np.array([one.evalue for one in asked]), level)
    named = [one for one, stands_out in zip(asked, is_named, strict=True) if stands_out]
    return len(asked), tuple(sorted(named, key=lambda one: (-one.evalue, one.release, one.measure, one.where)))


def _bets(look: Look, line: Line) -> list[Named]:
    """What is bet on a series, each with its evidence after the latest batch; none where the release does not alarm on
    it, as of a change that somebody settled since. Evidence that is left out makes no more false alarms.
    """
    bets = ((line.money, line.alarm, False), (line.beyond, line.out_alarm, True))
    return [
        Named(look.system, look.release, line.measure, line.where, -np.inf if alarm is None else money[-1], is_beyond)
        for money, alarm, is_beyond in bets
        if money and not line.wanders
    ]
