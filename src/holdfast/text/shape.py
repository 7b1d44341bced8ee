"""What can be kept of a text so that a change of many shows, and no text can be read: a few numbers and its language.

Each of the `WORDS` numbers is a mean over the text's distinct words of +1 or -1, which a hash gives each word. Where
other words come, most of these means shift, whatever the words are; of a text of few words nothing is kept, as those
could be guessed.

Source: Johnson and Lindenstrauss 1984; Achlioptas 2003, "Database-friendly random projections" (signs suffice).
"""

from __future__ import annotations

from zlib import crc32

from holdfast.domain.decision import Field
from holdfast.text.languages import language_among, words_of

WORDS = 8
FEWEST_WORDS = 8
"""Distinct words of a text of which the numbers are kept."""

_LANES = [sum((byte >> place & 1) << (16 * place) for place in range(WORDS)) for byte in range(256)]
"""For each hash the bits of its numbers, sixteen apart, so that one sum counts them all."""

MOST = 1_000
"""Characters that are read for words and language; the length is of all."""


def shape_of(text: str, name: str) -> tuple[Field, ...]:
    """The length in characters, the language, and the numbers, each named: ``prompt_length``, ``prompt_words_1``."""
    words = words_of(text[:MOST])
    found: list[Field] = [("length", len(text)), ("language", language_among(words)), *_projected(words)]
    return tuple((f"{name}_{part}", value) for part, value in found)


def names_of(name: str) -> tuple[str, ...]:
    """How the numbers of words are called."""
    return tuple(f"{name}_words_{place + 1}" for place in range(WORDS))


def _projected(words: list[str]) -> list[Field]:
    distinct = set(words)
    if len(distinct) < FEWEST_WORDS:
        return []
    lanes = sum(_LANES[crc32(word.encode("utf-8", "replace")) & 0xFF] for word in distinct)
    high = [lanes >> (16 * place) & 0xFFFF for place in range(WORDS)]
    return [(f"words_{place + 1}", round(2 * up / len(distinct) - 1, 2)) for place, up in enumerate(high)]
