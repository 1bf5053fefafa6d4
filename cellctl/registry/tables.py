"""The tables of the registry. What a database can enforce of the invariants I1 to I10 is a constraint here.

`account` is where things live: `aws:ACCOUNT`, `azure:SUBSCRIPTION`, or `sandbox:HOME`. Times are unix seconds.
`version` rises with every change of a row, so that one who read it can change it only if nobody else has.
A change of these tables is a new migration (CONTRIBUTING.md).
"""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cellctl.leases import Holder
from cellctl.registry import states
from cellctl.registry.account_table import accounts
from cellctl.registry.balancer_tables import balancer_slots, balancers, binding_balancers
from cellctl.registry.columns import flag, key, life, metadata, moment, number, one_of, place, words

__all__ = [
    "HEAD",
    "accounts",
    "balancer_slots",
    "balancers",
    "binding_balancers",
    "binding_shares",
    "bindings",
    "cells",
    "database_slots",
    "events",
    "gateways",
    "hosts",
    "leases",
    "metadata",
    "nodes",
    "operations",
    "reefs",
    "restore_points",
    "share_slots",
]

HEAD = "0008"

reefs = Table(
    "reefs",
    metadata,
    key(),
    words("account", None),
    words("cloud", None),
    words("region", None),
    words("name", None),
    words("kind", None),
    number("max_cells"),
    *life(),
    place(),
    UniqueConstraint("account", "name", "kind"),
    UniqueConstraint("id", "account", "cloud", "region"),
    one_of("reefs_kind", "kind", ("shared", "dedicated")),
    one_of("reefs_state", "state", states.REEF),
    CheckConstraint("max_cells >= 1 AND (kind <> 'dedicated' OR max_cells = 1)", name="reefs_max_cells"),
)

hosts = Table(
    "hosts",
    metadata,
    key(),
    Column("reef_id", ForeignKey("reefs.id"), nullable=False),
    words("name", None),
    words("kind", None),
    words("size"),
    words("ha_mode", None),
    words("endpoint"),
    number("capacity"),
    number("reserve"),
    *life(),
    place(),
    UniqueConstraint("reef_id", "name"),
    UniqueConstraint("id", "reef_id"),
    one_of("hosts_kind", "kind", ("rds", "azure_sql")),
    one_of("hosts_ha_mode", "ha_mode", ("single", "mirroring", "always_on", "zone_redundant")),
    one_of("hosts_state", "state", states.HOST),
    CheckConstraint("capacity >= 1 AND reserve >= 0 AND reserve < capacity", name="i4_hosts_reserve"),
)

gateways = Table(
    "gateways",
    metadata,
    key(),
    Column("reef_id", ForeignKey("reefs.id"), nullable=False),
    words("name", None),
    words("kind", None),
    words("protocol", None),
    words("zone"),
    number("max_slots"),
    words("object_id"),
    words("instance_id"),
    words("address"),
    words("dns_name"),
    words("deprecation_date"),
    words("step_cursor"),
    words("health", "ok"),
    *life(),
    place(),
    Column("judged", JSON, nullable=True),
    UniqueConstraint("reef_id", "name"),
    UniqueConstraint("id", "reef_id"),
    one_of("gateways_kind", "kind", ("storage_gateway", "storage_account")),
    one_of("gateways_protocol", "protocol", ("smb", "nfs")),
    one_of("gateways_health", "health", states.HEALTH),
    one_of("gateways_state", "state", states.GATEWAY),
    CheckConstraint("max_slots >= 1", name="gateways_max_slots"),
)

database_slots = Table(
    "database_slots",
    metadata,
    key(),
    number("host_id"),
    number("reef_id"),
    number("number"),
    words("purpose", "cell"),
    words("database"),
    *life(),
    ForeignKeyConstraint(["host_id", "reef_id"], ["hosts.id", "hosts.reef_id"]),
    UniqueConstraint("host_id", "number"),
    UniqueConstraint("id", "reef_id"),
    Index(
        "database_slots_database_key",
        "host_id",
        "database",
        unique=True,
        sqlite_where=text("database <> ''"),
        postgresql_where=text("database <> ''"),
    ),
    one_of("database_slots_purpose", "purpose", ("cell", "restore")),
    one_of("database_slots_state", "state", states.DATABASE_SLOT),
    CheckConstraint("number >= 1", name="database_slots_number"),
    CheckConstraint("state <> 'bound' OR database <> ''", name="database_slots_bound"),
)

