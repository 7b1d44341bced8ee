"""Review: a decision that a policy sends to a person waits, is decided or lapses, and what they saw is destroyed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.credential import Credential
from holdfast.domain.errors import Conflict, FixInput, Forbidden, Tampered
from holdfast.domain.policy import Unanswered
from holdfast.domain.review import Held, HumanReview, Resolution, ReviewFigures, ReviewState, is_same
from holdfast.domain.schema import Scalar
from holdfast.domain.system import System
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.flows.desk import MOST, Caller, Desk, require, stated

CLOCK = "holdfast"
"""Who makes the acts that no person makes, only time."""

LONGEST = timedelta(days=92)
LONGEST_ANSWER = 200
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def file_held(desk: Desk, caller: Caller, held: Held) -> Kept[HumanReview]:
    """Let a decision wait for a person. The same decision again is the same review, also once it is over."""
    require(caller, Permission.RUN_GATEWAY)
    key = held.decision.id
    known = desk.store.find(HumanReview, key)
    if known is not None:
        return known
    desk.store.get(System, held.decision.system)
    _check(held, desk.now)
    digest = desk.contents.put(key, held.decision.subject, canonical.encode(held))
    try:
        desk.do(caller, Draft(Verb.FILE_REVIEW, key, _review(held, digest)))
    except Conflict:  # another gateway has filed it meanwhile
        return desk.store.get(HumanReview, key)
    return desk.store.get(HumanReview, key)


def _check(held: Held, now: datetime) -> None:
    """FixInput for what is no decision that could wait."""
    if not ID.fullmatch(held.decision.id):
        raise FixInput("review.id", "This is no decision's id.", "File what the gateway logged, as it is.")
    if held.decision.sealed:
        raise FixInput("review.sealed", "Nobody here can open what is sealed.", "Open it where its keys are.")
    try:
        since, due = (parse_time(timestamp(parse_time(text))) for text in (held.decision.at, held.due_at))
    except (ValueError, TypeError, OverflowError) as error:
        raise FixInput("review.time", "A time of it cannot be read.", "Write it as 2026-11-24T09:00:00Z.") from error
    if not timedelta(0) < due - since <= LONGEST:
        raise FixInput("review.due", f"A person has {LONGEST.days} days at most.", "Set review_hours in the policy.")
    if due - now > LONGEST:
        raise FixInput("review.early", f"It was held at {held.decision.at}, which is yet to come.", "Set its clock.")


def _review(held: Held, digest: str) -> HumanReview:
    made = held.decision
    return HumanReview(
        decision=made.id,
        system=made.system,
        release=made.release,
        environment=made.environment,
        gateway=made.gateway,
        principal=made.principal,
        policy=held.policy,
        held_at=timestamp(parse_time(made.at)),
        due_at=timestamp(parse_time(held.due_at)),
        unanswered=held.unanswered,
        content=digest,
        fallback=held.fallback,
        choices=held.choices,
        reasons=made.reasons,
        verdicts=tuple(replace(verdict, score=None) for verdict in made.verdicts),
        has_proposal=held.proposal is not None,
        was_answered=held.was_answered,
    )


def find_review(desk: Desk, key: str) -> Kept[HumanReview]:
    """A review as it stands now: one whose time is over has ended, whoever asks first."""
    kept = desk.store.get(HumanReview, key)
    return lapse(desk, kept) if kept.record.is_overdue(desk.now) else kept


def read_content(desk: Desk, caller: Caller, key: str) -> Held | None:
    """What a person has to see; None once the review is over, or the subject was erased."""
    require(caller, Permission.DECIDE_REVIEWS)
    find_review(desk, key)
    return content_of(desk, key)


def content_of(desk: Desk, key: str) -> Held | None:
    """What is kept for the eyes of a person; None where it was destroyed."""
    found = desk.contents.get(key)
    return canonical.decode(Held, found) if found is not None else None


def decide(desk: Desk, caller: Caller, key: str, *, answer: Scalar | None, reason: str) -> Kept[HumanReview]:
    """A person's decision: an answer, or None where nothing shall be answered. What they saw is destroyed after it."""
    require(caller, Permission.DECIDE_REVIEWS)
    kept = find_review(desk, key)
    if kept.record.resolution is not None:
        raise Conflict("review.over", f"It is {kept.record.state} already.", "Read how it ended.")
    if why := barred(desk, caller, kept):
        raise Forbidden("review.own", why, "Somebody else with the role reviewer decides it.")
    said, seconds = _fitting(kept.record, answer), _waited(kept.record, desk.now)
    overruled = _overruled(content_of(desk, key), said)
    resolution = Resolution(said, caller.person.id, stated(reason, "reason"), desk.at, seconds, overruled)
    desk.do(caller, Draft(Verb.DECIDE_REVIEW, key, replace(kept.record, resolution=resolution), kept.revision))
    desk.contents.drop(key, desk.at)
    return desk.store.get(HumanReview, key)


