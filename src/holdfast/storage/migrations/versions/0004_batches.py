"""What is counted of decisions, to watch them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("release", sa.String(length=80), nullable=False),
        sa.Column("start", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("release", "start", name=op.f("pk_batches")),
    )
    op.create_table(
        "counted",
        sa.Column("release", sa.String(length=80), nullable=False),
        sa.Column("file", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("release", "file", name=op.f("pk_counted")),
    )
    op.create_table(
        "looks",
        sa.Column("release", sa.String(length=80), nullable=False),
        sa.Column("asked", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("release", name=op.f("pk_looks")),
    )


def downgrade() -> None:
    for table in ("looks", "counted", "batches"):
        op.drop_table(table)
