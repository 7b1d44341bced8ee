"""The ledger: an append-only log on disk in the C2SP tlog-tiles format.

An append is durable in the journal before it returns; the tiles and a signed checkpoint over it follow within
`publish_every` seconds, at the latest when a proof asks for them or the log is closed. After a crash the next process
that opens the log publishes what the journal holds. Threads share commits; processes take turns under file locks.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.domain.errors import Conflict, FixInput, Tampered, Unavailable
from holdfast.ledger.files import locked, make_folder
from holdfast.ledger.group import GroupCommit
from holdfast.ledger.journal import SEGMENT_BYTES, Journal
from holdfast.ledger.note import Checkpoint, Key, NoteSigner
from holdfast.ledger.prove import consistency, consistency_text, inclusion, inclusion_text, tile_subtree
from holdfast.ledger.publish import Publisher
from holdfast.ledger.tiles import MAX_ENTRY, entries_between

MAX_UNPUBLISHED_BYTES = 64 * 1024 * 1024


class Log:
    """Implements `ports.Ledger`. `origin` names the log in its checkpoints (by default the signer's name);
    `segment_bytes` is the length of a journal file.

    Tampered where what lies at `path` does not verify under `signer`; Unavailable where the disk is full or fails:
    then nothing that was acknowledged is lost, and the same call works once there is room. One log object may serve
    any number of threads; open it after forking, not before.
    """

    def __init__(
        self,
        path: Path,
        signer: NoteSigner,
        origin: str = "",
        *,
        publish_every: float = 1.0,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.key = Key(signer.name, signer.public_bytes())
        self.origin = origin or signer.name
        if not self.origin.isprintable():
            raise FixInput("ledger.origin", f"The origin {self.origin!r} has a line break or a control character.")
        self._path = path
        self._pid = os.getpid()
        self._publish_every = publish_every
        self._publisher = Publisher(path, signer, self.origin)
        self._journal = Journal(path / "journal", segment_bytes=segment_bytes)
        self._group = GroupCommit(self._commit)
        self._committing = threading.Lock()
        self._publishing = threading.RLock()
        self._timer: threading.Timer | None = None
        self._unpublished = 0
        self._failure: Tampered | None = None
        self._is_open = True
        self._open()

    def append(self, entries: Sequence[bytes], *, after: int | None = None) -> list[int]:
        """Durably append; the index of each entry, in order. All of one call are in, or none.

        Acknowledged means it survives kill -9 and power loss. With `after` they go in only while the log has exactly so
        many entries; Conflict otherwise. FixInput for an entry over 65,535 bytes.
        """
        self._check_usable()
        for number, entry in enumerate(entries):
            if len(entry) > MAX_ENTRY:
                raise FixInput(
                    "ledger.entry",
                    f"Entry {number} has {len(entry)} bytes; a C2SP log takes {MAX_ENTRY}.",
                    "Append its digest, and keep the bytes elsewhere.",
                )
        if not entries:
            return []
        if self._unpublished > MAX_UNPUBLISHED_BYTES:
            self.checkpoint()
        first = self._group.submit(entries) if after is None else self._commit(entries, after)
        self._schedule()
        return list(range(first, first + len(entries)))

    def checkpoint(self) -> bytes:
        """Publish everything that is committed; the signed note over it."""
        self._check_usable()
        return self._publish()[0]

    def head(self) -> tuple[int, str]:
        """Size and base64 root of the log with everything that is committed."""
        self._check_usable()
        _, checkpoint = self._publish()
        return checkpoint.size, base64.b64encode(checkpoint.root).decode()

    def proof(self, index: int) -> bytes:
        """A self-contained C2SP tlog-proof for the entry at `index`, under a signed checkpoint."""
        note, checkpoint = self._covering(index + 1, index)
        path = inclusion(index, checkpoint.size, tile_subtree(self._path, checkpoint.size))
        return inclusion_text(index, path, note)

    def consistency(self, old: int) -> bytes:
        """The proof that everything committed extends the log of size `old`, as C2SP tlog-witness takes it."""
        self._check_usable()
        note, checkpoint = self._publish()
        if not 0 <= old <= checkpoint.size:
            raise FixInput("ledger.index", f"The log has {checkpoint.size} entries, not {old}.")
        path = consistency(old, checkpoint.size, tile_subtree(self._path, checkpoint.size))
        return consistency_text(old, path, note)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries `start` to `stop` (exclusive), as they lie in the published bundles."""
        _, checkpoint = self._covering(stop, start)
        yield from entries_between(self._path, start, stop, checkpoint.size)

    def close(self) -> None:
        """Publish what is left and let go. Unavailable where that fails: the journal keeps it for the next open."""
        if self._timer is not None:
            self._timer.cancel()
        with self._publishing:
            is_open, self._is_open = self._is_open, False
            try:
                if is_open and os.getpid() == self._pid:
                    self._publish()
            finally:
                self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        with _disk(self._path):
            make_folder(self._path / "journal")
            with locked(self._path / "journal" / "publish.lock"):
                if not self._publisher.exists():
                    if (self._path / "tile").exists() or not self._journal.is_empty():
                        raise Tampered("ledger.missing", f"{self._path} has entries but no checkpoint; it was removed.")
                    self._publisher.create()
                self._publisher.frontier()
        self._publish()

    def _commit(self, entries: Sequence[bytes], after: int | None = None) -> int:
        with _disk(self._path), self._appending():
            if after not in (None, self._journal.size):
                what = f"The ledger has {self._journal.size} entries, not {after}: somebody else appended."
                raise Conflict("ledger.moved-on", what, "Look what they appended, then go on.")
            first = self._journal.append(entries)
            self._unpublished += sum(map(len, entries))
            return first

    def _publish(self) -> tuple[bytes, Checkpoint]:
        with self._publishing, _disk(self._path), locked(self._path / "journal" / "publish.lock"):
            _, checkpoint = self._publisher.current()
            with self._appending():
                size, pending = self._journal.size, self._unpublished
            if size > checkpoint.size:
                self._publisher.extend(self._journal.read(checkpoint.size, size))
                self._journal.trim(size)
            self._unpublished -= pending
            return self._publisher.current()

    @contextmanager
    def _appending(self) -> Iterator[None]:
        """Hold the append lock, with the journal as far as any process has written it."""
        with self._committing, locked(self._path / "journal" / "append.lock"):
            self._journal.refresh(self._publisher.current()[1].size)
            yield

    def _covering(self, size: int, index: int) -> tuple[bytes, Checkpoint]:
        """A checkpoint over at least `size` entries; FixInput where there are fewer."""
        self._check_usable()
        note, checkpoint = self._publisher.current()
        if size > checkpoint.size:
            note, checkpoint = self._publish()
        if index < 0 or size > checkpoint.size:
            raise FixInput("ledger.index", f"The log has {checkpoint.size} entries; there is no index {index}.")
        return note, checkpoint

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._is_open or os.getpid() != self._pid:
            raise FixInput("ledger.closed", f"The ledger {self._path} is closed here.", "Open it, after any fork.")

    def _schedule(self) -> None:
        if self._timer is None and self._is_open:
            self._timer = threading.Timer(self._publish_every, self._publish_in_background)
            self._timer.daemon = True
            self._timer.start()

    def _publish_in_background(self) -> None:
        self._timer = None
        try:
            with self._publishing:
                if self._is_open:
                    self._publish()
        except Unavailable:
            self._schedule()  # the journal holds the entries; try again until there is room
        except Tampered as error:
            self._failure = error


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "ledger.disk",
            f"The ledger {path} cannot be written or read: {error.strerror}.",
            "Make room or mend the disk, then do the same again. Nothing that was acknowledged is lost.",
        ) from error
