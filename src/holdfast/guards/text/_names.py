"""Names and places by a model that the user supplies: a token classifier in ONNX, with a WordPiece vocabulary.

The folder is as models of this kind are shared: `model.onnx`, `vocab.txt` and `config.json`, whose ``id2label`` names
classes like ``B-PER`` and ``I-PER``. Nothing is fetched, and no code of the model's is run.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.guards.text._onnx import open_session
from holdfast.guards.text._shapes import Found

FOUND = ("person", "place", "organisation", "address")

Names = Callable[[str], Iterable[Found]]
"""Whatever finds names in a text: of the kinds in `FOUND`, with scores from 0 to 1."""

KINDS = {
    "PER": "person", "PERSON": "person", "NAME": "person",
    "LOC": "place", "GPE": "place", "LOCATION": "place", "ADDRESS": "address", "STREET": "address",
    "ORG": "organisation", "ORGANIZATION": "organisation",
}  # fmt: skip
"""What classes of models are called, without what says whether a name begins or goes on."""

WORDS, OVERLAP = 128, 32
"""Words in one window, and how many of them stand in the next one too; each is judged where it is further inside."""

MOST_TOKENS = 510
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff]")

Span = tuple[int, int]
Window = tuple[int, int, int, int]
"""From which to which word is read, and from which to which of these is judged."""


class TokenClassifier:
    """A model in a folder. FixInput where a file is missing, or is not what its name says."""

    def __init__(self, folder: Path) -> None:
        try:
            words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            labels = {int(number): str(label) for number, label in config["id2label"].items()}
            self._session = open_session(folder / "model.onnx")
        except (OSError, ValueError, KeyError, AttributeError) as error:
            hint = "It needs model.onnx, vocab.txt and config.json with id2label."
            raise FixInput("guard.names", f"{folder} holds no token classifier: {error}.", hint) from error
        self._ids = {word: number for number, word in enumerate(words)}
        self._kinds = [
            KINDS.get(labels.get(n, "O").partition("-")[2] or labels.get(n, "O")) for n in range(len(labels))
        ]
        self._is_small = bool(config.get("do_lower_case", not any(w[:1].isupper() for w in words if w[:1] != "[")))
        self._asks = {given.name for given in self._session.get_inputs()}

    def __call__(self, text: str) -> Iterator[Found]:
        """Names in a text: neighbouring words of one kind are one name, as sure as the least sure of them."""
        words = list(_words(text))
        judged = [one for window in _windows(len(words)) for one in self._judged(text, words, window)]
        at = 0
        while at < len(judged):
            kind, score, (start, end) = judged[at]
            at += 1
            while kind and at < len(judged) and judged[at][0] == kind and _is_near(text, end, judged[at][2][0]):
                score, end = min(score, judged[at][1]), judged[at][2][1]
                at += 1
            if kind:
                yield Found(start, end, kind, score)

    def _judged(self, text: str, words: list[Span], window: Window) -> list[tuple[str | None, float, Span]]:
        """Kind and score of the words of a window that are judged in it."""
        first, last, begin, end = window
        tokens, heads = [self._id("[CLS]")], list[int]()
        for start, stop in words[first:last]:
            pieces = self._pieces(text[start:stop])
            heads.append(len(tokens) if len(tokens) + len(pieces) <= MOST_TOKENS else -1)
            tokens += pieces if heads[-1] >= 0 else []
        shares = self._shares([*tokens, self._id("[SEP]")])
        judged = list[tuple[str | None, float, Span]]()
        for place in range(begin, end):
            head = heads[place - first]
            if head < 0:
                return judged + self._judged(text, words, (place, min(place + WORDS, len(words)), place, end))
            label = int(shares[head].argmax())
            judged.append((self._kinds[label], float(shares[head, label]), words[place]))
        return judged

    def _shares(self, tokens: list[int]) -> NDArray[np.float64]:
        """The share of each class for each token, float64 (n, classes)."""
        ids = np.array([tokens], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (logits, *_) = self._session.run(None, {name: given[name] for name in self._asks & given.keys()})
        odds = np.exp(np.asarray(logits[0], np.float64) - logits[0].max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def _pieces(self, word: str) -> list[int]:
        """The longest pieces of the vocabulary, one after the other (WordPiece); unknown as a whole where one is."""
        plain = _without_marks(word.lower()) if self._is_small else word
        found, at = list[int](), 0
        while at < len(plain) and len(plain) <= 100:
            prefix = "##" if at else ""
            for end in range(len(plain), at, -1):
                number = self._ids.get(prefix + plain[at:end])
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                return [self._id("[UNK]")]
        return found or [self._id("[UNK]")]

    def _id(self, special: str) -> int:
        return self._ids.get(special, 0)


def _words(text: str) -> Iterator[Span]:
    for match in _WORD.finditer(text):
        if _IDEOGRAPH.search(match[0]):
            yield from ((at, at + 1) for at in range(*match.span()))
        else:
            yield match.span()


def _windows(n: int) -> Iterator[Window]:
    """The windows of `n` words."""
    begin = 0
    while begin < n:
        first = max(0, begin - OVERLAP // 2)
        last = min(n, first + WORDS)
        end = n if last == n else last - OVERLAP // 2
        yield first, last, begin, end
        begin = end


def _is_near(text: str, end: int, start: int) -> bool:
    """Whether only a space, or a sign within a name, stands between two words."""
    return text[end:start] in ("", " ", "\u00a0")


def _without_marks(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
