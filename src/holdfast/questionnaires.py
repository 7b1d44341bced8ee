"""Classification questionnaires: regimes as YAML, those that ship with the package and an organisation's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator, model_validator

from holdfast.documents import Section, parse_document, read_text
from holdfast.domain.appetite import Tier
from holdfast.domain.classification import Question, Questionnaire, TierRule
from holdfast.domain.errors import FixInput

ID = r"^[a-z0-9][a-z0-9-]*$"
SHIPPED = "frameworks/classification"


class QuestionSection(Section):
    """One yes-or-no question."""

    id: str = Field(pattern=ID)
    text: str = Field(min_length=1)
    clause: str = Field(min_length=1)
    why: str = ""

    def record(self) -> Question:
        """The domain record."""
        return Question(self.id, self.text, self.clause, self.why)


class RuleSection(Section):
    """A rule. With `for_each`, one rule for each of those questions, under that question's clause beside its own."""

    id: str = Field(pattern=ID)
    tier: Tier
    clause: str = Field(min_length=1)
    says: str = Field(min_length=1)
    for_each: list[str] = []
    if_yes: list[str] = []
    if_any: list[str] = []
    if_no: list[str] = []
    applies_from: date | None = None
    checked: bool = False

    @model_validator(mode="after")
    def _conditional(self) -> RuleSection:
        if not (self.for_each or self.if_yes or self.if_any or self.if_no):
            raise ValueError(
                "a rule needs `if_yes`, `if_any`, `if_no` or `for_each`; `otherwise` says what holds without a rule"
            )
        return self

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The ids of the questions that the rule looks at."""
        return (*self.for_each, *self.if_yes, *self.if_any, *self.if_no)

    def records(self, clauses: dict[str, str]) -> Iterator[TierRule]:
        """The domain records; `clauses` are those of the questions, by id."""
        if not self.for_each:
            yield self._record(self.id, self.clause, ())
        for question in self.for_each:
            yield self._record(f"{self.id}/{question}", f"{self.clause}, {clauses[question]}", (question,))

    def _record(self, id: str, clause: str, asked: tuple[str, ...]) -> TierRule:
        return TierRule(
            id=id,
            tier=self.tier,
            clause=clause,
            says=self.says,
            yes=(*asked, *self.if_yes),
            any=tuple(self.if_any),
            no=tuple(self.if_no),
            applies_from=self.applies_from.isoformat() if self.applies_from else "",
            checked=self.checked,
        )


class QuestionnaireDocument(Section):
    """The whole document."""

    regime: str = Field(pattern=ID)
    version: str
    title: str
    questions: list[QuestionSection] = Field(min_length=1)
    rules: list[RuleSection] = Field(min_length=1)
    otherwise: Tier = Tier.MINIMAL

    @field_validator("questions", "rules")
    @classmethod
    def _distinct(cls, sections: list[QuestionSection] | list[RuleSection]) -> object:
        ids = [section.id for section in sections]
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice:
            raise ValueError(f"the id {twice!r} stands there twice")
        return sections

    @field_validator("rules")
    @classmethod
    def _asked(cls, rules: list[RuleSection], info: ValidationInfo) -> list[RuleSection]:
        asked = {question.id for question in info.data.get("questions", [])}
        for rule in rules:
            unknown = next((id for id in rule.rests_on if id not in asked), None)
            if asked and unknown:
                raise ValueError(f"the rule {rule.id!r} rests on {unknown!r}, which nobody asks")
        return rules

    def record(self) -> Questionnaire:
        """The domain record."""
        clauses = {question.id: question.clause for question in self.questions}
        return Questionnaire(
            regime=self.regime,
            version=self.version,
            title=self.title,
            questions=tuple(question.record() for question in self.questions),
            rules=tuple(record for rule in self.rules for record in rule.records(clauses)),
            otherwise=self.otherwise,
        )


def read_questionnaires(folder: Path | None = None) -> dict[str, Questionnaire]:
    """Every questionnaire by its regime: those that ship, and those in `folder`, which replace a shipped one.

    FixInput names file, line and fix.
    """
    shipped = sorted(files("holdfast").joinpath(SHIPPED).iterdir(), key=lambda file: file.name)
    ours = [_parsed(file.read_text(encoding="utf-8"), file.name) for file in shipped if file.name.endswith(".yaml")]
    theirs = [_parsed(read_text(path), path.name) for path in _documents(folder)] if folder else []
    regimes = [questionnaire.regime for questionnaire in theirs]
    twice = next((regime for regime in regimes if regimes.count(regime) > 1), None)
    if twice:
        raise FixInput("questionnaire.twice", f"Two files in {folder} hold the regime {twice!r}.", "Keep one of them.")
    return {questionnaire.regime: questionnaire for questionnaire in (*ours, *theirs)}


def _documents(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FixInput("questionnaire.folder", f"There is no folder {folder}.", "Mend HOLDFAST_QUESTIONNAIRES.")
    return sorted(folder.glob("*.yaml"))


def _parsed(text: str, name: str) -> Questionnaire:
    return parse_document(text, QuestionnaireDocument, name).record()
