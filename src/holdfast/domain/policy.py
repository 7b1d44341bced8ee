"""Policies: what a served system does at run time, as versioned data with a digest of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.domain.guard import Action, Mode
from holdfast.domain.schema import Scalar
from holdfast.domain.tool import ToolPolicy

Value = Scalar | tuple[Scalar, ...]


class Review(StrEnum):
    """What happens at once where a guard wants a person to look: the model is not asked, or its answer is for that
    person alone (``propose``), or it is given to whoever asked, too.
    """

    HOLD = "hold"
    PROPOSE = "propose"
    ANSWER = "answer"


class Unanswered(StrEnum):
    """What stands where nobody has decided in time: nothing is answered, the policy's fallback, or what the model
    proposed. Where there is no such value, nothing is answered.
    """

    REFUSE = "refuse"
    FALLBACK = "fallback"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class GuardTerms:
    """How one guard is used: None and empty where what the guard itself declares is meant.

    `action` is what a row gets whose score reaches `threshold` (in the guard's own unit), `on_error` what all rows
    get where the guard breaks or comes too late. `params` are those of the guard's parameters that differ.
    """

    guard: str
    mode: Mode = Mode.SHADOW
    action: Action | None = None
    threshold: float | None = None
    on_error: Action | None = None
    params: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The least that a caller needs of the scores, so that copying the model by asking it gets dearer.

    Scores, and values of a regression, are rounded to `digits` decimals; only the `top` highest classes keep theirs;
    with `decision_only` the decided class gets 1 and all others 0. A decision itself is never changed.
    """

    digits: int | None = None
    top: int | None = None
    decision_only: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done with each exchange of a system. Guards that it does not name do not run.

    `personal` names the fields that are kept under their subject's key, and nowhere else; `subject` is the field that
    says whom a row is about (it need not be a feature). A blocked row is answered with `fallback` where there is one.
    `unreleased` is what becomes of rows while the release is not let in: BLOCK, REVIEW to have a person decide instead
    (the model is not asked, whatever `review` says), or FLAG to note it only. After `deadline_ms` (for one row, or each
    thousand of many) the guards that have not looked yet count as broken. A person has `review_hours` to decide what is
    sent to them; `unanswered` says what stands after that. `tools` says which tools a model may call; where it is None,
    nobody looks at them.
    """

    name: str
    version: str
    guards: tuple[GuardTerms, ...]
    approved_by: str = ""
    disclosure: Disclosure = Disclosure()
    personal: tuple[str, ...] = ()
    subject: str = ""
    fallback: Scalar | None = None
    review: Review = Review.HOLD
    unreleased: Action = Action.BLOCK
    deadline_ms: float = 100.0
    review_hours: float = field(default=24.0, metadata={"added": True})
    unanswered: Unanswered = field(default=Unanswered.REFUSE, metadata={"added": True})
    tools: ToolPolicy | None = field(default=None, metadata={"added": True})
