"""Risk tiers from answers: a questionnaire is data, the tier a pure function of it and the answers."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.appetite import Tier

Answers = tuple[tuple[str, bool], ...]
"""(question id, yes or no) pairs, sorted."""


@dataclass(frozen=True, slots=True)
class Question:
    """One yes-or-no question, why it is asked, and the clause that it rests on."""

    id: str
    text: str
    clause: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class TierRule:
    """All of `yes` answered with yes, one of `any` if it names some, and all of `no` with no: a system in `tier`, by
    `clause`.

    `says` is the outcome in one sentence; `checked` is whether the clause was read in the regulation's own text.
    """

    id: str
    tier: Tier
    clause: str
    says: str
    yes: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    applies_from: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A regime's questions and rules. `otherwise` is the tier of a system that no rule speaks of."""

    regime: str
    version: str
    title: str
    questions: tuple[Question, ...]
    rules: tuple[TierRule, ...]
    otherwise: Tier = Tier.MINIMAL

    def __post_init__(self) -> None:
        asked = {question.id for question in self.questions}
        for rule in self.rules:
            unknown = sorted({*rule.yes, *rule.any, *rule.no} - asked)
            if unknown:
                raise ValueError(f"the rule {rule.id} rests on {unknown[0]!r}, which nobody asks")


@dataclass(frozen=True, slots=True)
class Override:
    """A tier set by a person against the questionnaire, and why."""

    tier: Tier
    person: str
    role: str
    reason: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What the answers make of a system under one regime.

    `rules` are the ids of the rules that apply, the one that decides first; `unanswered` the questions left open.
    `computed` is None while one is: a system is not classified by silence.
    """

    system: str
    regime: str
    version: str
    answers: Answers
    computed: Tier | None
    rules: tuple[str, ...]
    unanswered: tuple[str, ...]
    override: Override | None = None

    @property
    def tier(self) -> Tier | None:
        """The tier that counts. Nobody can lift a prohibition, and nobody can override silence."""
        if self.override is None or self.computed in (None, Tier.PROHIBITED):
            return self.computed
        return self.override.tier


def classify(
    questionnaire: Questionnaire, system: str, answers: Answers, override: Override | None = None
) -> Classification:
    """The tier of `system`: the gravest of the rules whose conditions the answers meet.

    A prohibition counts as soon as its own questions are answered; any other tier only when no question is open.
    """
    given = dict(answers)
    unanswered = tuple(question.id for question in questionnaire.questions if question.id not in given)
    met = [rule for rule in questionnaire.rules if _is_met(rule, given)]
    met.sort(key=lambda rule: -rule.tier.rank)
    gravest = met[0].tier if met else questionnaire.otherwise
    known = not unanswered or gravest is Tier.PROHIBITED
    return Classification(
        system=system,
        regime=questionnaire.regime,
        version=questionnaire.version,
        answers=tuple(sorted(given.items())),
        computed=gravest if known else None,
        rules=tuple(rule.id for rule in met),
        unanswered=unanswered,
        override=override,
    )


def _is_met(rule: TierRule, given: dict[str, bool]) -> bool:
    one_is = not rule.any or any(given.get(id) is True for id in rule.any)
    return one_is and all(given.get(id) is True for id in rule.yes) and all(given.get(id) is False for id in rule.no)
