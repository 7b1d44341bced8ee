"""The reading order that all reports share: one sentence, one number, what matters, what was not tested.

These functions select and order what the verdict already decided; they judge nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from holdfast import words
from holdfast.domain.appetite import Limit
from holdfast.domain.evidence import Done, Failed, Skipped
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Direction, Measure, Measurement
from holdfast.domain.run import Run
from holdfast.domain.schema import Task
from holdfast.domain.verdict import Outcome, Reason, parse_time

_FAMILIES = {
    "artifact": "The model file",
    "cost": "What it can be made to spend",
    "disclosure": "Telling what is to be kept",
    "evasion": "Gaming a decision",
    "explain": "Reasons given",
    "extraction": "Stealing the model",
    "fairness": "Treatment of groups",
    "injection": "Obeying the wrong people",
    "jailbreak": "Talked out of rules",
    "overrefusal": "Declining what is harmless",
    "performance": "Quality of decisions",
    "poisoning": "Tampered training data",
    "privacy": "Leaks about people",
    "stress": "Faulty input",
    "tools": "Acting for the wrong people",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that a person who decides should know, with the finding or the breached limit that it comes from."""

    sentence: str
    finding: Finding | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not tested: what, why, and what would change that. `failed` where it should have run."""

    what: str
    why: str
    hint: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class MeasureGroup:
    """All measurements of one measure, in the order in which a reader compares them."""

    measure: Measure
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The atom of every report: a measure in plain words, its value, its limit, how old the evidence is, who owns it.

    `state` is the outcome, or ``stale`` for a limit that is kept by evidence too old to count.
    """

    state: str
    measure: Measure
    about: str
    value: str
    interval: str
    limit: str
    age: str
    owner: str
    reason: Reason


def verdict_sentence(run: Run) -> str:
    """One sentence for a person who decides: ``Two of nine limits are breached; the release may not ship.``"""
    limits = [reason.outcome for reason in run.verdict.reasons if reason.limit is not None]
    breached, unjudged = limits.count(Outcome.BREACH), limits.count(Outcome.INCONCLUSIVE)
    total = words.count(len(limits), "limit")
    if run.verdict.outcome is Outcome.PASS:
        whole = f"All {total} are" if len(limits) > 1 else "The one limit is"
        return f"{whole} kept; nothing that was measured stands in the way of this release."
    if run.verdict.outcome is Outcome.BREACH:
        rest = f", {words.spelled(unjudged)} could not be judged" if unjudged else ""
        return (
            f"{_share_of(breached, total)} {'is' if breached == 1 else 'are'} breached{rest}; the release may not ship."
        )
    if unjudged:
        return f"{_share_of(unjudged, total)} could not be judged; the release may not ship on this evidence."
    return "The evidence is not enough to decide; the release may not ship on it."


def _share_of(n: int, total: str) -> str:
    return words.sentence_case(f"{words.spelled(n)} of {total}")


def headline(run: Run) -> Reason | None:
    """The one number: the breach behind the worst finding, else the worst breach, else the limit closest to breach."""
    measured = [reason for reason in run.verdict.reasons if reason.measurement is not None]
    breaches = [reason for reason in measured if reason.outcome is Outcome.BREACH]
    for finding in run.evidence.findings:
        for measure in finding.measures:
            for reason in breaches:
                if reason.measurement is not None and reason.measurement.measure == measure:
                    return reason
    if breaches:
        return breaches[0]
    return min(measured, key=_relative_room, default=None)


def _relative_room(reason: Reason) -> float:
    """Margin in units of the limit itself, so that dollars and shares compare; limits at zero have no such scale."""
    if reason.limit is None or reason.margin is None:
        return float("inf")
    ends = [abs(end) for end in (reason.limit.minimum, reason.limit.maximum) if end]
    return reason.margin / min(ends) if ends else float("inf")


def matters(run: Run) -> tuple[Matter, ...]:
    """What a person who decides should know, worst first: findings above LOW, then breaches that none of them covers,
    then limits that could not be judged and what else keeps the verdict open.
    """
    grave = [finding for finding in run.evidence.findings if finding.severity.rank > Severity.LOW.rank]
    covered = {measure for finding in grave for measure in finding.measures}
    found = [Matter(finding.sentence, finding=finding) for finding in grave]
    breached = [
        Matter(words.because(reason, run.evidence), reason=reason)
        for reason in run.verdict.breaches
        if reason.measurement is None or reason.measurement.measure not in covered
    ]
    unsettled = [
        Matter(words.because(reason, run.evidence), reason=reason)
        for reason in run.verdict.reasons
        if reason.outcome is Outcome.INCONCLUSIVE
    ]
    return (*found, *breached, *unsettled)


def asides(run: Run) -> tuple[Finding, ...]:
    """The findings that stop nobody but help to decide: LOW and INFO, worst first."""
    return tuple(finding for finding in run.evidence.findings if finding.severity.rank <= Severity.LOW.rank)


def rows(run: Run) -> tuple[VerdictRow, ...]:
    """One row for every limit that was judged or should have been, worst first."""
    age = words.age(run.evidence.taken_at, run.verdict.judged_at)
    return tuple(_row(run, reason, reason.limit, age) for reason in run.verdict.reasons if reason.limit is not None)


