"""What every guard on text must keep, as functions that a plug-in author's own test suite can call.

Each check raises AssertionError with what was broken.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

import numpy as np

from holdfast import canonical
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.guards.armed_text import ArmedText, arm_text
from holdfast.guards.contract import GuardSpec
from holdfast.guards.holding import Holding
from holdfast.guards.passages import Passage, redact
from holdfast.testing.trial import TextTrial

ODD = ("", "\x00", "a" * 20_000, "\u202e\ufeff\u200d", "𝒶𝓫" * 50, "é" * 999)
ROLES = ("system", "user", "assistant", "tool", "")


def trial_of(spec: GuardSpec) -> TextTrial:
    """The trial that the guard names."""
    module, _, attribute = spec.trial.partition(":")
    trial = getattr(importlib.import_module(module), attribute)
    assert isinstance(trial, TextTrial), f"{spec.trial} is not a TextTrial"
    return trial


def armed(spec: GuardSpec) -> ArmedText:
    """The guard, enforced, with its trial's parameters."""
    terms = GuardTerms(spec.id, Mode.ENFORCE, params=tuple(trial_of(spec).params.items()))
    return arm_text(Policy("trial", "1", (terms,)), [spec], spec.stage)[0]


def says_what_it_is(spec: GuardSpec) -> None:
    """Its words are there, its parameters are plain data, and what it wants done is something."""
    assert spec.title
    assert spec.question.endswith("?"), f"the question of {spec.id} should be one"
    assert spec.cost, f"{spec.id} should say what it costs"
    assert spec.unit, f"{spec.id} should say what its score counts"
    assert spec.action is not Action.ALLOW, f"{spec.id} wants nothing done"
    assert np.isfinite(spec.threshold)
    canonical.encode(spec.params)


def flags_what_is_planted_and_nothing_else(spec: GuardSpec) -> None:
    """At its own threshold it flags every planted text of its trial, and no clean one."""
    guard, trial = armed(spec), trial_of(spec)
    for text in trial.planted:
        assert guard.read([Passage("assistant", text)]).action is not Action.ALLOW, f"{spec.id} misses {text!r:.80}"
    for text in trial.clean:
        assert guard.read([Passage("assistant", text)]).action is Action.ALLOW, f"{spec.id} flags {text!r:.80}"


def marks_places_in_the_text(spec: GuardSpec) -> None:
    """Its spans lie in the text, hold something, and what it redacts it does not find again."""
    guard = armed(spec)
    for text in trial_of(spec).planted:
        spans = guard.reading.read(Passage("assistant", text)).spans
        assert all(0 <= span.start < span.end <= len(text) for span in spans), f"{spec.id} marks places outside of it"
        if spans:
            again = guard.read([Passage("assistant", redact(text, spans))])
            assert again.action is Action.ALLOW, f"{spec.id} finds again what it redacted"


def says_the_same_however_a_text_is_told(spec: GuardSpec) -> None:
    """Told in pieces, split anywhere, a text is let out as it is when it is told at once."""
    guard, trial = armed(spec), trial_of(spec)
    for text in (*trial.planted, *trial.clean):
        whole = _told(guard, [text])
        for pieces in _tellings(text):
            assert _told(guard, pieces) == whole, f"{spec.id} differs where the text comes as {pieces!r:.200}"


def _tellings(text: str) -> Iterator[list[str]]:
    """Letter by letter, as far as its first and its last words go, and in two at every place of those."""
    yield [*text[:200], text[200:]]
    yield [text[:-60], *text[-60:]]
    for place in {*range(min(len(text), 80)), *range(max(0, len(text) - 20), len(text))}:
        yield [text[:place], text[place:]]


def _told(guard: ArmedText, pieces: list[str]) -> tuple[str, Action]:
    holding = Holding([guard], "assistant")
    parts = [holding.feed(piece) for piece in pieces]
    parts.append(holding.feed("", is_last=True))
    is_cut = holding.action.rank > Action.REDACT.rank
    return "" if is_cut else "".join(parts), holding.action


def repeats_itself(spec: GuardSpec) -> None:
    """The same text gets the same score and the same marks."""
    guard = armed(spec)
    for text in trial_of(spec).planted:
        assert guard.reading.read(Passage("user", text)) == guard.reading.read(Passage("user", text))


def never_says_content(spec: GuardSpec) -> None:
    """Its sentences say why, and hold nothing that it found."""
    guard = armed(spec)
    for text in trial_of(spec).planted:
        seen = guard.reading.read(Passage("assistant", text))
        assert seen.because, f"{spec.id} does not say why"
        for span in seen.spans:
            assert text[span.start : span.end].lower() not in seen.because.lower(), f"{spec.id} tells content"


def reads_anything(spec: GuardSpec) -> None:
    """Whatever is said by whomever ends in a finite score."""
    guard = armed(spec)
    for text in ODD:
        for role in ROLES:
            assert np.isfinite(guard.reading.read(Passage(role, text)).score), f"{spec.id} gave no number"


CHECKS: tuple[Callable[[GuardSpec], None], ...] = (
    says_what_it_is,
    flags_what_is_planted_and_nothing_else,
    marks_places_in_the_text,
    says_the_same_however_a_text_is_told,
    repeats_itself,
    never_says_content,
    reads_anything,
)
