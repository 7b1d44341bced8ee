"""Reviews: decisions that a policy sends to a person, what that person has to see, and how each review ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isfinite

from holdfast.domain.decision import Decision
from holdfast.domain.guard import GuardVerdict
from holdfast.domain.policy import Unanswered
from holdfast.domain.schema import Scalar
from holdfast.domain.verdict import parse_time


class ReviewState(StrEnum):
    """Whether a review waits, was decided by a person, or ended by what its policy says of no answer in time."""

    WAITING = "waiting"
    DECIDED = "decided"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Held:
    """A decision that waits for a person, as its gateway files it: content, which no ledger ever holds.

    `decision` has all inputs that may be kept, and as outputs what the model proposes; `proposal` is the decided value
    of them, None where the model was not asked. `choices` are the values that an answer can have; where there are none,
    it can be any. `was_answered` says that the asker has the model's answer already. `due_at` is RFC 3339.
    """

    decision: Decision
    policy: str
    due_at: str
    unanswered: Unanswered = Unanswered.REFUSE
    fallback: Scalar | None = None
    proposal: Scalar | None = None
    choices: tuple[Scalar, ...] = ()
    was_answered: bool = False
    format: str = "holdfast-held/1"


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a review ended: with an `answer`, or None where nothing is answered.

    `person` is the pseudonym of who decided, empty where the time was over. `seconds` is how long it waited.
    `overruled` says whether the answer is another one than the model proposed; None where it proposed none, or what it
    proposed was erased, or nobody decided.
    """

    answer: Scalar | None
    person: str
    reason: str
    at: str
    seconds: int
    overruled: bool | None = None


@dataclass(frozen=True, slots=True)
class HumanReview:
    """One review, without content: `content` is the digest of what the person sees, in its sealed form.

    `principal` is the id of the credential that asked, `reasons` and `verdicts` are those of the decision, without
    scores, which tell of the input; `held_at` and `due_at` are RFC 3339. Where nobody decides until then, `unanswered`
    stands, and `fallback` if it says so.
    """

    decision: str
    system: str
    release: str
    environment: str
    gateway: str
    principal: str
    policy: str
    held_at: str
    due_at: str
    unanswered: Unanswered
    content: str
    fallback: Scalar | None = None
    choices: tuple[Scalar, ...] = ()
    reasons: tuple[str, ...] = ()
    verdicts: tuple[GuardVerdict, ...] = ()
    has_proposal: bool = False
    was_answered: bool = False
    resolution: Resolution | None = None

    @property
    def state(self) -> ReviewState:
        """Where it stands, as it was last recorded."""
        if self.resolution is None:
            return ReviewState.WAITING
        return ReviewState.DECIDED if self.resolution.person else ReviewState.LAPSED

    def is_overdue(self, now: datetime) -> bool:
        """Whether it still waits though its time is over at `now` (aware)."""
        return self.resolution is None and now >= parse_time(self.due_at)


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """How the reviews of a system went: how many wait, were decided and lapsed; of the decided ones, how many answered
    another thing than the model proposed, of how many for which it proposed anything; and the median seconds until a
    person decided, None where nobody has.
    """

    waiting: int
    decided: int
    lapsed: int
    overruled: int
    proposed: int
    median_seconds: float | None


def read_answer(review: HumanReview, text: str) -> Scalar:
    """What somebody typed as an answer: as it stands where the system has classes, else a number where it is one."""
    number = None if review.choices else _number(text)
    return text if number is None else number


def is_same(one: Scalar, other: Scalar) -> bool:
    """Whether two answers are one: a number and what somebody typed for it by value, all else as text."""
    first, second = _number(one), _number(other)
    if first is None or second is None or (isinstance(one, str) and isinstance(other, str)):
        return str(one) == str(other)
    return first == second


def _number(value: Scalar) -> float | None:
    try:
        number = None if isinstance(value, bool) else float(value)
    except (ValueError, OverflowError):
        return None
    return number if number is not None and isfinite(number) else None