def _row(run: Run, reason: Reason, limit: Limit, age: str) -> VerdictRow:
    found, unit = reason.measurement, words.unit(run.evidence, limit.measure)
    stale = reason.outcome is Outcome.PASS and is_stale(run)
    return VerdictRow(
        state="stale" if stale else reason.outcome.value,
        measure=definition(run, limit.measure),
        about=words.scope(found) if found else "",
        value=words.number(found.value, found.unit) if found else "",
        interval=words.interval(found.interval, found.unit) if found else "",
        limit=words.bound(limit, found.unit if found else unit),
        age=age,
        owner=limit.owner,
        reason=reason,
    )


def is_stale(run: Run) -> bool:
    """Whether the evidence was older, when it was judged, than the appetite lets evidence count."""
    age = parse_time(run.verdict.judged_at) - parse_time(run.evidence.taken_at)
    return age > timedelta(days=run.appetite.evidence_days)


def gaps(run: Run) -> tuple[Gap, ...]:
    """What was not tested and why: probes that failed, probes that do not apply, optional limits without evidence."""
    titles = {card.id: card.title for card in run.evidence.probes}
    failed, skipped = [], []
    for outcome in run.evidence.outcomes:
        name = titles.get(outcome.probe, outcome.probe)
        if isinstance(outcome, Failed):
            failed.append(Gap(f"{name} ({outcome.probe})", outcome.reason, outcome.hint, failed=True))
        elif isinstance(outcome, Skipped):
            skipped.append(Gap(f"{name} ({outcome.probe})" if name != outcome.probe else name, outcome.reason))
    judged = {reason.limit for reason in run.verdict.reasons}
    optional = [
        Gap(words.title(run.evidence, limit.measure), "The limit is optional, and nothing was measured for it.")
        for limit in run.appetite.binding(run.verdict.tier, run.evidence.answers, run.verdict.use_case)
        if limit not in judged
    ]
    return (*failed, *skipped, *optional)


def groups(run: Run) -> dict[str, tuple[MeasureGroup, ...]]:
    """Measurements by family, then by measure in the order of the evidence's own definitions."""
    taken: dict[str, list[Measurement]] = {}
    for measurement in run.evidence.measurements:
        taken.setdefault(measurement.measure, []).append(measurement)
    families: dict[str, list[MeasureGroup]] = {}
    for id, found in taken.items():
        families.setdefault(id.partition(".")[0], []).append(MeasureGroup(definition(run, id), tuple(found)))
    return {family: tuple(families[family]) for family in sorted(families)}


def definition(run: Run, id: str) -> Measure:
    """What a measure id means; a bare stand-in where the evidence does not define it."""
    return run.evidence.measure(id) or Measure(id, id, "", Direction.NEUTRAL, "")


def owners(run: Run) -> tuple[tuple[str, str], ...]:
    """Who answers for each part of the system; an empty name where nobody does."""
    named = run.system.owners
    return tuple((part, getattr(named, part)) for part in ("data", "model", "deployment", "monitoring"))


def family_title(family: str) -> str:
    """A probe family in plain words."""
    return _FAMILIES.get(family, words.sentence_case(family))


def reason_for(run: Run, measure: str) -> Reason | None:
    """The verdict's reason about a measure, worst first; None where no limit speaks about it."""
    return next((r for r in run.verdict.reasons if r.limit is not None and r.limit.measure == measure), None)


def tally(run: Run) -> tuple[tuple[Outcome, int], ...]:
    """How many limits were breached, left open and kept."""
    limits = [reason.outcome for reason in run.verdict.reasons if reason.limit is not None]
    return tuple((o, limits.count(o)) for o in (Outcome.BREACH, Outcome.INCONCLUSIVE, Outcome.PASS) if o in limits)


def effort(run: Run) -> str:
    """How many probes ran to their end and what they asked, as a sentence."""
    done = [outcome for outcome in run.evidence.outcomes if isinstance(outcome, Done)]
    queries, tokens = sum(outcome.queries for outcome in done), sum(outcome.tokens for outcome in done)
    ran = f"{len(done)} probes ran and"
    if run.evidence.answers is Task.CHAT:
        return f"{ran} sent the chat {queries:,} requests, {tokens:,} tokens with the replies."
    return f"{ran} asked the model about {queries:,} rows."


def limits_of_proof(run: Run) -> tuple[str, ...]:
    """What the sealed run does not prove, in the words of every report."""
    return LIMITS_OF_CHATS if run.evidence.answers is Task.CHAT else LIMITS_OF_PROOF


LIMITS_OF_PROOF = (
    "It speaks about the files whose digests are listed, and about no other version of them.",
    "A probe that finds nothing shows only that this attack, at this effort, found nothing. A stronger one may.",
    "Intervals cover the luck of the sample. They do not cover a test table that differs from the people decided on "
    "later.",
    "The signature shows who sealed the record and that it has not changed since. It does not show that the stated "
    "inputs were the right ones.",
    "It is evidence towards legal and internal duties. It is not legal advice, and it certifies nothing.",
)

LIMITS_OF_CHATS = (
    "It speaks about the address, the system prompt, the tools and the guards whose digests are listed. A provider can "
    "change the model behind an address without a word.",
    "The rules that were broken are harmless ones, planted for the test: whether rules hold is measured, not what a "
    "model knows.",
    "Words that no view of a reply shows are not found: an answer in an encoding that Holdfast does not undo counts as "
    "no success.",
    *LIMITS_OF_PROOF[1:2],
    *LIMITS_OF_PROOF[3:],
)
