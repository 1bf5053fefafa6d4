"""Storage accounts that a cell has besides its own: kinds of files that its file places apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add how many; cells that are there had none."""
    op.add_column("cells", sa.Column("accounts_apart", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("cells") as batch:
        batch.drop_column("accounts_apart")
