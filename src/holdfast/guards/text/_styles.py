"""What stands in the place of something that is redacted: its kind, its last characters, or a token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from holdfast.domain.errors import FixInput


class Style(StrEnum):
    """``[CARD]``; ``[CARD ••1111]``; or what only this installation can turn back (`_tokens`)."""

    MASK = "mask"
    LAST_FOUR = "last_four"
    TOKEN = "token"  # noqa: S105 -- a style


SHOWN = 4
Stands = Callable[[str, str], str]
"""What stands for a content of a kind: ``(kind in capitals, content) -> text``."""


def read_styles(style: str, exceptions: Iterable[str], kinds: Iterable[str]) -> Mapping[str, Style]:
    """The style of each kind; `exceptions` are written ``kind: style``. FixInput for what is none."""
    styles = dict.fromkeys(kinds, _style(style))
    for exception in exceptions:
        kind, _, name = (part.strip() for part in exception.partition(":"))
        if kind not in styles:
            raise FixInput("guard.kind", f"There is no kind {kind!r} to style.", f"There are: {', '.join(styles)}.")
        styles[kind] = _style(name)
    return styles


def _style(name: str) -> Style:
    try:
        return Style(name)
    except ValueError as error:
        raise FixInput("guard.style", f"There is no style {name!r}.", f"There are: {', '.join(Style)}.") from error


def masked(kind: str, _content: str) -> str:
    """Its kind alone."""
    return f"[{kind}]"


def partly(kind: str, content: str) -> str:
    """Its kind and its last four letters and digits, where at least as many stay hidden; of an address, its domain."""
    if "@" in content:
        return f"[{kind} •••@{content.rpartition('@')[2]}]"
    telling = [character for character in content if character.isalnum()]
    return f"[{kind} ••{''.join(telling[-SHOWN:])}]" if len(telling) >= 2 * SHOWN else masked(kind, content)
