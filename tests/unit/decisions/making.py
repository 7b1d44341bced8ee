"""Decisions, logs and ledgers for the tests of this room."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.decisions.keeper import SealWhen
from holdfast.decisions.log import SegmentLog
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.segments import FolderSegments
from holdfast.domain.decision import Decision, Ended, Lane
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.ids import Ids
from holdfast.ledger.log import Log
from holdfast.storage.keys import Ed25519Signer

SIGNER = Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NEVER = SealWhen(rows=10**9, bytes=10**12, seconds=1e9, every=0.02)
IDS = Ids()
VERDICT = GuardVerdict("pii", "1", Mode.ENFORCE, Action.ALLOW, 0.25, 0.5, ("purpose",), "nothing personal")


def decision(number: int = 0, **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "id": IDS.next(),
        "at": "2026-11-28T10:00:00.000001Z",
        "system": "credit",
        "release": "sha256:" + "a" * 64,
        "environment": "production",
        "lane": Lane.LIVE,
        "ended": Ended.ANSWERED,
        "gateway": "g1",
        "principal": "shop",
        "subject": "",
        "inputs": (("age", number), ("income", 1000.5 + number), ("purpose", "car")),
        "outputs": (("approved", number % 2 == 0), ("score", 0.5)),
        "verdicts": (VERDICT,),
        "reasons": ("AA01",),
        "micros": 1200,
    }
    return Decision(**fields | changes)


@contextmanager
def ledger(folder: Path) -> Iterator[Log]:
    with Log(folder / "ledger", SIGNER, publish_every=0.01) as log:
        yield log


@contextmanager
def segment_log(folder: Path, gateway: str = "g1", **options: Any) -> Iterator[SegmentLog]:
    options.setdefault("seal_when", NEVER)
    with ledger(folder) as log:
        segments = options.pop("segments", None) or FolderSegments(folder / "segments")
        with SegmentLog(folder / "log", gateway, segments, LedgerRegistrar(log), **options) as opened:
            yield opened


def wait_for(is_so: Callable[[], bool]) -> bool:
    for _ in range(500):
        if is_so():
            return True
        threading.Event().wait(0.02)
    return False
