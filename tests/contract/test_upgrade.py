"""A database of an earlier schema, with what people did in it, is brought up to date and loses nothing."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, insert, select

from holdfast.domain.account import Profile
from holdfast.domain.errors import FixInput
from holdfast.domain.person import Comment, Person, Token
from holdfast.domain.system import System
from holdfast.flows.people import TOKEN, WELCOME
from holdfast.flows.sequence import sequence
from holdfast.ledger.acts import reconcile
from holdfast.ledger.log import Log
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.engine import open_engine
from holdfast.storage.keys import load_or_create
from holdfast.storage.schema import current, upgrade
from holdfast.storage.sql import SqlStore
from holdfast.storage.tables import metadata

OLD = json.loads(Path(__file__).with_name("schema_0001.json").read_text(encoding="utf-8"))
"""Written by Holdfast when 0001 was the latest schema: every row, the ledger's entries, and what people know."""
KNOWN, ROWS = OLD["known"], OLD["rows"]
NOW = datetime.fromisoformat(KNOWN["at"])


def value(kept):
    return base64.b64decode(kept["base64"]) if isinstance(kept, dict) else kept


def rows_of(engine):
    """Every row by table, as the database itself describes them."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in found.tables.items()
        }


@pytest.fixture
def old(database_url):
    """An engine on a database of schema 0001, filled by its own columns."""
    engine = open_engine(database_url)
    upgrade(engine, "0001")
    found = MetaData()
    found.reflect(engine)
    with engine.execution_options(writes=True).begin() as connection:
        for name in ("acts", "records", "measurements", "profiles", "credentials", "sessions", "secrets"):
            rows = [{column: value(kept) for column, kept in row.items()} for row in ROWS[name]]
            connection.execute(insert(found.tables[name]), rows)
        if engine.dialect.name == "postgresql":
            for name, column in (("acts", "seq"), ("measurements", "id")):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), (SELECT max({column}) FROM {name}))"
                )
    yield engine
    engine.dispose()


def test_every_row_is_still_there(old):
    upgrade(old)
    after = rows_of(old)
    for name, rows in ROWS.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        wanted = [{column: value(one) for column, one in row.items()} for row in rows]
        assert sorted(map(repr, kept)) == sorted(map(repr, wanted)), name
    assert {row["totp_step"] for row in after["credentials"]} == {None}
    assert all(row["has_come"] for row in after["profiles"])


def test_people_sign_in_and_their_sessions_tokens_and_links_hold(old):
    upgrade(old)
    accounts = SqlAccounts(SqlStore(old), KNOWN["installation_secret"].encode())
    code = pyotp.TOTP(KNOWN["totp"]).at(NOW)
    assert accounts.session(KNOWN["session"], NOW).person == "risk"
    assert accounts.check("owner@example.org", KNOWN["password"], "", NOW) == "owner"
    assert accounts.check("risk@example.org", KNOWN["password"], "", NOW) is None
    assert accounts.check("risk@example.org", KNOWN["password"], code, NOW) == "risk"
    assert accounts.subject(TOKEN, KNOWN["token"], NOW).startswith("t-")
    assert accounts.subject(WELCOME, KNOWN["link"], NOW).startswith("p-")
    accounts.add(Profile("new", "New", "new@example.org"))


def test_the_rows_fit_the_ledger_and_work_goes_on(old, tmp_path):
    upgrade(old)
    store = SqlStore(old)
    with Log(tmp_path / "ledger", load_or_create(tmp_path / "key.pem", "test/ledger"), "test/ledger") as ledger:
        ledger.append([entry.encode() for entry in OLD["entries"]])
        pending = [row for row in ROWS["acts"] if row["ledger_index"] is None]
        assert sequence(store, ledger) == len(pending) == 2
        size, _ = ledger.head()
        with store.snapshot() as rows:
            found = reconcile(ledger.read(0, size), rows.acts, rows.heads, now=NOW + timedelta(minutes=1))
    assert (found.acts, found.pending, found.records) == (len(ROWS["acts"]), 0, len(ROWS["records"]))
    assert [kept.revision for kept in store.history(System, _system())] == [1, 2]
    assert {kept.record.text for kept in store.list(Comment).items} == {"Übergabe: ✓", "not in the ledger yet"}
    assert store.count(Person, state="active") == 11
    assert store.count(Token) == 1


def _system() -> str:
    return next(row["key"] for row in ROWS["records"] if row["kind"] == "system")


def test_the_tables_are_those_that_the_code_describes(old):
    upgrade(old)
    with old.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(old):
    upgrade(old)
    before = rows_of(old)
    upgrade(old)
    assert rows_of(old) == before


def test_code_that_is_older_than_the_database_says_so(old):
    upgrade(old)
    with old.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FixInput, match="schema 9999, which is newer") as error:
        upgrade(old)
    assert (error.value.code, "newer Holdfast" in error.value.hint) == ("store.newer-schema", True)
    assert current(old) == "9999"
