"""Moments to which a cell's database can be brought back, each with the version of the master key that it needs (I7)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, and what a cell must say for it."""
    op.add_column("cells", sa.Column("master_key_version", sa.Text(), server_default="", nullable=False))
    op.add_column("cells", sa.Column("data_since", sa.Double(), nullable=True))
    op.create_table(
        "restore_points",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("db_time", sa.Double(), nullable=False),
        sa.Column("files_time", sa.Double(), nullable=True),
        sa.Column("master_key", sa.Text(), nullable=False),
        sa.Column("master_key_version", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("operation", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "kind IN ('point_in_time', 'before_upgrade', 'final_snapshot', 'kept_backups')",
            name="restore_points_kind",
        ),
        sa.CheckConstraint("state IN ('expected', 'there')", name="restore_points_state"),
        sa.CheckConstraint("location <> '' AND (expires IS NULL OR expires > db_time)", name="restore_points_moment"),
        sa.CheckConstraint("master_key <> '' AND master_key_version <> ''", name="i7_restore_point_names_its_key"),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="restore_points_cell_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="restore_points_pkey"),
        sa.UniqueConstraint(
            "cell_id", "incarnation", "kind", "location", "master_key_version", "operation", name="restore_points_key"
        ),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("restore_points")
    with op.batch_alter_table("cells") as batch:
        batch.drop_column("data_since")
        batch.drop_column("master_key_version")
