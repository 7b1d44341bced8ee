"""The tables of the control plane."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acts",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("verb", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("record", sa.String(length=80), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("at", sa.String(length=30), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("ledger_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_acts")),
        sa.UniqueConstraint("id", name=op.f("uq_acts_id")),
        sa.UniqueConstraint("kind", "key", "revision", name=op.f("uq_acts_kind_key_revision")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_acts_ledger_index")),
    )
    with op.batch_alter_table("acts", schema=None) as batch_op:
        batch_op.create_index("ix_acts_actor_seq", ["actor", "seq"], unique=False)
        batch_op.create_index(
            "ix_acts_pending",
            ["seq"],
            unique=False,
            sqlite_where=sa.text("ledger_index IS NULL"),
            postgresql_where=sa.text("ledger_index IS NULL"),
        )

    op.create_table(
        "credentials",
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_credentials")),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("evidence", sa.String(length=80), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("release", sa.String(length=80), nullable=False),
        sa.Column("measure", sa.String(length=120), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
    )
    with op.batch_alter_table("measurements", schema=None) as batch_op:
        batch_op.create_index("ix_measurements_evidence", ["evidence"], unique=False)
        batch_op.create_index("ix_measurements_trend", ["system", "measure", "taken_at"], unique=False)

    op.create_table(
        "profiles",
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_profiles")),
        sa.UniqueConstraint("email", name=op.f("uq_profiles_email")),
    )
    op.create_table(
        "secrets",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_secrets")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=30), nullable=False),
        sa.Column("seen_at", sa.String(length=30), nullable=False),
        sa.Column("expires_at", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_person", ["person"], unique=False)

    op.create_table(
        "records",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("about", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("at", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["acts.seq"], name=op.f("fk_records_seq")),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_records")),
    )
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.create_index("ix_records_about", ["kind", "about", "at"], unique=False)
        batch_op.create_index("ix_records_at", ["kind", "at", "key"], unique=False)
        batch_op.create_index("ix_records_state", ["kind", "state", "at"], unique=False)
        batch_op.create_index("ix_records_system", ["kind", "system", "at"], unique=False)
        batch_op.create_index("ix_records_title", ["kind", "title", "key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.drop_index("ix_records_title")
        batch_op.drop_index("ix_records_system")
        batch_op.drop_index("ix_records_state")
        batch_op.drop_index("ix_records_at")
        batch_op.drop_index("ix_records_about")

    op.drop_table("records")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sessions_person")

    op.drop_table("sessions")
    op.drop_table("secrets")
    op.drop_table("profiles")
    with op.batch_alter_table("measurements", schema=None) as batch_op:
        batch_op.drop_index("ix_measurements_trend")
        batch_op.drop_index("ix_measurements_evidence")

    op.drop_table("measurements")
    op.drop_table("credentials")
    with op.batch_alter_table("acts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_acts_pending",
            sqlite_where=sa.text("ledger_index IS NULL"),
            postgresql_where=sa.text("ledger_index IS NULL"),
        )
        batch_op.drop_index("ix_acts_actor_seq")

    op.drop_table("acts")
