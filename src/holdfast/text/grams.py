"""Runs of words and of characters in a text, as places in a table: all of a text at once, in numpy.

Words are hashed by their letters (a polynomial modulo 2**64, by differences of one running sum), and so are runs of two
and three words and of six and seven characters. Words alone are not looked at: that a text says "ignore" or "system
prompt" means nothing. Capitals, Latin accents, digits and how much space there is make no difference.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

BITS = 18
"""The tables have 2**BITS places, one for runs of words and one for runs of characters."""

WORDS = (2, 3)
CHARACTERS = (6, 7)

Places = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_KINDS = SPACE, SIGN, LETTER, ALONE = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """Runs in a text, as places in the tables, int64, one array for each length of `WORDS` and of `CHARACTERS`.

    The run that is first in each array begins with the first word or character, and so on; where those stand in the
    text is `words_at` and `characters_at`. There are as many runs fewer as a run is longer than one.
    """

    words: tuple[Places, ...]
    words_at: Places
    characters: tuple[Places, ...]
    characters_at: Places


def grams(text: str) -> Grams:
    """The runs of a text."""
    codes, kinds = _folded(text)
    starts, ends = _words(kinds)
    sums = _running(codes)
    words = _mixed((sums[ends] - sums[starts]) * _powers(len(codes) + 1)[1][starts])
    kept = np.flatnonzero((kinds != SPACE) | (np.concatenate(([SIGN], kinds[:-1])) != SPACE)) if len(kinds) else starts
    return Grams(_runs_of_words(words), starts, _runs_of_characters(codes[kept]), kept)


def _folded(text: str) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Each character's code without capitals, accents of Latin and digits' values; and its kind."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    folds, kinds = _tables()
    known = np.minimum(codes, len(folds) - 1)
    return np.where(codes < len(folds), folds[known], codes).astype(np.uint64), kinds[known]


@cache
def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """By code, of the first plane: what it is folded to, and its kind. All beyond are signs, as its last one is."""
    letters = [chr(code) for code in range(0x10000)]
    folds = np.array([ord(_fold(letter)) for letter in letters], dtype=np.uint32)
    return folds, np.array([_kind(letter) for letter in letters], dtype=np.uint8)


def _fold(letter: str) -> str:
    if letter.isdigit():
        return "0"
    if letter.isspace():
        return " "
    lower = letter.lower()[0]
    return unicodedata.normalize("NFD", lower)[0] if lower < "\u0250" or "\u1e00" <= lower < "\u1f00" else lower


def _kind(letter: str) -> int:
    if letter.isspace():
        return SPACE
    if "\u0e00" <= letter < "\u0f00" or "\u1000" <= letter < "\u10a0" or "\u3040" <= letter < "\ua000":
        return ALONE
    return LETTER if letter.isalnum() or unicodedata.category(letter)[0] == "M" else SIGN


def _words(kinds: NDArray[np.uint8]) -> tuple[Places, Places]:
    """Starts and ends of words: letters together, and of scripts without spaces each character by itself."""
    inside = np.concatenate(([False], kinds == LETTER, [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    alone = np.flatnonzero(kinds == ALONE)
    if len(alone):
        starts, ends = np.concatenate((starts, alone)), np.concatenate((ends, alone + 1))
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], ends[order]
    return starts, ends


def _running(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sums of code times power up to each place, modulo 2**64, uint64 (n + 1,)."""
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((codes + np.uint64(1)) * _powers(len(codes))[0], out=sums[1:])
    return sums


def _powers(n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of the base and of its inverse modulo 2**64, the first n."""
    powers, inverse = _many_powers(max(4096, 1 << (n - 1).bit_length()) if n else 4096)
    return powers[:n], inverse[:n]


@cache
def _many_powers(n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    ones = np.full(n - 1, _BASE, dtype=np.uint64), np.full(n - 1, pow(_BASE, -1, 1 << 64), dtype=np.uint64)
    powers, inverse = (np.concatenate((np.ones(1, dtype=np.uint64), np.cumprod(one))) for one in ones)
    return powers, inverse


def _runs_of_words(words: NDArray[np.uint64]) -> tuple[Places, ...]:
    pairs = words[:-1] * np.uint64(3) + words[1:] * np.uint64(5)
    threes = pairs[:-1] * np.uint64(7) + words[2:] * np.uint64(11)
    return _place(pairs), _place(threes)


def _runs_of_characters(codes: NDArray[np.uint64]) -> tuple[Places, ...]:
    sums, runs = _running(codes), list[Places]()
    for length in CHARACTERS:
        n = max(0, len(codes) - length + 1)
        runs.append(_place((sums[length : length + n] - sums[:n]) * _powers(n)[1] + np.uint64(length)))
    return tuple(runs)


def _place(hashed: NDArray[np.uint64]) -> Places:
    return (_mixed(hashed) >> np.uint64(64 - BITS)).astype(np.int64)


def _mixed(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashed = (hashed ^ (hashed >> np.uint64(32))) * _MIX
    return (hashed ^ (hashed >> np.uint64(32))) * _MIX
