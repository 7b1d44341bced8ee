"""Group commit: threads share commits, and an error reaches every caller that it concerns."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.domain.errors import Unavailable
from holdfast.ledger.group import GroupCommit


def test_calls_that_arrive_during_a_commit_share_the_next() -> None:
    commits: list[list[bytes]] = []
    started, go_on = threading.Event(), threading.Event()

    def commit(entries: Sequence[bytes]) -> int:
        first = sum(map(len, commits))
        commits.append(list(entries))
        started.set()
        assert go_on.wait(10)
        return first

    group = GroupCommit(commit)
    with ThreadPoolExecutor(9) as pool:
        calls = [pool.submit(group.submit, [b"first"])]
        assert started.wait(10)
        calls += [pool.submit(group.submit, [b"%d" % i, b"%d" % i]) for i in range(8)]
        while len(group._waiting) < 8:
            pass
        go_on.set()
        firsts = [call.result() for call in calls]
    assert [len(commit) for commit in commits] == [1, 16]
    flat = [entry for commit in commits for entry in commit]
    assert [flat[first] for first in firsts] == [b"first", *(b"%d" % i for i in range(8))]


def test_a_failed_commit_reaches_its_callers_and_the_next_one_works() -> None:
    outcomes = iter([Unavailable("disk", "The disk is full."), 7])

    def commit(_: Sequence[bytes]) -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    group = GroupCommit(commit)
    with pytest.raises(Unavailable, match="full"):
        group.submit([b"lost"])
    assert group.submit([b"kept"]) == 7


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    started, go_on = threading.Event(), threading.Event()
    outcomes = iter([KeyboardInterrupt(), 3])

    def commit(_: Sequence[bytes]) -> int:
        started.set()
        assert go_on.wait(10)
        outcome = next(outcomes)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    group = GroupCommit(commit)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(group.submit, [b"a"])
        assert started.wait(10)
        follower = pool.submit(group.submit, [b"b"])
        while not group._waiting:
            pass
        go_on.set()
        assert isinstance(leader.exception(10), KeyboardInterrupt)
        assert follower.result(10) == 3
