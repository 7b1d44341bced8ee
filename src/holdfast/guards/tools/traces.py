"""Tracing pieces of one text in another: verbatim stretches, and identifiers on their own.

Source: S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: local algorithms for document fingerprinting" (SIGMOD 2003),
section 3: of every `WINDOW` neighbouring hashes of `GRAM` characters the least is kept, so that a stretch of
`GRAM + WINDOW - 1` characters that two texts share is always found, and one shorter than `GRAM` never.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.text.normalise import normalise
from holdfast.text.views import views

Hashes = NDArray[np.uint64]

GRAM, WINDOW = 24, 9
MOST_PIECES = 100_000
"""Hashes that are kept of one conversation and label; of more than that, everything counts as carried."""

SHORTEST_ID = 8

_POWERS = {width: np.uint64(pow(0x9E3779B97F4A7C15, width, 2**64)) for width in (1, 2, 4, 8, 16)}
_TOKEN = re.compile(r"[\w@.+/-]+")
_DIGITS = re.compile(r"\d(?:[ .-]?\d)+")
_DATE = re.compile(r"(19|20)\d\d[01]\d[0-3]\d(t?\d*z?)")


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What of one text can be found again: hashes of stretches, in order, and of identifiers."""

    grams: Hashes
    ids: frozenset[int]


def pieces_of(text: str) -> Pieces:
    """The pieces of a text, as it stands and in its plain form."""
    forms = dict.fromkeys((text, normalise(text).text))
    plain = dict.fromkeys(map(_plain, forms))
    grams = np.unique(np.concatenate([_winnowed(_grams(one)) for one in plain]))
    return Pieces(grams, frozenset(hash(one) for form in forms for one in _identifiers(form)))


class Traces:
    """What is remembered of texts, as hashes: never the texts."""

    def __init__(self) -> None:
        self._grams: list[Hashes] = []
        self._ids: set[int] = set()
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether more was to be remembered than is."""
        return self._size > MOST_PIECES

    def add(self, pieces: Pieces) -> None:
        """Remember a text by its pieces."""
        if self.is_full:
            return
        self._size += len(pieces.grams) + len(pieces.ids)
        self._grams.append(pieces.grams)
        self._ids |= pieces.ids

    def are_in(self, text: str) -> bool:
        """Whether a piece of what is remembered stands in this text, plainly or encoded; also where more is encoded in
        it than could be read.
        """
        if self.is_full:
            return True
        found = views(text)
        return any(view.is_cut for view in found) or any(map(self._stand_in, (text, *(view.text for view in found))))

    def _stand_in(self, view: str) -> bool:
        if any(hash(one) in self._ids for one in _identifiers(view)):
            return True
        grams = _grams(_plain(view))
        return bool(len(grams)) and any(_share(kept, grams) for kept in self._grams if len(kept))


def _share(kept: Hashes, grams: Hashes) -> bool:
    """Whether two sets of hashes, the first in order, have one in common."""
    places = np.minimum(np.searchsorted(kept, grams), len(kept) - 1)
    return bool((kept[places] == grams).any())


def _plain(text: str) -> str:
    """Letters and digits alone, so that spaces, punctuation and case hide nothing."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _grams(plain: str) -> Hashes:
    """A hash of each `GRAM` neighbouring characters."""
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if len(codes) < GRAM:
        return np.empty(0, dtype=np.uint64)
    width, hashes = 1, {1: codes}
    while 2 * width <= GRAM:  # those of twice the length from two neighbours each
        hashes[2 * width] = _joined(hashes[width], hashes[width], width)
        width *= 2
    return _joined(hashes[16], hashes[8], 16)


def _joined(first: Hashes, second: Hashes, width: int) -> Hashes:
    """Hashes of `width` characters, each with the one that begins behind it."""
    later = second[width:]
    made: Hashes = first[: len(later)] * _POWERS[width] + later
    return made ^ (made >> np.uint64(29))


def _winnowed(grams: Hashes) -> Hashes:
    if len(grams) <= WINDOW:
        return grams[:0] if not len(grams) else np.array([grams.min()], dtype=np.uint64)
    return np.unique(np.lib.stride_tricks.sliding_window_view(grams, WINDOW).min(axis=1))


def _identifiers(text: str) -> Iterator[str]:
    """What tells somebody or something apart on its own: addresses, numbers and codes, but no dates."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    tokens = (token for token in _TOKEN.findall(folded) if "@" in token or any(map(str.isdigit, token)))
    for token in (*tokens, *_DIGITS.findall(folded)):
        bare = "".join(filter(str.isalnum, token))
        if len(bare) >= SHORTEST_ID and not _DATE.fullmatch(bare):
            yield bare
