"""The tables of the registry. What a database can enforce of the invariants I1 to I10 is a constraint here.

`account` is where things live: `aws:ACCOUNT`, `azure:SUBSCRIPTION`, or `sandbox:HOME`. Times are unix seconds.
`version` rises with every change of a row, so that one who read it can change it only if nobody else has.
A change of these tables is a new migration (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cellctl.leases import Holder
from cellctl.registry import states

HEAD = "0004"

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _text(name: str, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _number(name: str, default: int | None = None) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=None if default is None else str(default))


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _life() -> list[Column[str] | Column[float] | Column[int]]:
    return [
        _text("state", None),
        _time("state_since"),
        _text("last_error"),
        _number("generation", 1),
        _number("version", 1),
    ]


def _place() -> Column[object]:
    """What a cell that is placed there must know of it, as its cloud's layout wants it: names and ids, no secret."""
    return Column("place", JSON, nullable=True)


def _one_of(name: str, column: str, values: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=name)


reefs = Table(
    "reefs",
    metadata,
    _key(),
    _text("account", None),
    _text("cloud", None),
    _text("region", None),
    _text("name", None),
    _text("kind", None),
    _number("max_cells"),
    *_life(),
    _place(),
    UniqueConstraint("account", "name", "kind"),
    UniqueConstraint("id", "account", "cloud", "region"),
    _one_of("reefs_kind", "kind", ("shared", "dedicated")),
    _one_of("reefs_state", "state", states.REEF),
    CheckConstraint("max_cells >= 1 AND (kind <> 'dedicated' OR max_cells = 1)", name="reefs_max_cells"),
)

hosts = Table(
    "hosts",
    metadata,
    _key(),
    Column("reef_id", ForeignKey("reefs.id"), nullable=False),
    _text("name", None),
    _text("kind", None),
    _text("size"),
    _text("ha_mode", None),
    _text("endpoint"),
    _number("capacity"),
    _number("reserve"),
    *_life(),
    _place(),
    UniqueConstraint("reef_id", "name"),
    UniqueConstraint("id", "reef_id"),
    _one_of("hosts_kind", "kind", ("rds", "azure_sql")),
    _one_of("hosts_ha_mode", "ha_mode", ("single", "mirroring", "always_on", "zone_redundant")),
    _one_of("hosts_state", "state", states.HOST),
    CheckConstraint("capacity >= 1 AND reserve >= 0 AND reserve < capacity", name="i4_hosts_reserve"),
)

gateways = Table(
    "gateways",
    metadata,
    _key(),
    Column("reef_id", ForeignKey("reefs.id"), nullable=False),
    _text("name", None),
    _text("kind", None),
    _text("protocol", None),
    _text("zone"),
    _number("max_slots"),
    _text("object_id"),
    _text("instance_id"),
    _text("address"),
    _text("dns_name"),
    _text("deprecation_date"),
    _text("step_cursor"),
    _text("health", "ok"),
    *_life(),
    _place(),
    Column("judged", JSON, nullable=True),
    UniqueConstraint("reef_id", "name"),
    UniqueConstraint("id", "reef_id"),
    _one_of("gateways_kind", "kind", ("storage_gateway", "storage_account")),
    _one_of("gateways_protocol", "protocol", ("smb", "nfs")),
    _one_of("gateways_health", "health", states.HEALTH),
    _one_of("gateways_state", "state", states.GATEWAY),
    CheckConstraint("max_slots >= 1", name="gateways_max_slots"),
)

database_slots = Table(
    "database_slots",
    metadata,
    _key(),
    _number("host_id"),
    _number("reef_id"),
    _number("number"),
    _text("purpose", "cell"),
    _text("database"),
    *_life(),
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
    _one_of("database_slots_purpose", "purpose", ("cell", "restore")),
    _one_of("database_slots_state", "state", states.DATABASE_SLOT),
    CheckConstraint("number >= 1", name="database_slots_number"),
    CheckConstraint("state <> 'bound' OR database <> ''", name="database_slots_bound"),
)

_WRITES = f"bucket <> '' AND state IN ({', '.join(repr(state) for state in states.WRITING)})"

