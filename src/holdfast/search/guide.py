"""What the answers so far say about where the boundary lies."""

from __future__ import annotations

import numpy as np

from holdfast.search.goal import Goal, Mask, Matrix, Owned, Rows
from holdfast.search.space import WIDE, Space, unit_length

_MEMORY = 128
_MEMORY_CELLS = 40_000


class Guide:
    """A local linear fit to the answers near each of `n` walks.

    The last 128 answers of each (fewer in wide tables) are kept as (offset, ±1). Tables wider than 64 columns take the
    weighted mean direction instead of the fit, whose cost grows with the cube of the width, and of that the 64 largest
    parts and the columns that differ already. `prior` (features,) is the
    direction from rows without the wanted decision to those with it, over all of the attacker's own rows.
    """

    def __init__(self, n: int, space: Space, goal: Goal, owned: Owned) -> None:
        self.memory = int(np.clip(_MEMORY_CELLS // max(1, space.width), 32, _MEMORY))
        self._offsets = np.zeros((n, self.memory, space.width))
        self._signs = np.zeros((n, self.memory))
        self._count = np.zeros(n, dtype=np.int64)
        self.prior = np.zeros(space.width)
        if not len(owned.rows) or goal.wanted is None:  # without one wanted class, victims pull in different ways
            return
        has = goal.reached(owned.answers, np.zeros(len(owned.rows), dtype=np.int64))
        if has.any() and not has.all():
            middle = np.nan_to_num(owned.rows / space.constraints.scale)
            apart = middle[has].mean(axis=0) - middle[~has].mean(axis=0)
            self.prior = unit_length(np.where(space.smooth, apart / (middle.var(axis=0) + 1e-3), 0.0)[None])[0]

    def keep(self, kept: Rows) -> None:
        """Forget all walks but these."""
        self._offsets, self._signs, self._count = self._offsets[kept], self._signs[kept], self._count[kept]

    def remember(self, walk: Rows, offsets: Matrix, reached: Mask) -> None:
        """Answers (k,) at offsets (k, features) of these walks (k,)."""
        order = np.argsort(walk, kind="stable")
        walk = walk[order]
        place = (self._count[walk] + np.arange(len(walk)) - np.searchsorted(walk, walk)) % self.memory
        self._offsets[walk, place] = offsets[order]
        self._signs[walk, place] = np.where(reached[order], 1.0, -1.0)
        np.add.at(self._count, walk, 1)

    def normals(self, active: Rows, at: Matrix) -> Matrix:
        """Unit vectors (len(active), features) across the boundary at the offsets `at`, towards the wanted side."""
        width, filled = at.shape[1], int(min(self.memory, self._count[active].max(initial=1)))
        length = np.linalg.norm(at, axis=1) + 1e-9
        apart = (self._offsets[active, :filled] - at[:, None]) / length[:, None, None]
        weight = np.exp(-np.einsum("nki,nki->nk", apart, apart)) * (np.arange(filled) < self._count[active, None])
        pull = np.einsum("nk,nki->ni", weight * self._signs[active, :filled], apart)
        pull += 0.075 * np.sqrt(width) * self.prior
        if width > WIDE:
            least = np.partition(np.abs(pull), -WIDE, axis=1)[:, [-WIDE]]
            return unit_length(np.where((np.abs(pull) >= least) | (at != 0), pull, 0.0))
        shape = np.einsum("nki,nkj->nij", apart * weight[:, :, None], apart, optimize=True)
        return unit_length(np.linalg.solve(shape + 0.15 * np.eye(width), pull[:, :, None])[:, :, 0])
