"""What a gateway keeps of what was cleared, when its own document is another one than before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.verdict import timestamp
from holdfast.gateway.follow import Follower
from holdfast.gateway.upstream import Origin, Upstream
from holdfast.ledger.envelope import seal
from holdfast.ledger.note import Key
from holdfast.storage.keys import Ed25519Signer

pytestmark = pytest.mark.anyio
SIGNER = Ed25519Signer("test/ledger", Ed25519PrivateKey.generate())


def now():
    return datetime.now(UTC)


async def test_a_kept_clearance_for_other_systems_counts_as_none_and_does_not_stop_the_start(tmp_path):
    until = timestamp(now() + timedelta(days=1))
    cleared = Cleared("a", "sha256:r", "1", "", "q", timestamp(now()), until)
    kept = tmp_path / "clearance.json"
    kept.write_bytes(seal(Clearance("production", ("a",), timestamp(now()), (cleared,)), SIGNER))
    key = Key(SIGNER.name, SIGNER.public_bytes())
    found = {}
    for systems in (("a",), ("a", "b")):
        plane = Upstream(Origin("http://127.0.0.1:9"))
        found[systems] = Follower(plane, "t", key, "production", systems, kept=kept, clock=now)
    assert found["a",].clearance.admits("sha256:r", "production", now())
    assert found["a",].age < 60
    assert not found["a", "b"].clearance.cleared
    assert found["a", "b"].trouble.code == "clearance.other"
    assert found["a", "b"].is_stale
