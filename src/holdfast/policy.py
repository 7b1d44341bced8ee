"""Policies as people write them: YAML, read with errors that name line and fix."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from holdfast.documents import Section, parse_document, read_document
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Disclosure, GuardTerms, Policy, Review, Unanswered
from holdfast.tool_policy import ToolsSection

Scalar = bool | int | float | str


class GuardSection(Section):
    """How one guard is used."""

    mode: Mode = Mode.SHADOW
    action: Action | None = None
    threshold: float | None = None
    on_error: Action | None = None
    params: dict[str, Scalar | list[Scalar]] = {}

    def record(self, guard: str) -> GuardTerms:
        """The domain record."""
        params = ((name, tuple(v) if isinstance(v, list) else v) for name, v in self.params.items())
        return GuardTerms(guard, self.mode, self.action, self.threshold, self.on_error, tuple(sorted(params)))


class DisclosureSection(Section):
    """How much of the scores a caller sees."""

    digits: int | None = Field(default=None, ge=0, le=15)
    top: int | None = Field(default=None, ge=1)
    decision_only: bool = False


class PolicyDocument(Section):
    """The whole document."""

    name: str = Field(min_length=1)
    version: str
    approved_by: str = ""
    guards: dict[str, GuardSection]
    disclosure: DisclosureSection = DisclosureSection()
    personal: list[str] = []
    subject: str = ""
    fallback: Scalar | None = None
    review: Review = Review.HOLD
    unreleased: Action = Action.BLOCK
    deadline_ms: float = Field(default=100.0, gt=0)
    review_hours: float = Field(default=24.0, gt=0, le=24 * 92)
    unanswered: Unanswered = Unanswered.REFUSE
    tools: ToolsSection | None = None

    @model_validator(mode="after")
    def _can_be_done(self) -> PolicyDocument:
        if self.unreleased not in (Action.BLOCK, Action.REVIEW, Action.FLAG):
            raise ValueError("`unreleased` is block, review or flag")
        if self.unanswered is Unanswered.FALLBACK and self.fallback is None:
            raise ValueError("`unanswered: fallback` needs a `fallback`")
        return self

    def record(self) -> Policy:
        """The domain record."""
        return Policy(
            name=self.name,
            version=self.version,
            guards=tuple(section.record(guard) for guard, section in self.guards.items()),
            approved_by=self.approved_by,
            disclosure=Disclosure(**dict(self.disclosure)),
            personal=tuple(self.personal),
            subject=self.subject,
            fallback=self.fallback,
            review=self.review,
            unreleased=self.unreleased,
            deadline_ms=self.deadline_ms,
            review_hours=self.review_hours,
            unanswered=self.unanswered,
            tools=self.tools.record() if self.tools else None,
        )


def read_policy(path: Path | str) -> Policy:
    """The policy in the YAML file at `path`."""
    return read_document(Path(path), PolicyDocument).record()


def parse_policy(text: str, name: str = "The policy") -> Policy:
    """The policy in a YAML text; `name` is what errors call it."""
    return parse_document(text, PolicyDocument, name).record()
