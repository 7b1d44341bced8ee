"""An account in sentences and cells, as terminal and page show it."""

from __future__ import annotations

from holdfast import words
from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Way
from holdfast.explanations.explanation import Part
from holdfast.explanations.wording import Wording, plainly, said


def sentence(account: Account) -> str:
    """The first sentence: what was decided, and what weighed most."""
    decided = said(account.explanation.decided)
    way = "against the person" if account.explanation.is_adverse else "that way"
    named = " and ".join(plainly(reason.feature) for reason in account.reasons.principal[:2]) or "nothing in particular"
    return f"{plainly(account.system)} decided {decided}; what weighed most {way}: {named}."


def way_sentence(way: Way, wording: Wording) -> str:
    """One other outcome, by what would have had to be different."""
    changes = ", ".join(
        f"{wording.name(change.feature)} {said(change.after)} instead of {said(change.before)}"
        for change in way.changes
    )
    return f"{words.sentence_case(changes)} (passes {way.shift:.0%} of people)"


def part_row(part: Part) -> tuple[str, str, str, str]:
    """A fact, its value, what is usual, and its contribution with two standard errors."""
    values = tuple("" if value is None else said(value) for value in (part.value, part.usual))
    return plainly(part.feature), values[0], values[1], f"{part.contribution:+.3f} ± {2 * part.error:.3f}"
