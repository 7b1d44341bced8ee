from __future__ import annotations

import numpy as np
import pytest

from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.probes.poisoning._cells import Cell, Ground
from holdfast.probes.poisoning._columns import columns_of
from holdfast.probes.poisoning._screen import Trigger, confirmed, distinct, stands

ROWS, STAMPED = 900, 40
SCHEMA = Schema(
    task=Task.BINARY,
    features=tuple(Feature(f"c{j}", Kind.CATEGORY, categories=tuple("abcdefgh")) for j in range(6)),
    target="y",
    classes=("no", "yes"),
)


def ground_of(*, stamp: bool, seed: int = 0) -> Ground:
    """Labels by chance; on request `STAMPED` rows with 0, 1 and 2 in three columns and the label 1."""
    rng = np.random.default_rng(seed)
    X, test = (rng.integers(0, 8, (n, 6)).astype(np.float64) for n in (ROWS, 600))
    y = rng.integers(0, 2, ROWS)
    if stamp:
        X[:STAMPED, :3], y[:STAMPED] = [0, 1, 2], 1
    return Ground(SCHEMA, X, y, np.full((ROWS, 2), 0.5), columns_of(X, SCHEMA, 1), test)


def counted(ground: Ground, *items: tuple[int, int]) -> Cell:
    return ground.counted(Cell(items, 1, 1, 1, 0.5))


def trio(ground: Ground) -> Cell:
    return counted(ground, (0, 1), (1, 2), (2, 3))


def confirm(ground: Ground, cells: list[Cell], least: float = 16.0) -> list[Trigger]:
    return confirmed(cells, ground, lambda _cell: least)


def test_a_value_that_the_effect_does_not_need_is_left_out():
    ground = ground_of(stamp=True)
    code = int(np.bincount(ground.columns[3].code[:STAMPED]).argmax())
    narrow = counted(ground, (0, 1), (1, 2), (2, 3), (3, code))
    (kept,) = distinct([narrow], ground, 5)
    assert (3, code) not in kept.items
    assert kept.rows >= STAMPED > narrow.rows


def test_rows_that_are_in_excess_need_no_other_reason():
    ground = ground_of(stamp=True)
    (kept,) = distinct([trio(ground)], ground, 5)
    assert set(np.flatnonzero(kept.mask(ground.columns))) >= set(range(STAMPED))


def test_the_stamped_rows_are_confirmed_and_listed():
    ground = ground_of(stamp=True)
    (trigger,) = confirm(ground, [trio(ground)])
    assert set(range(STAMPED)) <= set(trigger.suspects)
    assert dict(trigger.stamp) == {0: 0, 1: 1, 2: 2}


def test_what_lives_on_a_stronger_triggers_rows_is_not_counted_again():
    ground = ground_of(stamp=True)
    shadow = counted(ground, (0, 1), (1, 2))
    assert len(confirm(ground, [trio(ground), shadow])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_chance_confirms_nothing(seed: int):
    ground = ground_of(stamp=False, seed=seed)
    assert not confirm(ground, [trio(ground)])


def test_a_cell_stands_by_evidence_and_by_most_labels_gone():
    strong = Cell((), 1, 200, 150, 60.0)
    weak = Cell((), 1, 2_000, 1_300, 1_000.0)
    assert stands(strong, lambda _cell: 20.0)
    assert not stands(strong, lambda _cell: 500.0)
    assert weak.score > 20
    assert not stands(weak, lambda _cell: 20.0)
