"""The walks of some victims, together: where each stands, and what has been asked."""

from __future__ import annotations

from collections import deque

import numpy as np

from holdfast.datasets.constraints import ConstraintSet
from holdfast.ports import Target
from holdfast.search.goal import Goal, Mask, Matrix, Outcome, Owned, Rows, Size, Vector
from holdfast.search.guide import Guide
from holdfast.search.moves import Moves, Near
from holdfast.search.space import Space

PROPOSED = 16
"""Candidates for each walk and step; of those that are nearer, the first 8 are asked about."""

_PER_STEP = 8
_STARTS = 48
_ASKED_AT_ONCE = 12
_BISECTED, _BISECTIONS = 2, 6
_SCOUTING = 0.75
_WORTHWHILE = 1e-3


class Walks:
    """`team` walks for each victim, side by side, from different starts; the best one goes on alone."""

    def __init__(
        self,
        target: Target,
        constraints: ConstraintSet,
        victims: Matrix,
        goal: Goal,
        owned: Owned,
        *,
        rng: np.random.Generator,
        budget: int,
        size: Size,
        team: int,
    ) -> None:
        of = np.repeat(np.arange(len(victims)), team)
        self.target, self.constraints, self.owned, self.rng = target, constraints, owned, rng
        self.victims, self.goal, self.budget, self.measure, self.team = victims[of], goal.of(of), budget, size, team
        self.best = self.victims.copy()
        self.size = np.full(len(of), np.inf)
        self.queries = np.zeros(len(of), dtype=np.int64)
        self.step = np.full(len(of), 0.5)
        self.space = Space(constraints)
        self.moves = Moves(self.space, rng)
        self.guide = Guide(len(of), self.space, self.goal, owned)

    def run(self) -> Outcome:
        """Walk until the budget is spent."""
        self._start()
        self._thin(self.budget // (3 * self.team))
        if self.team > 1:
            self._advance(int(_SCOUTING * self.budget) // self.team)
            self._keep_best()
        self._advance(self.budget - min(len(self.space.units), self.budget // 5))
        self._thin(self.budget)
        return self._replayed()

    def _ask(self, rows: Matrix, sizes: Vector, walk: Rows) -> Mask:
        """Which of the rows (k, features) for these walks (k,) have the wanted decision; the smallest are kept."""
        if not len(rows):
            return np.zeros(0, dtype=bool)
        held = self.goal.reached(self.target.predict(rows), walk)
        np.add.at(self.queries, walk, 1)
        self.guide.remember(walk, self.space.offsets(rows, self.victims[walk]), held)
        order = np.flatnonzero(held & (sizes < self.size[walk]))
        order = order[np.argsort(-sizes[order], kind="stable")]
        self.best[walk[order]], self.size[walk[order]] = rows[order], sizes[order]
        return held

    def _repaired(self, candidates: Matrix, walk: Rows) -> tuple[Matrix, Vector]:
        rows = self.constraints.repair(candidates, self.victims[walk])
        return rows, self.measure(rows, self.victims[walk])

    def _start(self) -> None:
        """Graft the nearest of the attacker's own rows onto the victim, and bisect from those that hold."""
        nearest, asked = self._nearest(), _ASKED_AT_ONCE // self.team
        cost = asked + _BISECTED * _BISECTIONS
        for first in range(0, nearest.shape[1], asked):
            waiting = np.flatnonzero(np.isinf(self.size) & (self.queries + cost <= self.budget // self.team))
            picked = nearest[waiting, first : first + asked]
            walk = np.repeat(waiting, picked.shape[1])[(picked >= 0).ravel()]
            grafted = np.where(self.constraints.mutable, self.owned.rows[picked[picked >= 0]], self.victims[walk])
            rows, sizes = self._repaired(grafted, walk)
            held = self._ask(rows, sizes, walk)
            self._bisect(rows[held], sizes[held], walk[held])

    def _nearest(self) -> Rows:
        """Indices of each walk's nearest eligible donors over the columns that can change, (n, k); -1 for none.

        The walks of one victim deal the donors out among them.
        """
        from scipy.spatial.distance import cdist

        donors, n = self.owned.rows, len(self.victims)
        eligible = [self.goal.reached(self.owned.answers, np.full(len(donors), i)) for i in range(n)]
        weight = np.where(self.constraints.mutable, 1 / self.constraints.scale, 0.0)
        centre = np.nan_to_num(np.nanmedian(np.vstack([self.victims, donors]), axis=0))
        ours, theirs = (np.where(np.isnan(m), centre, m) * weight for m in (self.victims, donors))
        far = np.where(eligible, cdist(ours, theirs), np.inf)
        order = np.argsort(far, axis=1, kind="stable")
        order = np.where(np.isfinite(np.take_along_axis(far, order, axis=1)), order, -1)
        most = min(_STARTS, len(donors)) // self.team
        dealt = np.arange(n)[:, None] % self.team + self.team * np.arange(most)
        return np.take_along_axis(order, dealt, axis=1)

    def _bisect(self, rows: Matrix, sizes: Vector, walk: Rows) -> None:
        """From the two smallest starts of each walk towards the victim, as far as the decision holds."""
        order = np.lexsort((sizes, walk))
        rank = np.arange(len(order)) - np.searchsorted(walk[order], walk[order])
        chosen = order[(rank < _BISECTED) & np.isfinite(sizes[order])]
        ends, own = rows[chosen], walk[chosen]
        low, high = np.zeros(len(own)), np.ones(len(own))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            held = self._ask(*self._repaired(self.constraints.interpolate(self.victims[own], ends, middle), own), own)
            low, high = np.where(held, low, middle), np.where(held, middle, high)

    def _advance(self, until: int) -> None:
        """Step until each walk has asked `until` questions."""
        while len(active := np.flatnonzero(np.isfinite(self.size) & (self.queries < until))):
            self._step(active, until - self.queries[active])

    def _step(self, active: Rows, left: Rows) -> None:
        """Propose, repair, and ask about a few that are nearer, but no more than are `left` to each."""
        walk, place = np.repeat(active, PROPOSED), np.repeat(np.arange(len(active)), PROPOSED)
        rows, sizes = self._repaired(self.moves.propose(self._near(active).take(place)), walk)
        nearer = (sizes < self.size[walk] * (1 - _WORTHWHILE)).reshape(-1, PROPOSED)
        asked = (nearer & (np.cumsum(nearer, axis=1) <= np.minimum(_PER_STEP, left)[:, None])).ravel()
        self.queries[active[~nearer.any(axis=1)]] += 1  # nothing to ask: still a turn, so that the walk ends
        rows, sizes, walk = rows[asked], sizes[asked], walk[asked]
        held = self._ask(rows, sizes, walk)
        won, lost = (np.bincount(walk[which], minlength=len(self.size)) for which in (held, ~held))
        factor = np.where(won > 0.3 * (won + lost), 1.2, 0.9)[active]
        self.step[active] = np.clip(self.step[active] * factor, 0.02, 1.0)

    def _near(self, active: Rows) -> Near:
        best, originals = self.best[active], self.victims[active]
        sibling = active // self.team * self.team + self.rng.integers(0, self.team, len(active))
        normal = self.guide.normals(active, self.space.offsets(best, originals))
        return Near(best, originals, self.step[active][:, None], normal, self.best[sibling])

    def _keep_best(self) -> None:
        """Go on with the best walk of each victim only, at the expense of what its team has asked."""
        team = self.size.reshape(-1, self.team)
        best = team.argmin(axis=1) + np.arange(len(team)) * self.team
        self.queries = self.queries.reshape(-1, self.team).sum(axis=1)
        self.victims, self.goal = self.victims[best], self.goal.of(best)
        self.best, self.size, self.step, self.team = self.best[best], self.size[best], self.step[best], 1
        self.guide.keep(best)

    def _thin(self, until: int) -> None:
        """Undo what the decision does not need: half of the changed units at once, those that do least first, and of
        halves that it needs their halves (Zeller and Hildebrandt 2002, doi 10.1109/32.988498 §2).
        """
        steps = self.space.by_unit(self.constraints.steps(self.best, self.victims))
        effect = steps * self.space.by_unit((np.abs(self.guide.prior) + 1 / np.sqrt(self.space.width))[None])
        pending = [deque(_halves(np.argsort(row, kind="stable")[(row == 0).sum() :])) for row in effect]
        while len(live := np.flatnonzero(np.isfinite(self.size) & (self.queries < until) & [bool(q) for q in pending])):
            blocks = [pending[i].popleft() for i in live]
            chosen = np.zeros((len(live), len(self.space.units)), dtype=bool)
            for mask, block in zip(chosen, blocks, strict=True):
                mask[block] = True
            undone = np.where(self.space.columns(chosen), self.victims[live], self.best[live])
            rows, sizes = self._repaired(undone, live)
            nearer = sizes < self.size[live]
            needed = np.ones(len(live), dtype=bool)
            needed[nearer] = ~self._ask(rows[nearer], sizes[nearer], live[nearer])
            for k in np.flatnonzero(needed):
                pending[live[k]].extend(_halves(blocks[k]) if len(blocks[k]) > 1 else ())

    def _replayed(self) -> Outcome:
        found = np.flatnonzero(np.isfinite(self.size))
        flipped = np.zeros(len(self.size), dtype=bool)
        if len(found):
            flipped[found] = self.goal.reached(self.target.predict(self.best[found]), found)
        flipped &= self.constraints.valid(self.best, self.victims)
        rows = np.where(flipped[:, None], self.best, self.victims)
        return Outcome(rows, np.where(flipped, self.size, np.inf), flipped, self.queries)


def _halves(units: Rows) -> list[Rows]:
    return [half for half in np.array_split(units, 2) if len(half)]
