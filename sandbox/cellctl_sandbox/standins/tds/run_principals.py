"""Logins, users and roles."""

from __future__ import annotations

import uuid

from cellctl_sandbox.standins.tds import errors
from cellctl_sandbox.standins.tds.context import Context
from cellctl_sandbox.standins.tds.errors import SqlError
from cellctl_sandbox.standins.tds.model import (
    FIXED_DATABASE_ROLES,
    FIXED_SERVER_ROLES,
    LoginRecord,
    UserRecord,
    hashed,
    key,
    new_sid,
)
from cellctl_sandbox.standins.tds.servers import ADMINISTRATOR_SID
from cellctl_sandbox.standins.tds.statements import CreateRole, Drop, Login, RoleMember, User

_RESERVED_USERS = {"dbo", "guest", "sys", "information_schema", "public"}


def change_login(context: Context, statement: Login) -> None:
    """CREATE or ALTER LOGIN."""
    if context.facts.kind == "azure" and key(context.database_name) != "master":
        raise errors.only_in_master("LOGIN")
    if statement.create:
        _create_login(context, statement)
    else:
        _alter_login(context, statement)


def _create_login(context: Context, statement: Login) -> None:
    if not context.may_on_server("ALTER ANY LOGIN"):
        raise errors.no_permission()
    if key(statement.name) in context.server.logins:
        raise errors.principal_exists(statement.name, server=True)
    if statement.external:
        raise SqlError(33134, f"Principal '{statement.name}' could not be resolved. The sandbox has no directory.")
    _check_policy(statement)
    sid = _sid(statement.options["SID"], statement.text) if "SID" in statement.options else new_sid()
    if context.server.login_of(sid) is not None:
        raise SqlError(15433, "Supplied parameter sid is in use.")
    context.server.logins[key(statement.name)] = LoginRecord(
        name=statement.name,
        sid=sid,
        principal_id=context.server.next_principal,
        secret=hashed(statement.options["PASSWORD"]),
        default_database=_default_database(context, statement),
    )
    context.server.next_principal += 1


def _default_database(context: Context, statement: Login) -> str:
    name = statement.options.get("DEFAULT_DATABASE", "master")
    if context.workspace.database(name) is None:
        raise SqlError(15010, f"The database '{name}' does not exist. Supply a valid database name.")
    return name


def _check_policy(statement: Login) -> None:
    """Refuse what CHECK_POLICY (on by default) would: under 8 characters or three classes, or the name in it."""
    password = statement.options["PASSWORD"]
    if statement.options.get("CHECK_POLICY", "ON").upper() == "OFF":
        return
    found = sum(
        (
            any(one.islower() for one in password),
            any(one.isupper() for one in password),
            any(one.isdigit() for one in password),
            any(not one.isalnum() for one in password),
        )
    )
    if len(password) < 8 or found < 3 or key(statement.name) in key(password):
        raise errors.weak_password()


def _sid(text: str, statement: str) -> str:
    digits = text[2:]
    if not text.lower().startswith("0x") or len(digits) != 32:
        raise errors.syntax(text, statement)
    return digits.upper()


def _alter_login(context: Context, statement: Login) -> None:
    record = context.server.logins.get(key(statement.name))
    may = context.may_on_server("ALTER ANY LOGIN")
    own = record is not None and record.sid in context.principal.sids
    if record is None or not (may or (own and "OLD_PASSWORD" in statement.options)):
        raise errors.cannot_find("login", statement.name)
    if statement.enabled is not None:
        record.disabled = not statement.enabled
    if "PASSWORD" in statement.options:
        _check_policy(statement)
        record.secret = hashed(statement.options["PASSWORD"])
    if "DEFAULT_DATABASE" in statement.options:
        record.default_database = _default_database(context, statement)


def drop_login(context: Context, statement: Drop) -> None:
    """DROP LOGIN; one that owns a database or is connected stays (15174, 15434)."""
    name = statement.names[0]
    record = context.server.logins.get(key(name))
    if record is None or not context.may_on_server("ALTER ANY LOGIN") or record.sid == ADMINISTRATOR_SID + "01":
        raise errors.cannot_find("login", name, "drop")
    if any(key(session.login) == key(name) for session in context.sessions.all()):
        raise SqlError(15434, f"Could not drop login '{name}' as the user is currently logged in.")
    if any(database.owner_sid == record.sid for database in context.workspace.databases().values()):
        raise SqlError(15174, f"Login '{name}' owns one or more database(s). Change the owner of the database(s).")
    del context.server.logins[key(name)]


def change_user(context: Context, statement: User) -> None:
    """CREATE or ALTER USER in the current database."""
    if not context.may("ALTER ANY USER"):
        raise errors.no_permission()
    if statement.create:
        _create_user(context, statement)
    else:
        _alter_user(context, statement)


def _create_user(context: Context, statement: User) -> None:
    database = context.database
    name = key(statement.name)
    if name in database.users or name in _RESERVED_USERS or name in {key(role) for role in database.roles}:
        raise errors.principal_exists(statement.name, server=False)
    user = _new_user(context, statement)
    if database.user_of(user.sid) is not None or user.sid == database.owner_sid:
        raise errors.login_has_user("")
    user.default_schema = statement.options.get("DEFAULT_SCHEMA", "dbo")
    user.principal_id = database.take_id()
    database.users[name] = user


