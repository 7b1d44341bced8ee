"""What a text says, and what it hides: its plain form and every bounded decoding of it, in small letters."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

DEEPEST = 2
MOST = 40
CHARACTERS = 200_000

_LEET = str.maketrans("0134578@$", "oleastbas")
_LOOKALIKES = str.maketrans("асеорхуіјѕԁһԛԝɡκνταοερ", "aceopxyijsdhqwgkvtaoep")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]")


def views(text: str) -> tuple[str, ...]:
    """The text's plain form first, then what can be decoded in it, twice over; at most `MOST`, each once."""
    found = {_plain(text[:CHARACTERS]): None}
    last = [text[:CHARACTERS]]
    for _ in range(DEEPEST):
        last = [more for one in last for decode in _DECODINGS for more in decode(one)][:MOST]
        found |= dict.fromkeys(map(_plain, last))
    return tuple(found)[:MOST]


def _plain(text: str) -> str:
    """Compatible forms, lookalikes and invisible characters undone, in small letters."""
    tags = "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", tags)).casefold()
    return folded.translate(_LOOKALIKES)


def _base64(text: str) -> Iterator[str]:
    joined = re.sub(r"(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])", "", text)
    for run in re.findall(r"[A-Za-z0-9+/_-]{12,}={0,2}", joined)[:8]:
        yield from _read(
            lambda run=run: base64.b64decode(run.translate(str.maketrans("-_", "+/")) + "=" * (-len(run) % 4))
        )


def _hex(text: str) -> Iterator[str]:
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[ :]?){6,}", text)[:8]:
        yield from _read(lambda run=run: bytes.fromhex(re.sub(r"[ :]", "", run)))


def _read(decode: Callable[[], bytes]) -> Iterator[str]:
    try:
        yield decode().decode("utf-8")
    except (ValueError, binascii.Error):
        return


def _rot13(text: str) -> Iterator[str]:
    yield codecs.decode(text, "rot13")


def _url(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text)


def _leet(text: str) -> Iterator[str]:
    yield text.translate(_LEET)


def _spaced(text: str) -> Iterator[str]:
    """Letters that stand apart, joined; two spaces end a word."""
    if re.search(r"\b(?:\w ){5}", text):
        yield re.sub(r"(?<=\w) (?=\w\b)", "", text)


def _reversed(text: str) -> Iterator[str]:
    yield text[::-1]


_DECODINGS = (_base64, _hex, _rot13, _url, _leet, _spaced, _reversed)
