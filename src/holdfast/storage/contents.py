"""What must not lie open: in the database, sealed under keys that lie elsewhere."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from holdfast.canonical import digest_bytes
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import contents, prompts


class Keys(Protocol):
    """Keys by name, each destroyed on its own."""

    def seal_bytes(self, name: str, data: bytes) -> bytes:
        """The data under the key called `name`, which is made where there is none."""

    def open_bytes(self, name: str, sealed: bytes) -> bytes | None:
        """The data again; None where its key was destroyed."""

    def erase(self, pseudonym: str, at: str) -> bool:
        """Destroy a key, durably."""


class SqlContents:
    """Implements `ports.Contents`. A copy of the database, however old, opens nothing whose key was destroyed.

    A `table` has the columns of `storage.tables.contents`; `what` begins the names of the keys of what it holds.
    """

    def __init__(self, store: SqlStore, keys: Keys, table: Table, what: str) -> None:
        self._store = store
        self._keys = keys
        self._table = table
        self._what = what

    @classmethod
    def of_reviews(cls, store: SqlStore, keys: Keys) -> SqlContents:
        """What people look at to decide about somebody."""
        return cls(store, keys, contents, "review")

    @classmethod
    def of_prompts(cls, store: SqlStore, keys: Keys) -> SqlContents:
        """The texts of prompts, by their digests."""
        return cls(store, keys, prompts, "prompt")

    def put(self, key: str, subject: str, content: bytes) -> str:
        """Keep content about a subject; the digest of its sealed form. What is kept under this key already stays."""
        sealed = self._sealed(key)
        if sealed is None:
            sealed = self._keys.seal_bytes(self._name(key), content)
            try:
                with self._store.begin(writes=True) as connection:
                    connection.execute(insert(self._table).values(key=key, subject=subject, sealed=sealed))
            except IntegrityError:  # somebody else was quicker with the same
                sealed = self._sealed(key) or sealed
        return digest_bytes(sealed)

    def get(self, key: str) -> bytes | None:
        """The content; None where it was dropped, or its key was destroyed."""
        sealed = self._sealed(key)
        return None if sealed is None else self._keys.open_bytes(self._name(key), sealed)

    def drop(self, key: str, at: str) -> None:
        """Destroy its key as of `at`, then take the row out: a crash in between leaves what nobody can read."""
        self._keys.erase(self._name(key), at)
        with self._store.begin(writes=True) as connection:
            connection.execute(delete(self._table).where(self._table.c.key == key))

    def keys(self, subject: str = "") -> tuple[str, ...]:
        """Whatever is kept, or what is about a subject."""
        contents = self._table
        query = select(contents.c.key).order_by(contents.c.key)
        with self._store.begin() as connection:
            found = connection.execute(query.where(contents.c.subject == subject) if subject else query)
            return tuple(found.scalars())

    def _sealed(self, key: str) -> bytes | None:
        with self._store.begin() as connection:
            return connection.execute(select(self._table.c.sealed).where(self._table.c.key == key)).scalar()

    def _name(self, key: str) -> str:
        return f"{self._what}:{key}"
