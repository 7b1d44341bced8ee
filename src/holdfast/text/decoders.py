"""What is written in another alphabet of signs, and what it says: each decoder finds its stretches and reads them.

A decoder yields edits, in order, and is silent about what decodes to no text: a hash is hexadecimal and says nothing.
Nothing that is decoded is longer than it was.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Callable, Iterator

from holdfast.text.offsets import Edit

Decoder = Callable[[str], Iterator[Edit]]

SHARE = 0.9
"""So much of what was decoded must be signs that people write, for it to be text."""

_UNWRITTEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_WORDY = re.compile(r"[^\W_]|[\s_'-]")


def smuggled(text: str) -> Iterator[Edit]:
    """Tag characters (U+E0020 on) and runs of variation selectors, which no font draws, read as what they stand for.

    The tags that spell the flag of a part of a country, and a selector by itself, are left.
    """
    for match in _SMUGGLED.finditer(text):
        if match["tags"]:
            yield match.start("tags"), match.end("tags"), "".join(chr(ord(c) - 0xE0000) for c in match["tags"])
        elif match["bytes"]:
            said = _text(bytes(_selector(c) for c in match["bytes"]))
            if said:
                yield match.start("bytes"), match.end("bytes"), said


_SMUGGLED = re.compile(
    "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
    "|(?P<tags>[\U000e0020-\U000e007e]+)"
    "|(?P<bytes>[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,})"
)


def _selector(sign: str) -> int:
    return ord(sign) - 0xFE00 if sign < "\ufe10" else ord(sign) - 0xE0100 + 16


def base64_(text: str) -> Iterator[Edit]:
    """Base 64, either alphabet, in one line or broken into lines of 60 to 100; also where something is glued before."""
    for match in _BASE64.finditer(text):
        blob = "".join(match[0].split()).rstrip("=").replace("-", "+").replace("_", "/")
        for glued in range(4 if len(blob) >= 24 else 1):
            said = _text(_base64(blob[glued:]))
            if said:
                yield match.start() + glued, match.end(), said
                break


_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{60,100}\r?\n)+[A-Za-z0-9+/_-]+={0,2}|[A-Za-z0-9+/_-]{16,}={0,2}")


def _base64(blob: str) -> bytes:
    whole = blob[: len(blob) - 1] if len(blob) % 4 == 1 else blob
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def base32(text: str) -> Iterator[Edit]:
    """Base 32 in capitals."""
    for match in re.finditer(r"(?<![A-Za-z0-9])[A-Z2-7]{16,}={0,6}(?![A-Za-z0-9])", text):
        blob = match[0].rstrip("=")
        try:
            said = _text(base64.b32decode(blob + "=" * (-len(blob) % 8)))
        except binascii.Error:
            continue
        if said:
            yield *match.span(), said


def hexadecimal(text: str) -> Iterator[Edit]:
    """Eight bytes or more, two digits each, together or set apart by a sign, ``0x`` or ``\\x``."""
    for match in _HEX.finditer(text):
        said = _text(bytes.fromhex(re.sub(r"0x|\\x|[ :,-]", "", match[0])))
        if said:
            yield *match.span(), said


_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[ :,-]?(?:0x|\\x)?[0-9A-Fa-f]{2}){7,}(?![0-9A-Za-z])")


def binary(text: str) -> Iterator[Edit]:
    """Letters as seven or eight digits 0 and 1, four letters or more."""
    for match in _BINARY.finditer(text):
        groups = re.findall("[01]{7,8}", match[0]) if re.search("[ ,]", match[0]) else re.findall("[01]{8}", match[0])
        said = _text(bytes(int(group, 2) for group in groups))
        if said:
            yield *match.span(), said


_BINARY = re.compile(r"(?<!\d)(?:(?:[01]{8}){4,}|[01]{7,8}(?:[ ,]{1,2}[01]{7,8}){3,})(?!\d)")


def decimal(text: str) -> Iterator[Edit]:
    """Letters as their numbers in ASCII, six or more."""
    for match in re.finditer(r"(?<![\d.])\d{2,3}(?:[ ,;]{1,2}\d{2,3}){5,}(?![\d.])", text):
        codes = [int(code) for code in re.findall(r"\d+", match[0])]
        said = "".join(map(chr, codes)) if all(32 <= code < 127 for code in codes) else ""
        if len(_WORDY.findall(said)) > SHARE * len(said):
            yield *match.span(), said


def url(text: str) -> Iterator[Edit]:
    """Percent signs before two hexadecimal digits."""
    for match in re.finditer(r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*", text):
        said = urllib.parse.unquote(match[0], errors="ignore")
        if said:
            yield *match.span(), said


def entities(text: str) -> Iterator[Edit]:
    """HTML's references to characters, by number or by name."""
    for match in re.finditer(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", text):
        said = html.unescape(match[0])
        if said != match[0]:
            yield *match.span(), said


def escapes(text: str) -> Iterator[Edit]:
    """``\\u0041``, ``\\U00000041``, ``\\u{41}``, ``\\x41`` and ``U+0041``, as programs and papers write characters."""
    for match in _ESCAPE.finditer(text):
        code = int(re.sub(r"[^0-9A-Fa-f]", "", match[0][2:]), 16)
        if code <= 0x10FFFF:
            yield *match.span(), chr(code)


_ESCAPE = re.compile(
    r"\\u\{[0-9A-Fa-f]{1,6}\}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}|U\+[0-9A-Fa-f]{4,6}(?: (?=U\+))?"
)


def morse(text: str) -> Iterator[Edit]:
    """Morse's signs, five letters or more, a slash or three spaces between words."""
    for match in _MORSE.finditer(text):
        words = re.split(r" ?[/|] ?| {3}", match[0].replace("·", ".").replace("−", "-"))
        said = " ".join("".join(_MORSE_LETTERS.get(sign, "\ufffd") for sign in word.split()) for word in words)
        if said.count("\ufffd") <= (1 - SHARE) * len(said):
            yield *match.span(), said


_MORSE = re.compile(r"(?<![.\-·−\w])[.\-·−]{1,6}(?:[ /|]{1,3}[.\-·−]{1,6}){4,}(?![.\-·−\w])")
_MORSE_CODE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE_LETTERS = dict(zip(_MORSE_CODE.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True))


def _text(data: bytes) -> str:
    """What the bytes say in UTF-8 or UTF-16; empty where they are no text."""
    if len(data) >= 4 and data[1::2].count(0) > SHARE * len(data[1::2]):
        data = data[::2]
    said = data.decode("utf-8", "ignore")
    is_text = len(said.encode()) >= SHARE * len(data) and len(_UNWRITTEN.findall(said)) <= (1 - SHARE) * len(said)
    return said if is_text else ""


DECODERS: dict[str, Decoder] = {
    "base64": base64_,
    "hex": hexadecimal,
    "url": url,
    "entities": entities,
    "escapes": escapes,
    "base32": base32,
    "binary": binary,
    "decimal": decimal,
    "morse": morse,
}
"""Each leaves the rest of the text as it is."""


def decodable(text: str) -> Iterator[str]:
    """The names of the decoders that may find something: a quick look that leaves out most of them on most texts."""
    longest = max(map(len, text.split()), default=0)
    is_spelt = _SPELT.search(text) is not None
    likely = {
        "base64": longest >= 16,
        "hex": longest >= 16 or is_spelt,
        "url": "%" in text,
        "entities": "&" in text,
        "escapes": "\\" in text or "U+" in text,
        "base32": longest >= 16,
        "binary": longest >= 32 or is_spelt,
        "decimal": is_spelt,
        "morse": any(pair in text for pair in _DOTS),
    }
    return (name for name in DECODERS if likely[name])


_SPELT = re.compile(
    r"(?:\d[0-9A-Fa-f]{1,7}|[A-Fa-f][0-9A-Fa-f])[ ,;:-]{1,2}(?:[0-9A-Fa-f]{2,8}[ ,;:-]{1,2}){2}[0-9A-Fa-f]{2}"
)
_DOTS = (". .", ". -", "- .", "- -", "· ", "− ")

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = _LETTERS[13:] + _LETTERS[:13]
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "!": "i",
         "|": "l", "€": "e", "+": "t", "£": "l"}  # fmt: skip

_AS_ROT13 = str.maketrans(_LETTERS + _LETTERS.upper(), _ROT13 + _ROT13.upper())
_AS_LEET = str.maketrans(_LEET)

TURNED: dict[str, Callable[[str], str]] = {
    "rot13": lambda text: text.translate(_AS_ROT13),
    "leetspeak": lambda text: text.translate(_AS_LEET),
    "reversed": lambda text: text[::-1],
}
"""Each turns the whole text, into one as long."""
