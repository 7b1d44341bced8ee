"""Batches of counts in the database, and which files they were counted from: each file once, whatever is killed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from sqlalchemy import Connection, delete, insert, select

from holdfast import canonical
from holdfast.domain.watch import Batch
from holdfast.storage.locks import one_process
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import batches, counted, looks

LOCK = 0x62617463
"""The number of the lock in PostgreSQL: ``batc`` in ASCII."""

Plus = Callable[[Batch, Batch], Batch]


class SqlBatches:
    """Implements `ports.Batches` in the control plane's database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def begin(self, release: str, asked: str) -> None:
        """Go on with what was counted by `asked`; what was counted otherwise is forgotten."""
        with self._store.begin(writes=True) as connection:
            known = connection.execute(select(looks.c.asked).where(looks.c.release == release)).scalar()
            if known == asked:
                return
            for table in (batches, counted, looks):
                connection.execute(delete(table).where(table.c.release == release))
            connection.execute(insert(looks).values(release=release, asked=asked, body=b""))

    def counted(self, release: str) -> frozenset[str]:
        """The digests of the files whose rows are in the batches."""
        with self._store.begin() as connection:
            return frozenset(connection.execute(select(counted.c.file).where(counted.c.release == release)).scalars())

    def add(self, release: str, found: Mapping[str, Batch], files: Collection[str], plus: Plus) -> bool:
        """Add what `files` held, by the batch's start, all at once; False, and nothing is added, where one is in."""
        with self._store.begin(writes=True) as connection:
            if self._known(connection, release, files):
                return False
            self._mark(connection, release, files)
            for start, batch in found.items():
                before = self._body(connection, release, start)
                self._put(connection, release, batch if before is None else plus(_decoded(before), batch))
            return True

    def replace(self, release: str, day: str, found: Mapping[str, Batch], files: Collection[str]) -> None:
        """Put what a `day` holds, counted anew from these files and all before them, in the place of what was known."""
        with self._store.begin(writes=True) as connection:
            self._mark(connection, release, files)
            of_day = batches.c.start.startswith(day, autoescape=True)
            connection.execute(delete(batches).where(batches.c.release == release, of_day))
            for batch in found.values():
                self._put(connection, release, batch)

    def all(self, release: str) -> tuple[Batch, ...]:
        """Every batch of a release, the oldest first."""
        wanted = select(batches.c.body).where(batches.c.release == release).order_by(batches.c.start)
        with self._store.begin() as connection:
            bodies = connection.execute(wanted).scalars().all()
        return tuple(_decoded(body) for body in bodies)

    def keep_look(self, release: str, body: bytes) -> None:
        """Keep what watching showed."""
        with self._store.begin(writes=True) as connection:
            change = looks.update().where(looks.c.release == release).values(body=zlib.compress(body, 6))
            connection.execute(change)

    def look(self, release: str) -> bytes:
        """What watching last showed; empty where nobody has looked."""
        with self._store.begin() as connection:
            body = connection.execute(select(looks.c.body).where(looks.c.release == release)).scalar()
        return zlib.decompress(body) if body else b""

    def lock(self) -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one who counts, now."""
        return one_process(self._store.engine, LOCK, "batches")

    def _known(self, connection: Connection, release: str, files: Collection[str]) -> set[str]:
        here = counted.c.release == release, counted.c.file.in_(list(files))
        return set(connection.execute(select(counted.c.file).where(*here)).scalars())

    def _mark(self, connection: Connection, release: str, files: Collection[str]) -> None:
        """Note that these files are in."""
        fresh = sorted(set(files) - self._known(connection, release, files))
        if fresh:
            connection.execute(insert(counted), [{"release": release, "file": file} for file in fresh])

    def _body(self, connection: Connection, release: str, start: str) -> bytes | None:
        place = batches.c.release == release, batches.c.start == start
        return connection.execute(select(batches.c.body).where(*place)).scalar()

    def _put(self, connection: Connection, release: str, batch: Batch) -> None:
        connection.execute(delete(batches).where(batches.c.release == release, batches.c.start == batch.start))
        body = zlib.compress(canonical.encode(batch), 6)
        connection.execute(insert(batches).values(release=release, start=batch.start, body=body))


def _decoded(body: bytes) -> Batch:
    batch: Batch = canonical.decode(Batch, zlib.decompress(body))
    return batch
