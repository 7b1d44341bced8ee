"""Who of several processes is the one to do something: on one machine by a file, on several by PostgreSQL."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from holdfast.domain.errors import Unavailable


@contextmanager
def one_process(engine: Engine, number: int, name: str) -> Iterator[Callable[[], bool]]:
    """A function that says whether the caller is the one, now, of all processes on this database; until the block or
    the process ends. `number` is the lock's in PostgreSQL, `name` its file's beside SQLite. Unavailable where the
    database cannot be reached.
    """
    if engine.dialect.name != "postgresql":
        with _file_lock(Path(f"{engine.url.database}.{name}")) as mine:
            yield lambda: mine
        return
    with _connected(engine) as connection:
        # PostgreSQL frees the lock when the connection is lost, so it is asked each time whether it is still there.
        mine = _ask(connection, f"SELECT pg_try_advisory_lock({number})")
        try:
            yield lambda: mine and _ask(connection, "SELECT true")
        finally:
            if mine:
                _ask(connection, f"SELECT pg_advisory_unlock({number})")


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise Unavailable("store.unreachable", "The database did not answer.", "Look at the database.") from error
    with connection.execution_options(isolation_level="AUTOCOMMIT"):
        yield connection


def _ask(connection: Connection, question: str) -> bool:
    try:
        return bool(connection.exec_driver_sql(question).scalar())
    except OperationalError:
        return False


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    """Whether the lock on `path` is the caller's, until the block or the process ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
