"""Know: systems, their tier, their releases and the evidence on them enter the inventory."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.appetite import Appetite, Tier
from holdfast.domain.classification import Answers, Classification, Override, Questionnaire, classify
from holdfast.domain.errors import Absent, FixInput, Forbidden, Tampered
from holdfast.domain.evidence import Evidence, Material
from holdfast.domain.kinds import Filed
from holdfast.domain.person import Sealer
from holdfast.domain.release import Release
from holdfast.domain.system import Status, System
from holdfast.domain.verdict import Verdict, judge
from holdfast.flows.desk import APPETITE, Caller, Desk, as_left, require, stated
from holdfast.ledger.bundle import release_of
from holdfast.ledger.envelope import keyid, open_sealed

NAME = re.compile(r"[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]{0,98}[^\s/\x00-\x1f\x7f])?")


def register_system(desk: Desk, caller: Caller, system: System) -> Kept[System]:
    """Enter a system. Its tier is HIGH until it is classified."""
    require(caller, Permission.MANAGE_SYSTEMS)
    if not NAME.fullmatch(system.name):
        raise FixInput("system.name", f"{system.name!r} is no name.", "At most 100 characters, none a slash.")
    stated(system.purpose, "purpose")
    return desk.keep(caller, Verb.REGISTER_SYSTEM, system.name, replace(system, tier=Tier.HIGH))


def change_system(desk: Desk, caller: Caller, name: str, system: System, base: int) -> Kept[System]:
    """Change what is said of a system, as of revision `base`. Its name stays; its tier follows the questionnaire."""
    require(caller, Permission.MANAGE_SYSTEMS)
    before = desk.store.get(System, name).record
    after = replace(system, name=name, tier=before.tier)
    verb = Verb.RETIRE_SYSTEM if after.status is Status.RETIRED else Verb.CHANGE_SYSTEM
    return desk.keep(caller, verb, name, after, base)


def classify_system(
    desk: Desk, caller: Caller, name: str, regime: Questionnaire, answers: Answers
) -> Kept[Classification]:
    """Answer a regime's questionnaire; the system takes the tier that follows. New answers end an override."""
    require(caller, Permission.MANAGE_SYSTEMS)
    unknown = sorted(dict(answers).keys() - {question.id for question in regime.questions})
    if unknown:
        raise FixInput("classification.question", f"Nobody asks {unknown[0]!r}.", "Read the questionnaire again.")
    return _set_classification(desk, caller, Verb.CLASSIFY, classify(regime, name, answers))


def override_tier(
    desk: Desk, caller: Caller, name: str, *, regime: str, tier: Tier, reason: str
) -> Kept[Classification]:
    """Set a tier against the questionnaire, with a reason. A prohibition cannot be lifted, nor silence overridden."""
    require(caller, Permission.OVERRIDE_TIER)
    before = desk.store.get(Classification, f"{name}:{regime}").record
    if before.computed in (None, Tier.PROHIBITED):
        what = "prohibited" if before.computed else "not classified yet"
        raise Forbidden("classification.firm", f"The system is {what}; nobody can override that.", "Change the system.")
    override = Override(tier, caller.person.id, Permission.OVERRIDE_TIER, stated(reason, "reason"))
    return _set_classification(desk, caller, Verb.OVERRIDE_TIER, replace(before, override=override))


def _set_classification(desk: Desk, caller: Caller, verb: Verb, record: Classification) -> Kept[Classification]:
    """The classification, and the system with the tier that follows from all of its classifications."""
    key = f"{record.system}:{record.regime}"
    system = desk.store.get(System, record.system)
    earlier = desk.store.find(Classification, key)
    drafts = [Draft(verb, key, record, earlier.revision if earlier else 0)]
    others = [c for c in classifications(desk, record.system) if c.regime != record.regime]
    tier = gravest((*others, record)) or system.record.tier
    if tier is not system.record.tier:
        drafts.append(Draft(verb, system.key, replace(system.record, tier=tier), system.revision))
    return as_left(desk.do(caller, *drafts)[0], record)


def classifications(desk: Desk, system: str) -> tuple[Classification, ...]:
    """A system's classifications under every regime that it was asked about."""
    return tuple(kept.record for kept in desk.store.list(Classification, system=system, limit=100).items)


def gravest(found: tuple[Classification, ...]) -> Tier | None:
    """The tier that counts among several regimes: None where there is none, or one is open."""
    tiers = [classification.tier for classification in found]
    if Tier.PROHIBITED in tiers:
        return Tier.PROHIBITED
    return None if None in tiers or not tiers else max((t for t in tiers if t), key=lambda tier: tier.rank)


def register_release(desk: Desk, caller: Caller, release: Release) -> Kept[Release]:
    """Enter a release by the digests of what it is made of. The same digest again is the same release."""
    require(caller, Permission.REGISTER_RELEASES)
    desk.store.get(System, release.system)
    if not release.materials:
        raise FixInput("release.empty", "A release is bound to the digests of what it is made of.", "Name a model.")
    known = desk.store.find(Release, release.digest)
    if known is None:
        desk.do(caller, Draft(Verb.REGISTER_RELEASE, release.digest, release))
        return desk.store.get(Release, release.digest)
    if known.record.system != release.system:
        raise FixInput(
            "release.elsewhere", f"This release belongs to {known.record.system}.", "Check the system's name."
        )
    return known