def barred(desk: Desk, caller: Caller, kept: Kept[HumanReview]) -> str:
    """Why the caller may not decide, though their role lets them; empty where they may."""
    filed = desk.store.history(HumanReview, kept.key)[0]
    if filed.actor == caller.person.id:
        return "The gateway that asks runs on your behalf."
    issued = desk.store.history(Credential, kept.record.principal) if kept.record.principal else ()
    if issued and issued[0].actor == caller.person.id:
        return "The program that asked comes in by a credential that you issued."
    return ""


def _fitting(review: HumanReview, answer: Scalar | None) -> Scalar | None:
    if isinstance(answer, str) and not 0 < len(answer) <= LONGEST_ANSWER:
        raise FixInput("review.answer", f"An answer has {LONGEST_ANSWER} characters at most, and one at least.")
    if answer is None or not review.choices:
        return answer
    for choice in review.choices:
        if is_same(choice, answer):
            return choice
    told = ", ".join(map(str, review.choices))
    raise FixInput("review.answer", "The system never answers that.", f"Say one of: {told}.")


def _overruled(held: Held | None, answer: Scalar | None) -> bool | None:
    if held is None or held.proposal is None:
        return None
    return answer is None or not is_same(answer, held.proposal)


def _waited(review: HumanReview, until: datetime) -> int:
    return max(0, int((until - parse_time(review.held_at)).total_seconds()))


def lapse(desk: Desk, kept: Kept[HumanReview]) -> Kept[HumanReview]:
    """End a review that nobody decided in time, by what its policy says then. Done once, whoever does it."""
    review = kept.record
    answer, why = _default(desk, kept)
    resolution = Resolution(answer, "", why, review.due_at, _waited(review, parse_time(review.due_at)))
    draft = Draft(Verb.LAPSE_REVIEW, kept.key, replace(review, resolution=resolution), kept.revision)
    try:
        desk.store.commit([draft], actor=CLOCK, at=desk.at, id=f"{CLOCK}:{kept.key}")
    except (Conflict, FixInput):  # somebody decided at the last moment, or ended it, too
        return desk.store.get(HumanReview, kept.key)
    desk.committed()
    desk.contents.drop(kept.key, desk.at)
    return desk.store.get(HumanReview, kept.key)


def _default(desk: Desk, kept: Kept[HumanReview]) -> tuple[Scalar | None, str]:
    """What stands where nobody decided, and why; nothing is answered where what the model proposed cannot be read."""
    review, why = kept.record, "Nobody decided in time."
    if review.unanswered is not Unanswered.ANSWER:
        return (review.fallback if review.unanswered is Unanswered.FALLBACK else None), why
    try:
        held = content_of(desk, kept.key)
    except (Tampered, FixInput):
        return None, f"{why} What the model proposed was changed."
    return (held.proposal if held is not None else None), why


def awaiting(desk: Desk, caller: Caller, most: int) -> tuple[Kept[HumanReview], ...]:
    """The reviews that the caller may decide by their role, what is due first; `most` at most."""
    if Permission.DECIDE_REVIEWS not in caller.permissions:
        return ()
    found = desk.store.list(HumanReview, state=ReviewState.WAITING, descending=False, limit=most).items
    return tuple(kept for kept in found if not kept.record.is_overdue(desk.now))


def forget(desk: Desk, caller: Caller, subject: str) -> tuple[str, ...]:
    """Destroy what waiting reviews show of a subject (a pseudonym), for good; the reviews wait on without it."""
    require(caller, Permission.FORGET_SUBJECTS)
    keys = desk.contents.keys(stated(subject, "subject"))
    for key in keys:
        desk.contents.drop(key, desk.at)
    return keys


def figures(desk: Desk, system: str) -> ReviewFigures:
    """How the reviews of a system went; of those that people decided, the latest 500."""
    latest = desk.store.list(HumanReview, system=system, state=ReviewState.DECIDED, limit=MOST).items
    ended = [kept.record.resolution for kept in latest if kept.record.resolution is not None]
    judged = [one.overruled for one in ended if one.overruled is not None]
    return ReviewFigures(
        waiting=desk.store.count(HumanReview, system=system, state=ReviewState.WAITING),
        decided=len(ended),
        lapsed=desk.store.count(HumanReview, system=system, state=ReviewState.LAPSED),
        overruled=sum(judged),
        proposed=len(judged),
        median_seconds=float(median(one.seconds for one in ended)) if ended else None,
    )