_WRITES = f"bucket <> '' AND state IN ({', '.join(repr(state) for state in states.WRITING)})"

share_slots = Table(
    "share_slots",
    metadata,
    key(),
    Column("gateway_id", ForeignKey("gateways.id"), nullable=False),
    number("number"),
    words("share_id"),
    words("share_name"),
    words("bucket"),
    words("prefix"),
    Column("client_list", JSON, nullable=True),
    words("client_token"),
    flag("held_data"),
    Column("scrub_remaining", Integer, nullable=True),
    *life(),
    UniqueConstraint("gateway_id", "number"),
    UniqueConstraint("id", "gateway_id"),
    Index(
        "i2_one_writer_share",
        "bucket",
        "prefix",
        unique=True,
        sqlite_where=text(_WRITES),
        postgresql_where=text(_WRITES),
    ),
    one_of("share_slots_state", "state", states.SHARE_SLOT),
    CheckConstraint("number >= 1", name="share_slots_number"),
    CheckConstraint(
        "state NOT IN ('available', 'reserved') OR NOT held_data OR (scrub_remaining IS NOT NULL"
        " AND scrub_remaining = 0)",
        name="i6_scrubbed_before_available",
    ),
    CheckConstraint("state <> 'bound' OR held_data", name="i6_bound_holds_data"),
)

cells = Table(
    "cells",
    metadata,
    key(),
    words("account", None),
    words("cloud", None),
    words("region", None),
    words("name", None),
    words("placement", None),
    words("owner"),
    words("octopus_version"),
    words("spec_digest"),
    words("licence"),
    number("node_limit", 0),
    words("master_key"),
    flag("holds_data"),
    words("url"),
    words("polling"),
    number("incarnation", 1),
    *life(),
    words("master_key_version"),
    moment("data_since", nullable=True),
    number("accounts_apart", 0),
    UniqueConstraint("account", "name"),
    UniqueConstraint("id", "account", "cloud", "region"),
    one_of("cells_placement", "placement", ("dedicated", "reef")),
    one_of("cells_state", "state", states.CELL),
    CheckConstraint("incarnation >= 1 AND node_limit >= 0", name="cells_numbers"),
    CheckConstraint("NOT holds_data OR master_key <> ''", name="i7_key_before_data"),
)

nodes = Table(
    "nodes",
    metadata,
    key(),
    Column("cell_id", ForeignKey("cells.id"), nullable=False),
    number("ordinal"),
    words("name", None),
    words("address"),
    words("octopus_version"),
    number("task_cap", 0),
    *life(),
    UniqueConstraint("cell_id", "ordinal"),
    UniqueConstraint("cell_id", "name"),
    one_of("nodes_state", "state", states.NODE),
    CheckConstraint("ordinal >= 1 AND task_cap >= 0", name="nodes_numbers"),
)

restore_points = Table(
    "restore_points",
    metadata,
    key(),
    Column("cell_id", ForeignKey("cells.id"), nullable=False),
    number("incarnation"),
    words("kind", None),
    words("location", None),
    moment("db_time"),
    moment("files_time", nullable=True),
    words("master_key", None),
    words("master_key_version", None),
    moment("expires", nullable=True),
    words("operation"),
    words("state", None),
    moment("state_since"),
    number("version", 1),
    UniqueConstraint(
        "cell_id", "incarnation", "kind", "location", "master_key_version", "operation", name="restore_points_key"
    ),
    one_of("restore_points_kind", "kind", states.RESTORE_POINT_KINDS),
    one_of("restore_points_state", "state", states.RESTORE_POINT),
    CheckConstraint("location <> '' AND (expires IS NULL OR expires > db_time)", name="restore_points_moment"),
    CheckConstraint("master_key <> '' AND master_key_version <> ''", name="i7_restore_point_names_its_key"),
)

