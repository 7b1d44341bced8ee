from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from holdfast.probes.poisoning._lapses import count, floors, wrong_chance


def curve(n: int, gained: float, lost: float, seed: int, steep: float = 4.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 1))
    true = rng.random(n) < expit(steep * z[:, 0])
    wrong = rng.random(n) < np.where(true, lost, gained)
    p = np.clip(expit(steep * z[:, 0]), 1e-4, 1 - 1e-4)
    return z, np.where(wrong, ~true, true).astype(np.int64), wrong, np.column_stack([1 - p, p])


@pytest.mark.parametrize(("gained", "lost"), [(0.0, 0.0), (0.05, 0.05), (0.12, 0.01)])
def test_the_floors_are_found(gained: float, lost: float):
    z, y, wrong, p = curve(8_000, gained, lost, 1)
    no, yes = found = floors(z, y)
    assert abs(yes.gained - gained) < 0.015
    assert abs(yes.lost - lost) < 0.015
    assert (no.gained, no.lost) == (yes.lost, yes.gained)
    counted = count(found, p, np.random.default_rng(0), 40)
    assert counted.known
    assert counted.interval.low - 1e-6 <= wrong.mean() <= counted.interval.high
    assert counted.shown == (gained > 0)


def test_the_interval_holds_the_truth_nineteen_times_in_twenty():
    held = 0
    for seed in range(20):
        z, y, wrong, p = curve(1_500, 0.06, 0.04, seed)
        interval = count(floors(z, y), p, np.random.default_rng(seed), 40).interval
        held += interval.low <= wrong.mean() <= interval.high
    assert held >= 17


def test_a_curve_without_pure_ends_is_not_known():
    z, y, _, p = curve(3_000, 0.05, 0.05, 2, steep=0.8)
    counted = count(floors(z, y), p, np.random.default_rng(0), 20)
    assert not counted.known
    assert not counted.shown
    assert counted.interval.high > 0.1


def test_the_chance_of_an_error_is_calibrated():
    z, y, wrong, _ = curve(20_000, 0.1, 0.05, 3)
    found = floors(z, y)
    truth = expit(4.0 * z[:, 0])
    chance = wrong_chance(found, y, np.column_stack([1 - truth, truth]), 0.0)
    for low, high in ((0.0, 0.1), (0.3, 0.7), (0.9, 1.0)):
        here = (chance >= low) & (chance < high)
        assert abs(chance[here].mean() - wrong[here].mean()) < 0.06
