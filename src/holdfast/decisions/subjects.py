"""Whom decisions are about: a pseudonym for an identifier, and personal fields under a key of each subject's own.

Destroying a subject's key erases what was personal in all of its decisions (GDPR Article 17), wherever copies of the
segments lie; rows, roots and proofs stay as they were, because they cover what the fields were sealed into. Not erased
by that: the pseudonym itself, and whatever a policy does not call personal. A backup of the key store made before the
erasure still opens it together with the master key: keep such backups as briefly as the law asks.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.decisions.master import KEY_BYTES, NONCE_BYTES, KeyWrapper, MasterKey
from holdfast.domain.decision import Decision, Field
from holdfast.domain.errors import Absent, FixInput, Tampered, Unavailable

_PSEUDONYMS, _KEYS = "pseudonyms", "keys"
_CACHED = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject (pseudonym TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasure (pseudonym TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (pseudonym, at))
WITHOUT ROWID;
"""


class Subjects:
    """The keys of subjects in a SQLite file that processes of one machine share.

    Each is wrapped by a key of the file's own, and that by the master key, which is asked twice when the file is
    opened and not again. For any number of threads. Unavailable where the file cannot be read or written.
    """

    def __init__(self, path: Path, master: KeyWrapper) -> None:
        self._master = master
        self._turn = threading.RLock()
        self._ciphers: dict[bytes, AESGCM] = {}
        with _available(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            # No WAL: a page with a destroyed key would live on in it. What is deleted is overwritten.
            for pragma in ("journal_mode=TRUNCATE", "synchronous=EXTRA", "secure_delete=ON"):
                self._base.execute(f"PRAGMA {pragma}")
            self._base.executescript(_SCHEMA)
        self._path = path
        self._pseudonyms = self._secret(_PSEUDONYMS)
        self._keys = MasterKey(self._secret(_KEYS))

    def pseudonym(self, identifier: str) -> str:
        """HMAC-SHA-256 of an identifier under a key of this installation's own, as 64 hex digits."""
        return hmac.digest(self._pseudonyms, identifier.encode("utf-8"), "sha256").hex()

    def key(self, purpose: str) -> bytes:
        """A key of this installation's for one purpose, 32 bytes.

        It is derived from a master key that is at hand, so that each gateway with that key has the same; where a KMS
        holds it, it is one of this file's own.
        """
        return self._master.derived(purpose) if isinstance(self._master, MasterKey) else self._secret(purpose)

    def seal(self, decision: Decision, personal: Collection[str]) -> Decision:
        """The decision with its personal inputs and outputs (by name) sealed; as it is where it has none.

        FixInput where there is something to seal and nobody whom it is about. The first time that a subject is seen
        costs a write to the disk.
        """
        inputs, hidden = _parted(decision.inputs, personal)
        outputs, told = _parted(decision.outputs, personal)
        if not hidden and not told:
            return decision
        if not decision.subject:
            raise FixInput("subject.none", "Personal fields need a subject.", "Give the decision a pseudonym first.")
        text = json.dumps([hidden, told], ensure_ascii=False, separators=(",", ":")).encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = self._cipher(decision.subject, create=True)
        assert cipher is not None  # noqa: S101 - it was made where there was none
        sealed = nonce + cipher.encrypt(nonce, text, _context(decision))
        return replace(decision, inputs=inputs, outputs=outputs, sealed=base64.b64encode(sealed).decode())

    def seal_all(self, decisions: Sequence[Decision], personal: Collection[str]) -> list[Decision]:
        """The same for many, with one write to the disk for all subjects that were never seen."""
        with self._turn, _available(self._path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                sealed = [self.seal(decision, personal) for decision in decisions]
            except BaseException:
                self._base.execute("ROLLBACK")
                self._ciphers.clear()
                raise
            self._base.execute("COMMIT")
        return sealed

    def open(self, decision: Decision) -> Decision:
        """The decision with its sealed fields in place; Absent where the subject was erased, Tampered where changed."""
        if not decision.sealed:
            return decision
        cipher = self._cipher(decision.subject)
        if cipher is None and not self._was_erased(decision.subject):
            hint = "Ask where the gateway keeps them: `holdfast subject export`."
            raise Absent("personal.keys", "The key of this subject is not kept here.", hint)
        if cipher is None:
            raise Absent("subject.erased", "The key of this subject was destroyed.", "The fields cannot be read again.")
        try:
            sealed = base64.b64decode(decision.sealed, validate=True)
            text = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _context(decision))
        except (ValueError, InvalidTag) as error:
            if self._was_erased(decision.subject):
                raise Absent("subject.erased", "The key of this decision was destroyed.") from error
            raise Tampered("subject.sealed", f"What is sealed in {decision.id} does not open under its key.") from error
        hidden, told = json.loads(text)
        inputs = (*decision.inputs, *((name, value) for name, value in hidden))
        outputs = (*decision.outputs, *((name, value) for name, value in told))
        return replace(decision, inputs=inputs, outputs=outputs, sealed="")

    def seal_bytes(self, name: str, data: bytes) -> bytes:
        """Data under a key of its own called `name`, which is made on first use and destroyed as a subject's is."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = self._cipher(name, create=True)
        assert cipher is not None  # noqa: S101 - it was made where there was none
        return nonce + cipher.encrypt(nonce, data, name.encode())

    def open_bytes(self, name: str, sealed: bytes) -> bytes | None:
        """What `seal_bytes` sealed; None where its key was destroyed, Tampered where it was changed."""
        cipher = self._cipher(name)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except InvalidTag as error:
            raise Tampered("subject.sealed", f"What is sealed as {name} does not open under its key.") from error

    def erase(self, pseudonym: str, at: str) -> bool:
        """Destroy a subject's key, durably; whether there was one. `at` (RFC 3339) is noted with the pseudonym."""
        with self._turn, _available(self._path):
            self._base.execute("BEGIN IMMEDIATE")
            gone = self._base.execute("DELETE FROM subject WHERE pseudonym = ?", (pseudonym,)).rowcount > 0
            if gone:
                self._base.execute("INSERT OR IGNORE INTO erasure VALUES (?, ?)", (pseudonym, at))
            self._base.execute("COMMIT")
            self._ciphers.clear()
        return gone

    def export(self, pseudonym: str, decisions: Iterable[Decision]) -> Iterator[Decision]:
        """Those of the decisions that are about a subject, opened (GDPR Article 15); sealed still once it is erased."""
        for decision in decisions:
            if decision.subject == pseudonym:
                try:
                    yield self.open(decision)
                except Absent:
                    yield decision

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _was_erased(self, pseudonym: str) -> bool:
        with self._turn, _available(self._path):
            found = self._base.execute("SELECT 1 FROM erasure WHERE pseudonym = ?", (pseudonym,)).fetchone()
        return found is not None

    def _cipher(self, pseudonym: str, *, create: bool = False) -> AESGCM | None:
        """Under the subject's key, as it stands in the store now: another process may have destroyed it."""
        with self._turn, _available(self._path):
            wrapped = self._wrapped("subject", "pseudonym", pseudonym, self._keys if create else None)
            if wrapped is None:
                return None
            if wrapped not in self._ciphers:
                if len(self._ciphers) >= _CACHED:
                    self._ciphers.clear()
                self._ciphers[wrapped] = AESGCM(self._keys.unwrap(wrapped, pseudonym.encode()))
            return self._ciphers[wrapped]

    def _secret(self, name: str) -> bytes:
        """One of the installation's own keys, under the master key."""
        with self._turn, _available(self._path):
            wrapped = self._wrapped("secret", "name", name, self._master)
        assert wrapped is not None  # noqa: S101 - it was made where there was none
        return self._master.unwrap(wrapped, name.encode())

    def _wrapped(self, table: str, column: str, name: str, maker: KeyWrapper | None) -> bytes | None:
        """A key as it is kept; where there is none, `maker` wraps a new one. The first of two processes wins."""
        select = f"SELECT wrapped FROM {table} WHERE {column} = ?"  # noqa: S608 - both names are of this file
        found = self._base.execute(select, (name,)).fetchone()
        if found is None and maker is not None:
            fresh = maker.wrap(secrets.token_bytes(KEY_BYTES), name.encode())
            self._base.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (name, fresh))  # noqa: S608
            found = self._base.execute(select, (name,)).fetchone()
        return bytes(found[0]) if found else None


def _parted(fields: tuple[Field, ...], personal: Collection[str]) -> tuple[tuple[Field, ...], list[list[Any]]]:
    """The fields that stay, and those that are personal."""
    stay = tuple(field for field in fields if field[0] not in personal)
    return stay, [list(field) for field in fields if field[0] in personal and field[1] is not None]


def _context(decision: Decision) -> bytes:
    """What ties a sealed text to its decision: it opens nowhere else."""
    return f"{decision.id}\n{decision.subject}".encode()


@contextmanager
def _available(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            "subject.store", f"The keys of subjects in {path} cannot be read or written: {error}."
        ) from error
