"""Catalogue views, as rows computed from what the server holds. Columns are those that clients here ask for.

Source: Transact-SQL reference, system catalog views (SQL Server 2022, Azure SQL; 2024-06).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.model import (
    FIXED_DATABASE_ROLES,
    FIXED_SERVER_ROLES,
    DatabaseRecord,
    LoginRecord,
    UserRecord,
    key,
)
from cellctl_sandbox.standins.tds.values import BIT, INT, NVARCHAR, VARBINARY, ColumnType, SqlValue


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """Columns and rows of a view or table, ready to be queried."""

    columns: Sequence[tuple[str, ColumnType]]
    rows: Sequence[Sequence[SqlValue]]


_View: TypeAlias = Callable[[Context, DatabaseRecord], Relation]
_NEVER_COPIED = {"master", "tempdb", "model", "msdb"}
_ROLE_IDS = {role: 16384 + number for number, role in enumerate(FIXED_DATABASE_ROLES)}
_SERVER_ROLE_IDS = {role: 3 + number for number, role in enumerate(FIXED_SERVER_ROLES)}


def _databases(context: Context, database: DatabaseRecord) -> Relation:
    columns = (
        ("name", NVARCHAR), ("database_id", INT), ("owner_sid", VARBINARY), ("create_date", NVARCHAR),
        ("collation_name", NVARCHAR), ("user_access", INT), ("user_access_desc", NVARCHAR), ("state", INT),
        ("state_desc", NVARCHAR), ("is_read_only", BIT), ("is_read_committed_snapshot_on", BIT),
        ("snapshot_isolation_state", INT), ("recovery_model_desc", NVARCHAR), ("compatibility_level", INT),
        ("containment_desc", NVARCHAR),
    )  # fmt: skip
    records = list(context.workspace.databases().values())
    if context.facts.kind == "azure" and key(database.name) != "master":
        records = [one for one in records if key(one.name) in {"master", key(database.name)}]
    access = ("MULTI_USER", "SINGLE_USER", "RESTRICTED_USER")
    rows = []
    for one in sorted(records, key=lambda record: record.database_id):
        user_access = one.state if one.state in access else "MULTI_USER"
        rows.append((
            one.name, one.database_id, bytes.fromhex(one.owner_sid), one.created, one.collation,
            access.index(user_access), user_access, 6 if one.state == "OFFLINE" else 0,
            "OFFLINE" if one.state == "OFFLINE" else "ONLINE", one.state == "READ_ONLY", one.read_committed_snapshot,
            0, one.options.get("RECOVERY", "FULL"), int(one.options.get("COMPATIBILITY_LEVEL", "160")), "NONE",
        ))  # fmt: skip
    return Relation(columns=columns, rows=rows)


def _visible_logins(context: Context) -> list[LoginRecord]:
    """Return the logins whose metadata the principal may see."""
    everything = context.may_on_server("VIEW ANY DEFINITION") or context.may_on_server("ALTER ANY LOGIN")
    return [one for one in context.server.logins.values() if everything or one.sid in context.principal.sids]


def _sql_logins(context: Context, _database: DatabaseRecord) -> Relation:
    columns = (
        ("name", NVARCHAR), ("principal_id", INT), ("sid", VARBINARY), ("type", NVARCHAR), ("type_desc", NVARCHAR),
        ("is_disabled", BIT), ("default_database_name", NVARCHAR), ("is_policy_checked", BIT),
        ("is_expiration_checked", BIT),
    )  # fmt: skip
    rows = [
        (one.name, one.principal_id, bytes.fromhex(one.sid), "S", "SQL_LOGIN", one.disabled, one.default_database, True,
         False)
        for one in _visible_logins(context)
    ]  # fmt: skip
    return Relation(columns=columns, rows=rows)


def _server_principals(context: Context, _database: DatabaseRecord) -> Relation:
    columns = (
        ("name", NVARCHAR), ("principal_id", INT), ("sid", VARBINARY), ("type", NVARCHAR), ("type_desc", NVARCHAR),
        ("is_disabled", BIT), ("default_database_name", NVARCHAR), ("is_fixed_role", BIT),
    )  # fmt: skip
    rows: list[tuple[SqlValue, ...]] = [
        (
            one.name,
            one.principal_id,
            bytes.fromhex(one.sid),
            "S",
            "SQL_LOGIN",
            one.disabled,
            one.default_database,
            False,
        )
        for one in _visible_logins(context)
    ]
    rows += [
        (role, number, bytes([number]), "R", "SERVER_ROLE", False, None, True)
        for role, number in _SERVER_ROLE_IDS.items()
    ]
    return Relation(columns=columns, rows=rows)


def _server_role_members(context: Context, _database: DatabaseRecord) -> Relation:
    rows = [
        (_SERVER_ROLE_IDS[role], one.principal_id)
        for one in _visible_logins(context)
        for role in one.roles
        if role in _SERVER_ROLE_IDS
    ]
    return Relation(columns=(("role_principal_id", INT), ("member_principal_id", INT)), rows=rows)


_USER_TYPES = {"S": "SQL_USER", "E": "EXTERNAL_USER", "X": "EXTERNAL_GROUP"}


def _database_principals(_context: Context, database: DatabaseRecord) -> Relation:
    columns = (
        ("name", NVARCHAR), ("principal_id", INT), ("type", NVARCHAR), ("type_desc", NVARCHAR),
        ("default_schema_name", NVARCHAR), ("sid", VARBINARY), ("authentication_type", INT),
        ("authentication_type_desc", NVARCHAR), ("is_fixed_role", BIT),
    )  # fmt: skip
    kinds = ("NONE", "INSTANCE", "DATABASE", "WINDOWS", "EXTERNAL")
    dbo = UserRecord(name="dbo", sid=database.owner_sid, principal_id=1)
    guest = UserRecord(name="guest", sid="00", principal_id=2, authentication="NONE")
    rows: list[tuple[SqlValue, ...]] = [
        (one.name, one.principal_id, one.type, _USER_TYPES[one.type], one.default_schema, bytes.fromhex(one.sid),
         kinds.index(one.authentication), one.authentication, False)
        for one in (dbo, guest, *database.users.values())
    ]  # fmt: skip
    rows += [
        (role, number, "R", "DATABASE_ROLE", None, None, 0, "NONE", fixed) for role, number, fixed in _roles(database)
    ]
    return Relation(columns=columns, rows=rows)


def _roles(database: DatabaseRecord) -> list[tuple[str, int, bool]]:
    fixed = [(role, number, True) for role, number in _ROLE_IDS.items()]
    return [("public", 0, False), *fixed, *((role, 20000 + n, False) for n, role in enumerate(database.roles))]


def _database_role_members(_context: Context, database: DatabaseRecord) -> Relation:
    ids = {key(role): number for role, number, _ in _roles(database)}
    ids |= {name: user.principal_id for name, user in database.users.items()}
    rows = [
        (ids[key(role)], ids[key(member)]) for role, member in [("db_owner", "dbo"), *database.members]
        if key(role) in ids and key(member) in ids
    ]  # fmt: skip
    rows.insert(0, (_ROLE_IDS["db_owner"], 1))
    return Relation(columns=(("role_principal_id", INT), ("member_principal_id", INT)), rows=rows)


def _extended_properties(_context: Context, database: DatabaseRecord) -> Relation:
    columns = (
        ("class", INT), ("class_desc", NVARCHAR), ("major_id", INT), ("minor_id", INT), ("name", NVARCHAR),
        ("value", NVARCHAR),
    )  # fmt: skip
    rows = [(0, "DATABASE", 0, 0, name, value) for name, value in database.properties.items()]
    return Relation(columns=columns, rows=rows)


def _tables(_context: Context, database: DatabaseRecord) -> Relation:
    columns = (("name", NVARCHAR), ("object_id", INT), ("schema_id", INT), ("type", NVARCHAR), ("type_desc", NVARCHAR),
               ("is_ms_shipped", BIT))  # fmt: skip
    rows = [(one.name, one.object_id, 1, "U", "USER_TABLE", False) for one in database.tables.values()]
    return Relation(columns=columns, rows=rows)


def _columns(_context: Context, database: DatabaseRecord) -> Relation:
    rows = [
        (table.object_id, column.name, number, column.nullable, column.identity)
        for table in database.tables.values()
        for number, column in enumerate(table.columns, start=1)
    ]
    columns = (("object_id", INT), ("name", NVARCHAR), ("column_id", INT), ("is_nullable", BIT), ("is_identity", BIT))
    return Relation(columns=columns, rows=rows)


def _schemas(_context: Context, _database: DatabaseRecord) -> Relation:
    columns = (("name", NVARCHAR), ("schema_id", INT), ("principal_id", INT))
    return Relation(columns=columns, rows=(("dbo", 1, 1), ("guest", 2, 2), ("INFORMATION_SCHEMA", 3, 3), ("sys", 4, 4)))


def _sessions(context: Context, _database: DatabaseRecord) -> Relation:
    columns = (("session_id", INT), ("login_name", NVARCHAR), ("host_name", NVARCHAR), ("program_name", NVARCHAR),
               ("database_id", INT), ("is_user_process", BIT), ("status", NVARCHAR))  # fmt: skip
    everything = context.may_on_server("VIEW SERVER STATE")
    rows = []
    for one in context.sessions.all():
        used = context.workspace.database(one.database)
        if everything or one.spid == context.spid:
            rows.append((one.spid, one.login, one.host, one.program, used.database_id if used else 0, True, "sleeping"))
    return Relation(columns=columns, rows=rows)


def _replica_states(context: Context, _database: DatabaseRecord) -> Relation:
    columns = (("database_id", INT), ("is_local", BIT), ("group_database_id", NVARCHAR),
               ("synchronization_state_desc", NVARCHAR))  # fmt: skip
    rows = [
        (one.database_id, True, f"group-{one.database_id}", _copied(context, one))
        for one in _copies(context, mirrored=False)
    ]
    return Relation(columns=columns, rows=rows)


def _mirroring(context: Context, _database: DatabaseRecord) -> Relation:
    """Every database has a row; without a mirror it says nothing."""
    copies = {one.database_id: _copied(context, one) for one in _copies(context, mirrored=True)}
    rows = [
        (
            one.database_id,
            f"mirror-{one.database_id}" if one.database_id in copies else None,
            copies.get(one.database_id),
        )
        for one in context.workspace.databases().values()
    ]
    columns = (("database_id", INT), ("mirroring_guid", NVARCHAR), ("mirroring_state_desc", NVARCHAR))
    return Relation(columns=columns, rows=rows)


def _copies(context: Context, *, mirrored: bool) -> list[DatabaseRecord]:
    """Return the databases that have a second copy of a kind; only who may see the server's state is told."""
    if not context.facts.multi_az or context.facts.mirrored is not mirrored:
        return []
    if not context.may_on_server("VIEW SERVER STATE"):
        return []
    return [one for one in context.workspace.databases().values() if key(one.name) not in _NEVER_COPIED]


