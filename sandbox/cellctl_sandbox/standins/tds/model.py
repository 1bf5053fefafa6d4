"""What a server holds, as values that turn into JSON and back: logins, databases, users, roles, tables.

Login, user and role are separate facts: a login without a user cannot open the database (916).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cellctl_sandbox.standins.tds.values import SqlValue

_ITERATIONS = 2_000  # a stand-in: slow enough to be no plain text, fast enough for every connection
FIXED_DATABASE_ROLES = (
    "db_owner", "db_accessadmin", "db_securityadmin", "db_ddladmin", "db_backupoperator", "db_datareader",
    "db_datawriter", "db_denydatareader", "db_denydatawriter",
)  # fmt: skip
FIXED_SERVER_ROLES = (
    "sysadmin", "securityadmin", "serveradmin", "setupadmin", "processadmin", "diskadmin", "dbcreator", "bulkadmin",
)  # fmt: skip


def hashed(password: str) -> str:
    """Return a salted hash of a password."""
    salt = secrets.token_bytes(8)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    return f"{salt.hex()}:{digest.hex()}"


def password_matches(password: str, kept: str) -> bool:
    """Tell whether `password` is the one that was hashed."""
    salt, _, digest = kept.partition(":")
    if not digest:
        return False
    computed = hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), _ITERATIONS)
    return hmac.compare_digest(computed.hex(), digest)


def key(name: str) -> str:
    """Return the form in which names are compared: the sandbox's servers ignore case."""
    return name.casefold()


@dataclass(kw_only=True, slots=True)
class LoginRecord:
    """A server login. `sid` is hex; `secret` a salted hash, empty for the administrator, whom the cloud knows."""

    name: str
    sid: str
    principal_id: int
    secret: str = ""
    disabled: bool = False
    external: bool = False
    default_database: str = "master"
    roles: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class UserRecord:
    """A database user. `type` is S (SQL), E (external) or X (external group); `secret` a contained user's hash."""

    name: str
    sid: str
    principal_id: int
    type: str = "S"
    authentication: str = "INSTANCE"
    secret: str = ""
    default_schema: str = "dbo"


@dataclass(kw_only=True, slots=True)
class TableColumn:
    """A column of a user table; `type` as declared, lower case."""

    name: str
    type: str
    nullable: bool = True
    primary_key: bool = False
    unique: bool = False
    identity: bool = False
    default: SqlValue = None


@dataclass(kw_only=True, slots=True)
class TableRecord:
    """A user table with its rows."""

    name: str
    object_id: int
    columns: list[TableColumn]
    rows: list[list[SqlValue]] = field(default_factory=list)
    next_identity: int = 1


@dataclass(kw_only=True, slots=True)
class DatabaseRecord:
    """One database. `by_arm` tells that the cloud made it and the cloud removes it."""

    name: str
    database_id: int
    collation: str
    owner_sid: str
    created: str
    by_arm: bool = False
    read_committed_snapshot: bool = False
    state: str = "MULTI_USER"
    options: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    users: dict[str, UserRecord] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    members: list[tuple[str, str]] = field(default_factory=list)
    tables: dict[str, TableRecord] = field(default_factory=dict)
    next_id: int = 5

    def user_of(self, sid: str) -> UserRecord | None:
        """Return the user with this security identifier."""
        return next((user for user in self.users.values() if user.sid == sid), None)

    def role_names(self, user: str) -> set[str]:
        """Return the roles that a user or role has, directly or through roles, as keys."""
        found: set[str] = set()
        pending = [key(user)]
        while pending:
            member = pending.pop()
            more = {key(role) for role, one in self.members if key(one) == member} - found
            found |= more
            pending += more
        return found

    def take_id(self) -> int:
        """Return the next principal or object id."""
        self.next_id += 1
        return self.next_id - 1


@dataclass(kw_only=True, slots=True)
class ServerRecord:
    """The server's own facts: its logins."""

    incarnation: str
    logins: dict[str, LoginRecord] = field(default_factory=dict)
    next_principal: int = 260
    next_database: int = 6

    def login_of(self, sid: str) -> LoginRecord | None:
        """Return the login with this security identifier."""
        return next((login for login in self.logins.values() if login.sid == sid), None)


def new_sid() -> str:
    """Return a fresh security identifier of a SQL login, 16 bytes as hex."""
    return secrets.token_hex(16).upper()


def to_json_value(value: SqlValue) -> object:
    """Return a table value as JSON holds it."""
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def from_json_value(value: object) -> SqlValue:
    """Return a table value from its JSON form."""
    if isinstance(value, dict):
        return base64.b64decode(str(value["bytes"]))
    assert value is None or isinstance(value, bool | int | float | str)
    return value
