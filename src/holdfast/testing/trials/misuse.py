"""Trials of the monitors of misuse: ordinary callers, and one among them who is up to something."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.monitors.contract import MonitorSpec, Rows, Seen
from holdfast.probes.extraction._questions import crossed
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.testing.traffic import baseline_of, moment, seen_of, together
from holdfast.testing.trial import MonitorTrial

Matrix = NDArray[np.float64]

DAYS, ORDINARY = 28, 14
CALLERS, QUESTIONS = 8, 40
"""Ordinary callers, and how many questions each asks a day."""

USUAL_ROWS = 3_000
THIEF = "thief"


def scores(X: Matrix) -> NDArray[np.float64]:
    """What the made-up model says of rows of `credit_rows`, (n,)."""
    income, debt, years, _, late, housing, _ = X.T
    logit = 1.5 * np.log(np.maximum(income, 1) / 55) - 3 * (debt / np.maximum(income, 1) - 0.28) + 0.03 * (years - 22)
    return np.asarray(1 / (1 + np.exp(-1.5 * (logit - 0.8 * (late - 1) - 0.5 * (housing == 1)))))


def answered(X: Matrix, principal: str, day: int, rng: np.random.Generator, **known: Any) -> Rows:
    """Rows that one caller asked about on a day, at office hours unless `at` says otherwise."""
    score, n = scores(X), len(X)
    at = moment(day) + 8 * 3600 + np.sort(rng.random(n)) * 9 * 3600
    words = {"principal": np.full(n, principal, dtype=object), "ended": np.full(n, "answered", dtype=object)}
    return Rows.of(X, **{"score": score, "decision": (score >= 0.5).astype(np.float64), "at": at, **words, **known})


def ordinary_day(day: int, seed: int) -> list[Rows]:
    """What ordinary callers ask, one of whom asks about ten times as many rows at night."""
    rng = np.random.default_rng((seed, day))
    parts = [
        answered(credit_rows(QUESTIONS, int(rng.integers(2**31))).X, f"branch-{p}", day, rng) for p in range(CALLERS)
    ]
    batch = credit_rows(10 * QUESTIONS, int(rng.integers(2**31))).X
    at = moment(day) + 2 * 3600 + np.arange(len(batch)) * 4.0
    return [*parts, answered(batch, "batch", day, rng, at=at)]


Made = Callable[[int, np.random.Generator], Rows]


def seen(spec: MonitorSpec, seed: int, extra: Mapping[int, Made] | None = None) -> Seen:
    """Four weeks of ordinary days, two of them known to be in order, with the rows of `extra` from some days on."""
    train = credit_rows(USUAL_ROWS, 900_000 + seed).X
    rng = np.random.default_rng((seed, 10_000))
    usual = answered(credit_rows(USUAL_ROWS, 910_000 + seed).X, "", 0, rng)
    baseline = baseline_of(spec, credit_schema(), train, usual)
    days = []
    for day in range(DAYS):
        parts = ordinary_day(day, seed)
        parts += [
            make(day, np.random.default_rng((seed, day, 1))) for start, make in (extra or {}).items() if day >= start
        ]
        days.append(together(parts))
    return seen_of(spec, baseline, days, ordinary=ORDINARY, seed=seed)


def _questions(day: int, rng: np.random.Generator) -> Rows:
    """Rows put together from two hundred that the thief owns."""
    own = credit_rows(200, 77).X
    return answered(crossed(own, 150, credit_schema(), rng), THIEF, day, rng)


def _walk(day: int, rng: np.random.Generator) -> Rows:
    """Somebody moves income and debt of one person a little, again and again, about where the decision turns."""
    one = credit_rows(2_000, 88).X
    walked = np.repeat(one[[int(np.argmin(np.abs(scores(one) - 0.5)))]], 60, axis=0)
    walked[:, :2] *= 1 + 0.01 * rng.standard_normal((60, 2))
    return answered(walked, THIEF, day, rng)


def _corrections(day: int, rng: np.random.Generator) -> Rows:
    """Somebody asks again where nothing came back, and tries a few incomes for each of ten people."""
    tried = np.repeat(credit_rows(10, int(rng.integers(2**31))).X, 6, axis=0)
    tried[:, 0] *= np.tile([1, 1.1, 0.9, 1.2, 1.05, 1.0], 10)
    return answered(np.concatenate([tried, np.repeat(tried[:1], 40, axis=0)]), "calculator", day, rng)


def _trial(monitor: str, planted: Mapping[int, Made], clean: Mapping[int, Made], finds: str) -> MonitorTrial:
    def made(extra: Mapping[int, Made]) -> Callable[[int], Seen]:
        return lambda seed: seen(importlib.import_module(f"holdfast.monitors.misuse.{monitor}").run, seed, extra)

    return MonitorTrial(made(planted), made(clean), finds)


extraction = _trial("extraction", {ORDINARY: _questions}, {}, f"copies-{THIEF}")
evasion = _trial("evasion", {ORDINARY: _walk}, {0: _corrections}, f"tries-{THIEF}")


def _grid(day: int, rng: np.random.Generator) -> Rows:
    """Somebody reads out what the model says of one person for each income and debt."""
    one = np.repeat(credit_rows(1, 99).X, 400, axis=0)
    one[:, 0], one[:, 1] = np.tile(np.linspace(10, 300, 20), 20), np.repeat(np.linspace(0, 200, 20), 20)
    return answered(one, THIEF, day, rng)


def _at_night(day: int, rng: np.random.Generator) -> Rows:
    """Somebody else uses the credential of a branch, at night."""
    at = moment(day) + 21 * 3600 + np.sort(rng.random(QUESTIONS)) * 2 * 3600
    return answered(credit_rows(QUESTIONS, int(rng.integers(2**31))).X, "branch-3", day, rng, at=at)


def _flagged(day: int, rng: np.random.Generator, name: str, share: float) -> Rows:
    flags = np.empty(QUESTIONS, dtype=object)
    flags[:] = [("text.phrases",) if draw < share else () for draw in rng.random(QUESTIONS)]
    return answered(credit_rows(QUESTIONS, int(rng.integers(2**31))).X, name, day, rng, flagged=flags)


def _tries(day: int, rng: np.random.Generator) -> Rows:
    """Every third turn is flagged."""
    return _flagged(day, rng, THIEF, 0.3)


def _unlucky(day: int, rng: np.random.Generator) -> Rows:
    """A turn in fifty is flagged."""
    return _flagged(day, rng, "unlucky", 0.02)


scraping = _trial("scraping", {ORDINARY: _grid}, {0: _corrections}, f"sweeps-{THIEF}")
sharing = _trial("sharing", {ORDINARY: _at_night}, {}, "shares-branch-3")
prompt_attacks = _trial("prompt_attacks", {ORDINARY: _tries}, {0: _unlucky}, f"attacks-{THIEF}")
