"""What there is: reefs, hosts, gateways, slots, cells, nodes, and who has what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reefs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("max_cells", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("kind IN ('shared', 'dedicated')", name="reefs_kind"),
        sa.CheckConstraint("max_cells >= 1 AND (kind <> 'dedicated' OR max_cells = 1)", name="reefs_max_cells"),
        sa.CheckConstraint("state IN ('planned', 'in_service', 'cordoned', 'retired')", name="reefs_state"),
        sa.PrimaryKeyConstraint("id", name="reefs_pkey"),
        sa.UniqueConstraint("account", "name", "kind", name="reefs_account_name_kind_key"),
        sa.UniqueConstraint("id", "account", "cloud", "region", name="reefs_id_account_cloud_region_key"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), server_default="", nullable=False),
        sa.Column("ha_mode", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), server_default="", nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("reserve", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("ha_mode IN ('single', 'mirroring', 'always_on', 'zone_redundant')", name=("hosts_ha_mode")),
        sa.CheckConstraint("kind IN ('rds', 'azure_sql')", name="hosts_kind"),
        sa.CheckConstraint(
            "state IN ('planned', 'creating', 'in_service', 'cordoned', 'draining', 'retired')",
            name="hosts_state",
        ),
        sa.CheckConstraint("capacity >= 1 AND reserve >= 0 AND reserve < capacity", name="i4_hosts_reserve"),
        sa.ForeignKeyConstraint(["reef_id"], ["reefs.id"], name="hosts_reef_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="hosts_pkey"),
        sa.UniqueConstraint("id", "reef_id", name="hosts_id_reef_id_key"),
        sa.UniqueConstraint("reef_id", "name", name="hosts_reef_id_name_key"),
    )
    op.create_table(
        "gateways",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="", nullable=False),
        sa.Column("max_slots", sa.Integer(), nullable=False),
        sa.Column("object_id", sa.Text(), server_default="", nullable=False),
        sa.Column("instance_id", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("dns_name", sa.Text(), server_default="", nullable=False),
        sa.Column("deprecation_date", sa.Text(), server_default="", nullable=False),
        sa.Column("step_cursor", sa.Text(), server_default="", nullable=False),
        sa.Column("health", sa.Text(), server_default="ok", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "health IN ('ok', 'degraded', 'offline', 'update_pending', 'failed')", name=("gateways_health")
        ),
        sa.CheckConstraint("kind IN ('storage_gateway', 'storage_account')", name="gateways_kind"),
        sa.CheckConstraint("protocol IN ('smb', 'nfs')", name="gateways_protocol"),
        sa.CheckConstraint(
            "state IN ('planned', 'stack_creating', 'booted', 'activated', 'cache_ready', 'shares_creating', 'probing', 'in_service', 'cordoned', 'draining', 'replacing', 'retiring', 'retired')",
            name="gateways_state",
        ),
        sa.CheckConstraint("max_slots >= 1", name="gateways_max_slots"),
        sa.ForeignKeyConstraint(["reef_id"], ["reefs.id"], name="gateways_reef_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="gateways_pkey"),
        sa.UniqueConstraint("id", "reef_id", name="gateways_id_reef_id_key"),
        sa.UniqueConstraint("reef_id", "name", name="gateways_reef_id_name_key"),
    )
    op.create_table(
        "database_slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), server_default="cell", nullable=False),
        sa.Column("database", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("purpose IN ('cell', 'restore')", name="database_slots_purpose"),
        sa.CheckConstraint("state <> 'bound' OR database <> ''", name="database_slots_bound"),
        sa.CheckConstraint(
            "state IN ('available', 'reserved', 'bound', 'readonly_hold', 'exported', 'retired')",
            name="database_slots_state",
        ),
        sa.CheckConstraint("number >= 1", name="database_slots_number"),
        sa.ForeignKeyConstraint(
            ["host_id", "reef_id"], ["hosts.id", "hosts.reef_id"], name=("database_slots_host_id_reef_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name="database_slots_pkey"),
        sa.UniqueConstraint("host_id", "number", name="database_slots_host_id_number_key"),
        sa.UniqueConstraint("id", "reef_id", name="database_slots_id_reef_id_key"),
    )
    op.create_index(
        "database_slots_database_key",
        "database_slots",
        ["host_id", "database"],
        unique=True,
        sqlite_where=sa.text("database <> ''"),
        postgresql_where=sa.text("database <> ''"),
    )
    op.create_table(
        "share_slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("share_id", sa.Text(), server_default="", nullable=False),
        sa.Column("share_name", sa.Text(), server_default="", nullable=False),
        sa.Column("bucket", sa.Text(), server_default="", nullable=False),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("client_list", sa.JSON(), nullable=True),
        sa.Column("client_token", sa.Text(), server_default="", nullable=False),
        sa.Column("held_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("scrub_remaining", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("state <> 'bound' OR held_data", name="i6_bound_holds_data"),
        sa.CheckConstraint(
            "state IN ('absent', 'creating', 'available', 'reserved', 'bound', 'detaching', 'quarantined', 'archiving', 'scrubbing', 'verifying', 'retired')",
            name="share_slots_state",
        ),
        sa.CheckConstraint(
            "state NOT IN ('available', 'reserved') OR NOT held_data OR (scrub_remaining IS NOT NULL AND scrub_remaining = 0)",
            name="i6_scrubbed_before_available",
        ),
        sa.CheckConstraint("number >= 1", name="share_slots_number"),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name="share_slots_gateway_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="share_slots_pkey"),
        sa.UniqueConstraint("gateway_id", "number", name="share_slots_gateway_id_number_key"),
        sa.UniqueConstraint("id", "gateway_id", name="share_slots_id_gateway_id_key"),
    )
    op.create_index(
        "i2_one_writer_share",
        "share_slots",
        ["bucket", "prefix"],
        unique=True,
        sqlite_where=sa.text("bucket <> '' AND state IN ('creating', 'available', 'reserved', 'bound', 'detaching')"),
        postgresql_where=sa.text(
            "bucket <> '' AND state IN ('creating', 'available', 'reserved', 'bound', 'detaching')"
        ),
    )
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("octopus_version", sa.Text(), server_default="", nullable=False),
        sa.Column("spec_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("licence", sa.Text(), server_default="", nullable=False),
        sa.Column("node_limit", sa.Integer(), server_default="0", nullable=False),
        sa.Column("master_key", sa.Text(), server_default="", nullable=False),
        sa.Column("holds_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("polling", sa.Text(), server_default="", nullable=False),
        sa.Column("incarnation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("NOT holds_data OR master_key <> ''", name="i7_key_before_data"),
        sa.CheckConstraint("placement IN ('dedicated', 'reef')", name="cells_placement"),
        sa.CheckConstraint(
            "state IN ('requested', 'placed', 'db_ready', 'share_ready', 'first_node', 'paths_set', 'scaled_out', 'verified', 'in_service', 'maintenance', 'upgrading', 'moving', 'restoring', 'suspended', 'decommissioning', 'retained', 'purged')",
            name="cells_state",
        ),
        sa.CheckConstraint("incarnation >= 1 AND node_limit >= 0", name="cells_numbers"),
        sa.PrimaryKeyConstraint("id", name="cells_pkey"),
        sa.UniqueConstraint("account", "name", name="cells_account_name_key"),
        sa.UniqueConstraint("id", "account", "cloud", "region", name="cells_id_account_cloud_region_key"),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("octopus_version", sa.Text(), server_default="", nullable=False),
        sa.Column("task_cap", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "state IN ('provisioning', 'mounted', 'joined', 'verified', 'active', 'draining', 'drained', 'stopped', 'deregistered', 'gone')",
            name="nodes_state",
        ),
        sa.CheckConstraint("ordinal >= 1 AND task_cap >= 0", name="nodes_numbers"),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="nodes_cell_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="nodes_pkey"),
        sa.UniqueConstraint("cell_id", "name", name="nodes_cell_id_name_key"),
        sa.UniqueConstraint("cell_id", "ordinal", name="nodes_cell_id_ordinal_key"),
    )
    op.create_table(
        "bindings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("reef_id", sa.Integer(), nullable=False),
        sa.Column("database_slot_id", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("tier", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("reserved_until", sa.Double(), nullable=True),
        sa.Column("until", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("until IS NULL OR until >= since", name="bindings_times"),
        sa.ForeignKeyConstraint(
            ["cell_id", "account", "cloud", "region"],
            ["cells.id", "cells.account", "cells.cloud", "cells.region"],
            name="i8_cell_in_region",
        ),
        sa.ForeignKeyConstraint(
            ["database_slot_id", "reef_id"], ["database_slots.id", "database_slots.reef_id"], name="i8_database_on_reef"
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id", "reef_id"], ["gateways.id", "gateways.reef_id"], name="i8_gateway_on_reef"
        ),
        sa.ForeignKeyConstraint(
            ["reef_id", "account", "cloud", "region"],
            ["reefs.id", "reefs.account", "reefs.cloud", "reefs.region"],
            name="i8_reef_in_region",
        ),
        sa.PrimaryKeyConstraint("id", name="bindings_pkey"),
        sa.UniqueConstraint("id", "gateway_id", name="bindings_id_gateway_id_key"),
    )
    op.create_index(
        "i1_one_binding_per_cell",
        "bindings",
        ["cell_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "i1_one_cell_per_database_slot",
        "bindings",
        ["database_slot_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "binding_shares",
        sa.Column("binding_id", sa.Integer(), nullable=False),
        sa.Column("share_slot_id", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["binding_id", "gateway_id"], ["bindings.id", "bindings.gateway_id"], name="i5_one_gateway_of_binding"
        ),
        sa.ForeignKeyConstraint(
            ["share_slot_id", "gateway_id"],
            ["share_slots.id", "share_slots.gateway_id"],
            name="i5_one_gateway_of_share",
        ),
        sa.PrimaryKeyConstraint("binding_id", "share_slot_id", name="binding_shares_pkey"),
        sa.UniqueConstraint("binding_id", "kind", name="binding_shares_binding_id_kind_key"),
    )
    op.create_index(
        "i1_one_cell_per_share_slot",
        "binding_shares",
        ["share_slot_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("binding_shares")
    op.drop_table("bindings")
    op.drop_table("nodes")
    op.drop_table("cells")
    op.drop_table("share_slots")
    op.drop_table("database_slots")
    op.drop_table("gateways")
    op.drop_table("hosts")
    op.drop_table("reefs")
