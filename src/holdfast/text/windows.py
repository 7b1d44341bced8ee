"""Overlapping windows of words, which leave out no character of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{_UNSPACED}]{{1,2}}|[^\s{_UNSPACED}]{{1,40}}")
"""A word; of one that is longer so many characters at a time, and two of a script that puts no spaces."""


def windows(text: str, words: int = 60, step: int = 30) -> Iterator[tuple[int, int]]:
    """Start and end of windows of so many words, a new one every `step` words.

    Each begins where the one `step` words before it has its middle or earlier, so that anything of at most
    ``words - step`` words lies whole in one of them. Together they hold every character: space that stands before the
    first word and after the last as well. A text without words is one window.
    """
    if not 0 < step <= words:
        raise ValueError("windows begin every `step` words, at least one and no more than they have")
    starts: list[int] = []
    ahead = 0
    for word in WORD.finditer(text):
        if len(starts) == words:
            yield (0 if ahead == 0 else starts[0], word.start())
            ahead, starts = 1, starts[step:]
        starts.append(word.start())
    yield (0 if ahead == 0 else starts[0], len(text))
