"""Who may do what: authentication, the way from a login to a database user, and permissions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cellctl_sandbox.standins.tds.errors import SqlError, cannot_open, login_failed
from cellctl_sandbox.standins.tds.login7 import Login
from cellctl_sandbox.standins.tds.model import (
    DatabaseRecord,
    LoginRecord,
    ServerRecord,
    key,
    password_matches,
)
from cellctl_sandbox.standins.tds.servers import ADMINISTRATOR_SID, KINDS, SqlServerFacts
from cellctl_sandbox.standins.tds.store import Workspace
from cellctl_sandbox.standins.tds.tokens_entra import BadToken, Bearer, TokenIssuer

_SERVER_ROLE_PERMISSIONS = {
    "dbcreator": {"CREATE ANY DATABASE"},
    "dbmanager": {"CREATE ANY DATABASE"},
    "loginmanager": {"ALTER ANY LOGIN"},
    "securityadmin": {"ALTER ANY LOGIN", "VIEW ANY DEFINITION"},
    "processadmin": {"ALTER ANY CONNECTION", "VIEW SERVER STATE"},
}
_DATABASE_ROLE_PERMISSIONS = {
    "db_datareader": {"SELECT"},
    "db_datawriter": {"INSERT", "UPDATE", "DELETE"},
    "db_ddladmin": {"CREATE TABLE"},
    "db_accessadmin": {"ALTER ANY USER"},
    "db_securityadmin": {"ALTER ANY ROLE"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who is connected. `sids` are tried in order against database users; `home` is a contained user's database."""

    name: str
    sids: tuple[str, ...]
    all_powerful: bool = False
    home: str = ""
    external: bool = False


def authenticate(login: Login, workspace: Workspace, facts: SqlServerFacts, issuer: TokenIssuer | None) -> Principal:
    """Return who logs in, or raise 18456; a disabled login is refused like a wrong password."""
    server = workspace.server()
    assert server is not None
    if login.token:
        return _by_token(login, facts, issuer)
    if login.integrated or not login.user or facts.entra_only:
        raise login_failed(login.user)
    record = server.logins.get(key(login.user))
    if record is None:
        return _contained(login, workspace, facts)
    expected = record.secret
    given_right = (
        password_matches(login.password, expected)
        if expected
        else bool(facts.administrator_password) and login.password == facts.administrator_password
    )
    if record.disabled or record.external or not given_right:
        raise login_failed(login.user)
    return Principal(name=record.name, sids=(record.sid,), all_powerful=_all_powerful(record, facts))


def _all_powerful(record: LoginRecord, facts: SqlServerFacts) -> bool:
    is_administrator = record.sid == ADMINISTRATOR_SID + "01"
    return "sysadmin" in record.roles or (is_administrator and facts.kind == "azure")


def _by_token(login: Login, facts: SqlServerFacts, issuer: TokenIssuer | None) -> Principal:
    if issuer is None or facts.kind != "azure":
        raise login_failed("")
    try:
        bearer: Bearer = issuer.check(login.token)
    except BadToken:
        raise login_failed("") from None
    administrators = {one.casefold() for one in facts.entra_administrators}
    name = f"{bearer.client_id}@{bearer.object_id}" if bearer.client_id else bearer.name or bearer.object_id
    return Principal(
        name=name, sids=tuple(bearer.sids()), all_powerful=bool(bearer.ids() & administrators), external=True
    )


def _contained(login: Login, workspace: Workspace, facts: SqlServerFacts) -> Principal:
    database = workspace.database(login.database) if login.database else None
    if not KINDS[facts.kind].contained_users or database is None:
        raise login_failed(login.user)
    user = database.users.get(key(login.user))
    if user is None or user.authentication != "DATABASE" or not password_matches(login.password, user.secret):
        raise login_failed(login.user)
    return Principal(name=user.name, sids=(user.sid,), home=key(database.name))


def open_database(login: Login, principal: Principal, workspace: Workspace, facts: SqlServerFacts) -> DatabaseRecord:
    """Return the database of a login, or raise 4060 (the caller adds 18456, as the server does)."""
    name = login.database or _default_database(principal, workspace)
    database = workspace.database(name)
    if database is None or user_name(database, principal, facts) is None:
        if principal.external and database is not None:
            raise login_failed("")
        raise cannot_open(name)
    return database


def _default_database(principal: Principal, workspace: Workspace) -> str:
    server = workspace.server()
    record = server.login_of(principal.sids[0]) if server is not None else None
    return record.default_database if record is not None else "master"


def user_name(database: DatabaseRecord, principal: Principal, facts: SqlServerFacts) -> str | None:
    """Return as whom `principal` is in a database: `dbo`, a user, `guest`; None where it may not enter."""
    if principal.home and principal.home != key(database.name):
        return None
    if principal.all_powerful or database.owner_sid in principal.sids:
        return "dbo"
    for sid in principal.sids:
        user = database.user_of(sid)
        if user is not None:
            return user.name
    return "guest" if key(database.name) in KINDS[facts.kind].guest_databases else None


def has_server_permission(server: ServerRecord, principal: Principal, permission: str) -> bool:
    """Tell whether a principal has a server permission, directly or through server roles."""
    if principal.all_powerful:
        return True
    record = server.login_of(principal.sids[0])
    if record is None:
        return False
    by_roles = {one for role in record.roles for one in _SERVER_ROLE_PERMISSIONS.get(role, set())}
    return permission in by_roles or permission in record.permissions


def has_database_permission(database: DatabaseRecord, user: str, permission: str) -> bool:
    """Tell whether a user has a database permission through its roles; `CONTROL` is what db_owner has."""
    if user == "dbo":
        return True
    roles = database.role_names(user)
    if "db_owner" in roles:
        return True
    return any(permission in _DATABASE_ROLE_PERMISSIONS.get(role, set()) for role in roles)


def guid_of_sid(sid: str) -> str:
    """Return the id of an Entra principal from its security identifier, empty if it is not one."""
    return str(uuid.UUID(bytes_le=bytes.fromhex(sid))) if len(sid) == 32 else ""


def refused_login(problem: SqlError, login: Login) -> list[SqlError]:
    """Return the errors a client sees for a login that fails: 4060 is followed by 18456."""
    if problem.number == 4060:
        return [problem, login_failed(login.user)]
    return [problem]
