"""The letter to the person: which paragraphs go in, by the law that asks for it, in the caller's own terms.

What a law asks for is data (`holdfast/frameworks/letters`). What the caller fills in is a small file:

    organisation: First Bank
    address: 1 Main Street, Springfield
    contact: our customer service, 555-0100
    review: Write to us within 30 days and a credit officer will look at your application again.
    data: [what you told us in your application, a report by Example Credit Bureau]
    consequence: You do not get the loan from us. You can apply again at any time.
    decisions: {"no": we did not approve your application, "yes": we approved your application}

Less is told where a policy says so: no score unless these terms ask for it and the policy lets a caller see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field

from holdfast import words
from holdfast.documents import Section, parse_document, read_document
from holdfast.domain.errors import FixInput
from holdfast.domain.policy import Disclosure
from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Change
from holdfast.explanations.wording import Wording, cleared, plainly, said

_FOLDER = "letters"

PROTECTED = (
    "This rests on a fact that the law protects. We regard that as a fault of our own: a person will look at this"
    " decision again."
)


class LetterTerms(Section):
    """What the caller says of itself. `scores` and `ways` say whether the score and other outcomes are told."""

    organisation: str = ""
    address: str = ""
    contact: str = ""
    review: str = ""
    agency: str = ""
    data: list[str] = []
    decisions: dict[str, str] = {}
    consequence: str = ""
    role: str = "The decision was made by the AI system."
    greeting: str = "Dear customer,"
    closing: str = "Yours sincerely,"
    scores: bool = False
    ways: bool = True


class ClauseSection(Section):
    """What a letter contributes evidence towards; `checked` where the clause's text was read."""

    framework: str
    version: str
    id: str
    applies_from: str
    checked: bool


class PartSection(Section):
    """One part of a letter: what it says, what is listed in it, and what is said after that."""

    heading: str
    text: list[str]
    adds: Literal["", "reasons", "ways", "data", "score"] = ""
    after: list[str] = []


class Regime(Section):
    """What a law asks for: parts in order, and the terms that it cannot do without."""

    name: str
    title: str
    needs: list[str]
    clauses: list[ClauseSection]
    parts: list[PartSection] = Field(min_length=1)
    adverse_only: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """One part as it is read: sentences, a list, sentences after it."""

    heading: str
    text: tuple[str, ...]
    items: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter, ready to be set."""

    title: str
    organisation: str
    address: str
    day: str
    reference: str
    greeting: str
    passages: tuple[Passage, ...]
    closing: str


def regimes() -> tuple[str, ...]:
    """The laws that there are letters for, by name."""
    folder = resources.files("holdfast.frameworks") / _FOLDER
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


def read_regime(name: str) -> Regime:
    """What a law asks for; FixInput for a name that is not there."""
    if name not in regimes():
        raise FixInput("letter.regime", f"There is no letter {name!r:.40}.", f"There are: {', '.join(regimes())}.")
    file = resources.files("holdfast.frameworks") / _FOLDER / f"{name}.yaml"
    return parse_document(file.read_text(encoding="utf-8"), Regime, file.name)


def read_terms(path: Path) -> LetterTerms:
    """The caller's terms in a YAML file."""
    return read_document(path, LetterTerms)


def write_letter(
    account: Account, regime: Regime, terms: LetterTerms, wording: Wording, disclosure: Disclosure, *, day: str
) -> Letter:
    """The letter, dated `day` as a person reads it; FixInput where terms are missing that this law asks for."""
    missing = [name for name in regime.needs if not getattr(terms, name)]
    if missing:
        raise FixInput(
            "letter.terms",
            f"The letter {regime.name} needs: {', '.join(missing)}.",
            "Write them into the file that --letter names.",
        )
    if regime.adverse_only and not account.explanation.is_adverse:
        raise FixInput("letter.not-adverse", "The decision went the person's way: no such notice is owed.", "")
    lists = _Lists(account, terms, wording, disclosure)
    known = _known(account, terms)
    passages = tuple(filter(None, (_passage(part, lists, known) for part in regime.parts)))
    return Letter(
        title=regime.title,
        organisation=cleared(terms.organisation),
        address=cleared(terms.address),
        day=day,
        reference=account.decision,
        greeting=cleared(terms.greeting),
        passages=passages,
        closing=cleared(terms.closing),
    )


def _known(account: Account, terms: LetterTerms) -> dict[str, str]:
    day = words.moment(account.at).partition(",")[0]
    decided = said(account.explanation.decided)
    told = terms.decisions.get(decided) or f"the result was: {decided}"
    return {
        "decision": f"On {day}, {told}.",
        "data": _joined(terms.data) or "what you told us",
        **{
            name: getattr(terms, name)
            for name in ("organisation", "contact", "review", "agency", "role", "consequence")
        },
    }


def _passage(part: PartSection, lists: _Lists, known: dict[str, str]) -> Passage | None:
    """A part filled in; None where what it would list is empty."""
    items = tuple(map(cleared, lists.of(part.adds)))
    if part.adds in ("reasons", "ways") and not items:
        return None
    text, after = (tuple(cleared(one.format_map(known)) for one in some) for some in (part.text, part.after))
    return Passage(part.heading, tuple(filter(None, text)), items, after)


@dataclass(frozen=True, slots=True)
class _Lists:
    """What is listed in a letter."""

    account: Account
    terms: LetterTerms
    wording: Wording
    disclosure: Disclosure

    def of(self, what: str) -> tuple[str, ...]:
        """The items of one list."""
        made = {"reasons": self._reasons, "ways": self._ways, "data": self._data, "score": self._score}
        return tuple(made[what]()) if what else ()

    def _reasons(self) -> Iterator[str]:
        for reason in self.account.reasons.principal:
            yield f"{reason.sentence} {PROTECTED}" if reason.is_protected else reason.sentence

    def _ways(self) -> Iterator[str]:
        if self.terms.ways and self.account.ways is not None:
            for way in self.account.ways.found:
                yield f"{words.sentence_case(_joined(map(self._change, way.changes)))}."

    def _change(self, change: Change) -> str:
        return f"{self.wording.name(change.feature)} {said(change.after)} instead of {said(change.before)}"

    def _data(self) -> Iterator[str]:
        for name, value in self.account.inputs:
            yield f"{words.sentence_case(self.wording.name(name))}: {'not given' if value is None else said(value)}"

    def _score(self) -> Iterator[str]:
        """The score, as far as terms and policy let it be told."""
        answer = self.account.explanation.answer
        if not self.terms.scores or self.disclosure.decision_only or not self.account.explanation.outcome:
            return
        digits = 2 if self.disclosure.digits is None else min(2, self.disclosure.digits)
        outcome = plainly(str(self.account.explanation.outcome))
        yield f"The score for the outcome {outcome} was {answer:.{digits}f} on a scale from 0 to 1."


def _joined(parts: Iterable[str]) -> str:
    """``a, b and c``."""
    some = list(parts)
    return " and ".join(filter(None, (", ".join(some[:-1]), some[-1]))) if some else ""
