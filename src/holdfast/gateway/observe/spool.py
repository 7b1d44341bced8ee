"""Events on the disk until they are delivered, in the order in which they came: they outlive the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import orjson

from holdfast.domain.errors import FixInput
from holdfast.flows.ocsf import Json
from holdfast.ledger.files import make_folder

_SETUP = """\
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL);
"""


class Spool:
    """The events of one gateway in the file at `path`, not more than `most`. For one writer and one reader.

    Its methods raise sqlite3.Error where the disk takes no more.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._most = path, most
        make_folder(path.parent)
        path.parent.chmod(0o700)
        try:
            with closing(self._opened()) as base:
                base.executescript(_SETUP)
                (self._kept,) = base.execute("SELECT count(*) FROM events").fetchone()
        except sqlite3.Error as error:
            hint = "Move it away: events that were not delivered yet are in it."
            raise FixInput("events.damaged", f"{path} cannot be used: {error}.", hint) from error
        self._gone = 0
        self._writer, self._reader = self._opened(), self._opened()

    @property
    def waiting(self) -> int:
        """How many are here."""
        return int(self._kept - self._gone)

    @property
    def has_room(self) -> bool:
        """Whether another one would be taken."""
        return self.waiting < self._most

    def keep(self, events: Sequence[Json]) -> int:
        """Make them durable; how many of them, where there is no room for all."""
        taken = events[: max(0, self._most - self.waiting)]
        self._writer.execute("BEGIN")
        try:
            rows = [(orjson.dumps(event),) for event in taken]
            self._writer.executemany("INSERT INTO events (event) VALUES (?)", rows)
            self._writer.execute("COMMIT")
        except sqlite3.Error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        self._kept += len(taken)
        return len(taken)

    def first(self, count: int) -> tuple[int, list[bytes]]:
        """The oldest `count` events as JSON, and the number of the last of them."""
        rows = self._reader.execute("SELECT id, event FROM events ORDER BY id LIMIT ?", (count,)).fetchall()
        return (rows[-1][0] if rows else 0), [event for _, event in rows]

    def forget(self, last: int) -> None:
        """Let go of the events up to a number."""
        self._gone += self._reader.execute("DELETE FROM events WHERE id <= ?", (last,)).rowcount

    def close(self) -> None:
        """Let the file go."""
        self._writer.close()
        self._reader.close()

    def _opened(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        base.execute("PRAGMA synchronous = FULL")
        return base
