"""What a gateway believes of its control plane: what that sealed, for as long as it was heard not long ago."""

from __future__ import annotations

import errno
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trips.gateways import Plane
from tests.unit.decisions.making import SIGNER
from tests.unit.gateway.test_fuzz import fuzz

from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.credential import Budget, Credential, Route, Way
from holdfast.domain.errors import Tampered
from holdfast.gateway.access import follow as room
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.http.upstream import Origin, Upstream
from holdfast.ledger.envelope import open_sealed, seal
from holdfast.ledger.note import Key

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

CLEARANCE = Clearance(
    "production",
    ("credit",),
    "2026-11-28T10:00:00Z",
    (Cleared("credit", "sha256:" + "a" * 64, "1", "", "r-1", "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),),
    (Credential("c", "c", Way.KEY, "0" * 64, ("credit",), (Route.PREDICT,), "2099-01-01T00:00:00Z", Budget(rows=5)),),
)
SEALED = seal(CLEARANCE, SIGNER)
edits = st.lists(st.tuples(st.integers(0, len(SEALED) - 1), st.integers(0, 255)), max_size=3)


@fuzz
@given(edits, st.integers(0, len(SEALED)), st.binary(max_size=20))
def test_a_clearance_that_was_touched_is_the_same_or_tampered(changes, cut, noise):
    raw = bytearray(SEALED)
    for at, byte in changes:
        raw[at] = byte
    for data in (bytes(raw), bytes(raw[:cut]) + noise, noise):
        with suppress(Tampered):
            assert open_sealed(data, SIGNER.public_bytes(), Clearance) == CLEARANCE


@pytest.mark.parametrize("kept", [SEALED[:-9], b"", b"\xff" * 40, SEALED.replace(b"ey", b"e9", 1)])
@pytest.mark.anyio
async def test_what_was_kept_of_a_clearance_and_is_no_longer_one_counts_for_nothing(tmp_path, kept):
    follower = follow(tmp_path, kept, ("credit",))
    assert follower.clearance.cleared == ()
    assert follower.trouble.code == "clearance.kept"


@pytest.mark.anyio
async def test_a_gateway_that_serves_one_more_system_starts_though_it_kept_what_was_cleared_for_fewer(tmp_path):
    assert follow(tmp_path, SEALED, ("credit",)).clearance == CLEARANCE
    assert follow(tmp_path, SEALED, ("credit", "fraud")).clearance.cleared == ()


def follow(folder, kept: bytes, systems) -> Follower:
    (folder / "clearance.json").write_bytes(kept)
    return followed(folder, "http://127.0.0.1:1", systems, lambda: datetime.now(UTC))


def followed(folder, url: str, systems, clock) -> Follower:
    plane, key = Upstream(Origin(url)), Key(SIGNER.name, SIGNER.public_bytes())
    return Follower(plane, "t", key, "production", systems, kept=folder / "clearance.json", clock=clock)


@pytest.mark.anyio
async def test_a_disk_that_takes_nothing_keeps_no_gateway_from_hearing_what_was_revoked(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Plane("credit") as plane:
        follower = followed(tmp_path, plane.url, ("credit",), lambda: NOW)
        await follower.refresh()
        assert (follower.trouble, len(follower.clearance.credentials)) == (None, 1)
        monkeypatch.setattr(room, "replace_file", full)
        plane.publish(credentials=())
        for _ in range(2):
            await follower.refresh()
            assert follower.clearance.credentials == ()
            assert follower.trouble.code == "clearance.disk"
        monkeypatch.undo()
        await follower.refresh()
        assert follower.trouble is None


@pytest.mark.anyio
async def test_a_clock_that_jumps_ends_what_was_cleared_until_the_control_plane_is_heard(tmp_path):
    now = [NOW]
    with Plane("credit") as plane:
        follower = followed(tmp_path, plane.url, ("credit",), lambda: now[0])
        await follower.refresh()
        for jump in (timedelta(days=3), timedelta(days=-3)):
            now[0] += jump
            assert bool(follower.clearance.cleared) == (jump < timedelta())
            await follower.refresh()
            assert follower.clearance.cleared
