"""Built-in functions and @@ globals, evaluated in a statement's context."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cellctl_sandbox.standins.tds.context import Context, LiveSession
from cellctl_sandbox.standins.tds.model import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES, DatabaseRecord, key
from cellctl_sandbox.standins.tds.values import SqlValue, text_of


@dataclass(frozen=True, slots=True)
class Function:
    """A built-in function: how many arguments it takes, and its value for them (missing ones are NULL)."""

    least: int
    most: int
    work: Callable[[Sequence[SqlValue]], SqlValue]

    def __call__(self, *values: SqlValue) -> SqlValue:
        """Return the value; SQLite turns the exception into an error of the statement."""
        if not self.least <= len(values) <= self.most:
            raise ValueError("wrong number of arguments")
        return self.work((*values, None, None, None)[: max(self.most, 3)])


_MANY = 100


def functions(context: Context) -> Mapping[str, Function]:
    """Return the functions by upper-case name; each takes and returns SQL values."""
    return {
        "DB_ID": Function(0, 1, lambda v: _id(_database(context, v[0]))),
        "DB_NAME": Function(0, 1, lambda v: _db_name(context, v[0])),
        "ORIGINAL_DB_NAME": Function(0, 0, lambda _: context.database_name),
        "SUSER_ID": Function(0, 1, lambda v: _suser_id(context, v[0])),
        "SUSER_SID": Function(0, 1, lambda v: _suser_sid(context, v[0])),
        "SUSER_SNAME": Function(0, 1, lambda v: _suser_name(context, v[0])),
        "SUSER_NAME": Function(0, 0, lambda _: context.principal.name),
        "SYSTEM_USER": Function(0, 0, lambda _: context.principal.name),
        "ORIGINAL_LOGIN": Function(0, 0, lambda _: context.principal.name),
        "USER_NAME": Function(0, 1, lambda v: _user_name(context, v[0])),
        "CURRENT_USER": Function(0, 0, lambda _: context.user),
        "SESSION_USER": Function(0, 0, lambda _: context.user),
        "USER_ID": Function(0, 1, lambda v: _principal_id(context, v[0])),
        "DATABASE_PRINCIPAL_ID": Function(0, 1, lambda v: _principal_id(context, v[0])),
        "HAS_DBACCESS": Function(1, 1, lambda v: _has_dbaccess(context, v[0])),
        "IS_ROLEMEMBER": Function(1, 2, lambda v: _is_role_member(context, v[0], v[1])),
        "IS_MEMBER": Function(1, 1, lambda v: _is_role_member(context, v[0], None)),
        "IS_SRVROLEMEMBER": Function(1, 2, lambda v: _is_server_role_member(context, v[0], v[1])),
        "SERVERPROPERTY": Function(1, 1, lambda v: _server_property(context, v[0])),
        "DATABASEPROPERTYEX": Function(2, 2, lambda v: _database_property(context, v[0], v[1])),
        "OBJECT_ID": Function(1, 2, lambda v: _object_id(context, v[0])),
        "SCHEMA_NAME": Function(0, 1, lambda _: "dbo"),
        "SCHEMA_ID": Function(0, 1, lambda _: 1),
        "HOST_NAME": Function(0, 0, lambda _: _own_session(context).host),
        "APP_NAME": Function(0, 0, lambda _: _own_session(context).program),
        "XACT_STATE": Function(0, 0, lambda _: 1 if context.transactions else 0),
        **_PURE,
    }


def _own_session(context: Context) -> LiveSession:
    return next(one for one in context.sessions.all() if one.spid == context.spid)


NATIVE = frozenset({
    "COUNT", "SUM", "MIN", "MAX", "AVG", "COALESCE", "NULLIF", "CAST", "CONVERT", "IIF", "ABS", "REPLACE", "SUBSTRING",
    "LTRIM", "RTRIM", "TRIM", "ROUND", "CHARINDEX", "COUNT_BIG", "EXISTS", "IN", "VALUES", "TRY_CAST", "TRY_CONVERT",
    "STRING_AGG", "ROW_NUMBER", "OVER", "ANY", "SOME", "AND", "OR", "NOT", "AS", "ON", "TOP", "WHERE", "FROM", "SELECT",
    "UNION", "ALL", "WHEN", "THEN", "ELSE", "CASE", "BY", "KEY", "UNIQUE", "DEFAULT", "IDENTITY", "WITH", "SET", "JOIN",
    "LIKE", "BETWEEN", "DISTINCT", "CHECK", "INTO", "IF", "HAVING", "EXCEPT", "INTERSECT", "OFFSET", "NEXT", "FETCH",
})  # fmt: skip
"""Words that may stand before a parenthesis and that sqlglot and SQLite understand."""

TYPES = frozenset({
    "INT", "BIGINT", "SMALLINT", "TINYINT", "BIT", "NVARCHAR", "VARCHAR", "NCHAR", "CHAR", "VARBINARY", "BINARY",
    "FLOAT", "REAL", "DECIMAL", "NUMERIC", "DATETIME", "DATETIME2", "DATE", "TIME", "UNIQUEIDENTIFIER",
    "DATETIMEOFFSET", "SYSNAME", "MONEY",
})  # fmt: skip
"""Types a column, a variable or a CAST may have."""


def global_variable(context: Context, name: str) -> tuple[bool, SqlValue]:
    """Return whether there is a global of this name (with both @), and its value."""
    known: dict[str, SqlValue] = {
        "@@VERSION": context.kind.version,
        "@@SPID": context.spid,
        "@@TRANCOUNT": context.transactions,
        "@@ROWCOUNT": context.row_count,
        "@@SERVERNAME": context.facts.host.partition(".")[0],
        "@@LANGUAGE": "us_english",
        "@@ERROR": 0,
        "@@MAX_PRECISION": 38,
    }
    return name.upper() in known, known.get(name.upper())


def _now() -> SqlValue:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _bytes(value: SqlValue) -> bytes:
    return value if isinstance(value, bytes) else text_of(value).encode("utf-16-le")


def _database(context: Context, name: SqlValue) -> DatabaseRecord | None:
    return context.database if name is None else context.workspace.database(text_of(name))


def _id(database: DatabaseRecord | None) -> SqlValue:
    return None if database is None else database.database_id


def _db_name(context: Context, number: SqlValue) -> SqlValue:
    if number is None:
        return context.database.name
    return next((one.name for one in context.workspace.databases().values() if one.database_id == number), None)


def _suser_id(context: Context, name: SqlValue) -> SqlValue:
    wanted = context.principal.name if name is None else text_of(name)
    login = context.server.logins.get(key(wanted))
    return None if login is None else login.principal_id


def _suser_sid(context: Context, name: SqlValue) -> SqlValue:
    if name is None:
        return bytes.fromhex(context.principal.sids[0])
    login = context.server.logins.get(key(text_of(name)))
    return None if login is None else bytes.fromhex(login.sid)


def _suser_name(context: Context, sid: SqlValue) -> SqlValue:
    if sid is None:
        return context.principal.name
    login = context.server.login_of(sid.hex().upper()) if isinstance(sid, bytes) else None
    return None if login is None else login.name


def _user_name(context: Context, number: SqlValue) -> SqlValue:
    if number is None:
        return context.user
    if number in {1, 2}:
        return "dbo" if number == 1 else "guest"
    return next((one.name for one in context.database.users.values() if one.principal_id == number), None)


def _principal_id(context: Context, name: SqlValue) -> SqlValue:
    wanted = key(context.user if name is None else text_of(name))
    if wanted in {"dbo", "guest"}:
        return 1 if wanted == "dbo" else 2
    if wanted in FIXED_DATABASE_ROLES:
        return 16384 + FIXED_DATABASE_ROLES.index(wanted)
    user = context.database.users.get(wanted)
    return None if user is None else user.principal_id


def _has_dbaccess(context: Context, name: SqlValue) -> SqlValue:
    database = context.workspace.database(text_of(name))
    if database is None:
        return None
    return 1 if context.may_enter(database) else 0


def _is_role_member(context: Context, role: SqlValue, user: SqlValue) -> SqlValue:
    database, wanted = context.database, key(text_of(role))
    who = key(context.user if user is None else text_of(user))
    if wanted not in {*FIXED_DATABASE_ROLES, "public"} | {key(one) for one in database.roles}:
        return None
    if who not in database.users and who not in {"dbo", "guest"} | {key(one) for one in database.roles}:
        return None
    if wanted == "public" or (who == "dbo" and wanted == "db_owner"):
        return 1
    return 1 if wanted in database.role_names(who) else 0


def _is_server_role_member(context: Context, role: SqlValue, login: SqlValue) -> SqlValue:
    wanted = key(text_of(role))
    if wanted not in {*FIXED_SERVER_ROLES, "public"}:
        return None
    name = context.principal.name if login is None else text_of(login)
    record = context.server.logins.get(key(name))
    if record is None:
        return 0 if login is None else None
    return 1 if wanted == "public" or wanted in record.roles else 0


def _server_property(context: Context, name: SqlValue) -> SqlValue:
    known: dict[str, SqlValue] = {
        "EDITION": context.kind.edition,
        "ENGINEEDITION": context.kind.engine_edition,
        "PRODUCTVERSION": "16.0.4150.1" if context.facts.kind == "rds" else "12.0.2000.8",
        "PRODUCTLEVEL": "RTM",
        "COLLATION": context.facts.collation,
        "SERVERNAME": context.facts.host.partition(".")[0],
        "ISHADRENABLED": 1 if context.facts.multi_az else 0,
    }
    return known.get(text_of(name).upper())


def _database_property(context: Context, name: SqlValue, wanted: SqlValue) -> SqlValue:
    database = context.workspace.database(text_of(name))
    if database is None:
        return None
    known: dict[str, SqlValue] = {
        "COLLATION": database.collation,
        "STATUS": "OFFLINE" if database.state == "OFFLINE" else "ONLINE",
        "USERACCESS": database.state if database.state.endswith("_USER") else "MULTI_USER",
        "UPDATEABILITY": "READ_ONLY" if database.state == "READ_ONLY" else "READ_WRITE",
        "RECOVERY": database.options.get("RECOVERY", "FULL"),
        "EDITION": database.options.get("EDITION"),
        "SERVICEOBJECTIVE": database.options.get("SERVICE_OBJECTIVE"),
    }
    return known.get(text_of(wanted).upper())


def _object_id(context: Context, name: SqlValue) -> SqlValue:
    parts = [part.strip().removeprefix("[").removesuffix("]") for part in text_of(name).split(".")]
    table = context.database.tables.get(key(parts[-1]))
    return None if table is None else table.object_id


def _quote_name(value: SqlValue, quote: SqlValue) -> SqlValue:
    text = text_of(value)
    if value is None or len(text) > 128:
        return None
    opening, closing = {"'": ("'", "'"), '"': ('"', '"')}.get(text_of(quote), ("[", "]"))
    return opening + text.replace(closing, closing * 2) + closing


_PURE = {
    "QUOTENAME": Function(1, 2, lambda v: _quote_name(v[0], v[1] or "[")),
    "GETDATE": Function(0, 0, lambda _: _now()),
    "SYSDATETIME": Function(0, 0, lambda _: _now()),
    "GETUTCDATE": Function(0, 0, lambda _: _now()),
    "SYSUTCDATETIME": Function(0, 0, lambda _: _now()),
    "NEWID": Function(0, 0, lambda _: str(uuid.uuid4()).upper()),
    "LEN": Function(1, 1, lambda v: None if v[0] is None else len(text_of(v[0]).rstrip(" "))),
    "DATALENGTH": Function(1, 1, lambda v: None if v[0] is None else len(_bytes(v[0]))),
    "ISNULL": Function(2, 2, lambda v: v[1] if v[0] is None else v[0]),
    "CONCAT": Function(2, _MANY, lambda v: "".join(text_of(one) for one in v)),
    "UPPER": Function(1, 1, lambda v: None if v[0] is None else text_of(v[0]).upper()),
    "LOWER": Function(1, 1, lambda v: None if v[0] is None else text_of(v[0]).lower()),
}
