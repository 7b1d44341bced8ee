"""Releases beside each other: shadows by the cases that both heard, canaries by what each decided of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.decisions.compare import compare, is_needed
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.domain.decision import Ended, Lane

from .making import IDS, decision, segment_log

LIVE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def answer(release, lane, approved, score, **more):
    outputs = (("approved", approved), ("score", score))
    return decision(release=release, lane=lane, outputs=outputs, **more)


def compared(folder: Path, *batches):
    """As the log tells it, written and read again."""
    with segment_log(folder) as log:
        for batch in batches:
            log.append(list(batch))
    reader = Reader(folder / "log", FolderSegments(folder / "segments"))
    return compare("credit", reader.table(is_needed, system="credit").to_pandas())


def test_a_shadow_is_held_against_the_same_cases_row_by_row(tmp_path):
    ids = IDS.take(4)
    live = [answer(LIVE, Lane.LIVE, "yes", 0.5 + n / 10, id=ids[n]) for n in range(4)]
    same = [answer(OTHER, Lane.SHADOW, "yes", 0.5 + n / 10, follows=ids[0]) for n in range(3)]
    apart = answer(OTHER, Lane.SHADOW, "no", 0.4, follows=ids[3])
    unheard = answer(OTHER, Lane.SHADOW, "no", 0.1, follows=IDS.next())
    found = compared(tmp_path, live[:3], live[3:], same, [apart, unheard])
    assert (found.live.release, found.live.rows, found.live.ended) == (LIVE, 4, (("answered", 4),))
    (other,) = found.others
    assert (other.side.release, other.side.lane, other.side.rows) == (OTHER, Lane.SHADOW, 5)
    approved, score = other.agreements
    assert (approved.name, approved.pairs, approved.same) == ("approved", 4, 3)
    assert (score.pairs, score.same, score.widest) == (4, 3, pytest.approx(0.4))
    assert approved.share.low < 0.75 < approved.share.high


def test_a_decision_that_stands_twice_is_compared_once():
    row = {"gateway": "g1", "ended": "answered", "micros": 5, "output_score": 0.5}
    live = {**row, "id": "1", "release": LIVE, "lane": "live", "follows": ""}
    shadow = {**row, "id": "2", "release": OTHER, "lane": "shadow", "follows": "1"}
    (score,) = compare("credit", pd.DataFrame([live, live, shadow])).others[0].agreements
    assert (score.pairs, score.same) == (1, 1)


def test_a_canary_is_held_against_what_the_live_one_decided_of_others(tmp_path):
    rng = np.random.default_rng(0)
    live = [answer(LIVE, Lane.LIVE, yes, float(yes)) for yes in (rng.random(400) < 0.5).tolist()]
    canary = [answer(OTHER, Lane.CANARY, yes, float(yes), micros=9_000) for yes in (rng.random(200) < 0.9).tolist()]
    blocked = decision(release=OTHER, lane=Lane.CANARY, ended=Ended.BLOCKED, outputs=(), micros=9_000)
    (other,) = compared(tmp_path, live, [*canary, blocked]).others
    assert other.agreements == ()
    assert dict(other.side.ended) == {"answered": 200, "blocked": 1}
    assert other.side.p50_ms == 9.0
    yes = next(one for one in other.outputs if (one.name, one.value) == ("approved", "True"))
    assert yes.difference.low < yes.other - yes.live < yes.difference.high
    assert yes.difference.low > 0.2
    mean = next(one for one in other.outputs if one.name == "score")
    assert mean.other - mean.live == pytest.approx(yes.other - yes.live)


def test_how_far_apart_means_are_is_said_only_where_numbers_tell(tmp_path):
    rng = np.random.default_rng(0)
    row = {"gateway": "g1", "ended": "answered", "micros": 5, "follows": ""}

    def apart(live, canary):
        told = [(LIVE, "live", score) for score in live] + [(OTHER, "canary", score) for score in canary]
        rows = [
            {**row, "id": str(at), "release": release, "lane": lane, "output_score": score}
            for at, (release, lane, score) in enumerate(told)
        ]
        return compare("credit", pd.DataFrame(rows)).others[0].outputs[0].difference

    assert apart([0.5] * 9, [0.5] * 9) is None
    assert apart([0.1, 0.2, 0.3, 0.4], rng.random(50)) is None
    covered = [apart(rng.normal(0, 1, 40), rng.normal(1, 3, 8)) for _ in range(200)]
    assert 0.90 <= np.mean([one.low <= 1 <= one.high for one in covered]) <= 0.99


def test_a_turn_told_piece_by_piece_is_one_case(tmp_path):
    opened = decision(ended=Ended.OPENED, outputs=())
    ended = decision(follows=opened.id, outputs=(("tokens", 5),))
    shadow = decision(release=OTHER, lane=Lane.SHADOW, follows=opened.id, outputs=(("tokens", 7),))
    found = compared(tmp_path, [opened], [ended], [shadow])
    assert found.live.rows == 1
    (tokens,) = found.others[0].agreements
    assert (tokens.pairs, tokens.same, tokens.mean_gap) == (1, 0, 2.0)


def test_nothing_decided_and_nobody_beside(tmp_path):
    assert compare("credit", pd.DataFrame()).live is None
    found = compared(tmp_path, [decision()])
    assert (found.live.rows, found.others) == (1, ())