def _copied(context: Context, database: DatabaseRecord) -> str:
    return "SYNCHRONIZING" if key(database.name) in context.facts.catching_up else "SYNCHRONIZED"


def _information_tables(_context: Context, database: DatabaseRecord) -> Relation:
    columns = (
        ("TABLE_CATALOG", NVARCHAR),
        ("TABLE_SCHEMA", NVARCHAR),
        ("TABLE_NAME", NVARCHAR),
        ("TABLE_TYPE", NVARCHAR),
    )
    rows = [(database.name, "dbo", table.name, "BASE TABLE") for table in database.tables.values()]
    return Relation(columns=columns, rows=rows)


_VIEWS: Mapping[tuple[str, str], _View] = {
    ("sys", "databases"): _databases,
    ("sys", "sql_logins"): _sql_logins,
    ("sys", "server_principals"): _server_principals,
    ("sys", "server_role_members"): _server_role_members,
    ("sys", "database_principals"): _database_principals,
    ("sys", "database_role_members"): _database_role_members,
    ("sys", "extended_properties"): _extended_properties,
    ("sys", "tables"): _tables,
    ("sys", "objects"): _tables,
    ("sys", "columns"): _columns,
    ("sys", "schemas"): _schemas,
    ("sys", "dm_exec_sessions"): _sessions,
    ("sys", "dm_hadr_database_replica_states"): _replica_states,
    ("sys", "database_mirroring"): _mirroring,
    ("information_schema", "tables"): _information_tables,
}


def view(context: Context, schema: str, name: str, database: DatabaseRecord) -> Relation | None:
    """Return a catalogue view of a database, None if there is none of that name."""
    found = _VIEWS.get((key(schema), key(name)))
    return None if found is None else found(context, database)
