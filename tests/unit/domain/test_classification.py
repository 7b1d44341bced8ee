"""Tiers from answers: silence is no answer, and a prohibition cannot be lifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.appetite import Tier
from holdfast.domain.classification import Override, Question, Questionnaire, TierRule, classify

ASKED = ("scores-people", "annex-iii", "profiles", "talks")
REGIME = Questionnaire(
    "regime",
    "1",
    "A regime",
    tuple(Question(id, f"{id}?", "Art 1") for id in ASKED),
    (
        TierRule("social-scoring", Tier.PROHIBITED, "Art 5", "It scores people.", yes=("scores-people",)),
        TierRule("listed", Tier.HIGH, "Art 6(2)", "It is listed.", yes=("annex-iii", "profiles")),
        TierRule("narrow", Tier.LIMITED, "Art 6(3)", "It is narrow.", yes=("annex-iii",), no=("profiles",)),
        TierRule("chat", Tier.LIMITED, "Art 50", "It talks.", yes=("talks",)),
    ),
)
answers = st.dictionaries(st.sampled_from(ASKED), st.booleans()).map(lambda given: tuple(given.items()))
overrides = st.sampled_from([None, *(Override(tier, "p", "risk", "because") for tier in Tier)])


def of(override=None, **given):
    return classify(REGIME, "s", tuple({id: given.get(id.replace("-", "_"), False) for id in ASKED}.items()), override)


@pytest.mark.parametrize(
    ("given", "tier", "rules"),
    [
        ({}, Tier.MINIMAL, ()),
        ({"talks": True}, Tier.LIMITED, ("chat",)),
        ({"annex_iii": True}, Tier.LIMITED, ("narrow",)),
        ({"annex_iii": True, "profiles": True, "talks": True}, Tier.HIGH, ("listed", "chat")),
        ({"scores_people": True, "talks": True}, Tier.PROHIBITED, ("social-scoring", "chat")),
    ],
)
def test_the_gravest_rule_that_is_met_decides(given, tier, rules):
    assert (of(**given).tier, of(**given).rules) == (tier, rules)


@given(answers, overrides)
def test_silence_is_no_answer(given, override):
    found = classify(REGIME, "s", given, override)
    assert set(found.unanswered) == set(ASKED) - dict(given).keys()
    if found.unanswered and found.tier is not None:
        assert found.tier is Tier.PROHIBITED


@given(overrides)
def test_nobody_lifts_a_prohibition(override):
    assert of(override, scores_people=True).tier is Tier.PROHIBITED


def test_an_override_counts_otherwise_both_ways():
    assert of(Override(Tier.HIGH, "p", "risk", "reputation")).tier is Tier.HIGH
    assert of(Override(Tier.MINIMAL, "p", "risk", "a pilot"), talks=True).tier is Tier.MINIMAL


def test_a_rule_cannot_rest_on_what_nobody_asks():
    with pytest.raises(ValueError, match="nobody asks"):
        Questionnaire("r", "1", "t", (), (TierRule("x", Tier.HIGH, "Art 1", "x", yes=("y",)),))
