"""Tracing pieces of one text in another: verbatim stretches, and identifiers on their own.

Source: S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: local algorithms for document fingerprinting" (SIGMOD 2003),
section 3: of every `WINDOW` neighbouring hashes of `GRAM` characters the least is kept, so that a stretch of
`GRAM + WINDOW - 1` characters that two texts share is always found, and one shorter than `GRAM` never.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

GRAM, WINDOW = 24, 9
MOST_PIECES = 200_000
"""Hashes that are kept of one conversation and label; of more than that, everything counts as carried."""

SHORTEST_ID = 8
MOST_DECODED = 64
DEEPEST = 2

_POWERS = {width: np.uint64(pow(0x9E3779B97F4A7C15, width, 2**64)) for width in (1, 2, 4, 8, 16)}
_TOKEN = re.compile(r"[\w@.+/-]+")
_DIGITS = re.compile(r"\d(?:[ .-]?\d)+")
_DATE = re.compile(r"(19|20)\d\d[01]\d[0-3]\d(t?\d*z?)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What of one text can be found again: hashes of stretches, in order, and of identifiers."""

    grams: Hashes
    ids: frozenset[int]


def pieces_of(text: str) -> Pieces:
    """The pieces of a text."""
    return Pieces(_winnowed(_grams(_plain(text))), frozenset(map(hash, _identifiers(text))))


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
        """Whether a piece of what is remembered stands in this text, plainly or in an encoding that `views` knows."""
        if self.is_full:
            return True
        return any(self._stand_in(view) for view in views(text))

    def _stand_in(self, view: str) -> bool:
        if any(hash(one) in self._ids for one in _identifiers(view)):
            return True
        grams = _grams(_plain(view))
        return bool(len(grams)) and any(_share(kept, grams) for kept in self._grams if len(kept))


def _share(kept: Hashes, grams: Hashes) -> bool:
    """Whether two sets of hashes, the first in order, have one in common."""
    places = np.minimum(np.searchsorted(kept, grams), len(kept) - 1)
    return bool((kept[places] == grams).any())


def views(text: str) -> Iterator[str]:
    """The text, and what it may be an encoding of: reversed, rot13, percent, base64 and hex, one inside the other."""
    yield text
    yield text[::-1]
    yield codecs.decode(text, "rot13")
    level = [text]
    for _ in range(DEEPEST):
        level = [decoded for one in level for decoded in _decoded(one)][:MOST_DECODED]
        yield from level


def _decoded(text: str) -> Iterator[str]:
    if "%" in text and unquote(text) != text:
        yield unquote(text)
    for run in _HEX.findall(text):
        yield from _readable(bytes.fromhex(run))
    for run in _BASE64.findall(text):
        bare = run.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield from _readable(b64decode(bare + "=" * (-len(bare) % 4)))
        except NotBase64:
            continue


def _readable(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "ignore")
    if 2 * len(text) > len(data):
        yield text


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
