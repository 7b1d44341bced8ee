"""The decision-based attack: from rows that have the wanted decision back to the nearest point that still has it.

Threat model: the attacker sees decisions only (Brendel, Rauber and Bethge 2018, arXiv 1712.04248) and owns some rows.
All victims advance together, one predict call a step, and every point asked about is a permitted change of its victim.

1. Start: the nearest of the attacker's own rows with the wanted decision, with everything that cannot change put back.
2. Bisect on the way from the victim to the start, and undo by halves what the decision does not need, so that of many
   thousand columns only the few that matter stay changed.
3. Walk: propose many nearer points, repair them, ask only about those that are nearer after repair, keep the nearest
   that holds. Proposals undo or trade single changes, shrink some of them, move at random, go to the corners of a box,
   or step along the boundary that the answers so far suggest (a local linear fit to *all* answers; HopSkipJump, Chen
   et al. 2020, arXiv 1904.02144 §III, estimates it anew at each step, which is what makes it slow). Where the budget
   allows, three walks from different starts scout each victim, and learn from one another; the best goes on.
4. Undo once more what the decision does not need.

Scores are not used, even where the model gives them. Asking first about the proposals that the model itself scores
highest was tried, and made the flips no nearer: what is hard is to find the right start.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from holdfast.datasets.constraints import ConstraintSet
from holdfast.ports import Target
from holdfast.search.goal import Goal, Matrix, Outcome, Owned, Size
from holdfast.search.walk import PROPOSED, Walks

_SCOUTS = 3
_FEWEST_QUERIES = 120
"""Of each scout."""

_CELLS = 3_000_000


def attack(
    target: Target,
    constraints: ConstraintSet,
    victims: Matrix,
    goal: Goal,
    owned: Owned,
    *,
    rng: np.random.Generator,
    budget: int,
    size: Size | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Outcome:
    """Attack every victim, rows of shape (n, features), with at most `budget` queries each.

    `size` is what is made small: the L2 distance in min-max units where it is not given.
    """
    team = max(1, min(_SCOUTS, budget // _FEWEST_QUERIES, len(owned.rows)))
    block = max(1, _CELLS // (PROPOSED * team * max(1, victims.shape[1])))
    parts = []
    for start in range(0, len(victims), block):
        chosen = np.arange(start, min(start + block, len(victims)))
        walks = Walks(
            target,
            constraints,
            victims[chosen],
            goal.of(chosen),
            owned,
            rng=rng,
            budget=budget,
            size=size or constraints.distance,
            team=team,
        )
        parts.append(walks.run())
        progress(chosen[-1] / len(victims))
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in Outcome.__annotations__))
