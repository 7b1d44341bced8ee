"""Ids rise, never come twice, and say when they were made; two processes of one parent share none."""

from __future__ import annotations

import os
from uuid import UUID

import pytest

from holdfast.domain.errors import FixInput
from holdfast.domain.ids import Ids, day_of, time_of


def test_ids_rise_whatever_the_clock_does():
    moments = iter([1_000, 1_000, 5_000, 2_000, 2_000])
    source = Ids(lambda: next(moments))
    made = [*source.take(5_000), *source.take(3), source.next(), source.next(), source.next()]
    assert made == sorted(set(made))
    assert all(UUID(id).version == 7 for id in made)


def test_random_parts_differ_though_many_are_fetched_at_once():
    source = Ids(lambda: 0)
    tails = [id[-17:] for id in (*source.take(300), *(source.next() for _ in range(300)))]
    assert len(set(tails)) == 600


def test_a_fork_goes_on_with_a_random_part_of_its_own():
    source = Ids(lambda: 0)
    source.next()
    read, write = os.pipe()
    if not (child := os.fork()):
        os.write(write, source.next().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 99).decode()[-17:] != source.next()[-17:]


def test_an_id_says_when_it_was_made():
    id = Ids(lambda: 1_790_000_000_123).next()
    assert time_of(id).isoformat() == "2026-09-21T14:13:20.123000+00:00"
    assert day_of(id) == "2026-09-21"
    for strange in ("", f"{id} ", id[:-1], "0190a9d2-0000-4000-8000-000000000000"):
        with pytest.raises(FixInput):
            time_of(strange)
