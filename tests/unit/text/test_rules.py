"""Rules in RE2: which, where, and nothing that could blow up."""

from __future__ import annotations

import sys

import pytest

from holdfast.domain.errors import FixInput
from holdfast.text.rules import Match, Rules, phrase


def test_which_and_where():
    rules = Rules({"order": r"\bdisregard (?:all|the)\b", "number": r"\d{3,}", "phrase": phrase("Blue Heron")})
    text = "ü: disregard  Disregard the 1234 blue \n heron"
    assert rules.which(text) == ("order", "number", "phrase")
    assert [(match.rule, text[match.start : match.end]) for match in rules.matches(text)] == [
        ("order", "Disregard the"),
        ("number", "1234"),
        ("phrase", "blue \n heron"),
    ]


def test_case_matters_where_it_should():
    assert Rules({"a": "AbC"}, match_case=True).which("abc") == ()
    assert Rules({}).which("abc") == ()


def test_broken_text_keeps_its_places():
    assert list(Rules({"b": "b+"}).matches("a\ud800bb")) == [Match("b", 2, 4)]


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(a)\1", "(", "[", "a{2001}"])
def test_what_could_blow_up_or_cannot_be_read_is_refused(pattern):
    with pytest.raises(FixInput, match="pattern of odd"):
        Rules({"odd": pattern})


def test_the_pattern_that_ruins_backtrackers_is_harmless():
    assert Rules({"evil": r"^(a+)+$"}).which("a" * 50_000 + "!") == ()


def test_patterns_too_large_together_are_refused_and_not_silently_blind(monkeypatch):
    monkeypatch.setattr("holdfast.text.rules.MEMORY", 40_000)
    with pytest.raises(FixInput, match="too large"):
        Rules({str(n): rf"x{n}[a-z]{{20}}" for n in range(9)})


def test_without_the_library_a_hint_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(FixInput, match=r"holdfast\[guard\]"):
        Rules({"a": "a"})
