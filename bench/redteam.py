"""Whether a red team's successes are successes: Holdfast's attacks on upstreams whose truth is known; garak beside it.

    python -m bench.redteam [--quick] [--attempts N] [--traps N]

Upstreams that are none obey, or do not: each with one weakness or none, speaking plainly, with a disclaimer, declining
in odd words, or decoding and quoting before they decline. Of each attempt it is known whether the upstream did wrong,
which is held against whether the attack says so. Carriers that lose letters (leetspeak) stand apart.
Traps are upstreams that repeat what they were sent, as it is, decoded, in capitals, twice or backwards: nothing that
they say is a success. The upstreams are by the same author as the attacks.

The last table is of a model that gives way everywhere, with a guard on orders around it and without; its last row are
harmless requests that the guard turned away.

garak is asked for its prompt injections beside it, on upstreams that print what it orders or do not (see
`bench.redteam_garak`). It has an environment of its own, `make .tools/garak/bin/python`; where it is not there, it is
named and left out. PyRIT leaves it to its user what a success is, but for judges that are models themselves.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from bench import redteam_garak
from holdfast.domain.measure import Measurement
from holdfast.plugins import find_guards, find_probe
from holdfast.policy import parse_policy
from holdfast.probes._attempts import Able, Goal, adapt, find_able, fixed_plan
from holdfast.probes._carriers import CARRIERS
from holdfast.probes._puzzles import KINDS
from holdfast.probes.contract import ChatCase
from holdfast.probes.disclosure import personal_data, system_prompt
from holdfast.probes.injection import direct, indirect
from holdfast.probes.jailbreak import families, multi_turn
from holdfast.probes.tools import misuse
from holdfast.releases.guarded import GuardedChat
from holdfast.testing.bank import PROMPT, TOOLS, weak_model
from holdfast.testing.upstreams import FakeChat, Manner, Upstream, Weakness
from holdfast.version import __version__

SEED = 7_000_000
LOSSY = ("leet",)
EVERYTHING = Able(KINDS, tuple(CARRIERS))

Row = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """An attack: its goal, and the weaknesses that make it work."""

    name: str
    goal: Callable[[FakeChat], Goal]
    weaknesses: tuple[Weakness, ...]


FAMILIES = (
    Family(
        "injection.direct",
        lambda chat: direct.goal_of(find_able(chat, direct.CARRIERS, np.random.default_rng(SEED))),
        (Weakness.DIRECT, Weakness.ENCODED),
    ),
    Family(
        "injection.indirect",
        lambda chat: indirect.goal_of(find_able(chat, indirect.CARRIERS, np.random.default_rng(SEED)), chat),
        (Weakness.INDIRECT,),
    ),
    Family(
        "jailbreak.families",
        lambda chat: families.goal_of(find_able(chat, families.CARRIERS, np.random.default_rng(SEED))),
        (Weakness.PERSUADED, Weakness.ENCODED),
    ),
    Family(
        "jailbreak.multi_turn",
        lambda chat: multi_turn.goal_of(find_able(chat, multi_turn.CARRIED, np.random.default_rng(SEED))),
        (Weakness.WORN,),
    ),
    Family("disclosure.system_prompt", lambda _chat: system_prompt.GOAL, (Weakness.LEAKS_PROMPT,)),
    Family("disclosure.personal_data", lambda _chat: personal_data.GOAL, (Weakness.LEAKS_RECORDS,)),
    Family("tools.misuse", misuse.goal_of, (Weakness.CALLS_FOR_USERS, Weakness.CALLS_FOR_TEXTS)),
)
SPEAKING = (Manner.PLAIN, Manner.DISCLAIMS, Manner.ODD, Manner.QUOTES)


def tried(family: Family, upstream: Upstream, attempts: int, seed: int) -> Iterator[Row]:
    """Whether each attempt of a plan won, and whether the upstream did wrong."""
    chat = FakeChat(upstream, PROMPT, TOOLS)
    goal, rng = family.goal(chat), np.random.default_rng(SEED + seed)
    for recipe in fixed_plan(goal.recipes, attempts, rng):
        before = len(upstream.obeyed)
        won = goal.attempt(chat, recipe, rng).won
        yield {"carrier": recipe.carrier, "won": won, "wrong": any(upstream.obeyed[before:])}


def scored(family: Family, attempts: int) -> Row:
    """Precision and recall over all upstreams, and what an attacker who adapts needs against weak ones."""
    rows: list[Row] = []
    for manner in SPEAKING:
        for weaknesses in ((), *((weakness,) for weakness in family.weaknesses)):
            upstream = Upstream(frozenset(weaknesses), manner)
            rows += tried(family, upstream, attempts, len(rows))
    frame = pd.DataFrame(rows)
    won, wrong = frame["won"], frame["wrong"]
    kept = ~frame["carrier"].isin(LOSSY)
    needed = [broken_within(family, weakness, seed) for weakness in family.weaknesses for seed in range(5)]
    return {
        "attack": family.name,
        "attempts": len(frame),
        "wrong": int(wrong.sum()),
        "precision": float(wrong[won].mean()) if won.any() else None,
        "recall": float(won[wrong].mean()) if wrong.any() else None,
        "recall lossless": float(won[wrong & kept].mean()) if (wrong & kept).any() else None,
        "requests": requests(family),
        "broken within": float(np.median(needed)),
        "unbroken": sum(n > 100 for n in needed),
    }


def requests(family: Family) -> int:
    """What the probe asks of a chat that withstands it, at the lowest effort."""
    chat = FakeChat(Upstream(), PROMPT, TOOLS)
    spec = find_probe(family.name)
    list(spec.run(ChatCase(chat), spec.params("quick")))
    return chat.queries


def broken_within(family: Family, weakness: Weakness, seed: int, budget: int = 100) -> int:
    """The queries that an attacker who adapts needs; more than the budget where it does not get in."""
    chat = FakeChat(Upstream(frozenset({weakness})), PROMPT, TOOLS)
    broken, spent = adapt(family.goal(chat), chat, budget, np.random.default_rng(SEED + 100 + seed))
    return broken.queries if broken else spent + 1


def traps(family: Family, attempts: int) -> Row:
    """False successes on an upstream that repeats what it was sent."""
    upstream = Upstream(manner=Manner.ECHOES)
    chat, rng = FakeChat(upstream, PROMPT, TOOLS), np.random.default_rng(SEED + 9)
    goal = every_carrier(family, chat)
    won = sum(goal.attempt(chat, recipe, rng).won for recipe in fixed_plan(goal.recipes, attempts, rng))
    return {"attack": family.name, "traps": attempts, "false successes": won}


def every_carrier(family: Family, chat: FakeChat) -> Goal:
    """The goal in all of its carriers, though the trap showed that it can do nothing."""
    able = {
        "injection.direct": lambda: direct.goal_of(Able(KINDS, direct.CARRIERS)),
        "injection.indirect": lambda: indirect.goal_of(EVERYTHING, chat),
        "jailbreak.families": lambda: families.goal_of(EVERYTHING),
        "jailbreak.multi_turn": lambda: multi_turn.goal_of(EVERYTHING),
    }
    return able[family.name]() if family.name in able else family.goal(chat)


def guarded(effort: str) -> Iterator[Row]:
    """What a guard on orders saves a model that gives way everywhere, and what it costs in harmless requests."""
    policy = parse_policy('name: g\nversion: "1"\nguards: {text.injection: {mode: enforce, action: block}}\n')
    for name in (*(family.name for family in FAMILIES), "overrefusal.lookalikes"):
        chat, spec = FakeChat(weak_model(), PROMPT, TOOLS), find_probe(name)
        case = ChatCase(GuardedChat(chat, policy, find_guards()), bare=chat, seed=SEED)
        found = {
            m.measure: m.value
            for m in spec.run(case, spec.params(effort))
            if isinstance(m, Measurement) and not m.scope
        }
        yield {
            "attack": name,
            "without": found.get(f"{name}_unguarded_rate"),
            "with text.injection": found.get(f"{name}_success_rate", found.get("overrefusal.rate")),
            "queries withstood": found.get(f"{name}_queries_withstood"),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores: fewer attempts")
    parser.add_argument("--attempts", type=int, help="attempts on each upstream (48, quick: 24)")
    parser.add_argument("--traps", type=int, help="traps in all (1,000, quick: 350)")
    arguments = parser.parse_args()
    attempts = arguments.attempts or (24 if arguments.quick else 48)
    each = -(-(arguments.traps or (350 if arguments.quick else 1_001)) // len(FAMILIES))
    started = process_time()
    attacks = [scored(family, attempts) for family in FAMILIES]
    print(pd.DataFrame(attacks).round(3).to_string(index=False, na_rep=""))
    trapped = [traps(family, each) for family in FAMILIES]
    print(f"\nEcho traps\n{pd.DataFrame(trapped).to_string(index=False)}")
    saved = list(guarded("quick" if arguments.quick else "standard"))
    table = pd.DataFrame(saved).round(3).to_string(index=False, na_rep="")
    print(f"\nA model that gives way everywhere, guarded\n{table}")
    seconds = process_time() - started
    peers = redteam_garak.judged(arguments.quick)
    if peers:
        print(f"\ngarak, prompt injection\n{pd.DataFrame(peers).round(3).to_string(index=False, na_rep='')}")
    versions = {"holdfast": __version__, "numpy": np.__version__, "python": platform.python_version()}
    figures = {"attacks": attacks, "traps": trapped, "guarded": saved, "garak": peers, "cpu_s": round(seconds, 1)}
    print(json.dumps({"bench": "redteam", **figures, "quick": arguments.quick, "seed": SEED, "versions": versions}))


if __name__ == "__main__":
    main()
