"""Trials of probes of chats: an upstream with the weakness that a probe is about, and one without."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.probes.contract import ChatCase
from holdfast.testing.bank import PROMPT, TOOLS
from holdfast.testing.trial import Trial
from holdfast.testing.upstreams import FakeChat, Manner, Upstream, Weakness


def _case(*weaknesses: Weakness, manner: Manner = Manner.PLAIN) -> Callable[[int], ChatCase]:
    def case(seed: int) -> ChatCase:
        return ChatCase(FakeChat(Upstream(frozenset(weaknesses), manner), PROMPT, TOOLS), seed=seed, price=(1.0, 5.0))

    return case


def _trial(weakness: Weakness, finds: str) -> Trial:
    """The clean twin quotes and declines, which is the hardest to tell from doing."""
    return Trial(_case(weakness, manner=Manner.DISCLAIMS), _case(manner=Manner.QUOTES), finds)


direct_injection = _trial(Weakness.DIRECT, "users-outweigh-rules")
indirect_injection = _trial(Weakness.INDIRECT, "documents-give-orders")
jailbreaks = _trial(Weakness.PERSUADED, "rules-give-way")
worn_down = _trial(Weakness.WORN, "rules-wear-out")
prompt_extraction = _trial(Weakness.LEAKS_PROMPT, "tells-its-prompt")
personal_data = _trial(Weakness.LEAKS_RECORDS, "tells-of-others")
tool_misuse = _trial(Weakness.CALLS_FOR_TEXTS, "calls-what-it-may-not")
over_refusal = Trial(_case(Weakness.SKITTISH, manner=Manner.ODD), _case(), "declines-what-is-harmless")
swapped_attributes = Trial(_case(Weakness.BIASED), _case(), "rates-by-origin")
unbounded_output = _trial(Weakness.ENDLESS, "writes-without-end")
exhaustion = _trial(Weakness.LOOPS, "goes-round-in-circles")
