"""One caller whose rows as a whole were never drawn from life: the questions of somebody who copies the model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from holdfast.domain.reference import Reference
from holdfast.guards.bins import EMPTY, Codes
from holdfast.guards.contract import Looked, Prepared, Rows, fields_of, guard

Vector = NDArray[np.float64]

LATEST = 16
"""A row near one of so many before it is a variant of it: its oddity is no news."""


@dataclass(frozen=True)
class Params:
    """`bet`: exponent of the wager, from 0 (bold) to 1; `callers` are remembered, each for `idle_s` seconds."""

    bet: float = 0.5
    callers: int = 10_000
    idle_s: float = 604_800.0

    def __post_init__(self) -> None:
        if not 0 < self.bet < 1:
            raise ValueError("`bet` lies between 0 and 1")


@guard(
    title="Made-up traffic",
    question="Are this caller's rows, taken together, odder than rows that people really have?",
    params=Params(),
    threshold=14.0,
    unit="nats",
    cost="a few operations a row, beside the score of table.outlier",
    remembers=(
        "A number, and the levels of the last 16 rows, for each of 10,000 callers: some 500 bytes each. Each process "
        "counts its own rows: questions that are dealt to several take so many times longer to be seen."
    ),
    trial="holdfast.testing.trials.guards:made_up",
    catalogue=("ATLAS:AML.T0024.002", "OWASP:ML05", "NISTAML.031"),
)
def run(reference: Reference, params: Params) -> Prepared:
    """How much somebody would have won who kept betting that the caller's next row is odd, as the log of the money.

    Each row's conformal p-value p (see `table.outlier`) turns the money by bet * p ** (bet - 1), a fair wager where
    rows are ordinary (Vovk et al. 2003, "Testing exchangeability on-line"); whoever has less than at the start begins
    anew (Page's CUSUM). Between false alarms lie at least exp(threshold) ordinary rows of one caller on average
    (Lorden 1971), over a million as it stands. Rows near one of the caller's last sixteen are no news and turn nothing:
    somebody who tries amounts for one odd person would win with each. An honest caller whose customers are unlike those
    of training is flagged too: that is drift, and worth a look. A thief who holds enough real rows and asks about
    nothing else is not seen.
    """
    callers = _Callers(params, len(reference.compared), reference.near)
    compared = np.array(reference.compared) if len(reference.compared) < len(reference.levels) else None
    stake, power = np.log(params.bet), params.bet - 1
    turn = threading.Lock()

    def look(rows: Rows) -> Looked:
        won = stake + power * np.log(1 - rows.less_odd)
        with turn:
            codes = rows.codes if compared is None else rows.codes[:, compared]
            score = callers.bet(rows.principal, rows.at, won, codes)
        return Looked(score, lambda _row: "the caller's rows, taken together, are odder than those that people have")

    return Prepared(fields_of(reference.schema, reference.oddity.columns), look)


class _Caller:
    """The log of one caller's money, when he was last heard of, and the levels of his last rows (fields, LATEST)."""

    __slots__ = ("heard", "latest", "money", "oldest")

    def __init__(self, fields: int) -> None:
        self.money = 0.0
        self.heard = -np.inf
        self.oldest = 0
        self.latest = np.full((fields, LATEST), EMPTY, dtype=np.uint8)


class _Callers:
    """The callers heard of last."""

    def __init__(self, params: Params, fields: int, near: int) -> None:
        self._params = params
        self._fields = fields
        self._near = near
        self._known: OrderedDict[str, _Caller] = OrderedDict()

    def bet(self, name: str, at: float, won: Vector, codes: Codes) -> Vector:
        """The log of the money after each row, (n,); rows near the caller's last ones turn nothing."""
        caller = self._known.get(name)
        if caller is None or at - caller.heard > self._params.idle_s:
            caller = self._known[name] = _Caller(self._fields)
        self._known.move_to_end(name)
        if len(self._known) > self._params.callers:
            self._known.popitem(last=False)
        caller.heard = at
        won[self._variants(caller, codes)] = 0.0
        score = _running(won, caller.money)
        caller.money = float(score[-1]) if len(score) else caller.money
        return score

    def _variants(self, caller: _Caller, codes: Codes) -> NDArray[np.bool_]:
        """Which rows are near one of the `LATEST` before them, (n,)."""
        n = len(codes)
        if n == 1:
            shared = np.add.reduce((caller.latest == codes.T).view(np.uint8), axis=0)
            caller.latest[:, caller.oldest] = codes[0]
            caller.oldest = (caller.oldest + 1) % LATEST
            return np.array([(shared >= self._near).any()])
        levels = np.concatenate([np.roll(caller.latest, -caller.oldest, 1), codes.T], axis=1)
        caller.latest, caller.oldest = levels[:, n:].copy(), 0
        before = sliding_window_view(levels, LATEST, axis=1)[:, :n]
        shared = np.add.reduce((before == codes.T[:, :, None]).view(np.uint8), axis=0)
        return np.asarray((shared >= self._near).any(axis=1))


def _running(won: Vector, had: float) -> Vector:
    """The log of the money after each row, (n,), never below that of the start: max(0, before + won)."""
    total = had + np.cumsum(won)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total), 0.0))
