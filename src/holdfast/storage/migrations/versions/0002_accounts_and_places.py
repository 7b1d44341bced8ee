"""One-use codes, who ever came, answers to forms, and how far webhooks were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=True))
    # Schema 0001 did not note who came through an identity provider: whoever may have come counts as come.
    with op.batch_alter_table("profiles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("has_come", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        "places",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_places")),
    )
    op.create_table(
        "answers",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_answers")),
    )
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.create_index("ix_answers_expires_at", ["expires_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.drop_index("ix_answers_expires_at")

    op.drop_table("answers")
    op.drop_table("places")
    with op.batch_alter_table("profiles", schema=None) as batch_op:
        batch_op.drop_column("has_come")
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.drop_column("totp_step")
