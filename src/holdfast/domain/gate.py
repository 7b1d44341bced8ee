"""Gates: whether something may pass a checkpoint. A pure function of what is known, who said what, and now.

The checkpoint's answer is a `Ruling` in the words of a verdict: Pass, Breach or Inconclusive, with its reasons. It is
computed anew whenever somebody asks, so whatever changes (a digest, a limit, an approval, the date) changes the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from holdfast.domain.appetite import Tier
from holdfast.domain.approval import Approval, Waiver, approved_by, holds, uncovered
from holdfast.domain.classification import Classification
from holdfast.domain.intake import Offered, judge_data, judge_lineage, require_passed
from holdfast.domain.lineage import Lineage
from holdfast.domain.system import Status, System
from holdfast.domain.verdict import Outcome, Reason, Verdict, parse_time


class Gate(StrEnum):
    """The checkpoints of a system's life, in order."""

    PROCUREMENT = "procurement"
    VENDOR = "vendor"
    DATA = "data"
    TRAINING = "training"
    DEPLOYMENT = "deployment"
    CHANGE = "change"

    @property
    def needs_evidence(self) -> bool:
        """Whether a release is let through, which must have been attacked first."""
        return self in (Gate.DEPLOYMENT, Gate.CHANGE)

    @property
    def needs_data(self) -> bool:
        """Whether data sets are let through, each of which a data gate must have admitted."""
        return self in (Gate.DATA, Gate.TRAINING)


LONGEST_APPROVAL = 3660
"""Days, about ten years: whoever approved has to look again some day."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who must say yes at `gate` for systems of `tiers`: one person for each discipline of `quorum`.

    A breach needs a waiver that one person for each discipline of `waiver_quorum` approved; an empty one means that
    no breach can be waived. With `needs_lineage` a release passes only if it traces back to attested sources.
    """

    gate: Gate
    tiers: tuple[Tier, ...]
    quorum: tuple[str, ...]
    waiver_quorum: tuple[str, ...] = ()
    approval_days: int = 180
    needs_lineage: bool = field(default=False, metadata={"added": True})

    def __post_init__(self) -> None:
        if not 1 <= self.approval_days <= LONGEST_APPROVAL:
            raise ValueError(f"an approval counts for 1 to {LONGEST_APPROVAL} days, not {self.approval_days}")


