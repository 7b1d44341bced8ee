"""One plain form of a text: what readers see alike is written alike, and what they do not see is gone.

Unicode's NFKC (UAX 15) after invisible characters are taken out; letters that pose as Latin ones become such; letters
set apart ("i g n o r e") come together. Whole scripts stay as they are, and so do the joiners that Persian, Indic
scripts and emoji are spelt with. Done again it changes nothing, and each step is one pass over the text.
"""

from __future__ import annotations

import heapq
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from holdfast.text.confusables import posing
from holdfast.text.offsets import Edit, Places, original, rewritten

ROUNDS = 8
"""Each round leaves less to do: most texts need one, and what still changes after so many is left as it is."""

MARKS = 12
"""So many marks on one letter are still a script; more are an ornament that hides it."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A text in its plain form. `invisible` counts the characters taken out that no script or emoji needs."""

    text: str
    invisible: int = 0
    chain: tuple[Places, ...] = ()

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text as given these characters stood."""
        return original(self.chain, start, end)


def normalise(text: str, *, fold_case: bool = False) -> Normal:
    """The plain form; with `fold_case`, also without the difference of capitals (``str.casefold``)."""
    chain: list[Places] = []
    invisible = _suspects(text)
    steps: tuple[Step, ...] = (_visible, _compatible, posing, _together, *([_folded] if fold_case else []))
    for _ in range(ROUNDS):
        before, signs = text, signs_of(text)
        for step in steps:
            edits = step(text, signs)
            first = next(edits, None)
            if first is not None:
                text, places = rewritten(text, itertools.chain([first], edits))
                signs = signs_of(text)
                chain.append(places)
        if text == before:
            break
    return Normal(text, invisible, tuple(chain))


Step = Callable[[str, frozenset[str]], Iterator[Edit]]
"""Yields the edits of a text that has these signs beyond ASCII."""


def signs_of(text: str) -> frozenset[str]:
    """The different characters of a text beyond ASCII: what no step needs to look for where there is none of it."""
    return frozenset() if text.isascii() else frozenset(text) - _ASCII


_ASCII = frozenset(map(chr, range(128)))
_HIDDEN = re.compile(
    # controls but tab and line breaks; hyphenation, fillers, joiners, directions; selectors, tags; broken pairs
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ASCII_HIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_HARMLESS = re.compile("[\u00ad\u061c\u180b-\u180f\u200e\u200f\u202a-\u202c\u2066-\u2069\ufeff\ud800-\udfff]")
"""Hyphenation, directions and marks of byte order, as ordinary texts have them, and what broken encoders leave."""

_JOINS = re.compile("[\u0600-\u0dff\u0e80-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
"""Scripts that are spelt with joiners: Arabic, Persian, Indic scripts, Tibetan, Khmer, Mongolian and their kin."""

_PICTURE = re.compile("[#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff\ufe0f]")
_IDEOGRAPH = re.compile("[\u2e80-\u9fff\U00020000-\U0003ffff]")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")


def _is_needed(text: str, at: int) -> bool:
    """Whether a joiner holds letters or a picture together."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if _JOINS.match(before):
        return True
    return text[at] == "\u200d" and _PICTURE.match(before) is not None and _PICTURE.match(after) is not None


def _is_suspect(text: str, at: int) -> bool:
    """Whether what is taken out has no place in ordinary text."""
    sign, before = text[at], text[at - 1 : at]
    if _HARMLESS.match(sign) or (sign in "\ufe0e\ufe0f" and _PICTURE.match(before)):
        return False
    return not ("\U000e0100" <= sign <= "\U000e01ef" and _IDEOGRAPH.match(before))


def _suspects(text: str) -> int:
    flags = sum(len(match[0]) - 1 for match in _FLAG.finditer(text)) if "\U0001f3f4" in text else 0
    return sum(1 for start, _end, _new in _visible(text, signs_of(text)) if _is_suspect(text, start)) - flags


_JOINERS = "\u200c\u200d"


def _visible(text: str, signs: frozenset[str]) -> Iterator[Edit]:
    if not signs:
        return ((match.start(), match.end(), "") for match in _ASCII_HIDDEN.finditer(text))
    if any(_scripts().marks.match(sign) for sign in signs):
        return _apart(heapq.merge(_unseen(text), _heaped(text)))
    return _unseen(text) if any(map(_HIDDEN.match, signs)) or _ASCII_HIDDEN.search(text) else iter(())


def _unseen(text: str) -> Iterator[Edit]:
    for match in _HIDDEN.finditer(text):
        at = match.start()
        if not (match[0] in _JOINERS and _is_needed(text, at)):
            yield at, at + 1, "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def _heaped(text: str) -> Iterator[Edit]:
    for match in _scripts().heaps.finditer(text):
        yield match.start(1), match.end(1), ""


def _apart(edits: Iterator[Edit]) -> Iterator[Edit]:
    """Without the edits that begin in what another takes out."""
    upto = 0
    for edit in edits:
        if edit[0] >= upto:
            yield edit
            upto = edit[1]


@dataclass(frozen=True, slots=True)
class _Scripts:
    """`marks` are one of those that join a letter before, `heaps` those beyond what a letter can carry, and `units`
    what NFKC may change, each with all its marks.
    """

    marks: re.Pattern[str]
    heaps: re.Pattern[str]
    units: re.Pattern[str]


@cache
def _scripts() -> _Scripts:
    """Written from Python's own Unicode tables, once, when the first text comes that needs them."""
    letters = [chr(code) for code in [*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20)]]
    marks = _ranges([c for c in letters if unicodedata.category(c)[0] == "M"])
    joining = rf"{marks}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc"  # vowels and ends of Hangul, sound marks of kana
    changing = _ranges([c for c in letters if unicodedata.normalize("NFKC", c) != c])
    return _Scripts(
        re.compile(f"[{joining}]"),
        re.compile(rf"[{joining}]{{{MARKS}}}([{joining}]+)"),
        re.compile(rf"[{changing}][{joining}]*|.[{joining}]+", re.DOTALL),
    )


def _ranges(letters: list[str]) -> str:
    ranges: list[list[str]] = []
    for letter in letters:
        if ranges and ord(letter) == ord(ranges[-1][1]) + 1:
            ranges[-1][1] = letter
        else:
            ranges.append([letter, letter])
    return "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in ranges)


def _compatible(text: str, signs: frozenset[str]) -> Iterator[Edit]:
    if not signs or unicodedata.is_normalized("NFKC", text):
        return
    for match in _scripts().units.finditer(text):
        plain = unicodedata.normalize("NFKC", match[0])
        if plain != match[0]:
            yield match.start(), match.end(), plain


_LETTER = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_SPACED = re.compile(
    rf"(?<![{_LETTER}\d])[{_LETTER}]([ .,_*|/~+·•\-]{{1,2}})[{_LETTER}](?:\1{{1,3}}[{_LETTER}]){{2,}}(?![{_LETTER}\d])"
)
_APART = re.compile(rf"[^{_LETTER}]+")


def _together(text: str, _signs: frozenset[str]) -> Iterator[Edit]:
    """Four letters or more, each apart by the same one or two signs, are a word; twice as much is between words."""
    for match in _SPACED.finditer(text):
        for gap in _APART.finditer(text, *match.span()):
            yield *gap.span(), " " if len(gap[0]) > len(match[1]) else ""


def _folded(text: str, signs: frozenset[str]) -> Iterator[Edit]:
    if signs:
        return ((place, place + 1, c.casefold()) for place, c in enumerate(text) if c.casefold() != c)
    return iter([(0, len(text), text.lower())] if text != text.lower() else [])
