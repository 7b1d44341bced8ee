"""Keys, tokens and passwords in what people, tools and models say, also where they are encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Span, Spotted, spotted
from holdfast.guards.text._credentials import AHEAD, REACH, Credential, credentials
from holdfast.text.decoders import TURNED
from holdfast.text.views import Limits, views

LIMITS = Limits(depth=2, views=12)


@dataclass(frozen=True)
class Params:
    """`encoded` says whether it is also looked for in base 64, hexadecimal, rot13 and so on, which costs more."""

    encoded: bool = True


@guard(
    title="Secrets",
    question="Does the text hold a key, a token or a password?",
    params=Params(),
    stage=Stage.BOTH,
    action=Action.REDACT,
    on_error=Action.BLOCK,
    threshold=0.5,
    unit="how sure the surest find is, from 0 to 1",
    cost="one pass of a linear-time engine over the text, and over each view of it",
    trial="holdfast.testing.trials.personal:secrets",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM02", "OWASP:LLM07"),
)
def run(params: Params) -> Reading:
    """How sure the surest secret is: by who issues such keys and their checksums, or by the name before it.

    It does not see secrets that look like words, nor those of issuers that it does not know where nothing names them.
    What says itself that it is none (``YOUR_API_KEY``, ``xxxx``) is left. Of a private key 16,384 characters are seen.
    """

    def read(passage: Passage) -> Spotted:
        found = list(_found(passage.text, encoded=params.encoded))
        because = "holds " + ", ".join(dict.fromkeys(_name(one.kind) for one in found[:4])) if found else ""
        spans = (Span(one.start, one.end, f"[{one.kind.upper()}]", one.score) for one in found)
        return spotted(spans, because)

    _ = list(credentials(""))
    return Reading(read, reach=REACH, ahead=AHEAD)


def _name(kind: str) -> str:
    return f"a secret ({kind.replace('_', ' ')})"


def _found(text: str, *, encoded: bool) -> list[Credential]:
    found = list(credentials(text))
    if encoded:
        found += _encoded(text)
    return surest(found)


def _encoded(text: str) -> Iterator[Credential]:
    """What the plain form and decoded stretches hold; turned around as a whole, only what has a form of its own."""
    for view in views(text, LIMITS):
        if view.text != text:
            for one in credentials(view.text):
                if one.is_issued or not TURNED.keys() & set(view.how):
                    start, end = view.origin(one.start, one.end)
                    if end > start:
                        yield Credential(start, end, one.kind, one.score)


def surest(found: Iterable[Credential]) -> list[Credential]:
    """In the order of the text, without those that lie within one that is as sure."""
    kept: list[Credential] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end, -one.score, one.kind)):
        if all(other.end < one.end or other.score < one.score for other in kept[-8:]):
            kept.append(one)
    return kept