@dataclass(frozen=True, slots=True)
class Committee:
    """The body that decides, and its rules. A gate and tier without a rule lets nothing through."""

    name: str
    version: str
    rules: tuple[Rule, ...]

    def rule(self, gate: Gate, tier: Tier) -> Rule | None:
        """The first rule that speaks of this gate and tier."""
        return next((rule for rule in self.rules if rule.gate is gate and tier in rule.tiers), None)


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks to pass a gate: with a system, with data sets for it, or with one release into an environment.

    What people approve is the digest of this record, together with those of what it speaks of. `datasets` are digests.
    """

    gate: Gate
    system: str
    requester: str
    reason: str
    at: str
    release: str = ""
    environment: str = ""
    is_withdrawn: bool = False
    datasets: tuple[str, ...] = field(default=(), metadata={"added": True})


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver, the digest that approvals of it are bound to, and those approvals."""

    waiver: Waiver
    digest: str
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that a gate looks at, loaded once.

    `verdict` is the evidence judged at the moment of asking; `digests` are those that are current for what asks to
    pass (release, sealed verdict, appetite). `barred` are the requester and the authors. `data` are the data sets that
    the request names; an admission counts for `evidence_days`, None where no appetite says so. `lineage` is that of the
    release where the rule needs it. `trouble` says why evidence that is filed cannot be relied on.
    """

    gate: Gate
    system: System
    classification: Classification | None
    committee: Committee | None
    verdict: Verdict | None
    digests: frozenset[str]
    barred: frozenset[str]
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waived, ...] = ()
    data: tuple[Offered, ...] = ()
    evidence_days: int | None = None
    lineage: Lineage | None = None
    trouble: str = ""

    @property
    def rule(self) -> Rule | None:
        """The committee's rule for this gate and the system's tier."""
        tier = self.classification.tier if self.classification else None
        return self.committee.rule(self.gate, tier) if self.committee and tier else None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A gate's answer. `waiting_for` are the disciplines whose yes is missing; `counted` who said one that counts."""

    gate: Gate
    outcome: Outcome
    reasons: tuple[Reason, ...]
    waiting_for: tuple[str, ...]
    counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a digest may run in an environment now, and why (not). A digest that nobody knows is Inconclusive."""

    admitted: bool
    digest: str
    environment: str
    reason: str
    request: str = ""
    outcome: Outcome = Outcome.INCONCLUSIVE


def decide(dossier: Dossier, now: datetime) -> Ruling:
    """The gate's answer at `now` (aware, UTC).

    Facts about the system come first, then the evidence with its waivers, then the committee. Pass needs all three.
    Evidence is the verdict on a release, the admissions of data sets, and lineage where the rule needs it.
    """
    rule = dossier.rule
    facts = [*_system(dossier), *_evidence(dossier, rule, now), *_data(dossier, now), *_lineage(dossier, rule)]
    missing = _missing(dossier, rule, now)
    reasons = [*facts, *_committee(dossier, rule, missing)]
    return Ruling(
        gate=dossier.gate,
        outcome=_overall(reasons),
        reasons=tuple(sorted(reasons, key=lambda reason: _ORDER.index(reason.outcome))),
        waiting_for=missing,
        counted=_counted(dossier, now),
    )


_ORDER = (Outcome.BREACH, Outcome.INCONCLUSIVE, Outcome.PASS)


def _overall(reasons: list[Reason]) -> Outcome:
    return min((reason.outcome for reason in reasons), key=_ORDER.index, default=Outcome.INCONCLUSIVE)


def shuts_at(dossier: Dossier, evidence_ends: datetime, now: datetime) -> datetime:
    """The moment from which a gate that is open at `now` is shut if nobody does anything; `now` where it is shut.

    Evidence grows old at `evidence_ends`; approvals and waivers end when they said.
    """
    acts: list[Approval | Waiver] = [*dossier.approvals]
    for waived in dossier.waivers:
        acts += [waived.waiver, *waived.approvals]
    ends = sorted({parse_time(act.expires_at) for act in acts} | {evidence_ends})
    for moment in (now, *(end for end in ends if end > now)):
        if moment >= evidence_ends or decide(dossier, moment).outcome is not Outcome.PASS:
            return moment
    return now


def _system(dossier: Dossier) -> list[Reason]:
    """What keeps a system from passing any gate."""
    reasons = []
    if dossier.system.status is Status.RETIRED:
        reasons.append(Reason(Outcome.BREACH, f"{dossier.system.name} is retired."))
    if dossier.system.owners.vacant:
        parts = ", ".join(dossier.system.owners.vacant)
        reasons.append(Reason(Outcome.INCONCLUSIVE, f"Nobody answers for {parts}. Name an owner for each."))
    tier = dossier.classification.tier if dossier.classification else None
    if tier is None:
        reasons.append(Reason(Outcome.INCONCLUSIVE, "The system is not classified. Answer the questionnaire."))
    elif tier is Tier.PROHIBITED:
        reasons.append(Reason(Outcome.BREACH, "This use of AI is prohibited. Nobody can approve it."))
    elif tier is not dossier.system.tier:
        sentence = f"The system says tier {dossier.system.tier}, its classification {tier}. Make them agree."
        reasons.append(Reason(Outcome.INCONCLUSIVE, sentence))
    return reasons


def _evidence(dossier: Dossier, rule: Rule | None, now: datetime) -> list[Reason]:
    """The verdict's reasons, each breach that a waiver covers turned into a pass that says so."""
    if not dossier.gate.needs_evidence:
        return []
    if dossier.trouble:
        return [Reason(Outcome.INCONCLUSIVE, f"The evidence on this release cannot be relied on. {dossier.trouble}")]
    if dossier.verdict is None:
        return [Reason(Outcome.INCONCLUSIVE, "There is no evidence on this release. Run `holdfast check`.")]
    reasons = dossier.verdict.reasons or (Reason(Outcome.INCONCLUSIVE, "Nothing was judged."),)
    return [_waived(reason, dossier, rule, now) for reason in reasons]


