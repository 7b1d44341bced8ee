"""What a gateway saw that whoever watches over security should hear of. No content, no secret, no subject."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """What was seen: a guard that acted, somebody unknown, a call that was refused, or a state that changed."""

    GUARD = "guard"
    STRANGER = "stranger"
    REFUSED = "refused"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that was seen at `at` (seconds since 1970), under a stable `code`.

    `principal` is the id of a credential, `source` the address from which it asked, `decision` the first decision in
    the log, `guards` those that wanted something, `message` a sentence that a person wrote into this program. A state
    that is well again `is_over`.
    """

    sort: Sort
    at: float
    code: str
    message: str
    system: str = ""
    release: str = ""
    principal: str = ""
    source: str = ""
    path: str = ""
    status: int = 0
    decision: str = ""
    ended: str = ""
    guards: tuple[str, ...] = ()
    trace: str = ""
    is_over: bool = False
