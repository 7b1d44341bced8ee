"""What every guard must keep, as functions that a plug-in author's own test suite can call.

    from holdfast.testing.guard_contract import CHECKS

    @pytest.mark.parametrize("keeps", CHECKS)
    def test_my_guard(keeps):
        keeps(my_guard)

Each check raises AssertionError with what was broken.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.domain.guard import Action
from holdfast.guards.contract import Ground, GuardSpec, Looked, Prepared, Rows
from holdfast.testing.trial import Call, GuardTrial, Traffic

SEEDS = (0, 1, 2)


def trial_of(spec: GuardSpec) -> GuardTrial:
    """The trial that the guard names."""
    module, _, attribute = spec.trial.partition(":")
    trial = getattr(importlib.import_module(module), attribute)
    assert isinstance(trial, GuardTrial), f"{spec.trial} is not a GuardTrial"
    return trial


def prepare(spec: GuardSpec, traffic: Traffic) -> Prepared:
    """The guard made ready for the traffic's reference, with its trial's parameters."""
    prepared: Prepared = spec.prepare(traffic.reference, spec.with_params(trial_of(spec).params))
    return prepared


def look(prepared: Prepared, ground: Ground, call: Call) -> Looked:
    """What the guard makes of one call."""
    rows = Rows(
        call.X,
        ground,
        at=call.at,
        faults=call.faults,
        extra=call.extra,
        principal=call.principal,
        subjects=call.subjects,
        outputs=call.outputs,
    )
    return prepared.look(rows)


def scores(spec: GuardSpec, traffic: Traffic) -> NDArray[np.float64]:
    """The scores of all rows of all calls, in order, by a guard that knew nothing before."""
    prepared, ground = prepare(spec, traffic), Ground(traffic.reference)
    return np.concatenate([look(prepared, ground, call).score for call in traffic.calls])


def one_by_one(traffic: Traffic) -> Traffic:
    """The same traffic, each row in a call of its own."""
    calls = tuple(_row(call, i) for call in traffic.calls for i in range(len(call.X)))
    return replace(traffic, calls=calls)


def _row(call: Call, i: int) -> Call:
    return replace(
        call,
        X=call.X[i : i + 1],
        faults=None if call.faults is None else call.faults[i : i + 1],
        subjects=None if call.subjects is None else call.subjects[i : i + 1],
        outputs=None if call.outputs is None else call.outputs[i : i + 1],
    )


def says_what_it_is(spec: GuardSpec) -> None:
    """Its words are there, its parameters are plain data, and what it wants done is something."""
    assert spec.title
    assert spec.question.endswith("?"), f"the question of {spec.id} should be one"
    assert spec.cost, f"{spec.id} should say what it costs"
    assert spec.unit, f"{spec.id} should say what its score counts"
    assert spec.action is not Action.ALLOW, f"{spec.id} wants nothing done"
    assert spec.deadline_ms > 0
    assert np.isfinite(spec.threshold)
    canonical.encode(spec.params)


def flags_what_is_planted(spec: GuardSpec) -> None:
    """At its own threshold it flags the bad rows of its trial."""
    trial = trial_of(spec)
    for seed in SEEDS:
        traffic = trial.planted(seed)
        flagged = scores(spec, traffic) >= spec.threshold
        found = flagged[traffic.bad].mean()
        assert found >= trial.recall, f"{spec.id} flags {found:.0%} of the bad rows for seed {seed}"


def stays_quiet_on_clean_traffic(spec: GuardSpec) -> None:
    """At its own threshold it flags next to nothing where nothing is wrong."""
    trial = trial_of(spec)
    for seed in SEEDS:
        flagged = (scores(spec, trial.clean(seed)) >= spec.threshold).mean()
        assert flagged <= trial.false_alarms, f"{spec.id} flags {flagged:.1%} of clean rows for seed {seed}"


def says_the_same_of_one_row_and_of_many(spec: GuardSpec) -> None:
    """Rows in one call and one after another get the same scores, from a guard that knew nothing before."""
    for traffic in (trial_of(spec).planted(0), trial_of(spec).clean(0)):
        together, apart = scores(spec, traffic), scores(spec, one_by_one(traffic))
        same = np.isclose(together, apart, rtol=1e-6, atol=1e-9)
        assert same.all(), f"{spec.id} differs on {(~same).sum()} rows, first on row {np.flatnonzero(~same)[0]}"


def repeats_itself(spec: GuardSpec) -> None:
    """The same traffic gets the same scores, and is left as it was."""
    traffic = trial_of(spec).planted(1)
    before = [call.X.copy() for call in traffic.calls]
    first, second = scores(spec, traffic), scores(spec, traffic)
    assert np.array_equal(first, second), f"{spec.id} gave different scores for the same traffic"
    for call, X in zip(traffic.calls, before, strict=True):
        assert np.array_equal(call.X, X, equal_nan=True), f"{spec.id} changed the rows that it looked at"


def gives_a_finite_score_to_anything(spec: GuardSpec) -> None:
    """No rows, rows without a single value, enormous values and unseen categories end in one finite score a row."""
    traffic = trial_of(spec).planted(0)
    width = traffic.calls[0].X.shape[1]
    prepared, ground = prepare(spec, traffic), Ground(traffic.reference)
    for X in (
        np.empty((0, width)),
        np.full((1, width), np.nan),
        np.full((3, width), 1e300),
        np.full((70, width), -1e300),
        np.full((200, width), -1.0),
    ):
        X = _possible(X, traffic)  # noqa: PLW2901
        for people in (None, ("somebody",) * len(X)):
            call = Call(X, 1e9, "somebody", subjects=people, faults=np.ones(X.shape, dtype=np.int8))
            score = look(prepared, ground, call).score
            assert score.shape == (len(X),), f"{spec.id} gave {score.shape} for {len(X)} rows"
            assert np.isfinite(score).all(), f"{spec.id} gave a score that is no number"


def _possible(X: NDArray[np.float64], traffic: Traffic) -> NDArray[np.float64]:
    """Categories as readers code them: an index into the list, or -1."""
    X = X.copy()
    for j, feature in enumerate(traffic.reference.schema.features):
        if feature.categories:
            X[:, j] = np.where(np.isnan(X[:, j]), np.nan, np.where(X[:, j] > 0, len(feature.categories) - 1, -1))
    return X


def never_says_a_value(spec: GuardSpec) -> None:
    """Its sentences name fields and rules, and no value of a row: no category, no number with a fraction."""
    traffic = trial_of(spec).planted(0)
    prepared, ground = prepare(spec, traffic), Ground(traffic.reference)
    rules = " ".join(traffic.reference.schema.relations)
    secrets = {str(c) for f in traffic.reference.schema.features for c in f.categories} - set(re.findall(r"\w+", rules))
    for call in traffic.calls:
        looked = look(prepared, ground, call)
        for i in np.flatnonzero(looked.score >= spec.threshold)[:3]:
            said = looked.because(int(i))
            assert said, f"{spec.id} does not say why"
            words = set(re.findall(r"[\w.]+", said))
            numbers = {f"{value:g}" for value in call.X[i] if not float(value).is_integer()}
            assert not words & (secrets | numbers), f"{spec.id} tells content: {said}"


CHECKS: tuple[Callable[[GuardSpec], None], ...] = (
    says_what_it_is,
    flags_what_is_planted,
    stays_quiet_on_clean_traffic,
    says_the_same_of_one_row_and_of_many,
    repeats_itself,
    gives_a_finite_score_to_anything,
    never_says_a_value,
)