def _data(dossier: Dossier, now: datetime) -> list[Reason]:
    """What speaks for and against each data set that the request names."""
    if not dossier.gate.needs_data:
        return []
    if not dossier.data:
        return [Reason(Outcome.INCONCLUSIVE, "The request names no data set, so there is nothing to let through.")]
    reasons = [judge_data(offered, dossier.evidence_days, now) for offered in dossier.data]
    if dossier.gate is Gate.TRAINING:
        reasons += [require_passed(offered) for offered in dossier.data]
    return reasons


def _lineage(dossier: Dossier, rule: Rule | None) -> list[Reason]:
    is_asked = dossier.gate.needs_evidence and rule is not None and rule.needs_lineage
    return list(judge_lineage(dossier.lineage)) if is_asked else []


def _waived(reason: Reason, dossier: Dossier, rule: Rule | None, now: datetime) -> Reason:
    if reason.outcome is Outcome.PASS or reason.limit is None or not reason.limit.waivable or rule is None:
        return reason
    for waived in dossier.waivers:
        if waived.waiver.measure == reason.limit.measure and waiver_counts(waived, dossier, rule, now):
            sentence = f"{reason.sentence} Waived until {waived.waiver.expires_at[:10]}: {waived.waiver.controls}"
            return Reason(Outcome.PASS, sentence, reason.limit, reason.measurement, reason.margin)
    return reason


def waiver_counts(waived: Waived, dossier: Dossier, rule: Rule, now: datetime) -> bool:
    """Whether a waiver holds, names a compensating control, and has the approvals that the rule asks for.

    Whoever asked for it is barred from approving it, on top of those whom the dossier bars.
    """
    waiver = waived.waiver
    if not waiver.controls.strip() or not holds(waiver, digests=dossier.digests, barred=frozenset(), now=now):
        return False
    return approved_by(
        waived.approvals,
        roles=frozenset(rule.waiver_quorum),
        digests=frozenset({waived.digest}),
        barred=dossier.barred | {waiver.person},
        now=now,
    )


def _missing(dossier: Dossier, rule: Rule | None, now: datetime) -> tuple[str, ...]:
    if rule is None:
        return ()
    roles = frozenset(rule.quorum)
    return uncovered(dossier.approvals, roles=roles, digests=dossier.digests, barred=dossier.barred, now=now)


def _committee(dossier: Dossier, rule: Rule | None, missing: tuple[str, ...]) -> list[Reason]:
    """What the committee still has to say, and the dissent that is on record."""
    if rule is None or not rule.quorum:
        return [Reason(Outcome.INCONCLUSIVE, "No committee has a rule for this gate and tier, so nobody can approve.")]
    reasons = [Reason(Outcome.INCONCLUSIVE, f"Waiting for {', '.join(missing)}.")] if missing else []
    if not missing:
        reasons.append(Reason(Outcome.PASS, f"Approved by {', '.join(sorted(rule.quorum))}."))
    dissent = [a for a in dossier.approvals if not a.says_yes and set(a.bound_to) <= dossier.digests]
    return reasons + [Reason(Outcome.PASS, f"Dissent on record ({a.role}): {a.reason}") for a in dissent]


def _counted(dossier: Dossier, now: datetime) -> tuple[str, ...]:
    held = (a for a in dossier.approvals if holds(a, digests=dossier.digests, barred=dossier.barred, now=now))
    return tuple(sorted({approval.person for approval in held}))