def _new_user(context: Context, statement: User) -> UserRecord:
    name, options = statement.name, statement.options
    if statement.without_login:
        return UserRecord(name=name, sid=new_sid(), principal_id=0, authentication="NONE")
    if statement.external:
        if not context.principal.external:
            text = f"Principal '{name}' could not be created. Only connections established with Active Directory "
            raise SqlError(33159, text + "accounts can create other Active Directory users.")
        raise SqlError(
            33134, f"Principal '{name}' could not be resolved. The sandbox's server may not read a directory."
        )
    if "SID" in options:
        if options.get("TYPE", "").upper() not in {"E", "X"} or context.facts.kind != "azure":
            raise errors.syntax("SID", statement.text)
        sid = _sid(options["SID"], statement.text)
        uuid.UUID(bytes_le=bytes.fromhex(sid))
        return UserRecord(name=name, sid=sid, principal_id=0, type=options["TYPE"].upper(), authentication="EXTERNAL")
    if "PASSWORD" in options:
        if not context.kind.contained_users or key(context.database_name) == "master":
            raise SqlError(33233, "You can only create a user with a password in a contained database.")
        _check_policy(Login(text=statement.text, name=name, create=True, options=options))
        secret = hashed(options["PASSWORD"])
        return UserRecord(name=name, sid=new_sid(), principal_id=0, authentication="DATABASE", secret=secret)
    login = context.server.logins.get(key(statement.login or name))
    if login is None:
        raise errors.no_login(statement.login or name)
    return UserRecord(name=name, sid=login.sid, principal_id=0)


def _alter_user(context: Context, statement: User) -> None:
    user = context.database.users.get(key(statement.name))
    if user is None:
        raise errors.cannot_find("user", statement.name)
    if "PASSWORD" in statement.options:
        if user.authentication != "DATABASE":
            raise SqlError(33232, "You may not alter the password of a user that has none.")
        user.secret = hashed(statement.options["PASSWORD"])
    if "LOGIN" in statement.options:
        login = context.server.logins.get(key(statement.options["LOGIN"]))
        if login is None:
            raise errors.no_login(statement.options["LOGIN"])
        user.sid = login.sid
    user.default_schema = statement.options.get("DEFAULT_SCHEMA", user.default_schema)


def drop_user(context: Context, statement: Drop) -> None:
    """DROP USER with its memberships."""
    database, name = context.database, statement.names[0]
    if statement.if_exists and key(name) not in database.users:
        return
    if key(name) not in database.users or not context.may("ALTER ANY USER"):
        raise errors.cannot_find("user", name, "drop")
    del database.users[key(name)]
    database.members = [(role, member) for role, member in database.members if key(member) != key(name)]


def create_role(context: Context, statement: CreateRole) -> None:
    """CREATE ROLE in the current database."""
    database, name = context.database, key(statement.name)
    if not context.may("ALTER ANY ROLE"):
        raise errors.no_permission()
    if name in database.users or name in {key(role) for role in (*database.roles, *FIXED_DATABASE_ROLES)}:
        raise errors.principal_exists(statement.name, server=False)
    database.roles.append(statement.name)


def drop_role(context: Context, statement: Drop) -> None:
    """DROP ROLE; one with members stays (15144)."""
    database, name = context.database, statement.names[0]
    found = [role for role in database.roles if key(role) == key(name)]
    if not found and statement.if_exists:
        return
    if not found or not context.may("ALTER ANY ROLE"):
        raise errors.cannot_find("role", name, "drop")
    if any(key(role) == key(name) for role, _ in database.members):
        raise SqlError(15144, "The role has members. It must be empty before it can be dropped.")
    database.roles.remove(found[0])


def change_member(context: Context, statement: RoleMember) -> None:
    """ALTER ROLE and ALTER SERVER ROLE: add or drop a member; adding twice is no error."""
    if statement.server:
        _change_server_member(context, statement)
        return
    database = context.database
    roles = {key(role): role for role in (*FIXED_DATABASE_ROLES, *database.roles)}
    role = roles.get(key(statement.role))
    needed = "CONTROL" if role in FIXED_DATABASE_ROLES else "ALTER ANY ROLE"
    if role is None or not context.may(needed):
        raise errors.cannot_find("role", statement.role)
    known = set(database.users) | {key(one) for one in database.roles}
    if key(statement.member) == "dbo":
        raise SqlError(15405, "Cannot use the special principal 'dbo'.")
    if key(statement.member) not in known:
        raise SqlError(
            15151,
            f"Cannot add the principal '{statement.member}', because it does not exist or you do not have permission.",
        )
    rest = [(one, who) for one, who in database.members if (key(one), key(who)) != (key(role), key(statement.member))]
    database.members = [*rest, (role, statement.member)] if statement.add else rest


def _change_server_member(context: Context, statement: RoleMember) -> None:
    role = key(statement.role)
    record = context.server.logins.get(key(statement.member))
    if role not in FIXED_SERVER_ROLES or record is None:
        raise errors.cannot_find("role" if role not in FIXED_SERVER_ROLES else "login", statement.role)
    own = context.server.login_of(context.principal.sids[0])
    if not context.principal.all_powerful and (own is None or role not in own.roles):
        raise errors.no_permission()
    record.roles = [one for one in record.roles if one != role] + ([role] if statement.add else [])
