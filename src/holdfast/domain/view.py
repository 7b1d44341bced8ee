"""What an entrance shows of records taken together, in the same words over HTTP, in the client and on a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.account import Profile
from holdfast.domain.act import Kept
from holdfast.domain.approval import Approval
from holdfast.domain.credential import Credential
from holdfast.domain.decision import Decision, Ended, Field, Label, Lane, PersonalReading, Segment
from holdfast.domain.gate import Request, Ruling
from holdfast.domain.guard import Action
from holdfast.domain.intake import Offered
from holdfast.domain.person import Person, Proposal, Token
from holdfast.domain.release import Deployment, Release
from holdfast.domain.review import Held
from holdfast.domain.system import Owners
from holdfast.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it stands now.

    `bound` are the digests that an approval given now would be bound to, the request's own first; `verdict` is the
    evidence judged now, None where there is none or the gate needs none; `data` are the data sets that it names.
    """

    request: Kept[Request]
    ruling: Ruling
    bound: tuple[str, ...]
    verdict: Verdict | None
    data: tuple[Offered, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A pseudonym and who that is; `profile` is None for a person who was erased, or a service."""

    person: Kept[Person]
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class People:
    """Some people; `after` is where the next page starts, empty at the end."""

    items: tuple[Known, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and its secret: shown once, empty when the same request is repeated."""

    token: Kept[Token]
    secret: str = ""


@dataclass(frozen=True, slots=True)
class LetIn:
    """A credential, and the secret of a key: shown once, empty when the same request is repeated."""

    credential: Kept[Credential]
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with all that a ledger and an archive know of it; None where it cannot be read, and `trouble` says
    why. Where it was read, the bytes that it stands in are those that the ledger registers as `segment`.

    `segments` are those that may hold it, where it cannot be read. `deployments` and `approvals` are those in force
    when it was made, `owners` who answered for the system then; `labels` what was said of its outcome, in order.
    `followers` are the decisions that belong to it: what ended its stream, and what shadows made of the same case.
    """

    id: str
    decision: Decision | None
    segment: Kept[Segment] | None
    trouble: str = ""
    segments: tuple[Kept[Segment], ...] = ()
    release: Kept[Release] | None = None
    deployments: tuple[Kept[Deployment], ...] = ()
    approvals: tuple[Kept[Approval], ...] = ()
    owners: Owners | None = None
    labels: tuple[Label, ...] = ()
    followers: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as a list shows it. `action` is the gravest that an enforced guard wanted."""

    id: str
    at: str
    ended: Ended
    lane: Lane
    release: str
    environment: str
    action: Action
    is_sealed: bool


@dataclass(frozen=True, slots=True)
class DecidedPage:
    """Decisions of a system and day, the latest first; `after` is where the next page starts, empty at the end.

    `trouble` names what of the day cannot be read here.
    """

    items: tuple[Decided, ...]
    after: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """That personal fields of a decision were read, and the fields: shown once, none when the request is repeated."""

    reading: Kept[PersonalReading]
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """How many labels were taken in. The same again is taken in again, and changes nothing."""

    taken: int


@dataclass(frozen=True, slots=True)
class Due:
    """A segment whose time is over; `hold` is the key of what keeps it all the same, empty where it may go."""

    segment: Kept[Segment]
    hold: str = ""


@dataclass(frozen=True, slots=True)
class DuePage:
    """Segments whose time is over, the oldest first; `after` is where the next page starts."""

    items: tuple[Due, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """The proposal of a person or of a new link, and the link: shown once, empty when the same request is repeated."""

    proposal: Kept[Proposal]
    link: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person has to see to decide a review; None once it is over, or the subject was erased."""

    held: Held | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The pseudonym of a person whom no review shows any more."""

    subject: str
