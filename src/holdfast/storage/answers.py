"""What forms were answered, for a while, so that the same form sent again is answered alike and done once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from holdfast.domain.verdict import timestamp
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import answers

KEPT = timedelta(minutes=10)


class SqlAnswers:
    """Implements `ports.Answers`."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def claim(self, key: str, now: datetime) -> bool:
        """Whether the caller is the first under `key`, and has to answer; old answers are forgotten."""
        row = {"key": key, "sealed": None, "expires_at": timestamp(now + KEPT)}
        try:
            with self._store.begin(writes=True) as connection:
                connection.execute(delete(answers).where(answers.c.expires_at < timestamp(now)))
                connection.execute(insert(answers).values(**row))
        except IntegrityError:
            return False
        return True

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep the answer to what was claimed."""
        with self._store.begin(writes=True) as connection:
            connection.execute(update(answers).where(answers.c.key == key).values(sealed=sealed))

    def drop(self, key: str) -> None:
        """Give up a claim: whoever comes next does it anew."""
        with self._store.begin(writes=True) as connection:
            connection.execute(delete(answers).where(answers.c.key == key))

    def find(self, key: str) -> bytes | None:
        """The answer under `key`; empty while it is being made, None where nobody claims it."""
        with self._store.begin() as connection:
            row = connection.execute(select(answers.c.sealed).where(answers.c.key == key)).first()
        return None if row is None else row[0] or b""
