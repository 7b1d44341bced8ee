"""Reviews in words: why a decision waits, what stands if nobody answers, how it ended, how a system's reviews go."""

from __future__ import annotations

from functools import cache

from holdfast import words
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.policy import Unanswered
from holdfast.domain.review import HumanReview, ReviewFigures
from holdfast.flows.exchange import NOT_LET_IN
from holdfast.plugins import find_guards
from holdfast.statistics import wilson

FEWEST = 20
"""Decided reviews with a proposal from which a rate is told; of fewer, only the counts."""

_SAID = {
    Action.ALLOW: "let it pass",
    Action.FLAG: "noted it",
    Action.REDACT: "redacted it",
    Action.REVIEW: "wants a person to look",
    Action.BLOCK: "would block it",
}


_REASONS = {NOT_LET_IN: "no release may decide"}


@cache
def _titles() -> dict[str, str]:
    return {spec.id: spec.title for spec in find_guards()}


def guard_title(verdict: GuardVerdict) -> str:
    """What a guard looks for; its id where it is nobody's here."""
    return _titles().get(verdict.guard, verdict.guard)


def said_by(verdict: GuardVerdict) -> str:
    """What a guard said, and why: ``wants a person to look: age is above what was seen``."""
    said = "broke, so its policy for errors spoke" if verdict.failed else _SAID[verdict.action]
    watched = " (it only watches)" if verdict.mode is Mode.SHADOW else ""
    return f"{said}{watched}: {verdict.because}" if verdict.because else f"{said}{watched}"


def why(review: HumanReview) -> str:
    """The guards that want a person to look."""
    found = [guard_title(one) for one in review.verdicts if one.action is Action.REVIEW]
    reasons = [_REASONS.get(reason, reason) for reason in review.reasons]
    return ", ".join(found) or ", ".join(reasons) or "its policy says so"


def otherwise(review: HumanReview) -> str:
    """What stands where nobody answers in time."""
    if review.unanswered is Unanswered.FALLBACK and review.fallback is not None:
        return f"the policy's fallback, {review.fallback}, is the answer"
    if review.unanswered is Unanswered.ANSWER and review.has_proposal:
        return "what the model proposed is the answer"
    return no_answer(review)


def no_answer(review: HumanReview) -> str:
    """What no answer means to whoever asked."""
    if review.was_answered:
        return "the model's answer, which the asker has, does not stand"
    return "nothing is answered: the asker is refused"


def sentence(review: HumanReview) -> str:
    """Where it stands, in one sentence."""
    ended = review.resolution
    if ended is None:
        return f"A decision of {review.system} waits for a person"
    nothing = "the model's answer does not stand" if review.was_answered else "nothing was answered"
    what = nothing if ended.answer is None else f"the answer is {ended.answer}"
    if not ended.person:
        return f"Nobody decided in time, so {what}"
    model = {None: "", True: ", another than the model's", False: ", as the model proposed"}[ended.overruled]
    return f"A person decided: {what}{model}"


def told(figures: ReviewFigures) -> dict[str, str]:
    """How a system's reviews go, by title. No rate is told of a handful."""
    overruled = f"{figures.overruled} of {figures.proposed}"
    if figures.proposed >= FEWEST:
        share, span = figures.overruled / figures.proposed, wilson(figures.overruled, figures.proposed)
        overruled += f", {words.number(share, 'share')} ({words.interval(span, 'share')})"
    elif figures.proposed:
        overruled += ", too few for a rate"
    median = "nobody has decided one" if figures.median_seconds is None else lasted(figures.median_seconds)
    return {
        "Waiting": f"{figures.waiting:,}",
        "Decided by people": f"{figures.decided:,}",
        "Ended as nobody did": f"{figures.lapsed:,}",
        "Model overruled": overruled if figures.proposed else "nothing to overrule",
        "Median wait": median,
    }


def lasted(seconds: float) -> str:
    """``40 seconds``, ``12 minutes``, ``3.5 hours``, ``2 days``."""
    sizes = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    size, noun = next((one for one in sizes if seconds >= one[0]), sizes[-1])
    return words.number(seconds / size, noun)
