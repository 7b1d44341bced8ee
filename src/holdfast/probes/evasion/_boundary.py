"""The decision-based attack: from rows that have the wanted decision back to the nearest point that still has it.

Threat model: the attacker sees decisions only (Brendel, Rauber and Bethge 2018, arXiv 1712.04248) and owns some rows.
All victims advance together, one predict call a step, and every point asked about is a permitted change of its victim.

1. Start: the nearest of the attacker's own rows with the wanted decision, with everything that cannot change put back.
2. Bisect on the way from the victim to the start.
3. Walk: propose many nearer points, repair them, ask only about those that are nearer after repair, keep the nearest
   that holds. Proposals undo single changes, shrink some of them, move at random, or step along the boundary that the
   answers so far suggest (a local linear fit to *all* answers; HopSkipJump, Chen et al. 2020, arXiv 1904.02144 §III,
   estimates it anew at each step, which is what makes it slow).
4. Simplify: undo what the decision does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.ports import Target

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Answers = NDArray[np.int64] | NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Size = Callable[[Matrix, Matrix], Vector]
"""What the attack makes small: (rows, originals) → (n,); infinite where a change is not to be considered."""

_STARTS = 48
_ASKED_AT_ONCE = 12
_BISECTIONS = 6
_PER_STEP = 8
_PROPOSED = 32
_PROPOSED_CELLS = 8_000
_MEMORY = 128
_MEMORY_CELLS = 40_000
_WIDEST_FIT = 64
_CELLS = 6_000_000
_WORTHWHILE = 1e-3


@dataclass(frozen=True, eq=False)
class Goal:
    """What counts as success, for victims whose present answers are `baseline` (n,).

    A class code `wanted`; or, where that is None, any other class, or a prediction that moves by more than `tolerance`.
    """

    baseline: Answers
    wanted: int | None = None
    tolerance: float = 0.0

    def reached(self, answers: Answers, victim: Rows) -> Mask:
        """Whether the answers (k,) for changed rows of these victims (k,) are what the attacker wants."""
        if self.wanted is not None:
            return np.asarray(answers == self.wanted)
        if self.tolerance:
            return np.asarray(np.abs(answers - self.baseline[victim]) > self.tolerance)
        return np.asarray(answers != self.baseline[victim])

    def of(self, victim: Rows) -> Goal:
        """The same goal for some of the victims."""
        return replace(self, baseline=self.baseline[victim])


@dataclass(frozen=True, eq=False)
class Owned:
    """The attacker's own `rows` (k, features) and the model's `answers` (k,) to them."""

    rows: Matrix
    answers: Answers


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result by victim: the nearest `rows` found (n, features), their `size`, `flipped`, and `queries` spent.

    A victim that was not flipped keeps its own row, with infinite size. Every flipped row was asked about once more at
    the end and is a permitted change.
    """

    rows: Matrix
    size: Vector
    flipped: Mask
    queries: Rows


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
    """Attack every victim, rows of shape (n, features), with at most `budget` queries each."""
    block = max(1, _CELLS // (_PROPOSED * max(1, victims.shape[1])))
    parts = []
    for start in range(0, len(victims), block):
        chosen = np.arange(start, min(start + block, len(victims)))
        walk = _Walk(
            target,
            constraints,
            victims[chosen],
            goal.of(chosen),
            rng=rng,
            budget=budget,
            size=size or constraints.distance,
        )
        parts.append(walk.run(owned))
        progress(chosen[-1] / len(victims))
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in Outcome.__annotations__))


@dataclass(frozen=True, eq=False)
class _Near:
    """Where proposals start: the `best` rows so far of some victims, `originals`, step (n, 1), and boundary normals."""

    best: Matrix
    originals: Matrix
    step: Matrix
    normal: Matrix


