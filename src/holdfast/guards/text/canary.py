"""System prompts that leak: canaries planted in them, and their own words, in what the model says and calls.

A canary is a nonce and its HMAC, so that this installation's are known without a list of them, and chance makes none:
a false one passes in one of 2**64 cases. Its sixteen letters have no look-alike among digits and survive any case,
spacing and punctuation.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Conversation, Passage, Reading, Span, Spotted, spotted
from holdfast.guards.text._squeezed import Hashes, Squeezed, among, runs
from holdfast.text.views import Limits, View, views

LETTERS = "cdfhjkmnpqruvwxy"
"""Sixteen letters that leetspeak writes no digit for."""

NONCE, MAC = 12, 16
_PLANTED = re.compile(rf"(?<!\w)[{LETTERS}]{{4}}(?:-[{LETTERS}]{{4}}){{{(NONCE + MAC) // 4 - 1}}}(?!\w)")
_RUN = re.compile(f"[{LETTERS}]{{{NONCE + MAC},}}")

GRAM = 32
"""Letters and digits in a row that count as taken from a prompt: about six words."""

PROTECTED = ("system", "developer")
"""Whose words are kept to the model."""

REACH = 640
"""A canary takes 34 characters, and up to nine times as many where each letter is spelt in binary."""

LIMITS = Limits(depth=2, views=16)


def make_canary(key: bytes, nonce: bytes = b"") -> str:
    """A canary to plant in a prompt, in groups of four letters; `key` is the installation's, `nonce` at random."""
    head = _letters(nonce or secrets.token_bytes(NONCE // 2))[:NONCE].rjust(NONCE, LETTERS[0])
    whole = head + _mac(key, head)
    return "-".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def _letters(data: bytes) -> str:
    return "".join(LETTERS[half] for byte in data for half in (byte >> 4, byte & 15))


def _mac(key: bytes, nonce: str) -> str:
    return _letters(hmac.digest(key, b"holdfast canary 1 " + nonce.encode(), "sha256"))[:MAC]


@dataclass(frozen=True)
class Params:
    """`protected` are texts that must not leak, beside what the system is told in the conversation itself.

    `least` is how many letters and digits in a row, taken from them, are a leak.
    """

    protected: tuple[str, ...] = ()
    least: int = 60


@guard(
    title="Leaked prompts",
    question="Does the text give away what only the model was told?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.BLOCK,
    on_error=Action.BLOCK,
    threshold=0.5,
    unit="1 for a canary; else letters taken in a row, in shares of twice the least",
    cost="one pass over the text and each view of it",
    trial="holdfast.testing.trials.personal:canary",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM07", "ATLAS:AML.T0056"),
)
def run(params: Params) -> Reading:
    """Whether a canary of this installation stands there, or how many letters in a row the system was told.

    It reads base 64, hexadecimal, rot13, reversed text and their kin. It does not see a prompt that is told in other
    words or translated, nor a canary cut short or spread over several answers. What the caller said too is no leak.
    """
    return _reading(params, Conversation(Stage.AFTER, ()), params.protected)


def _reading(params: Params, conversation: Conversation, told: tuple[str, ...]) -> Reading:
    leaks = _Leaks(conversation, told, max(params.least, GRAM))

    def hearing(heard: Conversation) -> Reading:
        system = (passage.text for passage in heard.passages if passage.role in PROTECTED)
        return _reading(params, heard, (*params.protected, *system))

    return Reading(leaks.read, reach=max(REACH, 2 * params.least), ahead=GRAM, hearing=hearing)


class _Leaks:
    """Looks for what must not be told."""

    def __init__(self, conversation: Conversation, told: tuple[str, ...], least: int) -> None:
        squeezed = [Squeezed(text) for text in told]
        others = [Squeezed(p.text) for p in conversation.passages if p.role not in PROTECTED]
        self._key, self._least = conversation.key, least
        self._canaries = {match[0].replace("-", "") for text in told for match in _PLANTED.finditer(text)}
        self._grams = _all_grams(squeezed)
        if len(self._grams) and others:
            self._grams = self._grams[~among(self._grams, _all_grams(others))]

    def read(self, passage: Passage) -> Spotted:
        """Canaries first: where one stands, the rest need not be said."""
        found = [span for view in views(passage.text, LIMITS) for span in self._in(view)]
        is_canary = any(span.score == 1.0 and span.instead == CANARY for span in found)
        return spotted(found, "holds a canary" if is_canary else "repeats what only the model was told")

    def _in(self, view: View) -> Iterator[Span]:
        text = Squeezed(view.text)
        for start, end in self._canaries_in(text.text):
            yield Span(*view.origin(*text.stretch(start, end)), CANARY, 1.0)
        for start, end in self._taken(text):
            score = min(1.0, (end - start) / (2 * self._least))
            yield Span(*view.origin(*text.stretch(start, end)), LEAK, score)

    def _canaries_in(self, text: str) -> Iterator[tuple[int, int]]:
        for match in _RUN.finditer(text):
            for start in range(match.start(), match.end() - NONCE - MAC + 1):
                middle, end = start + NONCE, start + NONCE + MAC
                is_ours = bool(self._key) and hmac.compare_digest(_mac(self._key, text[start:middle]), text[middle:end])
                if is_ours or text[start:end] in self._canaries:
                    yield start, end

    def _taken(self, text: Squeezed) -> Iterator[tuple[int, int]]:
        """Where so much that was told stands in a row."""
        grams = text.grams(GRAM)
        if not len(self._grams) or not len(grams):
            return
        for start, end in runs(among(grams, self._grams)):
            if end - 1 + GRAM - start >= self._least:
                yield start, end - 1 + GRAM


CANARY, LEAK = "[CANARY]", "[WITHHELD]"


def _all_grams(texts: list[Squeezed]) -> Hashes:
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *(text.grams(GRAM) for text in texts)]))
