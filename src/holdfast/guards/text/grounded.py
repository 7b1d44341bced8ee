"""How much of an answer stands in the documents that the model was given: a measure, and no proof.

Each sentence is held against the documents: the share of its telling words that stand close together in one of them,
and whether its numbers and names occur at all. The same idea as ROUGE-type precision (Lin 2004), on sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Conversation, Passage, Reading, Spotted

_SENTENCE = re.compile(r"[^.!?\n。！？]+(?:[.!?](?=\S)[^.!?\n。！？]*)*")
_WORD = re.compile(r"[^\W\d_]+|\d[\d.,]*\d|\d")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

STEM, SHORTEST = 6, 4
"""Letters of a word that are compared, and the fewest that a telling word has."""

FEWEST = 3
"""A sentence with fewer telling words and numbers says too little to be held against anything."""

WINDOW = 60
"""Words of a document within which a sentence finds its words."""

MOST_WORDS, MOST_PLACES, MOST_SENTENCES = 200_000, 200, 2_000
"""What is looked at: words of documents, places of one word in them, and sentences of an answer."""


@dataclass(frozen=True)
class Params:
    """`documents` are known beforehand, beside what is said in `roles` of the conversation.

    `support` is the share of a sentence's telling words from which on a document supports it.
    """

    documents: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("tool", "document", "function")
    support: float = 0.6


@guard(
    title="Groundedness",
    question="Do the documents that the model was given support what it says?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.FLAG,
    on_error=Action.FLAG,
    threshold=0.5,
    unit="the share of sentences that no document supports",
    cost="words of the answer times sentences, and one pass over the documents",
    deadline_ms=200.0,
    trial="holdfast.testing.trials.outputs:grounded",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM09",),
)
def run(params: Params) -> Reading:
    """The share of an answer's sentences that no document supports, by their words, numbers and names.

    It compares words and no meanings: what is said in other words counts as unsupported, and what is put together
    wrongly, or negated, of a document's words as supported. Where there are no documents it says nothing.
    """

    def reading(documents: Iterable[str]) -> Reading:
        supporting = _Supporting(documents, params.support)
        return Reading(supporting.read, reach=None, hearing=hearing)

    def hearing(conversation: Conversation) -> Reading:
        supplied = (passage.text for passage in conversation.passages if passage.role in params.roles)
        return reading((*params.documents, *supplied))

    return reading(params.documents)


class _Supporting:
    """Documents, as where each of their telling words stands."""

    def __init__(self, documents: Iterable[str], support: float) -> None:
        self._support = support
        self._places: dict[str, list[int]] = {}
        at = 0
        for document in documents:
            for word in _telling(document):
                places = self._places.setdefault(word, [])
                if len(places) < MOST_PLACES:
                    places.append(at)
                at += 1
                if at > MOST_WORDS:
                    return
            at += WINDOW

    def read(self, passage: Passage) -> Spotted:
        """The share of its sentences that nothing supports."""
        if not self._places:
            return Spotted(0.0)
        told = (list(_telling(match[0])) for match in islice(_SENTENCE.finditer(passage.text), MOST_SENTENCES))
        sentences = [words for words in told if len(words) >= FEWEST]
        alone = sum(not self._is_supported(words) for words in sentences)
        if not alone:
            return Spotted(0.0)
        numbers = {word for words in sentences for word in words if word[0].isdigit()} - self._places.keys()
        because = f"{alone} of {len(sentences)} sentences are supported by no document"
        because += f"; {len(numbers)} numbers stand in none" if numbers else ""
        return Spotted(alone / len(sentences), (), because)

    def _is_supported(self, words: list[str]) -> bool:
        """Whether its numbers occur, and enough of its words do so close together."""
        if any(word[0].isdigit() and word not in self._places for word in words):
            return False
        told = set(words)
        found = sorted((place, word) for word in told for place in self._places.get(word, ()))
        return _most_in_a_window(found) >= self._support * len(told)


def _most_in_a_window(found: list[tuple[int, str]]) -> int:
    """The most different words within a window of places."""
    counts: dict[str, int] = {}
    most = first = 0
    for place, word in found:
        counts[word] = counts.get(word, 0) + 1
        while found[first][0] < place - WINDOW:
            gone = found[first][1]
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
            first += 1
        most = max(most, len(counts))
    return most


def _telling(text: str) -> Iterator[str]:
    """Numbers without their separators of thousands; the beginnings of longer words; of ideographs each pair."""
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if word[0].isdigit():
            yield re.sub(r"[.,](?=\d{3}(?:\D|\Z))", "", word)
        elif _IDEOGRAPHS.match(word):
            yield from (word[at : at + 2] for at in range(len(word) - 1))
        elif len(word) >= SHORTEST:
            yield word[:STEM]
