"""Prove: why a decision was made, by the release that made it, where the control plane has that release's files.

What comes of it is shown and not kept: it may rest on what is personal, and has to be gone when that is erased.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Verb
from holdfast.domain.decision import Decision, PersonalReading
from holdfast.domain.errors import Absent, TooMany
from holdfast.domain.ids import day_of
from holdfast.domain.policy import Disclosure, Policy
from holdfast.domain.release import Release
from holdfast.explanations.account import Account
from holdfast.explanations.letter import Letter, Regime, write_letter
from holdfast.flows.account_for import Terms, account_for
from holdfast.flows.desk import Caller, Desk, random_id, require, stated
from holdfast.flows.explain_decision import Archive, Keys, registered_on
from holdfast.releases.shelf import LETTER, Furnished, Shelf

_ONE = threading.Lock()
"""One at a time: each opens a worker, and asks the model some thousand times."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The account of a decision, and what it was made with."""

    decision: Decision
    account: Account
    furnished: Furnished


@dataclass(frozen=True)
class Place:
    """Where decisions are read, the keys of what is personal, and the releases that are at hand."""

    archive: Archive
    keys: Keys
    shelf: Shelf | None


def explain_here(desk: Desk, caller: Caller, place: Place, id: str, *, because: str = "") -> Explained:
    """Explain a decision. Where the model was given what is personal, `because` says why it is opened, on record.

    Absent where no files of its release are here, TooMany while another one is explained; else as `account_for`.
    """
    require(caller, Permission.READ_DECISIONS)
    decision, _ = place.archive.find(id, [kept.record for kept in registered_on(desk, day_of(id))])
    furnished = _furnished(desk, place.shelf, decision)

    def opened() -> Decision:
        require(caller, Permission.READ_PERSONAL)
        found = place.keys.open(decision)
        reading = PersonalReading(id, decision.system, caller.person.id, stated(because, "reason"), desk.at)
        desk.keep(caller, Verb.READ_PERSONAL, random_id(), reading)
        return found

    if not _ONE.acquire(blocking=False):
        raise TooMany("explain.busy", "Another decision is being explained.", "Try again in a few seconds.", 5)
    try:
        terms = Terms(furnished.wording)
        account = account_for(decision, furnished.release, terms, opened=opened if because.strip() else None)
    finally:
        _ONE.release()
    return Explained(decision, account, furnished)


def write_letter_here(found: Explained, regime: Regime, *, day: str) -> Letter:
    """The letter to the person, dated `day` as a person reads it. FixInput where the release's terms do not do."""
    furnished = found.furnished
    if furnished.terms is None:
        what = "Nobody wrote on what terms letters about this release go out."
        raise Absent("letter.terms", what, f"Write {LETTER} beside its manifest: who you are, and whom to turn to.")
    disclosure = _disclosure(found.decision, furnished.policy)
    return write_letter(found.account, regime, furnished.terms, furnished.wording, disclosure, day=day)


def _disclosure(decision: Decision, policy: Policy | None) -> Disclosure:
    """What the policy in force let a caller see; the least where that is not the policy at hand."""
    is_known = policy is not None and canonical.digest(policy) == decision.policy
    return policy.disclosure if policy is not None and is_known else Disclosure(decision_only=True)


def _furnished(desk: Desk, shelf: Shelf | None, decision: Decision) -> Furnished:
    kept = desk.store.find(Release, decision.release)
    model = kept.record.material("model") if kept is not None else None
    found = shelf.with_model(model.digest if model is not None else decision.release) if shelf is not None else None
    if found is None:
        hint = "Where they are: holdfast decision explain ID --release FOLDER. Or name their place: HOLDFAST_RELEASES."
        raise Absent("explain.files", "The files of the release that decided are not kept here.", hint)
    return found