share_slots = Table(
    "share_slots",
    metadata,
    _key(),
    Column("gateway_id", ForeignKey("gateways.id"), nullable=False),
    _number("number"),
    _text("share_id"),
    _text("share_name"),
    _text("bucket"),
    _text("prefix"),
    Column("client_list", JSON, nullable=True),
    _text("client_token"),
    _flag("held_data"),
    Column("scrub_remaining", Integer, nullable=True),
    *_life(),
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
    _one_of("share_slots_state", "state", states.SHARE_SLOT),
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
    _key(),
    _text("account", None),
    _text("cloud", None),
    _text("region", None),
    _text("name", None),
    _text("placement", None),
    _text("owner"),
    _text("octopus_version"),
    _text("spec_digest"),
    _text("licence"),
    _number("node_limit", 0),
    _text("master_key"),
    _flag("holds_data"),
    _text("url"),
    _text("polling"),
    _number("incarnation", 1),
    *_life(),
    UniqueConstraint("account", "name"),
    UniqueConstraint("id", "account", "cloud", "region"),
    _one_of("cells_placement", "placement", ("dedicated", "reef")),
    _one_of("cells_state", "state", states.CELL),
    CheckConstraint("incarnation >= 1 AND node_limit >= 0", name="cells_numbers"),
    CheckConstraint("NOT holds_data OR master_key <> ''", name="i7_key_before_data"),
)

nodes = Table(
    "nodes",
    metadata,
    _key(),
    Column("cell_id", ForeignKey("cells.id"), nullable=False),
    _number("ordinal"),
    _text("name", None),
    _text("address"),
    _text("octopus_version"),
    _number("task_cap", 0),
    *_life(),
    UniqueConstraint("cell_id", "ordinal"),
    UniqueConstraint("cell_id", "name"),
    _one_of("nodes_state", "state", states.NODE),
    CheckConstraint("ordinal >= 1 AND task_cap >= 0", name="nodes_numbers"),
)

_OPEN = text("until IS NULL")

bindings = Table(
    "bindings",
    metadata,
    _key(),
    _number("cell_id"),
    _text("account", None),
    _text("cloud", None),
    _text("region", None),
    _number("reef_id"),
    _number("database_slot_id"),
    _number("gateway_id"),
    _text("tier"),
    _time("since"),
    _time("reserved_until", nullable=True),
    _time("until", nullable=True),
    _number("version", 1),
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
    Index("i1_one_binding_per_cell", "cell_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("i1_one_cell_per_database_slot", "database_slot_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    CheckConstraint("until IS NULL OR until >= since", name="bindings_times"),
)

binding_shares = Table(
    "binding_shares",
    metadata,
    Column("binding_id", Integer, primary_key=True),
    Column("share_slot_id", Integer, primary_key=True),
    _number("gateway_id"),
    _text("kind", None),
    _time("until", nullable=True),
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
    _text("account", None),
    _text("target_kind", None),
    _text("target", None),
    _text("kind", None),
    _text("command"),
    _text("holder"),
    _number("lease_token", 0),
    _text("plan_hash"),
    _text("spec_digest"),
    _text("step"),
    _number("attempt", 1),
    _text("state", None),
    _text("gate"),
    Column("evidence", JSON, nullable=True),
    _text("error"),
    _time("began"),
    _time("ended", nullable=True),
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
    _one_of("operations_target_kind", "target_kind", ("cell", "reef", "host", "gateway", "registry")),
    _one_of("operations_state", "state", states.OPERATION),
    CheckConstraint("(state = 'running') = (ended IS NULL)", name="operations_ended"),
    CheckConstraint("attempt >= 1", name="operations_attempt"),
    CheckConstraint("state <> 'succeeded' OR gate <> ''", name="i10_success_has_a_gate"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _time("at"),
    _text("account", None),
    _text("target_kind", None),
    _text("target", None),
    Column("operation_id", ForeignKey("operations.id"), nullable=True),
    _text("kind", None),
    Column("detail", JSON, nullable=True),
    Index(None, "account", "target", "id"),
)

leases = Table(
    "leases",
    metadata,
    Column("account", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    _number("token"),
    _flag("held"),
    _time("expires_at"),
    _time("expires_uptime"),
    _time("ttl_s"),
    *(
        Column(field.name, {"int": BigInteger, "float": Double}.get(str(field.type), Text), nullable=False)
        for field in fields(Holder)
    ),
    CheckConstraint("token >= 1 AND ttl_s > 0", name="leases_numbers"),
)
