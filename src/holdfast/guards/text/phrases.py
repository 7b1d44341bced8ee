"""Words that must not pass: names of unannounced products, planted canaries, marks of classified papers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Span, Spotted

MOST = 1_000
SPACES = 8
"""So many spaces and line breaks between two words still count as one."""


@dataclass(frozen=True)
class Params:
    """`phrases` are looked for in any case and however they are spaced; `instead` stands where one is redacted."""

    phrases: tuple[str, ...] = ()
    instead: str = "[withheld]"


@guard(
    title="Phrases that must not pass",
    question="Does the text hold a phrase that the policy withholds?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.REDACT,
    on_error=Action.BLOCK,
    threshold=1.0,
    unit="phrases found",
    cost="one pass over the text",
    trial="holdfast.testing.trials.text_guards:phrases",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM02", "OWASP:LLM07"),
)
def run(params: Params) -> Reading:
    """How often a phrase of the policy stands in what the model said.

    It does not see phrases that are misspelt, translated, encoded or spread over several answers.
    """
    phrases = sorted({" ".join(phrase.split()) for phrase in params.phrases} - {""}, key=len, reverse=True)
    if not phrases:
        return Reading(lambda _passage: Spotted(0.0), reach=0)
    if any(len(phrase) > MOST for phrase in phrases):
        raise FixInput("guard.phrase", f"A phrase is longer than {MOST} characters.", "Name what is telling in it.")
    pattern = re.compile("|".join(_pattern(phrase) for phrase in phrases), re.IGNORECASE)

    def read(passage: Passage) -> Spotted:
        found = tuple(Span(*match.span(), params.instead) for match in pattern.finditer(passage.text))
        return Spotted(len(found), found, "a phrase that the policy withholds" if found else "")

    return Reading(read, reach=max(len(phrase) + (SPACES - 1) * phrase.count(" ") for phrase in phrases))


def _pattern(phrase: str) -> str:
    return rf"\s{{1,{SPACES}}}".join(re.escape(word) for word in phrase.split(" "))
