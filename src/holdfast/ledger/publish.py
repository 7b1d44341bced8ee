"""Bringing entries from the journal into tiles under a signed checkpoint, in an order that survives any crash."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from holdfast.domain.errors import Tampered
from holdfast.ledger.files import DurableFiles, replace
from holdfast.ledger.merkle import EMPTY_ROOT, WIDTH, Frontier, leaf_hash
from holdfast.ledger.note import Checkpoint, Key, NoteSigner, open_checkpoint
from holdfast.ledger.tiles import encode_bundle, read_entries, read_hashes, tile_name


class Publisher:
    """The tiles and the checkpoint of one log. Whoever calls `create` or `extend` holds the log's publish lock."""

    def __init__(self, log: Path, signer: NoteSigner, origin: str) -> None:
        self._log = log
        self._signer = signer
        self._origin = origin
        self._key = Key(signer.name, signer.public_bytes())
        self._known: tuple[bytes, Checkpoint] | None = None
        self._frontier: Frontier | None = None

    def exists(self) -> bool:
        """Whether there is a checkpoint."""
        return (self._log / "checkpoint").exists()

    def create(self) -> None:
        """Start an empty log with a checkpoint of size 0."""
        self._sign(Checkpoint(self._origin, 0, EMPTY_ROOT))

    def current(self) -> tuple[bytes, Checkpoint]:
        """The signed note on disk and what it says; Tampered where it is gone, not ours or of another log."""
        try:
            note = (self._log / "checkpoint").read_bytes()
        except FileNotFoundError as error:
            raise Tampered("ledger.missing", f"The checkpoint of {self._log} is gone.") from error
        known = self._known
        if known is None or known[0] != note:
            checkpoint = open_checkpoint(note, self._key)
            if checkpoint.origin != self._origin:
                raise Tampered("ledger.origin", f"{self._log} is the log {checkpoint.origin!r}, not {self._origin!r}.")
            self._known = known = (note, checkpoint)
        return known

    def extend(self, entries: Iterable[bytes]) -> None:
        """Add entries after those under the current checkpoint.

        Tiles are written whole, synced and named before the checkpoint is, and entries are durable in the journal
        before that. So after a crash every file that the checkpoint needs is there, and the rest is written again.
        """
        frontier = self.frontier()
        self._frontier = None
        start = frontier.size
        with DurableFiles() as files:
            self._write_tiles(frontier, entries, files)
        self._sign(Checkpoint(self._origin, frontier.size, frontier.root()))
        self._frontier = frontier
        self._drop_partials(start, frontier.size)

    def _write_tiles(self, frontier: Frontier, entries: Iterable[bytes], files: DurableFiles) -> None:
        start = frontier.size
        bundle = self._last_bundle(start)
        for entry in entries:
            bundle.append(entry)
            if len(bundle) == WIDTH:
                self._write_bundle(frontier, bundle, files)
                bundle = []
        if bundle:
            self._write_bundle(frontier, bundle, files)
        for level, index, hashes in frontier.partial():
            if start >> 8 * level != frontier.size >> 8 * level:
                files.put(self._log / tile_name(level, index, len(hashes)), b"".join(hashes))

    def _write_bundle(self, frontier: Frontier, bundle: Sequence[bytes], files: DurableFiles) -> None:
        """The last bundle, and the tiles that it fills."""
        files.put(self._log / tile_name("entries", frontier.size // WIDTH, len(bundle)), encode_bundle(bundle))
        for level, index, hashes in frontier.extend([leaf_hash(e) for e in bundle[frontier.size % WIDTH :]]):
            files.put(self._log / tile_name(level, index), b"".join(hashes))

    def frontier(self) -> Frontier:
        """The right edge of the tree under the current checkpoint; Tampered where its tiles do not hash to the root."""
        _, checkpoint = self.current()
        if self._frontier is None or self._frontier.size != checkpoint.size:
            size = checkpoint.size
            edges: list[list[bytes]] = []
            while size >> 8 * len(edges):
                count = size >> 8 * len(edges)
                width = count % WIDTH
                edges.append(read_hashes(self._log, len(edges), count // WIDTH, width) if width else [])
            self._frontier = Frontier(size, edges)
        if self._frontier.root() != checkpoint.root:
            raise Tampered(
                "ledger.root",
                f"The last tiles of {self._log} do not hash to the root that its checkpoint signs.",
                "Run python -m holdfast.ledger.verify to see which file was changed.",
            )
        return self._frontier

    def _last_bundle(self, size: int) -> list[bytes]:
        width = size % WIDTH
        if not width:
            return []
        name, entries = read_entries(self._log, size // WIDTH, width)
        leaves = read_hashes(self._log, 0, size // WIDTH, width)
        if [leaf_hash(entry) for entry in entries] != leaves:
            raise Tampered("ledger.entry", f"{name} does not match its tile: an entry was changed.")
        return entries

    def _sign(self, checkpoint: Checkpoint) -> None:
        note = sign_checkpoint(checkpoint, self._signer)
        replace(self._log / "checkpoint", note)
        self._known = (note, checkpoint)

    def _drop_partials(self, start: int, size: int) -> None:
        """Remove partial tiles whose full tile is now there, as C2SP tlog-tiles allows."""
        for level in range(8):
            index = start >> 8 * (level + 1)
            if index < size >> 8 * (level + 1):
                for kind in (level, "entries") if level == 0 else (level,):
                    shutil.rmtree(self._log / f"{tile_name(kind, index)}.p", ignore_errors=True)


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """The signed note over a checkpoint."""
    key = Key(signer.name, signer.public_bytes())
    signature = base64.b64encode(key.id + signer.sign(checkpoint.text.encode())).decode()
    return f"{checkpoint.text}\n— {key.name} {signature}\n".encode()
