"""Of a fleet in order hardly anything is named, however many systems there are; what truly changed is."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np

from holdfast.domain.look import Line, Look
from holdfast.domain.watch import Span
from holdfast.flows.fleet import named_among


def look(system: str, money: list[float], beyond: list[float] = ()) -> Look:
    known = {"scope": (), "values": (0.0,), "rows": (9,)}
    lines = [Line("x", f"drift.{n}", **known, money=(99.0, one), alarm=0) for n, one in enumerate(money)]
    lines += [Line("x", f"outcome.{n}", **known, beyond=(one,), out_alarm=0) for n, one in enumerate(beyond)]
    return Look(system, f"r-{system}", Span.DAY, ("2026-11-01",), (9,), (0,), 0, 1, 1, tuple(lines), *[()] * 4, "", "")


def test_more_is_asked_of_a_series_in_a_large_fleet():
    sure = look("one", [log(150)])
    assert len(named_among([sure])[1]) == 1
    quiet = [look(f"s{n}", [0.0, -1.0]) for n in range(50)]
    tested, named = named_among([sure, *quiet])
    assert (tested, named) == (101, ())
    tested, named = named_among([look("one", [log(101 * 100) + 0.01]), *quiet])
    assert [(one.system, one.release, one.measure, one.is_beyond) for one in named] == [
        ("one", "r-one", "drift.0", False)
    ]


def test_only_the_latest_evidence_counts_and_a_limit_is_a_series_of_its_own():
    tested, named = named_among([look("one", [-2.0], [12.0])])
    assert (tested, [one.is_beyond for one in named]) == (2, [True])
    lines = tuple(replace(line, wanders=True) for line in look("one", [12.0]).lines)
    assert named_among([replace(look("one", []), lines=lines), look("two", [])]) == (0, ())
    settled = tuple(replace(line, alarm=None) for line in look("one", [12.0]).lines)
    assert named_among([replace(look("one", []), lines=settled)]) == (1, ())


def test_of_those_named_one_in_a_hundred_is_wrong_on_average():
    """E-values of mean 1 (a fair bet that pays 200-fold once in 200 times), dependent in pairs, beside true changes."""
    rng, shares = np.random.default_rng(4), []
    for _ in range(400):
        wins = np.repeat(rng.random(60) < 1 / 4_000, 2)
        null = [look(f"n{n}", [log(4_000) if win else -9.0]) for n, win in enumerate(wins.tolist())]
        true = [look(f"t{n}", [log(60_000.0)]) for n in range(3)]
        _, named = named_among([*null, *true])
        assert len(named) >= 3
        shares.append(sum(one.system.startswith("n") for one in named) / len(named))
    assert np.mean(shares) <= 0.01
