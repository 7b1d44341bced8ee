"""A plug-in's own proof that it works: a planted flaw that it must find, a clean twin on which it stays quiet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from holdfast.domain.reference import Reference
    from holdfast.monitors.contract import Seen
    from holdfast.probes.contract import Case, ChatCase


@dataclass(frozen=True)
class Trial:
    """`planted` and `clean` build a Case from a seed, with a real small model (of a chat, a `ChatCase`); `finds` is the
    slug of the finding that must appear on the first and not on the second. On the clean twin no finding above INFO
    may appear at all.
    """

    planted: Callable[[int], Case | ChatCase]
    clean: Callable[[int], Case | ChatCase]
    finds: str


@dataclass(frozen=True, eq=False)
class Call:
    """One call on a guarded model: rows (n, features) of `principal` at `at` seconds; the rest as in `Rows`."""

    X: NDArray[np.float64]
    at: float
    principal: str = ""
    faults: NDArray[np.int8] | None = None
    extra: int = 0
    subjects: tuple[str, ...] | None = None
    outputs: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Traffic:
    """Calls in order, what is known of ordinary rows, and which of all rows, bool (n,), are `bad`."""

    reference: Reference
    calls: tuple[Call, ...]
    bad: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GuardTrial:
    """A guard's own proof: with `params`, at its own threshold, it flags at least `recall` of the bad rows of `planted`
    traffic, and at most `false_alarms` of all rows of `clean` traffic.
    """

    planted: Callable[[int], Traffic]
    clean: Callable[[int], Traffic]
    params: Mapping[str, Any] = field(default_factory=dict)
    recall: float = 0.9
    false_alarms: float = 0.01


@dataclass(frozen=True)
class TextTrial:
    """A guard on text's own proof: with `params`, at its own threshold, it flags all `planted` and no `clean` texts."""

    planted: tuple[str, ...]
    clean: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class MonitorTrial:
    """A monitor's own proof. `planted` and `clean` build what it sees from a seed; with `params`, the first shows the
    measure or the finding's slug `finds`: a series of that measure that changes or leaves its floor or ceiling, or such
    a finding. The second shows nothing of the kind.
    """

    planted: Callable[[int], Seen]
    clean: Callable[[int], Seen]
    finds: str
    params: Mapping[str, Any] = field(default_factory=dict)
