"""Two releases beside each other: what each decided, and how often they say the same of the same case."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.decision import Lane
from holdfast.domain.measure import Interval


@dataclass(frozen=True, slots=True)
class Side:
    """What a release did on one lane: how many decisions, how they ended (name and count), and how long the median one
    and the 95th of a hundred took, in milliseconds.
    """

    release: str
    lane: Lane
    rows: int
    ended: tuple[tuple[str, int], ...]
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class OutputBeside:
    """An output of both: the share of a `value`, or the mean where it is a number (`value` is empty then).

    `difference` is the 95 % interval of the other's less the live one's, as of independent samples; None where numbers
    are too few, or all the same, to say how far they spread.
    """

    name: str
    value: str
    live: float
    other: float
    difference: Interval | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often both said the same of one case: `same` of `pairs`, and the 95 % interval of that share.

    `mean_gap` and `widest` are between numbers; None where the output is none.
    """

    name: str
    pairs: int
    same: int
    share: Interval
    mean_gap: float | None = None
    widest: float | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """A release beside the live one. Agreements are there where it heard the same cases."""

    side: Side
    outputs: tuple[OutputBeside, ...]
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The releases of a system in some time; `live` is None where nothing was decided. `is_whole` says whether all of
    its decisions were looked at, or only the latest; `trouble` why some could not be read.
    """

    system: str
    live: Side | None
    others: tuple[Beside, ...] = ()
    is_whole: bool = True
    trouble: str = ""
