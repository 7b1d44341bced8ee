"""Verdict: evidence held against an appetite at a moment. A pure function, and the only thing that decides.

Law 1: no evidence, stale evidence, an empty appetite, or a failed probe is never Pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from holdfast.domain.appetite import Appetite, Basis, Limit, Tier
from holdfast.domain.evidence import Evidence, Failed, Skipped
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Task


class Outcome(StrEnum):
    """The answer of a gate."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    BREACH = "breach"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: one limit and the measurement that decided it, or one plain statement (`measurement` and `limit` None).

    `margin` is the distance from the limit in the measure's unit, negative beyond it.
    """

    outcome: Outcome
    sentence: str
    limit: Limit | None = None
    measurement: Measurement | None = None
    margin: float | None = None

    @property
    def is_near(self) -> bool:
        """Whether the limit is kept, but within its warning band."""
        kept = self.outcome is Outcome.PASS and self.limit is not None and self.margin is not None
        return kept and self.margin < self.limit.warn_within  # type: ignore[operator, union-attr]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pass, Breach or Inconclusive for one evidence under one appetite, with all reasons, worst first."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    system: str
    release: str
    evidence: str
    appetite: str
    tier: Tier
    judged_at: str
    use_case: str = ""
    format: str = "holdfast-verdict/1"

    @property
    def breaches(self) -> tuple[Reason, ...]:
        """The reasons that breach."""
        return tuple(reason for reason in self.reasons if reason.outcome is Outcome.BREACH)


def judge(
    evidence: Evidence | None,
    appetite: Appetite,
    *,
    tier: Tier,
    now: datetime,
    use_case: str = "",
    evidence_digest: str = "",
    appetite_digest: str = "",
) -> Verdict:
    """Hold `evidence` against `appetite` for a system of `tier` and `use_case` at `now` (aware, UTC)."""
    limits = _limits(evidence, appetite, tier, use_case)
    reasons = [*_standing(evidence, limits, appetite, now)]
    if tier is Tier.PROHIBITED:
        reasons.append(Reason(Outcome.BREACH, "This use of AI is prohibited. Nobody can approve it."))
    if evidence is not None:
        judged = (_judge_limit(limit, evidence) for limit in limits)
        found = [reason for reason in judged if reason is not None]
        reasons += found or ([_open("Nothing that the appetite limits was measured.")] if limits else [])
    ordered = tuple(sorted(reasons, key=_worst_first))
    return Verdict(
        outcome=_overall(ordered),
        reasons=ordered,
        system=evidence.system if evidence else "",
        release=evidence.release if evidence else "",
        evidence=evidence_digest,
        appetite=appetite_digest,
        tier=tier,
        judged_at=timestamp(now),
        use_case=use_case,
    )


def _limits(evidence: Evidence | None, appetite: Appetite, tier: Tier, use_case: str) -> tuple[Limit, ...]:
    """The limits that bind. What was measured of a chat is judged even where its limit does not name chats."""
    task = evidence.answers if evidence is not None else None
    bound = appetite.binding(tier, task, use_case)
    if evidence is None or task is not Task.CHAT:
        return bound
    rest = (limit for limit in appetite.binding(tier, None, use_case) if limit not in bound)
    return (*bound, *(limit for limit in rest if any(limit.covers(m) for m in evidence.measurements)))


def _standing(evidence: Evidence | None, limits: tuple[Limit, ...], appetite: Appetite, now: datetime) -> list[Reason]:
    """What keeps any verdict from being Pass, whatever the numbers say."""
    if evidence is None:
        return [_open("There is no evidence. Run `holdfast check`.")]
    reasons = []
    if not limits:
        reasons.append(_open("The appetite sets no limit for this tier, so nothing can pass it."))
    age = now - parse_time(evidence.taken_at)
    if age > timedelta(days=appetite.evidence_days):
        reasons.append(_open(f"The evidence is {age.days} days old; it counts for {appetite.evidence_days}."))
    if age < timedelta(minutes=-5):
        reasons.append(_open(f"The evidence is dated in the future ({evidence.taken_at})."))
    if not evidence.measurements:
        reasons.append(_open("No probe measured anything."))
    reasons += [
        _open(f"The probe {outcome.probe} failed: {outcome.reason}")
        for outcome in evidence.outcomes
        if isinstance(outcome, Failed)
    ]
    return reasons


def _open(sentence: str) -> Reason:
    return Reason(outcome=Outcome.INCONCLUSIVE, sentence=sentence)


def _judge_limit(limit: Limit, evidence: Evidence) -> Reason | None:
    """The limit against the worst measurement that it covers; None for an optional limit with nothing to judge."""
    covered = [m for m in evidence.measurements if limit.covers(m)]
    enough = [m for m in covered if m.n >= limit.sample]
    if enough:
        return _compare(limit, min(enough, key=lambda m: margin(limit, m)), evidence)
    if not limit.required:
        return None
    if covered:
        most = max(m.n for m in covered)
        sentence = f"{limit.measure} rests on {most} rows; this limit asks for {limit.sample}."
    else:
        sentence = f"{limit.measure} was not measured{_because(limit.measure, evidence)}."
    return Reason(outcome=Outcome.INCONCLUSIVE, sentence=sentence, limit=limit)


def _because(measure: str, evidence: Evidence) -> str:
    family = measure.partition(".")[0]
    for outcome in evidence.outcomes:
        if isinstance(outcome, Skipped | Failed) and outcome.probe.partition(".")[0] == family:
            return f" ({outcome.probe}: {outcome.reason.rstrip('.')})"
    return ""


def _compare(limit: Limit, measurement: Measurement, evidence: Evidence) -> Reason:
    room = margin(limit, measurement)
    outcome = Outcome.PASS if room >= 0 else Outcome.BREACH
    definition = evidence.measure(measurement.measure)
    title = definition.title if definition else measurement.measure
    where = f" ({measurement.where})" if measurement.where else ""
    bound = _bound_in_words(limit)
    sentence = f"{title}{where} is {measurement.value:.4g}; the limit is {bound}."
    return Reason(outcome=outcome, sentence=sentence, limit=limit, measurement=measurement, margin=room)


def _bound_in_words(limit: Limit) -> str:
    low = "" if limit.minimum is None else f"at least {limit.minimum:g}"
    high = "" if limit.maximum is None else f"at most {limit.maximum:g}"
    return " and ".join(part for part in (low, high) if part)


def margin(limit: Limit, measurement: Measurement) -> float:
    """Room left before the limit, in the measure's unit, at the end of the interval that `limit.basis` names."""
    low = high = measurement.value
    if measurement.interval is not None and limit.basis is not Basis.ESTIMATE:
        ends = (measurement.interval.low, measurement.interval.high)
        low, high = ends if limit.basis is Basis.WORST else ends[::-1]
    rooms = []
    if limit.minimum is not None:
        rooms.append(low - limit.minimum)
    if limit.maximum is not None:
        rooms.append(limit.maximum - high)
    return min(rooms)


def _overall(reasons: tuple[Reason, ...]) -> Outcome:
    """Breach outweighs Inconclusive outweighs Pass; nothing judged is Inconclusive."""
    outcomes = {reason.outcome for reason in reasons}
    if Outcome.BREACH in outcomes:
        return Outcome.BREACH
    if Outcome.INCONCLUSIVE in outcomes or not outcomes:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


def _worst_first(reason: Reason) -> tuple[int, float, str]:
    order = (Outcome.BREACH, Outcome.INCONCLUSIVE, Outcome.PASS)
    return (order.index(reason.outcome), reason.margin if reason.margin is not None else 0.0, reason.sentence)


def timestamp(moment: datetime) -> str:
    """An aware datetime as RFC 3339 UTC with seconds: ``2026-11-23T21:40:33Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The aware datetime of an RFC 3339 text."""
    return datetime.fromisoformat(text)
