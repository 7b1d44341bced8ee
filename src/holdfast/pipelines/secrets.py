"""Keeping secrets out of records: command lines and addresses are written down for good."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

HIDDEN = "***"
SHORTEST = 6
"""Values shorter than this are not searched for: they would black out half of any text."""

_NAME = re.compile(
    r"(^|[-_.])(pass(word|wd|phrase)?|pwd|secret|token|pat|credentials?|(api|access|private|secret|signing)[-_]?key)$",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(-{0,2}[\w.-]+)=(.*)", re.DOTALL)
_USER = re.compile(r"(?<=://)[^/@\s]+@")


def hide_secrets(command: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command with secrets blacked out: values of options and variables that are named like one, passwords in
    addresses, and wherever it stands the value of an environment variable that is named like one.
    """
    known = sorted((v for k, v in environment.items() if _NAME.search(k) and len(v) >= SHORTEST), key=len, reverse=True)
    words: list[str] = []
    hide_next = False
    for word in command:
        words.append(HIDDEN if hide_next else _shown(word, known))
        hide_next = not hide_next and word.startswith("-") and "=" not in word and bool(_NAME.search(word))
    return tuple(words)


def _shown(word: str, known: Sequence[str]) -> str:
    option = _OPTION.fullmatch(word)
    if option and _NAME.search(option[1]):
        return f"{option[1]}={HIDDEN}"
    for value in known:
        word = word.replace(value, HIDDEN)
    return without_password(word)


def without_password(address: str) -> str:
    """An address without the user and password in it."""
    return _USER.sub("", address)
