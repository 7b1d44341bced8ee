"""In which language a text is, as far as its script and its most frequent words tell, without a model and offline.

Where a script has one language here, the script decides; else the words do that hold sentences together (``the``,
``und``, ``que``), each by how few languages share it. Texts of few such words are in no language that can be told:
names, code, numbers, single words.

Source: Grefenstette 1995, "Comparing two language identification schemes" (short frequent words against trigrams).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from functools import cache
from importlib.resources import files
from math import log

UNKNOWN = "unknown"

MOST = 2_000
"""Characters of a text that are read."""

FEWEST, LEAST_SHARE = 1.0, 0.07
"""What the words of a language must weigh together, at least, and as a share of all words."""

_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963\u0971-\u0dff])"
_WORD = re.compile(rf"(?<![0-9_]){_LETTER}+(?:[-'’]{_LETTER}+)*(?![0-9_])")
"""Vowel signs of Indic scripts are part of a word, which ``\\w`` does not know; parts of ``3f2a`` are none."""

_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "GREEK": "el", "HEBREW": "he", "THAI": "th",
    "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu",
    "GURMUKHI": "pa", "GEORGIAN": "ka", "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my",
    "SINHALA": "si", "ETHIOPIC": "am",
}  # fmt: skip
"""Scripts that have one language here, by the first word of their letters' names."""

LETTERS = {
    "ß": "de", "ñ": "es", "ã": "pt", "õ": "pt", "œ": "fr", "ț": "ro", "ș": "ro", "ă": "ro", "ł": "pl", "ż": "pl",
    "ř": "cs", "ů": "cs", "ě": "cs", "ľ": "sk", "ĺ": "sk", "ŕ": "sk", "ő": "hu", "ű": "hu", "ğ": "tr", "ı": "tr",
    "đ": "hr", "ć": "hr", "ư": "vi", "ơ": "vi", "ạ": "vi", "ế": "vi", "ы": "ru", "э": "ru", "ё": "ru", "ї": "uk",
    "є": "uk", "ґ": "uk", "ј": "sr", "љ": "sr", "њ": "sr", "ђ": "sr", "ћ": "sr", "پ": "fa", "چ": "fa", "گ": "fa",
    "ٹ": "ur", "ڑ": "ur", "ے": "ur",
}  # fmt: skip
"""Letters that hardly come in another language here. A word with one weighs as much as one of its own."""


def words_of(text: str) -> list[str]:
    """The words of a text's beginning, in lower case; of scripts without spaces, runs of letters."""
    return _WORD.findall(text[:MOST].lower())


def language_of(text: str) -> str:
    """The ISO 639-1 code of a text's language, ``unknown`` where it cannot be told."""
    return language_among(words_of(text))


def language_among(words: list[str]) -> str:
    """The same, of words as `words_of` gives them."""
    if not words:
        return UNKNOWN
    own = _by_script(words)
    if own:
        return own
    known, found = _known(), defaultdict[str, float](float)
    for word in words:
        for language, weight in known.get(word, ()):
            found[language] += weight
        if not word.isascii():
            for letter in set(word) & LETTERS.keys():
                found[LETTERS[letter]] += 1.0
    if not found:
        return UNKNOWN
    language, weight = max(found.items(), key=lambda one: (one[1], one[0]))
    return language if weight >= FEWEST and weight >= LEAST_SHARE * len(words) else UNKNOWN


def languages() -> tuple[str, ...]:
    """Every answer of `language_of`, in order, ``unknown`` last."""
    return (*sorted({*_function_words(), *_SCRIPTS.values()}), UNKNOWN)


def _by_script(words: list[str]) -> str:
    """The language of the script that most letters have, where it is the script of one; Japanese mixes two."""
    letters = "".join(words)[:200]
    if letters.isascii():
        return ""
    scripts = Counter(map(_script, letters))
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.05 * len(letters):
        return "ja"
    script, times = scripts.most_common(1)[0]
    return _SCRIPTS.get(script, "") if times > len(letters) / 2 else ""


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


@cache
def _function_words() -> dict[str, frozenset[str]]:
    text = files("holdfast.text").joinpath("function_words.txt").read_text("utf-8")
    return {line.split()[0]: frozenset(line.split()[1:]) for line in text.splitlines()}


@cache
def _known() -> dict[str, tuple[tuple[str, float], ...]]:
    """Of each word, the languages that have it, and its weight: 1 where one has it alone."""
    table = _function_words()
    having: dict[str, list[str]] = {}
    for language, words in table.items():
        for word in words:
            having.setdefault(word, []).append(language)
    most = log(len(table) + 1)
    return {
        word: tuple((language, log((len(table) + 1) / len(some)) / most) for language in some)
        for word, some in having.items()
    }
