"""The tables of the control plane. `acts` is what happened and the outbox of the ledger; `records` the head of each.

The same definitions serve SQLite and PostgreSQL. A change here is a migration in `migrations/versions`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is called INTEGER."""

acts = Table(
    "acts",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("verb", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("key", String(200), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("record", String(80), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("at", String(30), nullable=False),
    Column("body", Text, nullable=False),
    Column("ledger_index", BigInteger, nullable=True, unique=True),
    UniqueConstraint("kind", "key", "revision"),
)
Index(
    "ix_acts_pending",
    acts.c.seq,
    sqlite_where=acts.c.ledger_index.is_(None),
    postgresql_where=acts.c.ledger_index.is_(None),
)
Index("ix_acts_actor_seq", acts.c.actor, acts.c.seq)

records = Table(
    "records",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("seq", Serial, ForeignKey(acts.c.seq), nullable=False),
    Column("system", String(200), nullable=False),
    Column("about", String(300), nullable=False),
    Column("state", String(40), nullable=False),
    Column("title", String(300), nullable=False),
    Column("at", String(30), nullable=False),
)
Index("ix_records_at", records.c.kind, records.c.at, records.c.key)
Index("ix_records_title", records.c.kind, records.c.title, records.c.key)
Index("ix_records_system", records.c.kind, records.c.system, records.c.at)
Index("ix_records_about", records.c.kind, records.c.about, records.c.at)
Index("ix_records_state", records.c.kind, records.c.state, records.c.at)

measurements = Table(
    "measurements",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("evidence", String(80), nullable=False),
    Column("system", String(200), nullable=False),
    Column("release", String(80), nullable=False),
    Column("measure", String(120), nullable=False),
    Column("scope", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("low", Float, nullable=True),
    Column("high", Float, nullable=True),
    Column("n", BigInteger, nullable=False),
    Column("taken_at", String(30), nullable=False),
)
Index("ix_measurements_evidence", measurements.c.evidence)
Index("ix_measurements_trend", measurements.c.system, measurements.c.measure, measurements.c.taken_at)

profiles = Table(
    "profiles",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("email", String(200), nullable=False, unique=True),
    Column("has_come", Boolean, nullable=False, default=True, server_default=true()),
)
"""Who a pseudonym is, and whether they ever signed in, or may have. Not an act: erasing a row erases the person from
here and leaves every proof valid.
"""

credentials = Table(
    "credentials",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("password", Text, nullable=False),
    Column("totp", LargeBinary, nullable=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", String(30), nullable=False, default=""),
    Column("totp_step", BigInteger, nullable=True),
)
"""How people sign in. `totp_step` is the time step of the last code that was taken; none up to it is taken again."""

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("person", String(80), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", String(30), nullable=False),
    Column("seen_at", String(30), nullable=False),
    Column("expires_at", String(30), nullable=False),
)
Index("ix_sessions_person", sessions.c.person)

secrets = Table(
    "secrets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("purpose", String(20), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("expires_at", String(30), nullable=False),
)
"""Hashes of API tokens and of one-time links, by purpose; the subject is a token's or a person's id."""

places = Table(
    "places",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("note", LargeBinary, nullable=False),
)
"""How far something went, such as what a webhook was told."""

contents = Table(
    "contents",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""What people look at to decide about somebody, sealed under keys that are not in the database."""
Index("ix_contents_subject", contents.c.subject)

prompts = Table(
    "prompts",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""The texts of prompts, by their digests, sealed in the same way; they are about nobody."""

answers = Table(
    "answers",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=True),
    Column("expires_at", String(30), nullable=False),
)
"""What a form was answered, for a while, in case it comes twice; empty while it is being answered. It is encrypted
under what was sent, which is not kept.
"""
Index("ix_answers_expires_at", answers.c.expires_at)

batches = Table(
    "batches",
    metadata,
    Column("release", String(80), primary_key=True),
    Column("start", String(20), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""What was counted of decisions, by release and span of time. Not acts: all of it can be counted again."""

counted = Table(
    "counted",
    metadata,
    Column("release", String(80), primary_key=True),
    Column("file", String(80), primary_key=True),
)
"""The segments whose rows are in a release's batches."""

looks = Table(
    "looks",
    metadata,
    Column("release", String(80), primary_key=True),
    Column("asked", String(80), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What watching a release last showed, and the digest of all that its batches were counted by."""
