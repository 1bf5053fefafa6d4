"""What a batch says: statements as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cellctl_sandbox.standins.tds.lexer import Token


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """Base of all: `text` is the statement as written."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateDatabase(Statement):
    """CREATE DATABASE; `options` are the Azure ones (EDITION, SERVICE_OBJECTIVE, MAXSIZE)."""

    name: str
    collation: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlterDatabase(Statement):
    """ALTER DATABASE: SET `options`, COLLATE, or MODIFY NAME; empty `name` is CURRENT."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    collation: str = ""
    new_name: str = ""
    rollback: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop(Statement):
    """DROP DATABASE, LOGIN, USER or ROLE."""

    kind: Literal["database", "login", "user", "role"]
    names: Sequence[str]
    if_exists: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Login(Statement):
    """CREATE or ALTER LOGIN; `enabled` None leaves that as it is."""

    name: str
    create: bool
    options: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    enabled: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class User(Statement):
    """CREATE or ALTER USER: for a login, contained (`PASSWORD`), external, by SID and TYPE, or without login."""

    name: str
    create: bool
    login: str = ""
    external: bool = False
    without_login: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateRole(Statement):
    """CREATE ROLE."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleMember(Statement):
    """ALTER [SERVER] ROLE ... ADD | DROP MEMBER."""

    role: str
    member: str
    add: bool
    server: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Use(Statement):
    """USE."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class If(Statement):
    """IF condition statement [ELSE statement]."""

    condition: Sequence[Token]
    then: Statement
    otherwise: Statement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Block(Statement):
    """BEGIN ... END."""

    body: Sequence[Statement]


@dataclass(frozen=True, kw_only=True, slots=True)
class Execute(Statement):
    """EXEC of a procedure with named or positional expressions, or of a string (`procedure` is empty)."""

    procedure: str
    arguments: Sequence[tuple[str, Sequence[Token]]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction(Statement):
    """BEGIN, COMMIT or ROLLBACK TRANSACTION."""

    action: Literal["begin", "commit", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetOption(Statement):
    """A SET of a session option, which changes nothing here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declare(Statement):
    """DECLARE of variables, each with its initial expression (may be empty)."""

    variables: Sequence[tuple[str, Sequence[Token]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Assign(Statement):
    """SET @x = expression, or SELECT @x = expression, ... [FROM ...]."""

    names: Sequence[str]
    query: Sequence[Token]
    keep_without_rows: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill(Statement):
    """KILL of a session."""

    spid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Print(Statement):
    """PRINT of an expression."""

    expression: Sequence[Token]


@dataclass(frozen=True, kw_only=True, slots=True)
class Raise(Statement):
    """THROW number, message, state; or RAISERROR(message, severity, state)."""

    arguments: Sequence[Sequence[Token]]
    throw: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Return(Statement):
    """RETURN: the rest of the batch is not run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query(Statement):
    """SELECT, INSERT, UPDATE, DELETE, CREATE TABLE, DROP TABLE, TRUNCATE TABLE: read by sqlglot."""

    verb: str
    tokens: Sequence[Token]
