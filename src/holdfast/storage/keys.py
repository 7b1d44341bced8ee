"""The installation's signing key: an Ed25519 private key in a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from holdfast.domain.errors import FixInput, Unavailable


class Ed25519Signer:
    """Implements `ports.Signer` (RFC 8032)."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._name = name
        self._key = key

    @property
    def name(self) -> str:
        """The key's name, as it stands in signed notes."""
        return self._name

    def public_bytes(self) -> bytes:
        """The raw 32-byte public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature."""
        return self._key.sign(message)


def load_or_create(path: Path, name: str) -> Ed25519Signer:
    """The signer whose key lies at `path` (PEM, PKCS #8, mode 0600); made there on the first call.

    Two processes that start together end up with the same key. FixInput for a key that others may read or that is no
    Ed25519 key; Unavailable where the key cannot be read or written.
    """
    try:
        if not path.exists():
            _create(path)
        return Ed25519Signer(name, _load(path))
    except OSError as error:
        raise Unavailable(
            "key.file", f"The key {path} cannot be read or written: {error.strerror}.", "Check the folder's rights."
        ) from error


def _load(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        pem = file.read()
    if mode & 0o077:
        raise FixInput(
            "key.rights",
            f"The key {path} may be read or written by others (mode {mode:04o}).",
            f"Run chmod 600 {path}; if others may have read it, replace it.",
        )
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise FixInput("key.format", f"{path} is no unencrypted PEM key.", "Restore it from a backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FixInput("key.kind", f"{path} is no Ed25519 key.", "Name another file, or remove this one.")
    return key


def _create(path: Path) -> None:
    """Write a new key under a name of its own, then link it into place: the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _keep_out_of_git(path)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_out_of_git(path: Path) -> None:
    """A `.gitignore` beside the key; one that is there already gets a line for the key if it has none."""
    ignore = path.parent / ".gitignore"
    lines = ignore.read_text().splitlines() if ignore.exists() else None
    if lines is None:
        ignore.write_text("*\n")
    elif not {"*", path.name, f"/{path.name}"} & set(lines):
        with ignore.open("a") as file:
            file.write(f"\n/{path.name}\n")
