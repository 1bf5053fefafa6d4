"""The steps of making a database, each of which looks first and then changes at most one thing.

A step may be run again after a lost reply: it finds what the last run did. Every name is quoted, every value that
T-SQL lets be a parameter is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellctl.sqlserver.connection import SqlConnection, single
from cellctl_provider.protocol import ProviderError
from cellctl_provider.sql.names import quote_name, quote_text, sid_bytes, sid_literal
from cellctl_provider.sql.wanted import MARKER, Wanted

_FOREIGN_USERS = (
    "SELECT COUNT(*) FROM sys.database_principals WHERE type IN ('S', 'E', 'X') AND principal_id > 4 "
    "AND name <> SUSER_SNAME() AND name NOT LIKE N'rds%'"  # RDS may map its own
)
_TABLES = "SELECT COUNT(*) FROM sys.tables WHERE is_ms_shipped = 0"
_USER_SID = "SELECT sid FROM sys.database_principals WHERE name = %s AND type IN ('S', 'E')"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """A database as the server describes it."""

    database_id: int
    collation: str
    read_committed_snapshot: bool


def look(connection: SqlConnection, name: str) -> State | None:
    """Return what the server says of a database, None if it says that there is none."""
    rows = connection.rows(
        "SELECT database_id, collation_name, is_read_committed_snapshot_on FROM sys.databases WHERE name = %s", name
    )
    if not rows:
        return None
    number, collation, snapshot = rows[0]
    return State(database_id=int(str(number)), collation=str(collation), read_committed_snapshot=bool(snapshot))


def ensure_database(connection: SqlConnection, wanted: Wanted) -> None:
    """Create the database where there is none (RDS; on Azure it is a resource of its own)."""
    if look(connection, wanted.database) is None:
        connection.run(f"CREATE DATABASE {quote_name(wanted.database)} COLLATE {wanted.collation}")


def ensure_ours(connection: SqlConnection, wanted: Wanted) -> None:
    """Mark the database as this resource's; refuse one that is marked as another's, or is in use without a mark.

    `connection` is open in the database. A database without mark, user and table is what a killed run left.
    """
    owner = marker(connection)
    if owner == wanted.owner:
        return
    if owner is not None:
        raise ProviderError(f"database {wanted.database} belongs to {owner}", code="conflict")
    users = single(
        connection.rows(
            "SELECT COUNT(*) FROM sys.database_principals WHERE type IN ('S', 'E', 'X') AND principal_id > 4"
        )
    )
    tables = single(connection.rows(_TABLES))
    if users or tables:
        raise ProviderError(
            f"database {wanted.database} exists, holds data or users, and is not marked as this cell's; to adopt it, "
            f"set its extended property {MARKER} to {wanted.owner}",
            code="conflict",
        )
    connection.run(f"EXEC sys.sp_addextendedproperty @name = {quote_text(MARKER)}, @value = {quote_text(wanted.owner)}")


def marker(connection: SqlConnection) -> str | None:
    """Return whose the current database is, None without a mark."""
    found = single(
        connection.rows(
            "SELECT CAST(value AS nvarchar(1024)) FROM sys.extended_properties WHERE class = 0 AND name = %s", MARKER
        )
    )
    return None if found is None else str(found)


def ensure_collation(connection: SqlConnection, wanted: Wanted) -> None:
    """Refuse a database with another collation: it cannot be changed under data."""
    state = look(connection, wanted.database)
    if state is not None and state.collation.casefold() != wanted.collation.casefold():
        raise ProviderError(
            f"database {wanted.database} has collation {state.collation}, not {wanted.collation}", code="conflict"
        )


def ensure_snapshot(connection: SqlConnection, wanted: Wanted) -> None:
    """Turn READ_COMMITTED_SNAPSHOT on. Waits for nobody: sessions in the database make it fail, to be tried again."""
    state = look(connection, wanted.database)
    if wanted.read_committed_snapshot and state is not None and not state.read_committed_snapshot:
        connection.run(f"ALTER DATABASE {quote_name(wanted.database)} SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT")


def ensure_login(connection: SqlConnection, wanted: Wanted, password: str, *, signs_in: bool) -> None:
    """Create the server login, or give it this password and enable it. `connection` is open in master.

    A login that `signs_in` with the password already is left alone: a password policy may refuse to set it again.
    """
    rows = connection.rows("SELECT is_disabled FROM sys.sql_logins WHERE name = %s", wanted.login)
    name = quote_name(wanted.login)
    if not rows:
        connection.run(
            f"CREATE LOGIN {name} WITH PASSWORD = {quote_text(password)}, CHECK_POLICY = ON, CHECK_EXPIRATION = OFF",
            secret=password,
        )
        return
    if not signs_in:
        connection.run(f"ALTER LOGIN {name} WITH PASSWORD = {quote_text(password)}", secret=password)
    if rows[0][0]:
        connection.run(f"ALTER LOGIN {name} ENABLE")


def ensure_user_of_login(connection: SqlConnection, wanted: Wanted, login_sid: bytes) -> None:
    """Create the user of the login; one that an earlier login of this name left is bound to the new one."""
    sid = _user_sid(connection, wanted.user)
    name = quote_name(wanted.user)
    if sid is None:
        connection.run(f"CREATE USER {name} FOR LOGIN {name}")
    elif sid != login_sid:
        connection.run(f"ALTER USER {name} WITH LOGIN = {name}")


def login_sid(connection: SqlConnection, login: str) -> bytes:
    """Return the security identifier of a login; `connection` is open in master."""
    sid = single(connection.rows("SELECT sid FROM sys.sql_logins WHERE name = %s", login))
    if not isinstance(sid, bytes):
        raise ProviderError(f"login {login} is gone", code="conflict")
    return sid


def ensure_contained_user(connection: SqlConnection, wanted: Wanted, password: str) -> None:
    """Create a user with a password of its own in this database (Azure SQL), or give it this password."""
    name = quote_name(wanted.user)
    verb = "CREATE" if _user_sid(connection, wanted.user) is None else "ALTER"
    connection.run(f"{verb} USER {name} WITH PASSWORD = {quote_text(password)}", secret=password)


def ensure_identity(connection: SqlConnection, wanted: Wanted) -> None:
    """Create the user of a managed identity by its client id, which needs no directory; one of a former id goes.

    The form WITH SID, TYPE is widely used and not in Microsoft's list (reference: azure 4).
    """
    sid = _user_sid(connection, wanted.user)
    if sid is not None and sid != sid_bytes(wanted.identity_client_id):
        connection.run(f"DROP USER {quote_name(wanted.user)}")
        sid = None
    if sid is None:
        literal = sid_literal(wanted.identity_client_id)
        connection.run(f"CREATE USER {quote_name(wanted.user)} WITH SID = {literal}, TYPE = E")


def _user_sid(connection: SqlConnection, user: str) -> bytes | None:
    found = single(connection.rows(_USER_SID, user))
    return found if isinstance(found, bytes) else None


def ensure_owner_role(connection: SqlConnection, wanted: Wanted) -> None:
    """Make the user db_owner, and nothing else: further roles are taken away."""
    roles = roles_of(connection, wanted.user)
    if "db_owner" not in roles:
        connection.run(f"ALTER ROLE db_owner ADD MEMBER {quote_name(wanted.user)}")
    for role in roles:
        if role != "db_owner":
            connection.run(f"ALTER ROLE {quote_name(role)} DROP MEMBER {quote_name(wanted.user)}")


def roles_of(connection: SqlConnection, user: str) -> list[str]:
    """Return the roles a user is a direct member of."""
    rows = connection.rows(
        "SELECT r.name FROM sys.database_role_members AS m "
        "JOIN sys.database_principals AS r ON r.principal_id = m.role_principal_id "
        "JOIN sys.database_principals AS u ON u.principal_id = m.member_principal_id WHERE u.name = %s",
        user,
    )
    return sorted(str(row[0]) for row in rows)


def drop_user(connection: SqlConnection, user: str) -> None:
    """Drop a user if it is there."""
    connection.run(f"DROP USER IF EXISTS {quote_name(user)}")


def close_sessions(connection: SqlConnection, database_id: int) -> None:
    """End every session in a database. KILL works on Multi-AZ too, where SINGLE_USER does not (reference: aws 2.6)."""
    rows = connection.rows(
        "SELECT session_id FROM sys.dm_exec_sessions WHERE database_id = %s AND session_id <> @@SPID", database_id
    )
    for (number,) in rows:
        connection.run(f"KILL {int(str(number))}")


def disable_login(connection: SqlConnection, login: str) -> None:
    """Keep a login from coming back while its sessions are ended."""
    if connection.rows("SELECT 1 FROM sys.sql_logins WHERE name = %s", login):
        connection.run(f"ALTER LOGIN {quote_name(login)} DISABLE")


def end_login_sessions(connection: SqlConnection, login: str) -> None:
    """End every session of a login."""
    for (number,) in connection.rows("SELECT session_id FROM sys.dm_exec_sessions WHERE login_name = %s", login):
        connection.run(f"KILL {int(str(number))}")


def drop_login(connection: SqlConnection, login: str) -> None:
    """Drop a login if it is there."""
    if connection.rows("SELECT 1 FROM sys.sql_logins WHERE name = %s", login):
        connection.run(f"DROP LOGIN {quote_name(login)}")


def drop_database(connection: SqlConnection, name: str) -> None:
    """Drop a database if it is there, the way RDS wants it on any kind of instance (reference: aws 2.6)."""
    if look(connection, name) is not None:
        connection.run(f"EXECUTE msdb.dbo.rds_drop_database {quote_text(name)}")
