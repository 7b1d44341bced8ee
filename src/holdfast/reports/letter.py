"""The letter to a person, as plain text for a mail and as a page to print: no script, nothing from elsewhere."""

from __future__ import annotations

import textwrap

from holdfast.explanations.letter import Letter
from holdfast.reports.html import environment

WIDTH = 72


def to_text(letter: Letter) -> str:
    """The whole letter in lines of at most 72 characters (a longer word stands alone)."""
    lines = [letter.organisation, *([letter.address] if letter.address else []), "", letter.day]
    lines += [f"Reference: {letter.reference}", "", letter.title, "", *_wrapped(letter.greeting)]
    for passage in letter.passages:
        lines += ["", passage.heading.upper()]
        for text in passage.text:
            lines += ["", *_wrapped(text)]
        if passage.items:
            lines += ["", *(line for item in passage.items for line in _wrapped(item, "- ", "  "))]
        for text in passage.after:
            lines += ["", *_wrapped(text)]
    lines += ["", *_wrapped(letter.closing), *_wrapped(letter.organisation)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def to_html(letter: Letter) -> bytes:
    """The same as a page, UTF-8; every text in it is escaped."""
    return environment().get_template("letter.html").render(letter=letter).encode("utf-8")


def _wrapped(text: str, first: str = "", later: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
