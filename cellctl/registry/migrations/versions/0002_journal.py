"""What was done and who may do what: operations, events that only grow, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "operations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), server_default="", nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("plan_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("spec_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("began", sa.Double(), nullable=False),
        sa.Column("ended", sa.Double(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (ended IS NULL)", name="operations_ended"),
        sa.CheckConstraint("state <> 'succeeded' OR gate <> ''", name="i10_success_has_a_gate"),
        sa.CheckConstraint(
            "state IN ('running', 'succeeded', 'nothing', 'failed', 'interrupted', 'refused', 'lost')",
            name="operations_state",
        ),
        sa.CheckConstraint(
            "target_kind IN ('cell', 'reef', 'host', 'gateway', 'registry')", name=("operations_target_kind")
        ),
        sa.CheckConstraint("attempt >= 1", name="operations_attempt"),
        sa.PrimaryKeyConstraint("id", name="operations_pkey"),
    )
    op.create_index("operations_account_target_began_idx", "operations", ["account", "target", "began"], unique=False)
    op.create_index(
        "operations_one_running",
        "operations",
        ["account", "target_kind", "target"],
        unique=True,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="events_operation_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="events_pkey"),
    )
    op.create_index("events_account_target_id_idx", "events", ["account", "target", "id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("expires_uptime", sa.Double(), nullable=False),
        sa.Column("ttl_s", sa.Double(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("pid_space", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_start", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.CheckConstraint("token >= 1 AND ttl_s > 0", name="leases_numbers"),
        sa.PrimaryKeyConstraint("account", "cell", name="leases_pkey"),
    )
    _only_grow()


def downgrade() -> None:
    """Drop them."""
    _may_shrink()
    op.drop_table("leases")
    op.drop_table("events")
    op.drop_table("operations")


def _only_grow() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb} BEFORE {verb} ON events"
                " BEGIN SELECT RAISE(ABORT, 'constraint failed: events_only_grow'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION events_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'events only grow' USING ERRCODE = 'check_violation', CONSTRAINT = 'events_only_grow';"
        " END $$"
    )
    op.execute(
        "CREATE TRIGGER events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON events"
        " FOR EACH STATEMENT EXECUTE FUNCTION events_only_grow()"
    )


def _may_shrink() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP TRIGGER events_only_grow ON events")
        op.execute("DROP FUNCTION events_only_grow()")
