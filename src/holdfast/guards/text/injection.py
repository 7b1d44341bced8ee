"""Orders to the model where none belong: prompt injection, jailbreaks, and questions for what a system keeps secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Span, Spotted
from holdfast.guards.text._second import Second, second_stage
from holdfast.text.heads import Head, score_windows, shipped
from holdfast.text.orders import ORDERS
from holdfast.text.rules import Rules
from holdfast.text.views import View, views

WITHHELD = "[withheld]"

_COMMON = (
    "the and you your that this are not all from with for have will now was what can must "
    "ignore forget disregard instructions previous above rules system prompt password secret reveal tell make pretend "
    "act like how who say give bypass without limits never always answer mode"
)
COMMON = frozenset(_COMMON.split())
"""Words of which a text turned round has some if it says anything."""

SURER = 1.5
"""So much is added to what a head says of a window in which a pattern of `ORDERS` stands, and how long the text is does
not count against it.
"""

MARKS = {
    "turns of a chat": r"<\|(?:im_start|im_end|system|user|assistant|end|endoftext|eot_id|start_header_id)\|>",
    "instruction tags": r"\[/?INST\]|<</?SYS>>|</?start_of_turn>|(?m:^### ?(?:System|Instruction)s?:)",
}
"""What marks who speaks in the formats of models: nothing that a model is given to read has it for a good reason."""


@dataclass(frozen=True)
class Params:
    """`trusted` roles are not read: orders are what they are for. What `documents` roles say is data, so that orders in
    it are judged by a stricter head; everybody else is told from people who ask. `patterns` (RE2) are attacks as well.

    A second stage, if there is one, is asked about windows whose score lies from `unsure_from` to `unsure_to`, at most
    `at_most` of a passage, and its score counts instead: `classifier` is a file in ONNX that takes strings (n, 1) or
    (n,) and gives probabilities (n, 2) or (n,); `judge` names a function, ``package.module:name``, of a string, that
    gives a number from 0 to 1. What it has not said within `deadline_ms` does not count, and the first stage stands.
    """

    trusted: tuple[str, ...] = ("system", "developer")
    documents: tuple[str, ...] = ("tool", "function", "document", "retrieved", "context")
    patterns: tuple[str, ...] = ()
    classifier: str = ""
    judge: str = ""
    unsure_from: float = 0.2
    unsure_to: float = 0.9
    at_most: int = 8
    deadline_ms: float = 200.0


@guard(
    title="Orders to the model, and jailbreaks",
    question="Does the text try to give the model other orders than its operator did?",
    params=Params(),
    stage=Stage.BEFORE,
    action=Action.BLOCK,
    on_error=Action.BLOCK,
    threshold=0.5,
    unit="0 to 1: less than one in a hundred ordinary texts reach 0.5",
    cost="about 0.4 ms for a thousand characters, of one core",
    deadline_ms=5.0,
    trial="holdfast.testing.trials.text_guards:injection",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM01", "ATLAS:AML.T0051", "ATLAS:AML.T0054"),
)
def run(params: Params) -> Reading:
    """The highest score of any window of any view of the text, which covers all of it.

    It knows attacks by how they are worded, in some twenty languages, and undoes common encodings. One that is worded
    like an ordinary request passes: let no model act on what it read that only a person may order. Pages that talk of
    passwords, administrators and approvals are flagged too often (``bench.text_guards`` says how often): let it watch
    yours in shadow mode before it blocks them.
    """
    if not 0 <= params.unsure_from <= params.unsure_to <= 1:
        raise FixInput("guard.unsure", "The unsure scores are a stretch of 0 to 1.", "Such as 0.2 to 0.9.")
    told, both = {"told": shipped()["told"]}, shipped()
    orders, marks = _orders_and_marks()
    own = Rules({f"pattern {number}": pattern for number, pattern in enumerate(params.patterns, 1)})
    second = second_stage(params.classifier, params.judge, params.deadline_ms)

    def read(passage: Passage) -> Spotted:
        if passage.role in params.trusted:
            return Spotted(0.0)
        is_document = passage.role in params.documents
        looking = _Looking(passage.text)
        found = views(passage.text)
        plain = _common(found[0].text)
        for view in found:
            if _says_something(view, plain):
                looking.score(view, both if is_document else told, orders)
                looking.match(view, own)
                if is_document:
                    looking.match(view, marks)
        if second is not None:
            looking.ask(second, params)
        return looking.spotted()

    read(Passage("user", "Tables that are made on first use are made now."))  # and not within somebody's deadline
    return Reading(read, reach=None)


@cache
def _orders_and_marks() -> tuple[Rules, Rules]:
    return Rules(ORDERS), Rules(MARKS)


def _says_something(view: View, plain: frozenset[str]) -> bool:
    """Turned texts are mostly nonsense, and are not judged then: `plain` are the common words of the plain form."""
    turn = view.how[-1] if view.how else ""
    if turn in ("rot13", "reversed"):
        return len(_common(view.text)) >= min(3, 1 + len(view.text) // 40)
    return turn != "leetspeak" or not _common(view.text) <= plain


def _common(text: str) -> frozenset[str]:
    return COMMON.intersection(text.lower().split())


@dataclass(frozen=True, slots=True, eq=False)
class _Suspect:
    """A window of a view: its score, and where it is."""

    score: float
    view: View
    start: int
    end: int


class _Looking:
    """What is found in one passage."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._suspects: list[_Suspect] = []
        self._highest = 0.0
        self._notes: list[str] = []

    def score(self, view: View, heads: Mapping[str, Head], orders: Rules) -> None:
        """Each window by the head that is surest, and by the patterns that stand in it."""
        scored = score_windows(view.text, heads)
        margins, alone = (
            np.max([head.margin(scored.scores[name], windows) for name, head in heads.items()], axis=0)
            for windows in (len(scored.start), 1)
        )
        for match in orders.matches(view.text):
            holds = np.flatnonzero((scored.start < match.end) & (scored.end > match.start))
            margins[holds] = np.maximum(margins[holds], alone[holds] + SURER)
        likely = 1 / (1 + np.exp(-np.clip(margins, -30, 30)))
        self._highest = max(self._highest, float(likely.max()))
        self._suspects += [
            _Suspect(float(likely[i]), view, int(scored.start[i]), int(scored.end[i]))
            for i in np.flatnonzero(likely >= 0.1)
        ]
        if view.is_cut:
            self._note(1.0, view, 0, len(view.text), "encoded more times over than is read")

    def match(self, view: View, rules: Rules) -> None:
        for match in rules.matches(view.text):
            self._note(1.0, view, match.start, match.end, match.rule)

    def _note(self, score: float, view: View, start: int, end: int, why: str) -> None:
        self._suspects.append(_Suspect(score, view, start, end))
        self._notes.append(why)

    def ask(self, second: Second, params: Params) -> None:
        """Let the second stage say what the first is unsure of, the highest first."""
        order = sorted(range(len(self._suspects)), key=lambda i: -self._suspects[i].score)
        unsure = [i for i in order if params.unsure_from <= self._suspects[i].score <= params.unsure_to]
        asked = unsure[: params.at_most]
        said = second([self._suspects[i].view.text[self._suspects[i].start : self._suspects[i].end] for i in asked])
        if said is None:
            self._notes.append("the second stage said nothing in time")
            return
        for i, score in zip(asked, said, strict=True):
            old = self._suspects[i]
            self._suspects[i] = _Suspect(score, old.view, old.start, old.end)
        if asked:
            self._notes.append("by the second stage")

    def spotted(self) -> Spotted:
        found = [suspect for suspect in self._suspects if suspect.score >= 0.5]
        score = max((suspect.score for suspect in self._suspects), default=min(self._highest, 0.1))
        if not found:
            return Spotted(score)
        places = [suspect.view.origin(suspect.start, suspect.end) for suspect in found]
        hidden = sorted({name for suspect in found for name in suspect.view.how})
        because = "reads like an order to the model" + (f", hidden by {', '.join(hidden)}" if hidden else "")
        return Spotted(score, _merged(places), "; ".join([because, *dict.fromkeys(self._notes)]))


def _merged(places: list[tuple[int, int]]) -> tuple[Span, ...]:
    merged: list[list[int]] = []
    for start, end in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        elif end > start:
            merged.append([start, end])
    return tuple(Span(start, end, WITHHELD) for start, end in merged)
