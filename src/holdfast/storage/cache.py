"""Results on disk by the digest of everything that they depend on, authenticated with the installation's own key.

A cache that somebody edits could turn a breach into a pass, so each entry carries an HMAC-SHA256 over key and value;
one that does not verify counts as absent.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from pathlib import Path

from holdfast.domain.errors import Unavailable

TAG_BYTES = 32


class DiskCache:
    """Implements `ports.Cache`: one file an entry under `folder`, written whole or not at all."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = hashlib.sha256(b"holdfast cache" + secret).digest()

    def get(self, key: str) -> bytes | None:
        """The bytes kept under `key`; None when absent, cut short or not authentic."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        tag, value = data[:TAG_BYTES], data[TAG_BYTES:]
        return value if hmac.compare_digest(tag, self._tag(key, value)) else None

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`; Unavailable where the disk does not take it."""
        write_atomically(self._path(key), self._tag(key, value) + value)

    def _tag(self, key: str, value: bytes) -> bytes:
        return hmac.digest(self._secret, key.encode() + b"\0" + value, "sha256")

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / name[2:]


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none; Unavailable on a full or read-only disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unavailable(
            "storage.write", f"{path} cannot be written: {error.strerror}.", "Make room or rights; nothing was lost."
        ) from error
