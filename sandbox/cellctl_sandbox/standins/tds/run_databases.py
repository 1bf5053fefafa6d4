"""CREATE, ALTER, DROP DATABASE."""

from __future__ import annotations

import re

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.model import DatabaseRecord, UserRecord, key
from cellctl_sandbox.standins.tds.servers import ADMINISTRATOR_SID, new_database
from cellctl_sandbox.standins.tds.statements import AlterDatabase, CreateDatabase, Drop

_COLLATION = re.compile(r"(SQL_)?Latin1_General(_100|_CP1)?(_(CI|CS)_(AS|AI)(_KS)?(_WS)?(_SC)?(_UTF8)?|_BIN2?)", re.I)
_AZURE_OPTIONS = {"EDITION", "SERVICE_OBJECTIVE", "MAXSIZE", "BACKUP_STORAGE_REDUNDANCY"}


def create_database(context: Context, statement: CreateDatabase) -> None:
    """Create a database that its creator owns."""
    if context.transactions:
        raise errors.in_transaction("CREATE DATABASE")
    if context.facts.kind == "azure" and key(context.database_name) != "master":
        raise errors.only_in_master("CREATE DATABASE")
    if not context.may_on_server("CREATE ANY DATABASE"):
        raise errors.create_database_denied("master")
    unknown = set(statement.options) - (_AZURE_OPTIONS if context.facts.kind == "azure" else set())
    if unknown:
        raise errors.syntax(sorted(unknown)[0], statement.text)
    if statement.collation and not _COLLATION.fullmatch(statement.collation):
        raise errors.invalid_collation(statement.collation)
    if key(statement.name).startswith("rdsadmin") and context.facts.kind == "rds":
        raise SqlError(50000, "Database names that start with rdsadmin are reserved.")
    if context.workspace.database(statement.name) is not None:
        raise errors.database_exists(statement.name)
    record = new_database(
        statement.name,
        context.server.next_database,
        context.facts,
        collation=statement.collation,
        owner_sid=ADMINISTRATOR_SID + "01" if context.principal.all_powerful else context.principal.sids[0],
    )
    record.options = dict(statement.options)
    context.server.next_database += 1
    context.workspace.add_database(record)


def alter_database(context: Context, statement: AlterDatabase) -> None:
    """Set options, change the collation, or rename."""
    if context.transactions:
        raise errors.in_transaction("ALTER DATABASE")
    name = statement.name or context.database_name
    database = context.workspace.database(name)
    if database is None or not context.owns(database):
        raise errors.cannot_find("database", name)
    others = context.sessions.using(name, but=context.spid)
    needs_alone = bool(
        statement.collation or statement.new_name or {"READ_COMMITTED_SNAPSHOT", "STATE"} & set(statement.options)
    )
    unchanged = statement.options.get("READ_COMMITTED_SNAPSHOT") == _on(database.read_committed_snapshot)
    if needs_alone and others and not (unchanged and len(statement.options) == 1):
        if not statement.rollback:
            raise errors.database_locked(name)
        for session in others:
            session.end()
    if statement.new_name:
        _rename(context, database, statement.new_name)
    if statement.collation:
        if not _COLLATION.fullmatch(statement.collation):
            raise errors.invalid_collation(statement.collation)
        database.collation = statement.collation
    _set_options(context, database, statement)


def _on(value: bool) -> str:
    return "ON" if value else "OFF"


def _set_options(context: Context, database: DatabaseRecord, statement: AlterDatabase) -> None:
    for option, value in statement.options.items():
        if option == "READ_COMMITTED_SNAPSHOT":
            database.read_committed_snapshot = value == "ON"
        elif option == "STATE":
            _refuse_on_group(context, database, value)
            database.state = value
        elif option == "RECOVERY" and value == "SIMPLE":
            _refuse_on_group(context, database, value)
            database.options[option] = value
        else:
            database.options[option] = value


def _refuse_on_group(context: Context, database: DatabaseRecord, value: str) -> None:
    if context.facts.multi_az and value not in {"MULTI_USER", "READ_WRITE", "ONLINE"}:
        text = (
            f'The operation cannot be performed on database "{database.name}" because it is involved in a database '
            "mirroring session or an availability group."
        )
        raise SqlError(1468, text)


def _rename(context: Context, database: DatabaseRecord, new_name: str) -> None:
    if context.workspace.database(new_name) is not None:
        raise errors.database_exists(new_name)
    context.workspace.drop_database(database.name)
    database.name = new_name
    context.workspace.add_database(database)


def drop_databases(context: Context, statement: Drop) -> None:
    """Drop databases that nobody uses; Azure SQL cuts their connections instead."""
    if context.transactions:
        raise errors.in_transaction("DROP DATABASE")
    for name in statement.names:
        if context.workspace.database(name) is None and statement.if_exists:
            continue
        if context.facts.multi_az:
            raise SqlError(50000, f"DROP DATABASE failed on '{name}': use msdb.dbo.rds_drop_database on Multi-AZ.")
        drop_database(context, name)


def drop_database(context: Context, name: str) -> None:
    """Drop one database, or raise 3701 or 3702."""
    database = context.workspace.database(name)
    if database is None or not context.owns(database) or key(name) in context.kind.system_databases:
        raise errors.cannot_drop_database(name)
    others = context.sessions.using(name, but=context.spid)
    if key(context.database_name) == key(name):
        raise errors.database_in_use(name)
    if others and context.facts.kind == "rds":
        raise errors.database_in_use(name)
    for session in others:
        session.end()
    context.workspace.drop_database(name)


def owner_user(database: DatabaseRecord) -> UserRecord:
    """Return `dbo` as a catalogue view shows it."""
    return UserRecord(name="dbo", sid=database.owner_sid, principal_id=1)
