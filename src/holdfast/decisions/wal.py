"""What one gateway process committed and nobody sealed yet: payloads of any length in the ledger's journal.

A folder `<log>/wal/<gateway>/`:

```
append.lock   held by the process that writes
seal.lock     held by whoever seals
deliver.lock  held by whoever takes segments off the queue
id            16 hex digits, which tell this folder from an earlier one of the same name
journal/      the committed payloads
sealed        up to which entry they stand in segments
staged/       segments that are not everywhere yet where they belong
queue/        which segments these are; a file here is the moment at which its rows count as sealed
```
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.domain.errors import Tampered
from holdfast.ledger.files import make_folder, replace
from holdfast.ledger.journal import SEGMENT_BYTES, Journal
from holdfast.ledger.tiles import MAX_ENTRY

CHUNK = MAX_ENTRY - 1
_LAST, _MORE = b"\0", b"\1"

Payload = tuple[int, int, bytes]
"""The entries that hold a payload, from (inclusive) and to (exclusive), and the payload."""


class Wal:
    """One thread at a time may `append`, another one `read` and `trim`; they need not be of one process."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._journal = Journal(folder / "journal", segment_bytes=segment_bytes)
        self._is_fresh = False

    @classmethod
    def create(cls, folder: Path) -> Wal:
        """The one that lies at `folder`, made where there is none yet."""
        make_folder(folder / "journal")
        folder.chmod(0o700)
        if not (folder / "id").exists():
            replace(folder / "id", secrets.token_hex(8).encode())
        return cls(folder)

    @property
    def id(self) -> str:
        """What tells this folder from an earlier one of the same name."""
        return (self.folder / "id").read_text()

    @property
    def sealed(self) -> int:
        """The index after the last entry that stands in a segment."""
        path = self.folder / "sealed"
        try:
            return int(path.read_bytes())
        except FileNotFoundError:
            return 0
        except ValueError as error:
            what = f"{path} holds no number."
            raise Tampered("decisions.wal", what, "Keep a copy of the folder before anything else.") from error

    def append(self, payloads: Sequence[bytes]) -> None:
        """Commit payloads, all or none; OSError: none of them is in."""
        if not self._is_fresh:
            self._journal.refresh(self.sealed)
        self._is_fresh = False
        self._journal.append([entry for payload in payloads for entry in _entries(payload)])
        self._is_fresh = True

    def read(self, start: int) -> Iterator[Payload]:
        """What was committed from the entry `start` on, in order."""
        if not (self.folder / "journal").is_dir():
            return  # a process was killed while it made the folder
        parts: list[bytes] = []
        for index, entry in enumerate(self._journal.read(start), start + 1):
            parts.append(entry[1:])
            if entry[:1] == _LAST:
                yield start, index, b"".join(parts)
                start, parts = index, []

    def unsealed(self) -> list[Payload]:
        """What is committed and not sealed, while others may commit, seal and trim."""
        while True:
            sealed = self.sealed
            try:
                return list(self.read(sealed))
            except (FileNotFoundError, Tampered):
                if self.sealed == sealed:
                    raise

    def trim(self, sealed: int) -> None:
        """Note that everything before the entry `sealed` stands in segments, and let go of it."""
        if sealed > self.sealed:
            replace(self.folder / "sealed", b"%d\n" % sealed)
        self._journal.trim(sealed)

    def close(self) -> None:
        """Let go of open files."""
        self._journal.close()


def _entries(payload: bytes) -> Iterator[bytes]:
    last = max(len(payload) - 1, 0) // CHUNK * CHUNK
    for start in range(0, last, CHUNK):
        yield _MORE + payload[start : start + CHUNK]
    yield _LAST + payload[last:]
