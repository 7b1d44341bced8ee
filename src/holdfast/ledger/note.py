"""Signed notes with Ed25519 (https://c2sp.org/signed-note) and the checkpoints written in them (tlog-checkpoint)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from holdfast.domain.errors import FixInput, Tampered

ED25519 = b"\1"
_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")
_SIGNATURE = re.compile(r"— ([^\s+]+) ((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)")
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteSigner(Protocol):
    """What signs notes; `holdfast.ports.Signer` fits."""

    @property
    def name(self) -> str:
        """The key's name, as it stands in the signature line."""

    def public_bytes(self) -> bytes:
        """The raw 32-byte Ed25519 public key."""

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class Key:
    """A log's public key under its name; `public` is the raw 32 bytes."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s+\x00-\x1f]+", self.name) or len(self.public) != 32:
            raise FixInput("ledger.key", f"{self.name!r} is no key name.", "Use no space and no plus sign in it.")

    @property
    def id(self) -> bytes:
        """The four bytes that stand before a signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text, to hand to an auditor: ``name+id+key``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def from_vkey(cls, text: str) -> Key:
        """The key in a vkey; FixInput where it is none, or was cut or retyped wrongly."""
        try:
            name, id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise FixInput("ledger.key", f"{text.strip()!r} is no vkey.", "It reads name+id+key.") from error
        key = cls(name, raw[1:]) if raw[:1] == ED25519 and len(raw) == 33 else None
        if key is None or key.id.hex() != id:
            raise FixInput("ledger.key", f"The vkey of {name} does not fit its own id.", "Copy the whole line again.")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's promise: the first `size` entries have this Merkle `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def open_checkpoint(note: bytes, key: Key, *, what: str = "checkpoint") -> Checkpoint:
    """The checkpoint in a note that `key` signed; Tampered otherwise. `what` names the note in the message."""
    match = _CHECKPOINT.fullmatch(open_note(note, key, what=what))
    if match is None:
        raise Tampered("ledger.checkpoint", f"The {what} is signed but is no checkpoint: it needs origin, size, root.")
    return Checkpoint(match[1], int(match[2]), base64.b64decode(match[3]))


def open_note(note: bytes, key: Key, *, what: str = "note") -> str:
    """The text of a note; Tampered unless `key` signed it. Signatures of other keys are passed over."""
    try:
        decoded = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Tampered("ledger.note", f"The {what} is not UTF-8 text.") from error
    text, gap, signatures = decoded.rpartition("\n\n")
    lines = signatures.split("\n")
    if not gap or _FORBIDDEN.search(decoded) or lines.pop() or not lines:
        raise Tampered("ledger.note", f"The {what} is no signed note: text, an empty line, signature lines.")
    matches = [_SIGNATURE.fullmatch(line) for line in lines]
    if None in matches:
        raise Tampered("ledger.note", f"The {what} has a line among its signatures that is not one.")
    if not any([_signed_by(key, match[1], match[2], text + "\n", what) for match in matches if match]):
        raise Tampered("ledger.signature", f"The {what} carries no signature of {key.name} ({key.id.hex()}).")
    return text + "\n"


def _signed_by(key: Key, name: str, encoded: str, text: str, what: str) -> bool:
    """Whether this line is `key`'s; Tampered where it is and does not verify."""
    raw = base64.b64decode(encoded)
    if name != key.name or raw[:4] != key.id:
        return False
    if base64.b64encode(raw).decode() != encoded:
        raise Tampered("ledger.signature", f"The signature of {key.name} on the {what} has loose bits at its end.")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
    except InvalidSignature as error:
        raise Tampered("ledger.signature", f"The signature of {key.name} on the {what} does not verify.") from error
    return True