def release_digest(system: str, materials: tuple[Material, ...]) -> str:
    """The digest of a release that was not registered by a check: of its system's name and its materials."""
    return canonical.digest({"system": system, "materials": materials})


@dataclass(frozen=True, slots=True)
class Filing:
    """What came of filing evidence: where it is kept, and the verdict on it under the appetite in force."""

    filed: Kept[Filed]
    verdict: Kept[Verdict]


def file_evidence(desk: Desk, caller: Caller, envelope: bytes, sealer: str, version: str) -> Filing:
    """Take in evidence that `holdfast check` sealed with the key `sealer` (raw Ed25519, hex).

    The release that it is about is entered if it is new, and the evidence is judged by the appetite in force here, not
    by the one that it was judged by where it was made.
    """
    require(caller, Permission.REGISTER_RELEASES)
    evidence = open_sealed(envelope, _key(sealer), Evidence)
    system = desk.store.get(System, evidence.system).record
    _require_own(desk, evidence)
    digest = canonical.digest(evidence)
    kept_envelope = desk.blobs.put(envelope)
    desk.blobs.put(canonical.encode(evidence))
    filed = Filed.of(evidence, digest, envelope=kept_envelope, sealer=sealer)
    drafts = []
    if desk.store.find(Release, evidence.release) is None:
        release = Release(
            evidence.release, system.name, version, evidence.materials, authors=(caller.person.id,), source="check"
        )
        drafts.append(Draft(Verb.REGISTER_RELEASE, release.digest, release))
    is_new = desk.store.find(Filed, digest) is None
    if is_new:
        drafts.append(Draft(Verb.RECORD_EVIDENCE, digest, filed))
    verdict = judge_evidence(desk, system, evidence, digest)
    if desk.store.find(Verdict, canonical.digest(verdict)) is None:
        drafts.append(Draft(Verb.GIVE_VERDICT, canonical.digest(verdict), verdict))
    if drafts:
        desk.do(caller, *drafts, evidence=evidence if is_new else None)
    return Filing(desk.store.get(Filed, digest), desk.store.get(Verdict, canonical.digest(verdict)))


def _require_own(desk: Desk, evidence: Evidence) -> None:
    """The release is what its digest says, and of this system: whoever seals evidence cannot name another's."""
    if evidence.release != release_of(evidence.materials, evidence.schema):
        what = "The release's digest does not follow from what it is made of."
        raise Tampered("evidence.release", what, "Check the release again, and submit what that leaves.")
    known = desk.store.find(Release, evidence.release)
    if known is not None and known.record.system != evidence.system:
        what = f"This release belongs to {known.record.system}."
        raise FixInput("release.elsewhere", what, "Check the system's name.")


def _key(sealer: str) -> bytes:
    try:
        key = bytes.fromhex(sealer)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise FixInput("sealer.key", "The sealer's key has 32 bytes in hex.", "`ledger.vkey` of the run holds it.")
    return key


def judge_evidence(desk: Desk, system: System, evidence: Evidence, digest: str) -> Verdict:
    """The evidence held against the appetite in force, for the system's tier and use case, now."""
    appetite = appetite_in_force(desk)
    return judge(
        evidence,
        appetite,
        tier=system.tier,
        now=desk.now,
        use_case=system.use_case,
        evidence_digest=digest,
        appetite_digest=_digest_of(appetite),
    )


@lru_cache(maxsize=8)
def _digest_of(appetite: Appetite) -> str:
    """One appetite judges everything, and encoding it takes longer than judging."""
    return canonical.digest(appetite)


def appetite_in_force(desk: Desk) -> Appetite:
    """The appetite that counts; FixInput where nobody has set one."""
    kept = desk.store.find(Appetite, APPETITE)
    if kept is None:
        raise FixInput("appetite.none", "No appetite is in force.", "Propose one; somebody else must enact it.")
    return kept.record


def trust_sealer(desk: Desk, caller: Caller, name: str, key: str, *, trusted: bool = True) -> Kept[Sealer]:
    """Count evidence that this key sealed, or no longer."""
    require(caller, Permission.TRUST_SEALERS)
    id = keyid(_key(key))
    before = desk.store.find(Sealer, id)
    if before is None and not trusted:
        raise Absent("sealer.absent", "Nobody trusts this key.", "There is nothing to revoke.")
    verb = Verb.TRUST_SEALER if trusted else Verb.REVOKE_SEALER
    record = Sealer(stated(name, "name"), key, trusted)
    return desk.keep(caller, verb, id, record, before.revision if before else 0)


def is_trusted(desk: Desk, sealer: str) -> bool:
    """Whether evidence that this key (hex) sealed counts."""
    kept = desk.store.find(Sealer, keyid(_key(sealer)))
    return kept is not None and kept.record.is_trusted
