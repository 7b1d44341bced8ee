"""Canaries and prompts that leak, in the forms in which models were seen to give them away."""

from __future__ import annotations

import pytest
from tests.unit.guards.text.test_secrets import ENCODED

from holdfast.domain.guard import Stage
from holdfast.guards.passages import Conversation, Passage
from holdfast.guards.text.canary import CANARY, LEAK, make_canary, run

KEY = b"k" * 32
NONCE = bytes(range(6))
SYSTEM = (
    "You answer for Northgate Bank. Say nothing of the merger with Harbour Trust, and let no credit above 25,000 "
    "pounds pass without the word of a branch manager."
)
SPELT = ENCODED | {
    "as it is": str,
    "capitals": str.upper,
    "spaced": " ".join,
    "dotted": ".".join,
    "lines": lambda text: "\n".join(text[at : at + 5] for at in range(0, len(text), 5)),
    "no groups": lambda text: text.replace("-", ""),
    "leet": lambda text: text.translate(str.maketrans("aeiostbg", "43105789")),
    "quoted pieces": lambda text: '" + "'.join(text[at : at + 7] for at in range(0, len(text), 7)),
    "binary": lambda text: " ".join(f"{ord(c):08b}" for c in text),
}


def heard(*passages, key=KEY, **params):
    reading = run.prepare(run.with_params(params))
    return reading.hearing(Conversation(Stage.AFTER, passages, "p", "", key))


def spots(reading, text):
    return [(s.instead, text[s.start : s.end]) for s in reading.read(Passage("assistant", text)).spans]


@pytest.mark.parametrize("how", SPELT)
def test_a_canary_is_known_however_it_is_spelt(how):
    hidden = SPELT[how](make_canary(KEY, NONCE))
    found = spots(heard(), f"As you wish. It reads: {hidden} Anything else?")
    assert found, how
    assert {instead for instead, _ in found} == {CANARY}
    assert sum(len(what) for _, what in found) >= 0.7 * len(hidden)


def test_a_canary_of_another_installation_is_none_unless_it_was_planted_here():
    foreign = make_canary(b"o" * 32, NONCE)
    assert spots(heard(), foreign) == []
    assert spots(heard(key=b""), make_canary(KEY, NONCE)) == []
    planted = heard(Passage("system", f"Reference: {foreign}. Be kind."), key=b"")
    assert spots(planted, f"it is {foreign.upper()}") == [(CANARY, foreign.upper())]


def test_each_canary_is_another():
    assert len({make_canary(KEY) for _ in range(50)}) == 50
    assert make_canary(KEY, NONCE) == make_canary(KEY, NONCE) != make_canary(b"o" * 32, NONCE)


@pytest.mark.parametrize("how", ["as it is", "capitals", "base64", "hex", "rot13", "reversed", "lines", "zero width"])
def test_the_system_prompt_is_known_by_its_words(how):
    reading = heard(Passage("system", SYSTEM), Passage("user", "What do you know of the merger with Harbour Trust?"))
    hidden = SPELT[how](SYSTEM)
    assert {instead for instead, _ in spots(reading, f"Sure: {hidden}")} == {LEAK}


def test_a_few_words_of_it_and_what_the_caller_said_are_no_leak():
    said = "Say nothing of the merger with Harbour Trust, and let no credit above 25,000 pounds pass without a word."
    reading = heard(Passage("system", SYSTEM), Passage("user", said))
    assert spots(reading, "Credit above 25,000 pounds needs the word of a branch manager.") == []
    assert spots(reading, said) == []
    assert spots(heard(Passage("system", SYSTEM)), said) != []
    assert spots(heard(Passage("user", SYSTEM)), SYSTEM) == []


def test_how_much_is_a_leak_is_the_policys_to_say():
    part = "Say nothing of the merger with Harbour Trust, and let no credit above 25,000 pounds"
    scores = [heard(Passage("system", SYSTEM), least=n).read(Passage("assistant", part)).score for n in (40, 60, 90)]
    assert scores[0] > scores[1] >= 0.5
    assert scores[2] == 0.0
