"""What watching a release showed: every series with its alarms, the latest measurements, and what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.evidence import Failed, Skipped
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measurement
from holdfast.domain.watch import Span

Scope = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its `values` and `rows` by batch, None and 0 where there were too few.

    `money` is the natural logarithm of the evidence that its level changed, by batch; `beyond` that it lies beyond
    `floor` or `ceiling`, empty where it has neither. `since` and `alarm` are batches (places): when a change most
    likely began and when it was known; None without one. `shift` is by how much, with its standard `error`.
    """

    monitor: str
    measure: str
    scope: Scope
    values: tuple[float | None, ...]
    rows: tuple[int, ...]
    money: tuple[float, ...] = ()
    beyond: tuple[float, ...] = ()
    floor: float | None = None
    ceiling: float | None = None
    since: int | None = None
    alarm: int | None = None
    shift: float | None = None
    error: float | None = None
    out_since: int | None = None
    out_alarm: int | None = None
    level: float | None = None
    level_error: float | None = None
    wanders: bool = False

    @property
    def where(self) -> str:
        """The scope in words."""
        return ", ".join(f"{name} {part}" for name, part in self.scope)


@dataclass(frozen=True, slots=True)
class Look:
    """A release, watched over the batches that began at `starts`, the first `ordinary` of which say what is usual; the
    first `past` are held-out data, and no decisions.

    `needed` is how many of those it takes before anything is alarmed on. `rows` and `labelled` are by batch.
    `measurements` and `findings` are of the latest batches, with the monitors that yielded them; `unmet` are monitors
    that could not look, and `troubles` what could not be read, each with the reason. `mark` tells
    whether anything but the counts is new.
    """

    system: str
    release: str
    span: Span
    starts: tuple[str, ...]
    rows: tuple[int, ...]
    labelled: tuple[int, ...]
    past: int
    ordinary: int
    needed: int
    lines: tuple[Line, ...]
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    unmet: tuple[Skipped | Failed, ...]
    troubles: tuple[str, ...]
    baseline: str
    at: str
    mark: str = ""
    format: str = "holdfast-look/1"

    @property
    def is_learning(self) -> bool:
        """Whether there are too few batches to say what is usual."""
        return self.ordinary < self.needed


@dataclass(frozen=True, slots=True)
class Crossing:
    """A series that would have been known, after the batch `known`, to lie beyond a `limit` since the batch `since`."""

    measure: str
    where: str
    since: str
    known: str
    level: float
    limit: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """What other limits would have made of the `batches` of decisions of a release that were watched: `limited` series
    of it would have had a limit, and these would have crossed it, the first one first.
    """

    system: str
    release: str
    batches: int
    limited: int
    crossings: tuple[Crossing, ...]
