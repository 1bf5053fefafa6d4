"""Load balancers that the cells of a reef share, and each cell's place in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_OPEN = sa.text("until IS NULL")


def _life() -> list[sa.Column[object]]:
    return [
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    ]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "balancers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), server_default="", nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        *_life(),
        sa.Column("place", sa.JSON(), nullable=True),
        sa.CheckConstraint("kind IN ('web', 'polling')", name="balancers_kind"),
        sa.CheckConstraint("state IN ('planned', 'in_service', 'cordoned', 'retired')", name="balancers_state"),
        sa.CheckConstraint("slots >= 1", name="balancers_slots"),
        sa.ForeignKeyConstraint(["reef_id"], ["reefs.id"], name="balancers_reef_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="balancers_pkey"),
        sa.UniqueConstraint("reef_id", "name", name="balancers_reef_id_name_key"),
        sa.UniqueConstraint("id", "reef_id", name="balancers_id_reef_id_key"),
    )
    op.create_table(
        "balancer_slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("balancer_id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_life(),
        sa.CheckConstraint("state IN ('available', 'reserved', 'bound', 'retired')", name="balancer_slots_state"),
        sa.CheckConstraint("number >= 1", name="balancer_slots_number"),
        sa.ForeignKeyConstraint(
            ["balancer_id", "reef_id"],
            ["balancers.id", "balancers.reef_id"],
            name="balancer_slots_balancer_id_reef_id_fkey",
        ),
        sa.PrimaryKeyConstraint("id", name="balancer_slots_pkey"),
        sa.UniqueConstraint("balancer_id", "number", name="balancer_slots_balancer_id_number_key"),
        sa.UniqueConstraint("id", "reef_id", name="balancer_slots_id_reef_id_key"),
    )
    op.create_index("bindings_id_reef_id_key", "bindings", ["id", "reef_id"], unique=True)
    op.create_table(
        "binding_balancers",
        sa.Column("binding_id", sa.Integer(), nullable=False),
        sa.Column("balancer_slot_id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
        sa.CheckConstraint("kind IN ('web', 'polling')", name="binding_balancers_kind"),
        sa.ForeignKeyConstraint(
            ["binding_id", "reef_id"], ["bindings.id", "bindings.reef_id"], name="i8_balancer_of_binding"
        ),
        sa.ForeignKeyConstraint(
            ["balancer_slot_id", "reef_id"], ["balancer_slots.id", "balancer_slots.reef_id"], name="i8_balancer_on_reef"
        ),
        sa.PrimaryKeyConstraint("binding_id", "balancer_slot_id", name="binding_balancers_pkey"),
        sa.UniqueConstraint("binding_id", "kind", name="binding_balancers_binding_id_kind_key"),
    )
    op.create_index(
        "i1_one_cell_per_balancer_slot",
        "binding_balancers",
        ["balancer_slot_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("binding_balancers")
    op.drop_index("bindings_id_reef_id_key", table_name="bindings")
    op.drop_table("balancer_slots")
    op.drop_table("balancers")