_OPEN = text("until IS NULL")

bindings = Table(
    "bindings",
    metadata,
    key(),
    number("cell_id"),
    words("account", None),
    words("cloud", None),
    words("region", None),
    number("reef_id"),
    number("database_slot_id"),
    number("gateway_id"),
    words("tier"),
    moment("since"),
    moment("reserved_until", nullable=True),
    moment("until", nullable=True),
    number("version", 1),
    ForeignKeyConstraint(
        ["cell_id", "account", "cloud", "region"],
        ["cells.id", "cells.account", "cells.cloud", "cells.region"],
        name="i8_cell_in_region",
    ),
    ForeignKeyConstraint(
        ["reef_id", "account", "cloud", "region"],
        ["reefs.id", "reefs.account", "reefs.cloud", "reefs.region"],
        name="i8_reef_in_region",
    ),
    ForeignKeyConstraint(
        ["database_slot_id", "reef_id"], ["database_slots.id", "database_slots.reef_id"], name="i8_database_on_reef"
    ),
    ForeignKeyConstraint(["gateway_id", "reef_id"], ["gateways.id", "gateways.reef_id"], name="i8_gateway_on_reef"),
    UniqueConstraint("id", "gateway_id"),
    Index("bindings_id_reef_id_key", "id", "reef_id", unique=True),
    Index("i1_one_binding_per_cell", "cell_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("i1_one_cell_per_database_slot", "database_slot_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    CheckConstraint("until IS NULL OR until >= since", name="bindings_times"),
)

binding_shares = Table(
    "binding_shares",
    metadata,
    Column("binding_id", Integer, primary_key=True),
    Column("share_slot_id", Integer, primary_key=True),
    number("gateway_id"),
    words("kind", None),
    moment("until", nullable=True),
    ForeignKeyConstraint(
        ["binding_id", "gateway_id"], ["bindings.id", "bindings.gateway_id"], name="i5_one_gateway_of_binding"
    ),
    ForeignKeyConstraint(
        ["share_slot_id", "gateway_id"], ["share_slots.id", "share_slots.gateway_id"], name="i5_one_gateway_of_share"
    ),
    UniqueConstraint("binding_id", "kind"),
    Index("i1_one_cell_per_share_slot", "share_slot_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

_RUNNING = text("ended IS NULL")

operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    words("account", None),
    words("target_kind", None),
    words("target", None),
    words("kind", None),
    words("command"),
    words("holder"),
    number("lease_token", 0),
    words("plan_hash"),
    words("spec_digest"),
    words("step"),
    number("attempt", 1),
    words("state", None),
    words("gate"),
    Column("evidence", JSON, nullable=True),
    words("error"),
    moment("began"),
    moment("ended", nullable=True),
    Index(
        "operations_one_running",
        "account",
        "target_kind",
        "target",
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    ),
    Index(None, "account", "target", "began"),
    one_of("operations_target_kind", "target_kind", ("cell", "reef", "host", "gateway", "registry")),
    one_of("operations_state", "state", states.OPERATION),
    CheckConstraint("(state = 'running') = (ended IS NULL)", name="operations_ended"),
    CheckConstraint("attempt >= 1", name="operations_attempt"),
    CheckConstraint("state <> 'succeeded' OR gate <> ''", name="i10_success_has_a_gate"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    moment("at"),
    words("account", None),
    words("target_kind", None),
    words("target", None),
    Column("operation_id", ForeignKey("operations.id"), nullable=True),
    words("kind", None),
    Column("detail", JSON, nullable=True),
    Index(None, "account", "target", "id"),
)

leases = Table(
    "leases",
    metadata,
    Column("account", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    number("token"),
    flag("held"),
    moment("expires_at"),
    moment("expires_uptime"),
    moment("ttl_s"),
    *(
        Column(field.name, {"int": BigInteger, "float": Double}.get(str(field.type), Text), nullable=False)
        for field in fields(Holder)
    ),
    CheckConstraint("token >= 1 AND ttl_s > 0", name="leases_numbers"),
)
