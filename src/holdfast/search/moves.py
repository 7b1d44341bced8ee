"""Proposals: rows that may be nearer to the original than the best so far, and may still have the wanted decision."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from holdfast.search.goal import Mask, Matrix, Rows, Vector
from holdfast.search.space import WIDE, Space, unit_length

_MIX = {"undo": 0.11, "shrink": 0.11, "jump": 0.14, "follow": 0.14, "swap": 0.2, "cross": 0.1, "corner": 0.2}
"""Share of the proposals by move."""

_OTHERS = (0.0, 0.25, 1.0)


@dataclass(frozen=True, eq=False)
class Near:
    """Where proposals start, (n, features) each but `step` (n, 1): the `best` rows so far, their `originals`, boundary
    normals, and the best row of a `sibling`, another walk of the same victim.
    """

    best: Matrix
    originals: Matrix
    step: Matrix
    normal: Matrix
    sibling: Matrix

    def take(self, which: Rows) -> Near:
        """Some of them."""
        return Near(*(getattr(self, field.name)[which] for field in fields(self)))


class Moves:
    """Draws proposals in a space."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space, self._rng = space, rng

    def propose(self, near: Near) -> Matrix:
        """One candidate for each place to start, by a move drawn for each; not yet repaired."""
        kind = self._rng.choice(len(_MIX), len(near.best), p=list(_MIX.values()))
        candidates = np.empty_like(near.best)
        for k, name in enumerate(_MIX):
            (place,) = np.nonzero(kind == k)
            candidates[place] = getattr(self, name)(near.take(place))
        return candidates

    def undo(self, near: Near) -> Matrix:
        """One changed unit back to the original, wholly or in part."""
        share = self._share(near) * (self._rng.random(len(near.best)) >= 0.3)
        return self._space.towards(near.best, near.originals, self._one_changed(near), share)

    def shrink(self, near: Near) -> Matrix:
        """A random half of the units part of the way back to the original."""
        return self._space.towards(near.best, near.originals, self._half(near), self._share(near))

    def cross(self, near: Near) -> Matrix:
        """A random half of the units as another walk of the same victim has them."""
        return np.where(self._half(near), near.best, near.sibling)

    def jump(self, near: Near) -> Matrix:
        """A random direction in some of the columns, on a sphere that is smaller than the present one."""
        offset, length = self._offset(near)
        n = len(offset)
        noise = self._rng.normal(size=offset.shape) * self._touched(offset)
        moved = unit_length(offset + unit_length(noise) * length * near.step)
        return self._moved(near, moved * length * (1 - self._rng.random((n, 1)) * 0.5 * near.step))

    def follow(self, near: Near) -> Matrix:
        """Along the estimated boundary towards its point nearest to the victim, sometimes a little beyond it."""
        offset, length = self._offset(near)
        n = len(offset)
        foot = (offset * near.normal).sum(axis=1, keepdims=True) * near.normal
        margin = 0.3 * near.step * length * self._rng.random((n, 1)) * self._rng.integers(0, 2, (n, 1))
        return self._moved(near, offset + self._rng.random((n, 1)) * (foot - offset) + margin * near.normal)

    def swap(self, near: Near) -> Matrix:
        """Some changes undone or reduced, and what that saves spent on one other column."""
        n = len(near.best)
        many = self._space.columns(self._rng.random((n, len(self._space.units))) > self._rng.random((n, 1)))
        given = np.where(self._rng.random((n, 1)) < 0.5, self._one_changed(near), many)
        share = self._rng.random(n) * (self._rng.random(n) < 0.5)
        rows = self._space.towards(near.best, near.originals, given, share)
        offset, length = self._space.offsets(rows, near.originals), self._offset(near)[1][:, 0]
        saved = (length * (1 - 0.3 * self._rng.random(n) * near.step[:, 0])) ** 2 - (offset**2).sum(axis=1)
        at = np.arange(n), (self._rng.random(given.shape) * (self._space.smooth & ~given)).argmax(axis=1)
        pull = np.where(offset[at] != 0, offset[at], near.normal[at] + self._rng.normal(0, 0.1, n))
        offset[at] = np.sign(pull) * np.sqrt(offset[at] ** 2 + np.maximum(saved, 0))
        return self._space.moved(rows, near.originals, offset * self._space.smooth)

    def corner(self, near: Near) -> Matrix:
        """In part a corner of a smaller box around the victim (as in RayS, Chen and Gu 2020, arXiv 2006.12792 §3)."""
        offset, _ = self._offset(near)
        n, width = offset.shape
        length = np.abs(offset).max(axis=1, keepdims=True)
        radius = length * (1 - near.step * self._rng.random((n, 1)) ** 2)
        pull = offset / np.maximum(length, 1e-12) + 0.5 * np.sqrt(width) * near.normal
        pull += self._rng.normal(0, 0.3, offset.shape)
        pull *= np.where(self._rng.random(offset.shape) < 0.3 * self._rng.random((n, 1)), -1, 1)
        edge = self._touched(offset) & (self._rng.random(offset.shape) < self._rng.random((n, 1)))
        return self._moved(near, np.where(edge, np.sign(pull) * radius, np.clip(offset, -radius, radius)))

    def _touched(self, offset: Matrix) -> Mask:
        """The columns that differ and none, a quarter or all of the others; of wide tables, as many as 64 at most."""
        others = self._rng.choice(_OTHERS, (len(offset), 1)) * min(1.0, WIDE / self._space.width)
        return np.asarray(self._space.smooth & ((offset != 0) | (self._rng.random(offset.shape) < others)))

    def _offset(self, near: Near) -> tuple[Matrix, Matrix]:
        """Offsets (n, features) of the best rows, and their length (n, 1)."""
        offset = self._space.offsets(near.best, near.originals)
        return offset, np.linalg.norm(offset, axis=1, keepdims=True)

    def _moved(self, near: Near, offset: Matrix) -> Matrix:
        return self._space.moved(near.best, near.originals, offset)

    def _share(self, near: Near) -> Vector:
        return np.asarray(1 - self._rng.random(len(near.best)) * near.step[:, 0])

    def _half(self, near: Near) -> Mask:
        return self._space.columns(self._rng.random((len(near.best), len(self._space.units))) < 0.5)

    def _one_changed(self, near: Near) -> Mask:
        changed = self._space.changed(near.best, near.originals)
        draw = self._rng.random(changed.shape) * changed
        return self._space.columns((draw > 0) & (draw == draw.max(axis=1, keepdims=True)))
