"""Evidence decoded from its bytes, which takes longer than reading them; the bytes are checked each time."""

from __future__ import annotations

import threading
from collections import OrderedDict

from holdfast import canonical
from holdfast.domain.evidence import Evidence
from holdfast.flows.desk import Desk

MOST_BYTES = 24 * 1024 * 1024
"""Of encoded evidence whose decoded form is kept, in each process; decoded it takes a few times as much."""


class Readings:
    """Decoded evidence by its digest, those used longest ago forgotten beyond `most_bytes`. For any threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[int, Evidence]] = OrderedDict()

    def decoded(self, digest: str, data: bytes) -> Evidence:
        """The evidence whose bytes with this digest are `data`."""
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest][1]
        evidence: Evidence = canonical.decode(Evidence, data)
        with self._lock:
            self._keep(digest, len(data), evidence)
        return evidence

    def _keep(self, digest: str, size: int, evidence: Evidence) -> None:
        if digest in self._known or size > self._most:
            return
        self._known[digest] = size, evidence
        self._size += size
        while self._size > self._most:
            _, (gone, _) = self._known.popitem(last=False)
            self._size -= gone


_readings = Readings()


def evidence_of(desk: Desk, digest: str) -> Evidence:
    """The evidence under a digest; Absent where its bytes are gone, Tampered where they are others."""
    return _readings.decoded(digest, desk.blobs.get(digest))
