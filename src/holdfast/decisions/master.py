"""The master key, under which the keys of subjects are kept: from a file, from the environment, or held by a KMS."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.domain.errors import FixInput, Tampered, Unavailable
from holdfast.ledger.files import sync_folder

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyWrapper(Protocol):
    """Whoever holds a master key. A KMS fits: its encrypt and decrypt, with `context` as what it authenticates."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The key in a form that only `unwrap` opens; Unavailable where the KMS cannot be reached."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key; Tampered where it was not wrapped here for this context."""


class MasterKey:
    """A master key of 32 bytes in this process: AES-256-GCM (NIST SP 800-38D)."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise FixInput("master.length", f"A master key has {KEY_BYTES} bytes, this one {len(key)}.")
        self._cipher = AESGCM(key)
        self._key = key

    def derived(self, purpose: str) -> bytes:
        """A key for one purpose, 32 bytes (HKDF, RFC 5869): whoever has it learns nothing of this one."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"holdfast {purpose}".encode()).derive(self._key)

    @classmethod
    def in_file(cls, path: Path) -> MasterKey:
        """The key in a file (base64, mode 0600), made there on the first call.

        FixInput where others may read it; Unavailable where it cannot be read or written.
        """
        try:
            if not path.exists():
                _create(path)
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise FixInput("master.rights", f"Others may read the master key {path}.", f"Run chmod 600 {path}.")
            return cls.from_text(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise Unavailable("master.file", f"{path} cannot be read or written: {error.strerror}.") from error

    @classmethod
    def from_text(cls, text: str) -> MasterKey:
        """The key in base64, as an environment variable carries it."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except ValueError as error:
            raise FixInput(
                "master.format", "The master key is not base64.", "Make one: openssl rand -base64 32"
            ) from error

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """As `KeyWrapper` says."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """As `KeyWrapper` says."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag as error:
            raise Tampered(
                "master.wrapped",
                "A key does not open under this master key.",
                "Is it the master key of this installation? Restore it; without it nothing opens.",
            ) from error


def _create(path: Path) -> None:
    """The first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(temporary)
        sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
