"""Code and commands in what a model says that would do harm where somebody, or some tool, runs them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Span, Spotted, spotted
from holdfast.text.rules import Rules

REACH = 400
"""No rule looks at more characters."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What some code does, how grave that is from 0 to 1, and what it looks like."""

    does: str
    grave: float
    looks: str


def _families() -> dict[str, tuple[Harm, ...]]:
    told = tomllib.loads(Path(__file__).with_name("unsafe_code.toml").read_text(encoding="utf-8"))
    return {family: tuple(Harm(**rule) for rule in rules) for family, rules in told.items()}


FAMILIES = _families()


@dataclass(frozen=True)
class Params:
    """`families` of rules that are looked for."""

    families: tuple[str, ...] = tuple(FAMILIES)


@guard(
    title="Unsafe code",
    question="Does the text hold code or a command that would do harm where it is run?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.FLAG,
    on_error=Action.FLAG,
    threshold=0.5,
    unit="how grave the gravest find is, from 0 to 1",
    cost="one pass of a linear-time engine",
    trial="holdfast.testing.trials.outputs:code",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM05",),
)
def run(params: Params) -> Reading:
    """How grave the gravest thing is that the code in a text would do.

    Rules know how such code is usually written, in shells, Python, JavaScript, SQL and the tools of clouds. They do not
    run or understand it: code that is written otherwise passes, and a text about such code is found too.
    """
    unknown = [family for family in params.families if family not in FAMILIES]
    if unknown:
        raise FixInput("guard.family", f"There is no family {unknown[0]!r}.", f"There are: {', '.join(FAMILIES)}.")
    scores = {harm.does: harm.grave for family in params.families for harm in FAMILIES[family]}
    rules = _rules(params.families)

    def read(passage: Passage) -> Spotted:
        found = sorted(rules.matches(passage.text), key=lambda match: (-scores[match.rule], match.start))
        because = f"code that {found[0].rule}" if found else ""
        spans = (Span(match.start, match.end, "[code withheld]", scores[match.rule]) for match in found)
        return spotted(spans, because)

    return Reading(read, reach=REACH, ahead=2)


@cache
def _rules(families: tuple[str, ...]) -> Rules:
    return Rules({harm.does: harm.looks for family in families for harm in FAMILIES[family]})
