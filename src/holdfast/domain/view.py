"""What an entrance shows of records taken together, in the same words over HTTP, in the client and on a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.account import Profile
from holdfast.domain.act import Kept
from holdfast.domain.credential import Credential
from holdfast.domain.gate import Request, Ruling
from holdfast.domain.intake import Offered
from holdfast.domain.person import Person, Proposal, Token
from holdfast.domain.review import Held
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
