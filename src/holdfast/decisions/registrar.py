"""How segments come to stand in a ledger."""

from __future__ import annotations

import threading
from typing import Protocol

from holdfast import canonical
from holdfast.domain.decision import Segment
from holdfast.domain.errors import Absent
from holdfast.domain.retention import Removal
from holdfast.ledger.log import Log
from holdfast.ledger.merkle import leaf_hash

Registered = Segment | Removal


class Registrar(Protocol):
    """Whoever enters segments in a ledger. The same again makes no second entry."""

    def register(self, record: Segment, /) -> None:
        """Enter a segment; Unavailable where the ledger cannot be reached now, another error where it is refused."""

    def proof(self, record: Segment, /) -> tuple[bytes, bytes]:
        """The entry that says so, and the C2SP tlog-proof of it; Absent where there is none."""


class LedgerRegistrar:
    """Enters records, removals too, in a ledger of this machine, as their canonical bytes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: dict[bytes, int] = {}
        self._read = 0
        self._turn = threading.Lock()

    def register(self, record: Registered) -> None:
        """As `Registrar` says."""
        entry = canonical.encode(record)
        with self._turn:
            if self._find(entry) is None:
                self._known[leaf_hash(entry)] = self._log.append([entry])[0]

    def proof(self, record: Registered) -> tuple[bytes, bytes]:
        """As `Registrar` says."""
        entry = canonical.encode(record)
        with self._turn:
            index = self._find(entry)
        if index is None:
            raise Absent("segment.unregistered", "The segment is not in the ledger yet.", "Try again in a while.")
        return entry, self._log.proof(index)

    def _find(self, entry: bytes) -> int | None:
        """Where an entry stands, with what other processes appended meanwhile."""
        leaf = leaf_hash(entry)
        if leaf not in self._known:
            size, _ = self._log.head()
            for index, known in enumerate(self._log.read(self._read, size), self._read):
                self._known.setdefault(leaf_hash(known), index)
            self._read = max(self._read, size)
        return self._known.get(leaf)