class _Walk:
    """The state of one block of victims: the best row of each, its size, and what has been asked."""

    def __init__(
        self,
        target: Target,
        constraints: ConstraintSet,
        victims: Matrix,
        goal: Goal,
        *,
        rng: np.random.Generator,
        budget: int,
        size: Size,
    ) -> None:
        self.target, self.constraints, self.victims, self.goal = target, constraints, victims, goal
        self.rng, self.budget, self.measure = rng, budget, size
        n, width = victims.shape
        self.best = victims.copy()
        self.size = np.full(n, np.inf)
        self.queries = np.zeros(n, dtype=np.int64)
        self.step = np.full(n, 0.5)
        self.proposed = int(np.clip(_PROPOSED_CELLS // max(1, width), 2 * _PER_STEP, _PROPOSED))
        self.units = constraints.units()
        self.unit_of = np.full(width, len(self.units))
        for k, unit in enumerate(self.units):
            self.unit_of[unit] = k
        self.members = np.concatenate(self.units)
        self.first = np.cumsum([0, *(len(unit) for unit in self.units[:-1])])
        alone = np.isin(np.arange(width), [unit[0] for unit in self.units if len(unit) == 1])
        self.smooth = alone & ~constraints.category
        self.guide = _Guide(n, width)

    def run(self, owned: Owned) -> Outcome:
        self.guide.learn_prior(self, owned)
        self._start(owned)
        reserve = min(len(self.units), self.budget // 5)
        while len(active := np.flatnonzero(np.isfinite(self.size) & (self.queries < self.budget - reserve))):
            self._advance(active)
        self._simplify()
        return self._replayed()

    def ask(self, rows: Matrix, victim: Rows) -> Mask:
        if not len(rows):
            return np.zeros(0, dtype=bool)
        reached = self.goal.reached(self.target.predict(rows), victim)
        np.add.at(self.queries, victim, 1)
        self.guide.remember(victim, self.offsets(rows, self.victims[victim]), reached)
        return reached

    def offsets(self, rows: Matrix, originals: Matrix) -> Matrix:
        """Signed change in min-max units; 0 in columns that cannot be moved gradually."""
        return np.where(self.smooth, np.nan_to_num((rows - originals) / self.constraints.scale), 0.0)

    def accept(self, rows: Matrix, sizes: Vector, victim: Rows) -> None:
        """Keep for each victim the smallest of these rows, if it is smaller than its best so far."""
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] < self.size[victim[order]]]
        self.best[victim[order]], self.size[victim[order]] = rows[order], sizes[order]

    def _start(self, owned: Owned) -> None:
        n, donors = len(self.victims), owned.rows
        eligible = np.column_stack([self.goal.reached(owned.answers, np.full(len(donors), i)) for i in range(n)])
        nearest = self._nearest(donors, eligible.T)
        for first in range(0, nearest.shape[1], _ASKED_AT_ONCE):
            waiting = np.flatnonzero(~np.isfinite(self.size))
            picked = nearest[waiting, first : first + _ASKED_AT_ONCE]
            victim = np.repeat(waiting, picked.shape[1])[(picked >= 0).ravel()]
            grafted = donors[picked[picked >= 0]]
            originals = self.victims[victim]
            rows = self.constraints.repair(np.where(self.constraints.mutable, grafted, originals), originals)
            room = self.queries[victim] + _ASKED_AT_ONCE <= self.budget
            rows, victim = rows[room], victim[room]
            held = self.ask(rows, victim)
            self._bisect(rows[held], victim[held])

    def _nearest(self, donors: Matrix, eligible: Mask) -> Rows:
        """Indices of each victim's nearest eligible donors over the columns that can change, (n, k); -1 for none."""
        from scipy.spatial.distance import cdist

        kept = min(_STARTS, len(donors))
        weight = np.where(self.constraints.mutable, 1 / self.constraints.scale, 0.0)
        centre = np.nan_to_num(np.nanmedian(np.vstack([self.victims, donors]), axis=0))
        ours, theirs = (np.where(np.isnan(m), centre, m) * weight for m in (self.victims, donors))
        far = np.where(eligible, cdist(ours, theirs), np.inf)
        order = np.argsort(far, axis=1, kind="stable")[:, :kept]
        return np.where(np.isfinite(np.take_along_axis(far, order, axis=1)), order, -1)

    def _bisect(self, rows: Matrix, victim: Rows) -> None:
        """From the two smallest starts of each victim towards the victim, as far as the decision holds."""
        sizes = self.measure(rows, self.victims[victim])
        order = np.lexsort((sizes, victim))
        rank = np.arange(len(order)) - np.searchsorted(victim[order], victim[order])
        chosen = order[(rank < 2) & np.isfinite(sizes[order])]
        ends, own = rows[chosen], victim[chosen]
        self.accept(ends, sizes[chosen], own)
        low, high = np.zeros(len(own)), np.ones(len(own))
        for _ in range(_BISECTIONS):
            originals = self.victims[own]
            middle = (low + high) / 2
            rows = self.constraints.repair(self.constraints.interpolate(originals, ends, middle), originals)
            held = self.ask(rows, own)
            low, high = np.where(held, low, middle), np.where(held, middle, high)
            self.accept(rows[held], self.measure(rows, originals)[held], own[held])

    def _advance(self, active: Rows) -> None:
        victim = np.repeat(active, self.proposed)
        rows = self.constraints.repair(self._propose(active), self.victims[victim])
        sizes = self.measure(rows, self.victims[victim])
        nearer = (sizes < self.size[victim] * (1 - _WORTHWHILE)).reshape(len(active), self.proposed)
        asked = (nearer & (np.cumsum(nearer, axis=1) <= _PER_STEP)).ravel()
        self.queries[active[~nearer.any(axis=1)]] += 1  # nothing to ask: still a turn, so that the walk ends
        rows, sizes, victim = rows[asked], sizes[asked], victim[asked]
        held = self.ask(rows, victim)
        won = np.bincount(victim[held], minlength=len(self.size)) > 0.3 * np.bincount(victim, minlength=len(self.size))
        self.step[active] = np.clip(self.step[active] * np.where(won[active], 1.2, 0.9), 0.02, 1.0)
        self.accept(rows[held], sizes[held], victim[held])

    def _propose(self, active: Rows) -> Matrix:
        """Candidates (len(active) * proposed, features): undoing, shrinking, random and boundary-following moves."""
        normals = self.guide.normals(active, self.offsets(self.best[active], self.victims[active]))
        moves = (self._undo, self._shrink, self._jump, self._follow)
        kind = self.rng.choice(len(moves), len(active) * self.proposed, p=(0.2, 0.2, 0.3, 0.3))
        candidates = np.empty((len(kind), self.victims.shape[1]))
        for k, move in enumerate(moves):
            (place,) = np.nonzero(kind == k)
            which = place // self.proposed
            victim = active[which]
            near = _Near(self.best[victim], self.victims[victim], self.step[victim][:, None], normals[which])
            candidates[place] = move(near)
        return candidates

    def _undo(self, near: _Near) -> Matrix:
        """One changed unit back to the original, wholly or in part."""
        draw = self.rng.random((len(near.best), len(self.units))) * self._changed(near.best, near.originals)
        chosen = self._columns((draw > 0) & (draw == draw.max(axis=1, keepdims=True)))
        share = self._share(near) * (self.rng.random(len(near.best)) >= 0.3)
        return self._towards(near, chosen, share)

    def _shrink(self, near: _Near) -> Matrix:
        """A random half of the units part of the way back to the original."""
        chosen = self._columns(self.rng.random((len(near.best), len(self.units))) < 0.5)
        return self._towards(near, chosen, self._share(near))

    def _jump(self, near: _Near) -> Matrix:
        """A random direction in all or a quarter of the columns, on a sphere that is smaller than the present one."""
        offset = self.offsets(near.best, near.originals)
        n, length = len(offset), np.linalg.norm(offset, axis=1, keepdims=True)
        dense = np.where(self.rng.random((n, 1)) < 0.5, 0.25, 1.0)
        noise = self.rng.normal(size=offset.shape) * (self.rng.random(offset.shape) < dense) * self.smooth
        moved = _unit(offset + _unit(noise) * length * near.step)
        return self._moved(near, moved * length * (1 - self.rng.random((n, 1)) * 0.5 * near.step))

    def _follow(self, near: _Near) -> Matrix:
        """Along the estimated boundary towards its point nearest to the victim, sometimes a little beyond it."""
        offset, n = self.offsets(near.best, near.originals), len(near.best)
        foot = (offset * near.normal).sum(axis=1, keepdims=True) * near.normal
        length = np.linalg.norm(offset, axis=1, keepdims=True)
        margin = 0.3 * near.step * length * self.rng.random((n, 1)) * self.rng.integers(0, 2, (n, 1))
        return self._moved(near, offset + self.rng.random((n, 1)) * (foot - offset) + margin * near.normal)

    def _share(self, near: _Near) -> Vector:
        return 1 - self.rng.random(len(near.best)) * near.step[:, 0]

    def _towards(self, near: _Near, columns: Mask, share: Vector) -> Matrix:
        back = self.constraints.interpolate(near.originals, near.best, share)
        return np.asarray(np.where(columns, back, near.best))

    def _moved(self, near: _Near, offset: Matrix) -> Matrix:
        movable = self.smooth & np.isfinite(near.best) & np.isfinite(near.originals)
        return np.where(movable, near.originals + offset * self.constraints.scale, near.best)

    def _columns(self, units: Mask) -> Mask:
        """(n, units) → (n, features); columns of no unit (derived, immutable) are never chosen."""
        return np.column_stack([units, np.zeros(len(units), dtype=bool)])[:, self.unit_of]

    def _changed(self, rows: Matrix, originals: Matrix) -> Mask:
        """Which units differ from the original, (n, units)."""
        differs = ~((rows == originals) | (np.isnan(rows) & np.isnan(originals)))
        return self._by_unit(differs)

    def _by_unit(self, cells: NDArray[Any]) -> NDArray[Any]:
        """The largest cell of each unit, (n, features) → (n, units)."""
        return np.maximum.reduceat(cells[:, self.members], self.first, axis=1)

    def _simplify(self) -> None:
        """Undo changed units one by one, smallest first, while the decision holds and the budget lasts."""
        steps = self._by_unit(self.constraints.steps(self.best, self.victims))
        order = np.argsort(np.where(steps > 0, steps, np.inf), axis=1, kind="stable")
        for k in range(int((steps > 0).sum(axis=1).max(initial=0))):
            live = np.flatnonzero(np.isfinite(self.size) & (self.queries < self.budget))
            if not len(live):
                return
            picked = np.zeros((len(live), len(self.units)), dtype=bool)
            picked[np.arange(len(live)), order[live, k]] = True
            rows = np.where(self._columns(picked), self.victims[live], self.best[live])
            rows = self.constraints.repair(rows, self.victims[live])
            sizes = self.measure(rows, self.victims[live])
            better = sizes < self.size[live]
            rows, sizes, live = rows[better], sizes[better], live[better]
            held = self.ask(rows, live)
            self.accept(rows[held], sizes[held], live[held])

    def _replayed(self) -> Outcome:
        found = np.flatnonzero(np.isfinite(self.size))
        flipped = np.zeros(len(self.size), dtype=bool)
        if len(found):
            flipped[found] = self.goal.reached(self.target.predict(self.best[found]), found)
        flipped &= self.constraints.valid(self.best, self.victims)
        rows = np.where(flipped[:, None], self.best, self.victims)
        return Outcome(rows, np.where(flipped, self.size, np.inf), flipped, self.queries)


class _Guide:
    """What the answers so far say about the boundary near each victim: a local linear fit to them.

    The last 128 answers of each victim (fewer in wide tables) are kept as (offset, ±1). Tables wider than 64 columns
    take the weighted mean direction instead of the fit, whose cost grows with the cube of the width.
    """

    def __init__(self, n: int, width: int) -> None:
        self.memory = int(np.clip(_MEMORY_CELLS // max(1, width), 32, _MEMORY))
        self.offsets = np.zeros((n, self.memory, width))
        self.signs = np.zeros((n, self.memory))
        self.count = np.zeros(n, dtype=np.int64)
        self.prior = np.zeros(width)

    def learn_prior(self, walk: _Walk, owned: Owned) -> None:
        """The direction from rows without the wanted decision to those with it, over all victims."""
        if not len(owned.rows) or walk.goal.wanted is None:  # without one wanted class, victims pull in different ways
            return
        has = walk.goal.reached(owned.answers, np.zeros(len(owned.rows), dtype=np.int64))
        if has.any() and not has.all():
            middle = np.nan_to_num(owned.rows / walk.constraints.scale)
            apart = middle[has].mean(axis=0) - middle[~has].mean(axis=0)
            self.prior = np.where(walk.smooth, apart / (middle.var(axis=0) + 1e-3), 0.0)
            self.prior = _unit(self.prior[None])[0]

    def remember(self, victim: Rows, offsets: Matrix, reached: Mask) -> None:
        order = np.argsort(victim, kind="stable")
        victim = victim[order]
        place = (self.count[victim] + np.arange(len(victim)) - np.searchsorted(victim, victim)) % self.memory
        self.offsets[victim, place] = offsets[order]
        self.signs[victim, place] = np.where(reached[order], 1.0, -1.0)
        np.add.at(self.count, victim, 1)

    def normals(self, active: Rows, at: Matrix) -> Matrix:
        """Unit vectors (len(active), features) across the boundary at the offsets `at`, towards the wanted side."""
        width, filled = at.shape[1], int(min(self.memory, self.count[active].max(initial=1)))
        length = np.linalg.norm(at, axis=1) + 1e-9
        apart = (self.offsets[active, :filled] - at[:, None]) / length[:, None, None]
        weight = np.exp(-np.einsum("nki,nki->nk", apart, apart)) * (np.arange(filled) < self.count[active, None])
        pull = np.einsum("nk,nki->ni", weight * self.signs[active, :filled], apart)
        pull += 0.075 * np.sqrt(width) * self.prior
        if width > _WIDEST_FIT:
            return _unit(pull)
        shape = np.einsum("nki,nkj->nij", apart * weight[:, :, None], apart, optimize=True)
        return _unit(np.linalg.solve(shape + 0.15 * np.eye(width), pull[:, :, None])[:, :, 0])


def _unit(vectors: Matrix) -> Matrix:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
