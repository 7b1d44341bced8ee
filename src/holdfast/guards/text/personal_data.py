"""Personal data in what people, tools and models say: found by shape, check digits and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Conversation, Passage, Reading, Span, Spotted, spotted
from holdfast.guards.text._finder import Finder, finder_of, surest
from holdfast.guards.text._labels import AFTER
from holdfast.guards.text._names import FOUND, Names, TokenClassifier
from holdfast.guards.text._shapes import Found
from holdfast.guards.text._styles import Stands, Style, masked, partly, read_styles
from holdfast.guards.text._tokens import MOST, Tokens, can_be_made
from holdfast.text.normalise import normalise

NAMES = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "card": "a payment card number",
    "iban": "an IBAN",
    "bank_account": "a bank account number",
    "ssn": "a US social security number",
    "national_id": "a national identity number",
    "passport": "a passport number",
    "driver_licence": "a driving licence number",
    "tax_id": "a tax number",
    "health_id": "a health number",
    "birth_date": "a date of birth",
    "ip": "an IP address",
    "mac": "a MAC address",
    "login": "a user name in an address",
    "plate": "a number plate",
    "wallet": "a crypto wallet",
    "postal_code": "a postal code",
    "address": "a postal address",
    "person": "a name",
    "place": "a place",
    "organisation": "an organisation",
}
"""The kinds, and how each is called in a sentence."""

GUESSES = ("postal_code", "address", "person", "place", "organisation")
"""Kinds that are looked for only where a policy names them: patterns see few of their forms, or a model is needed."""

USUAL = tuple(kind for kind in NAMES if kind not in GUESSES)
FAINT = 0.3
"""Finds that are less sure are not even told."""

_HIDES = re.compile(
    "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\uff00-\uffef\u2070-\u209f\u2460-\u24ff\U0001d400-\U0001d7ff]"
)
"""Signs that are read as others, or not at all."""

REACH = 360
"""An e-mail address has up to 320 characters (RFC 3696, errata 1690), and a label may stand behind a number."""


@dataclass(frozen=True)
class Params:
    """`kinds` are looked for. `regions` are the countries (ISO 3166) whose phone numbers are known without a label.

    `style` is what stands in the place of each: ``mask``, ``last_four`` or ``token``; `styles` are exceptions, written
    ``card: last_four``. The model sees a token, and the caller to whom it answers what it stands for.

    `names` is the folder of a token classifier in ONNX that finds the kinds ``person``, ``place`` and ``organisation``
    where they are named; empty for none.
    """

    kinds: tuple[str, ...] = USUAL
    regions: tuple[str, ...] = ("GB", "DE", "FR", "IT")
    style: str = "mask"
    styles: tuple[str, ...] = ()
    names: str = ""


@guard(
    title="Personal data",
    question="Does the text hold personal data that this exchange need not carry?",
    params=Params(),
    stage=Stage.BOTH,
    action=Action.REDACT,
    on_error=Action.BLOCK,
    threshold=0.5,
    unit="how sure the surest find is, from 0 to 1",
    cost="one pass of a linear-time engine, and a check of each number",
    trial="holdfast.testing.trials.personal:personal_data",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM02",),
)
def run(params: Params, names: Names | None = None) -> Reading:
    """How sure the surest piece of personal data is, by shape, check digits and the words around it.

    It does not see names and addresses in free text unless a model finds them, numbers in words, or what is spread over
    several messages. A score is a judgement of the rule's author, not a probability. Where nobody holds a key, tokens
    are masks.
    """
    unknown = [kind for kind in params.kinds if kind not in NAMES]
    if unknown:
        raise FixInput("guard.kind", f"There is no kind {unknown[0]!r}.", f"There are: {', '.join(NAMES)}.")
    if params.names and names is None:
        names = classifier_in(params.names)
    if names is not None and not set(params.kinds) & set(FOUND):
        raise FixInput("guard.names", "No kind is named that a model of names finds.", f"Add one: {', '.join(FOUND)}.")
    finder = finder_of(frozenset(params.kinds), params.regions)
    styles = read_styles(params.style, params.styles, NAMES)
    makes = {Style.MASK: masked, Style.LAST_FOUR: partly, Style.TOKEN: masked}
    plain = Reader(finder, styles, makes, names)

    def hearing(conversation: Conversation) -> Reading:
        if Style.TOKEN not in styles.values() or not can_be_made(conversation):
            return reading
        tokens = Tokens(conversation)
        if conversation.stage is Stage.AFTER:
            reader = replace(plain, tokens=tokens)
            return Reading(reader.read, reach=REACH, ahead=AFTER)
        return Reading(replace(plain, makes={**makes, Style.TOKEN: tokens.make}).read, reach=REACH, ahead=AFTER)

    reading = Reading(plain.read, reach=REACH, ahead=AFTER, hearing=hearing)
    return reading


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Reads passages: what the `finder` finds is replaced by its style, and one's own `tokens` by what they are."""

    finder: Finder
    styles: Mapping[str, Style]
    makes: Mapping[Style, Stands]
    names: Names | None = None
    tokens: Tokens | None = None

    def read(self, passage: Passage) -> Spotted:
        """What stands in it; what it says that it holds is told by kind."""
        text = passage.text
        everything = [*self.finder.all(text), *self._hidden(text), *self._named(text)]
        found = [one for one in surest(everything) if one.score >= FAINT]
        spans = [Span(one.start, one.end, self._instead(one, text), one.score) for one in found]
        because = _holds(one.kind for one in sorted(found, key=lambda one: -one.score))
        given_back = list(self._given_back(text))
        n = sum(span.score == 1.0 for span in given_back)
        because = "; ".join(filter(None, [f"gives back {n} tokens" if n else "", because]))
        return spotted([*spans, *given_back], because)

    def _given_back(self, text: str) -> Iterator[Span]:
        """One's own tokens, and as no find the beginning of one, which must not be let out before its end is known."""
        if self.tokens is None:
            return
        for start, end, content in self.tokens.open(text):
            yield Span(start, end, content, 1.0)
        begun = self.tokens.begun(text)
        if begun is not None:
            yield Span(begun, len(text), text[begun:], 0.0)

    def _hidden(self, text: str) -> Iterator[Found]:
        """What stands there once look-alikes and invisible characters are read as what they seem."""
        if _HIDES.search(text):
            plain = normalise(text)
            for one in self.finder.all(plain.text):
                yield Found(*plain.origin(one.start, one.end), one.kind, one.score)

    def _named(self, text: str) -> Iterable[Found]:
        """What the model finds of the kinds that are looked for."""
        return () if self.names is None else [one for one in self.names(text) if one.kind in self.finder.kinds]

    def _instead(self, one: Found, text: str) -> str:
        content = text[one.start : one.end]
        style = self.styles[one.kind]
        return self.makes[Style.MASK if len(content) > MOST else style](one.kind.upper(), content)


def _holds(kinds: Iterable[str]) -> str:
    names = [NAMES[kind] for kind in dict.fromkeys(kinds)]
    return f"holds {', '.join(names[:4])}" if names else ""


@cache
def classifier_in(folder: str) -> TokenClassifier:
    """The token classifier in a folder."""
    return TokenClassifier(Path(folder))
