"""Reasons in words: a file that says what each feature means to the person, and words made up where it does not.

    name: credit reasons
    version: "3"
    reasons:
      debt_to_income: {code: R02, high: Your debts are high for your income.}
      late_payments: {code: R05, say: Payments were late in the past two years., name: late payments}

A feature is named as the model's columns are; a one-hot group by what its columns have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast import words
from holdfast.documents import Section, read_document
from holdfast.domain.finding import Cell
from holdfast.explanations.explanation import Part


class ReasonSection(Section):
    """What is said where a feature is a reason: by its value, or whatever that is (`say`).

    `low` and `high` are for numbers below and above what is usual, `missing` where no value was given. `name` is what
    the feature is called in sentences.
    """

    code: str = ""
    name: str = ""
    say: str = ""
    low: str = ""
    high: str = ""
    missing: str = ""


class ReasonsDocument(Section):
    """The whole document."""

    name: str = ""
    version: str = ""
    reasons: dict[str, ReasonSection] = {}


@dataclass(frozen=True, slots=True)
class Told:
    """A reason as the person reads it. `is_own` where somebody wrote the sentence for it."""

    code: str
    sentence: str
    is_own: bool


class Wording:
    """Words for reasons, some of them somebody's own."""

    def __init__(self, document: ReasonsDocument | None = None) -> None:
        self._known = document.reasons if document else {}

    def name(self, feature: str) -> str:
        """What a feature is called in a sentence."""
        own = self._known.get(feature)
        return own.name if own and own.name else plainly(feature)

    def tell(self, part: Part) -> Told:
        """A part that is a reason, as a sentence and its code."""
        own = self._known.get(part.feature, ReasonSection())
        written = _written(own, part)
        sentence = written or f"{words.sentence_case(self.name(part.feature))}: {_what(part)}."
        return Told(own.code or part.feature, sentence, bool(written))


def read_wording(path: Path | None) -> Wording:
    """The words in a YAML file; made-up ones alone without a file."""
    return Wording(None if path is None else read_document(path, ReasonsDocument))


def plainly(name: str) -> str:
    """A column's name as words: ``debt_to_income`` is *debt to income*."""
    return cleared(name.replace("_", " ")) or "(a column without a name)"


def cleared(text: str) -> str:
    """A text on one line, without control characters and marks that turn the direction of writing."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def said(value: Cell) -> str:
    """A value as a letter has it: whole, with thousands apart, and no more digits than a person would write."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"
    return plainly(value) if isinstance(value, str) else words.cell(value)


def _written(own: ReasonSection, part: Part) -> str:
    if part.value is None:
        return own.missing or own.say
    by_value = {True: own.high, False: own.low, None: ""}[part.above]
    return by_value or own.say


def _what(part: Part) -> str:
    if part.value is None:
        return "not given"
    if part.above is not None:
        return f"{said(part.value)}, which is {'higher' if part.above else 'lower'} than usual ({said(part.usual)})"
    return said(part.value)
