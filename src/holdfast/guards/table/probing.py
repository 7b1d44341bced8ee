"""One caller who walks around a point: many rows that are nearly the same, to find where the decision turns."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.reference import Reference
from holdfast.guards.bins import EMPTY, Codes
from holdfast.guards.contract import Looked, Prepared, Rows, fields_of, guard

Hashes = NDArray[np.uint64]
Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Params:
    """`window`: different rows of one caller that are remembered; `callers` of them; `idle_s`: for so many seconds."""

    window: int = 128
    callers: int = 1_000
    idle_s: float = 86_400.0


@guard(
    title="Near-duplicate probing",
    question="Does this caller keep asking about rows that are nearly the same?",
    params=Params(),
    threshold=16.0,
    unit="near rows beyond the ordinary",
    cost="one comparison with each remembered row, a byte a cell",
    remembers=(
        "The last 128 different rows of each of 1,000 callers, as levels, not values: some 4 kB a caller. Each process "
        "remembers what it was asked: a walk that is dealt to several takes so many times longer to be seen."
    ),
    trial="holdfast.testing.trials.guards:probing",
    catalogue=("ATLAS:AML.T0043.001", "ATLAS:AML.T0024.002", "OWASP:ML05", "NISTAML.022"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """How many of the caller's last different rows are near this one, less what one ordinary row in a thousand meets.

    Rows are near when so many features have the same level that chance makes one pair in a thousand near. The same row
    again is a retry and does not count. An attack on one decision alone needs hundreds of rows around it (Chen et al.
    2019, "Stateful detection of black-box adversarial attacks"); somebody who tries a few amounts in a calculator stays
    below the threshold. It does not see a walk in which most rows are about something else, or that comes under many
    names: ten rows of cover for each make the walk ten times dearer.
    """
    ordinary = np.ceil(reference.crowd * params.window)
    callers = _Callers(params, len(reference.compared))
    compared = np.array(reference.compared) if len(reference.compared) < len(reference.levels) else None
    # Drawn anew by each process: with known factors somebody could write different rows that pass for one.
    factors = np.random.default_rng().integers(2**62, 2**63, len(reference.levels), dtype=np.uint64)
    turn = threading.Lock()

    def look(rows: Rows) -> Looked:
        codes = rows.codes if compared is None else rows.codes[:, compared]
        hashes = np.add.reduce(np.ascontiguousarray(rows.X).view(np.uint64) * factors, axis=1)
        with turn:
            near = callers.of(rows.principal, rows.at).near(codes, hashes, reference.near)
        return Looked(
            np.maximum(near - ordinary, 0.0),
            lambda i: f"near {near[i]:.0f} of the caller's last {params.window} different rows",
        )

    return Prepared(fields_of(reference.schema, reference.compared), look)


class _Callers:
    """The windows of the callers heard of last."""

    def __init__(self, params: Params, fields: int) -> None:
        self._params = params
        self._fields = fields
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def of(self, caller: str, at: float) -> _Window:
        window = self._windows.get(caller)
        if window is None or at - window.heard > self._params.idle_s:
            window = self._windows[caller] = _Window(self._params.window, self._fields)
        self._windows.move_to_end(caller)
        window.heard = at
        if len(self._windows) > self._params.callers:
            self._windows.popitem(last=False)
        return window


class _Window:
    """The last different rows of one caller: levels by field (fields, size) and hashes (size,), a ring."""

    def __init__(self, size: int, fields: int) -> None:
        self._size = size
        self._codes = np.full((fields, size), EMPTY, dtype=np.uint8)
        self._hashes = np.zeros(size, dtype=np.uint64)
        self._oldest = 0
        self.heard = 0.0

    def near(self, codes: Codes, hashes: Hashes, least: int) -> Counts:
        """How many of the different rows before it are near each row, float64 (n,); the rows join the window.

        Of rows that come again in the same call, each has the count of its first time.
        """
        if len(codes) == 1:
            return self._one(codes, hashes, least)
        self._codes, self._hashes = np.roll(self._codes, -self._oldest, 1), np.roll(self._hashes, -self._oldest)
        self._oldest = 0
        distinct, first, again = np.unique(hashes, return_index=True, return_inverse=True)
        known = np.isin(distinct, self._hashes)
        counts = np.zeros(len(distinct))
        counts[known] = self._among(codes[first[known]], distinct[known], least)
        order = np.argsort(first[~known], kind="stable")
        fresh = np.flatnonzero(~known)[order]
        counts[fresh] = self._join(codes[first[fresh]], distinct[fresh], least)
        return np.asarray(counts[again])

    def _one(self, codes: Codes, hashes: Hashes, least: int) -> Counts:
        """The same for one row, which spares the bookkeeping of who came before whom."""
        others = self._hashes != hashes[0]
        shared = np.add.reduce((self._codes == codes.T).view(np.uint8), axis=0)
        near = np.count_nonzero((shared >= least) & others)
        if others.all():
            self._codes[:, self._oldest] = codes[0]
            self._hashes[self._oldest] = hashes[0]
            self._oldest = (self._oldest + 1) % self._size
        return np.array([near], dtype=np.float64)

    def _among(self, codes: Codes, hashes: Hashes, least: int) -> Counts:
        """How many in the window are near rows that are in it themselves."""
        shared = np.add.reduce((self._codes == codes[:, :, None]).view(np.uint8), axis=1)
        near = (shared >= least) & (self._hashes != hashes[:, None])
        return np.asarray(np.add.reduce(near, axis=1, dtype=np.float64))

    def _join(self, codes: Codes, hashes: Hashes, least: int) -> Counts:
        """How many before it are near each of these new and different rows, which join the window."""
        size, n = self._size, len(codes)
        levels = np.concatenate([self._codes, codes.T], axis=1)
        counts = np.zeros(n)
        for start in range(size):  # all rows at once are compared with those `size - start` places before them
            shared = np.add.reduce((levels[:, size:] == levels[:, start : start + n]).view(np.uint8), axis=0)
            counts += shared >= least
        self._codes = levels[:, -size:].copy()
        self._hashes = np.concatenate([self._hashes, hashes])[-size:]
        return counts
