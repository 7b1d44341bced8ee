"""Many patterns in one linear-time engine (RE2): no text, however it is made, costs more than its length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from holdfast.domain.errors import FixInput

MEMORY = 64 << 20


class Patterns:
    """Patterns in RE2's syntax. One pass over a text says which of them match at all; only those are looked for.

    Of what matches at a place the first alternative counts, or the longest. `holdfast.text.rules` is for named rules;
    these many are read as bytes, encoded once for all of them.
    """

    def __init__(self, sources: Sequence[str], *, is_longest: bool = False) -> None:
        re2 = engine()
        options = re2.Options()
        options.max_mem, options.longest_match = MEMORY, is_longest
        self._each = [re2.compile(source.encode(), options=options) for source in sources]
        self._all = re2.Set.SearchSet(options)
        for source in sources:
            self._all.Add(source.encode())
        if sources:
            self._all.Compile()

    def find(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Which pattern, and from which to which character, for each that does not overlap another of its own."""
        raw = text.encode("utf-8", "surrogatepass")
        present = self._all.Match(raw) if self._each else ()
        if not present:
            return
        place = _place(raw, len(text))
        for which in sorted(present):
            for match in self._each[which].finditer(raw):
                start, end = match.span()
                yield which, place(start), place(end)


def _place(raw: bytes, characters: int) -> Any:
    """From places in bytes to places in characters."""
    if len(raw) == characters:
        return lambda at: at
    import numpy as np

    begins = np.cumsum((np.frombuffer(raw, np.uint8) & 0xC0) != 0x80)
    return lambda at: int(begins[at - 1]) if at else 0


def engine() -> Any:
    """RE2; FixInput where it is not installed."""
    try:
        import re2
    except ImportError as error:
        raise needs_extra() from error
    return re2


def needs_extra() -> FixInput:
    """What to do where a library for guards on text is missing."""
    what = "Guards on personal data and secrets need libraries that are not installed."
    return FixInput("guard.extra", what, "Run: pip install 'holdfast[guard]'")
