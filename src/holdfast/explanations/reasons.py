"""The principal reasons for a decision: what pulled it where it went, ranked, and how sure that ranking is.

Under Regulation B a creditor states the specific principal reasons for adverse action (12 CFR 1002.9(b)(2)): those that
the score was really made of, in words that the person understands. No number is prescribed; more than four are not
likely to help (comment 9(b)(2)-1). A scored system may look for the factors on which the applicant fell furthest below
the average of all applicants (comment 9(b)(2)-5), which is what a contribution against other people's rows measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from holdfast.explanations.explanation import OTHERS, Explanation, Part
from holdfast.explanations.wording import Wording

MOST = 4
SURE = 2.0
"""Standard errors beyond which a difference is told from none."""

LEAST_SHARE = 0.05
"""Of all that pulled the same way: what is less is not called a reason, unless it is the only one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One principal reason: its `code` and `sentence`, and its `share` of all that pulled the same way.

    `is_settled` is False where its place could as well be the next one's: the two differ by less than two standard
    errors. `is_own` where a person wrote the sentence.
    """

    code: str
    feature: str
    sentence: str
    share: float
    contribution: float
    error: float
    is_settled: bool
    is_protected: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Reasons:
    """The principal reasons, the weightiest first.

    `rivals` are features that are not among them and could be: they differ from the last of them by less than two
    standard errors. `problems` are sentences for whoever gives the reasons; none where there are none.
    """

    principal: tuple[Reason, ...]
    rivals: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def has_protected(self) -> bool:
        """Whether a protected attribute is among them."""
        return any(reason.is_protected for reason in self.principal)


def principal_reasons(explanation: Explanation, wording: Wording, most: int = MOST) -> Reasons:
    """At most `most` reasons for the decision, in the order of how much they pulled."""
    pulling = _pulling(explanation)
    total = sum(_pull(part, explanation) for part in pulling)
    weighty = [part for part in pulling if part.feature != OTHERS and _pull(part, explanation) >= LEAST_SHARE * total]
    chosen, rest = weighty[:most], weighty[most:]
    rivals = tuple(part.feature for part in rest if chosen and _are_close(chosen[-1], part))
    reasons = tuple(
        _reason(part, after, explanation, total, wording)
        for part, after in zip(chosen, [*chosen[1:], *rest[:1], None], strict=False)
    )
    return Reasons(reasons, rivals, tuple(_problems(explanation, reasons, rivals, pulling, total)))


def _pull(part: Part, explanation: Explanation) -> float:
    return part.contribution * explanation.pull


def _pulling(explanation: Explanation) -> list[Part]:
    parts = [part for part in explanation.parts if _pull(part, explanation) > 0]
    return sorted(parts, key=lambda part: (-_pull(part, explanation), part.feature))


def _are_close(one: Part, other: Part) -> bool:
    return abs(one.contribution - other.contribution) < SURE * hypot(one.error, other.error)


def _reason(part: Part, after: Part | None, explanation: Explanation, total: float, wording: Wording) -> Reason:
    told = wording.tell(part)
    return Reason(
        code=told.code,
        feature=part.feature,
        sentence=told.sentence,
        share=_pull(part, explanation) / total,
        contribution=part.contribution,
        error=part.error,
        is_settled=after is None or not _are_close(part, after),
        is_protected=part.is_protected,
        is_own=told.is_own,
    )


def _problems(
    explanation: Explanation, reasons: tuple[Reason, ...], rivals: tuple[str, ...], pulling: list[Part], total: float
) -> list[str]:
    found = [
        f"The decision rests on {reason.feature}, an attribute that the law protects. That is itself a problem: have "
        "the model and this decision reviewed before the letter goes out."
        for reason in reasons
        if reason.is_protected
    ]
    if not reasons:
        found.append("Nothing that is known of the person pulled the decision this way: the usual score is decided so.")
    unwritten = [reason.feature for reason in reasons if not reason.is_own]
    if unwritten:
        found.append(f"Nobody has written a sentence for {', '.join(unwritten)}: the words are made from the columns.")
    if rivals:
        found.append(
            f"{', '.join(rivals)} pulled about as much as the last reason stated: another sample of people could put "
            "them in its place."
        )
    rest = next((part for part in pulling if part.feature == OTHERS), None)
    if rest is not None and _pull(rest, explanation) > 0.2 * total:
        found.append(f"{OTHERS.capitalize()} pulled with {_pull(rest, explanation) / total:.0%} of the weight.")
    return found
