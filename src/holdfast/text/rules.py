"""Phrases and patterns in RE2, which reads any text in time that grows with its length alone.

One automaton says which patterns stand in a text (`re2.Set`), and only those are asked where. RE2 has no construction
that can blow up (R. Cox, "Regular expression matching in the wild", 2010): no backtracking, so no back-reference and no
look-around either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from holdfast.domain.errors import FixInput

MEMORY = 64 << 20
"""Bytes that the automaton of a set may take: states that do not fit are forgotten and worked out again."""

PROOF = "\x1fholdfast\x1f"
"""Stands in every set, so that one too large to run is noticed when it is made: it would find nothing, silently."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rule of this name stands at `start` to `end`."""

    rule: str
    start: int
    end: int


class Rules:
    """Named patterns. Without regard to case unless `match_case`; FixInput for one that RE2 cannot read."""

    def __init__(self, patterns: Mapping[str, str], *, match_case: bool = False) -> None:
        self._names = tuple(patterns)
        self._patterns = tuple(patterns.values())
        self._match_case = match_case
        _ = self._compiled, self._set

    def which(self, text: str) -> tuple[str, ...]:
        """The names of the rules that stand in the text, in their order."""
        return tuple(self._names[number] for number in self._found(_encodable(text)))

    def matches(self, text: str) -> Iterator[Match]:
        """Every place of every rule, rule by rule, those of one rule apart from one another."""
        text = _encodable(text)
        for number in self._found(text):
            for match in self._compiled[number].finditer(text):
                if match.end() > match.start():
                    yield Match(self._names[number], match.start(), match.end())

    def _found(self, text: str) -> list[int]:
        return sorted(number for number in self._set.Match(text) or () if number < len(self._names))

    @cached_property
    def _options(self) -> Any:
        options = re2().Options()
        options.case_sensitive = self._match_case
        options.log_errors = False
        options.max_mem = MEMORY
        return options

    @cached_property
    def _compiled(self) -> list[Any]:
        return [self._readable(name, text) for name, text in zip(self._names, self._patterns, strict=True)]

    def _readable(self, name: str, pattern: str) -> Any:
        try:
            return re2().compile(pattern, self._options)
        except re2().error as error:
            raise FixInput(
                "text.pattern",
                f"The pattern of {name} cannot be read: {_said(error)}.",
                "RE2's syntax has no back-references and no look-around.",
            ) from error

    @cached_property
    def _set(self) -> Any:
        union = re2().Set.SearchSet(self._options)
        for pattern in self._patterns:
            union.Add(pattern)
        union.Add(PROOF)
        if not self._runs(union):
            raise FixInput("text.patterns", "These patterns are too large together.", "Name fewer, or shorter ones.")
        return union

    @staticmethod
    def _runs(union: Any) -> bool:
        try:
            union.Compile()
        except re2().error:
            return False
        return bool(union.Match(PROOF))


def phrase(words: str) -> str:
    """The pattern of a phrase: whole words of ASCII, however they are spaced."""
    words = words.strip()
    edges = [r"\b" if re.match(r"[A-Za-z0-9_]", edge) else "" for edge in (words[:1], words[-1:])]
    return r"\s{1,8}".join(re2().escape(word) for word in words.split()).join(edges)


def re2() -> Any:
    """The module, which comes with an extra; FixInput where it is missing."""
    try:
        import re2 as module
    except ImportError as error:
        raise FixInput(
            "text.re2", "Guards on text read by RE2, which is not installed.", "pip install 'holdfast[guard]'"
        ) from error
    return module


def _encodable(text: str) -> str:
    """Text that has half of a pair of code units, as broken encoders leave, cannot be told to RE2."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _said(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
