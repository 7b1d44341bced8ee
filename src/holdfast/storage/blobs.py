"""Bytes by their digest, one file each: what records name, too large or too secret for a row."""

from __future__ import annotations

from pathlib import Path

from holdfast.canonical import digest_bytes
from holdfast.domain.errors import Absent, Tampered
from holdfast.storage.cache import write_atomically


class FileBlobs:
    """Implements `ports.Blobs`: files under `folder`, named by SHA-256, written whole and synced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest (``sha256:<hex>``)."""
        digest = digest_bytes(data)
        if not self._path(digest).exists():
            write_atomically(self._path(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes under `digest`; Absent where there are none, Tampered where they are not what the digest says."""
        try:
            data = self._path(digest).read_bytes()
        except OSError as error:
            raise Absent("blob.absent", f"Nothing is kept under {digest[:19]}.", "Restore it from a backup.") from error
        if digest_bytes(data) != digest:
            raise Tampered(
                "blob.changed", f"What is kept under {digest[:19]} was changed.", "Restore it from a backup."
            )
        return data

    def _path(self, digest: str) -> Path:
        hex = digest.removeprefix("sha256:")
        if len(hex) != 64 or not set(hex) <= set("0123456789abcdef"):
            raise Absent("blob.name", f"{digest[:80]!r} is no digest.", "It starts sha256: and has 64 hex digits.")
        return self._folder / hex[:2] / hex[2:]
