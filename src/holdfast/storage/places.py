"""Small notes on how far something went, in the database, and a lock for whoever writes them."""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import insert, select, update

from holdfast.storage.locks import one_process
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import places

LOCK = 0x706C6163
"""The number of the lock in PostgreSQL: ``plac`` in ASCII."""


class SqlPlaces:
    """Implements `ports.Places` for all processes on one database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def get(self, key: str) -> bytes | None:
        """The note under `key`; None where there is none."""
        with self._store.begin() as connection:
            return connection.execute(select(places.c.note).where(places.c.key == key)).scalar()

    def put(self, key: str, note: bytes) -> None:
        """Keep a note, whole or not at all; Unavailable where the database cannot be reached."""
        change = update(places).where(places.c.key == key).values(note=note)
        with self._store.begin(writes=True) as connection:
            if connection.execute(change).rowcount == 0:
                connection.execute(insert(places).values(key=key, note=note))

    def lock(self, what: str = "places") -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one who may write notes on `what`, now."""
        number = LOCK if what == "places" else zlib.crc32(what.encode())
        return one_process(self._store.engine, number, what)

    def adopt(self, folder: Path, keys: Iterable[str]) -> None:
        """Take over the notes that an earlier Holdfast kept as files in `folder`; the folder goes."""
        if not folder.is_dir():
            return
        for key in keys:
            file = folder / hashlib.sha256(key.encode()).hexdigest()[:32]
            if file.exists() and self.get(key) is None:
                self.put(key, file.read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
