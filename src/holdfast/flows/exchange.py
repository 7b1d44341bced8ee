"""What one exchange is made of, from the question to the answer. `flows/serve.py` says what happens to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.raw import Reader, Reading
from holdfast.domain.decision import Ended, Lane
from holdfast.domain.guard import Action
from holdfast.domain.ids import Ids
from holdfast.domain.policy import Policy
from holdfast.flows.disclose import disclose
from holdfast.guards.armed import Armed, Opinion
from holdfast.guards.contract import Ground, Rows
from holdfast.ports import Admitting, Clock, DecisionLog, Vault

Matrix = NDArray[np.float64]
Places = NDArray[np.int64]

NOT_LET_IN = "release-not-let-in"
UNCHECKED = "release-unchecked"
MODEL_FAILED = "model-failed"
TOGETHER = "another-row-blocked"
"""Why a row was not answered whose own verdicts are clean: a request is answered whole, or not at all."""

ENDS = tuple(Ended)
"""What the codes in `Served.ended` mean."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Station:
    """A system that is served in this process: its release, policy, log, and what it asks of the world.

    `admissions` is None where nobody says what may run: each decision then says so; `snapshot` is their digest. `vault`
    keeps personal fields; where there is none, they are not kept at all. `gateway` names the process.
    """

    system: str
    release: str
    environment: str
    gateway: str
    policy: Policy
    log: DecisionLog
    clock: Clock
    ids: Ids
    admissions: Admitting | None = None
    snapshot: str = ""
    vault: Vault | None = None

    def reasons(self, now: datetime) -> tuple[str, ...]:
        """What holds against the release now: nothing, that nobody says, or that it is not let in."""
        if self.admissions is None:
            return (UNCHECKED,)
        return () if self.admissions.admits(self.release, self.environment, now) else (NOT_LET_IN,)


def is_kept_from(policy: Policy, reasons: Sequence[str]) -> bool:
    """Whether nothing may be put to the model, because the release is not let in."""
    return NOT_LET_IN in reasons and policy.unreleased is not Action.FLAG


@dataclass(frozen=True, eq=False, kw_only=True)
class Post(Station):
    """A system that is asked with rows: how they are read, and its guards."""

    ground: Ground
    reader: Reader
    before: tuple[Armed, ...]
    after: tuple[Armed, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What somebody asks: rows as they were read, the credential's id, and whom each row is about (pseudonyms).

    `fallback` says whether one value can stand for an answer: it cannot where scores by class were asked for.
    `together` says that all rows are answered or none.
    """

    reading: Reading
    principal: str = ""
    subjects: Sequence[str] | None = None
    trace: str = ""
    lane: Lane = Lane.LIVE
    follows: str = ""
    fallback: bool = True
    together: bool = False

    def __len__(self) -> int:
        return len(self.reading.X)

    def take(self, chosen: slice | Places) -> Asked:
        """Some of the rows."""
        reading, people = self.reading, self.subjects
        if people is not None:
            people = people[chosen] if isinstance(chosen, slice) else [people[i] for i in chosen.tolist()]
        faults = None if reading.faults is None else reading.faults[chosen]
        return replace(self, reading=Reading(reading.X[chosen], faults, reading.extra), subjects=people)

    def rows(self, ground: Ground, now: datetime, outputs: Matrix | None) -> Rows:
        """What guards see."""
        return Rows(
            self.reading.X,
            ground,
            at=now.timestamp(),
            faults=self.reading.faults,
            extra=self.reading.extra,
            principal=self.principal,
            subjects=self.subjects,
            outputs=outputs,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What the model answered to m rows: `names` of columns and their `values`, each (m,).

    `scores` is float64 (m, k), None where the answer is decisions alone: the least information is about scores. Where
    there are both, `values` are the columns of the scores and `decisions` the other named columns.
    """

    names: tuple[str, ...]
    values: tuple[NDArray[Any], ...]
    scores: Matrix | None = None
    decisions: tuple[tuple[str, NDArray[Any]], ...] = ()

    def columns(self) -> list[tuple[str, NDArray[Any]]]:
        """All columns by name."""
        return [*self.decisions, *zip(self.names, self.values, strict=True)]

    def outputs(self) -> Matrix:
        """What guards after the model see, float64 (m, k): scores, values, or the place of each label in order."""
        return self.scores if self.scores is not None else np.column_stack([_numbers(v) for v in self.values])

    def shown(self, policy: Policy) -> Reply:
        """The answer with the least that the policy lets a caller see."""
        if self.scores is None:
            return self
        seen = disclose(self.scores, policy.disclosure)
        return self if seen is self.scores else replace(self, values=tuple(seen.T), scores=seen)

    def take(self, rows: Places) -> Reply:
        """The answers to some of the rows."""
        scores = None if self.scores is None else self.scores[rows]
        decisions = tuple((name, values[rows]) for name, values in self.decisions)
        return Reply(self.names, tuple(values[rows] for values in self.values), scores, decisions)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was said of rows so far: `acts` int8 (n,) is the rank of the gravest enforced action of each.

    `reasons` are codes that hold for all rows; `started` is `perf_counter` seconds.
    """

    now: datetime
    started: float
    acts: NDArray[np.int8]
    opinions: tuple[Opinion, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """How each row ended, int8 (n,), an index of `ENDS`; the rows that were answered (None for all), and with what.

    `ids` are those of the decisions, in order. `proposed` is what the model said of the rows that it was `asked` about
    (None for all), whoever may have it; None where it said nothing.
    """

    judged: Judged
    ended: NDArray[np.int8]
    answered: Places | None
    reply: Reply | None
    ids: Sequence[str] = ()
    proposed: Reply | None = None
    asked: Places | None = None


def _numbers(values: NDArray[Any]) -> Matrix:
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    return np.unique(values, return_inverse=True)[1].astype(np.float64)
