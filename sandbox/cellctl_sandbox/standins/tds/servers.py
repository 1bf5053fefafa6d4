"""Which servers exist and who administers them: asked of the simulated cloud through a small protocol."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cellctl_sandbox.standins.tds.model import DatabaseRecord, LoginRecord, ServerRecord, key, new_sid
from cellctl_sandbox.standins.tds.store import Workspace

DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudDatabase:
    """A database that the cloud's API made (Azure SQL)."""

    name: str
    collation: str = DEFAULT_COLLATION


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlServerFacts:
    """One SQL server as the cloud has it now. `administrator_password` is a secret: not in the repr.

    `incarnation` changes when the server was deleted and made again under the same name: nothing of the old one is
    left then. `entra_administrators` are object or client ids (users, groups, managed identities); with `entra_only` no
    password signs anybody in. `accepting` is
    False while the cloud is still making it: connections are refused. `worker` is the name to which Azure SQL sends its
    clients on where its connection policy is Redirect, empty for none. With `multi_az` there is a second copy of each
    database, in an availability group or `mirrored`; of those `catching_up` it is not up to date yet.
    """

    host: str
    kind: Literal["rds", "azure"]
    incarnation: str
    port: int = 1433
    administrator: str = ""
    administrator_password: str = ""
    entra_administrators: Sequence[str] = ()
    entra_only: bool = False
    databases: Sequence[CloudDatabase] = ()
    collation: str = DEFAULT_COLLATION
    multi_az: bool = False
    mirrored: bool = False
    catching_up: Sequence[str] = ()
    accepting: bool = True
    worker: str = ""
    worker_port: int = 11000

    def __repr__(self) -> str:
        return f"SqlServerFacts(host={self.host!r}, kind={self.kind!r}, incarnation={self.incarnation!r})"


class ServerCatalogue(Protocol):
    """The simulated cloud's view of its SQL servers; called from many threads, at every connection."""

    def find(self, host: str) -> SqlServerFacts | None:
        """Return the server whose endpoint is `host`, None if there is none."""

    def servers(self) -> Sequence[SqlServerFacts]:
        """Return all servers that exist now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerKind:
    """What a kind of server allows, as data. Source: RDS and Azure SQL documentation, 2024-06."""

    system_databases: Sequence[str]
    guest_databases: frozenset[str]
    switches_databases: bool
    contained_users: bool
    administrator_roles: Sequence[str]
    administrator_permissions: Sequence[str]
    snapshot_by_default: bool
    edition: str
    engine_edition: int
    version: str


_RDS_PERMISSIONS = (
    "ALTER ANY CONNECTION", "ALTER ANY LOGIN", "ALTER ANY SERVER ROLE", "CONNECT SQL", "CREATE ANY DATABASE",
    "VIEW ANY DATABASE", "VIEW ANY DEFINITION", "VIEW SERVER STATE",
)  # fmt: skip
KINDS = {
    "rds": ServerKind(
        system_databases=("master", "tempdb", "model", "msdb", "rdsadmin"),
        guest_databases=frozenset({"master", "tempdb", "msdb"}),
        switches_databases=True,
        contained_users=False,
        administrator_roles=("processadmin", "setupadmin"),
        administrator_permissions=_RDS_PERMISSIONS,
        snapshot_by_default=False,
        edition="Standard Edition (64-bit)",
        engine_edition=2,
        version="Microsoft SQL Server 2022 (RTM-CU15) - 16.0.4150.1 (X64) (cellctl sandbox: nothing real)",
    ),
    "azure": ServerKind(
        system_databases=("master",),
        guest_databases=frozenset(),
        switches_databases=False,
        contained_users=True,
        administrator_roles=(),
        administrator_permissions=(*_RDS_PERMISSIONS, "ADMINISTER SERVER"),
        snapshot_by_default=True,
        edition="SQL Azure",
        engine_edition=5,
        version="Microsoft SQL Azure (RTM) - 12.0.2000.8 (cellctl sandbox: nothing real)",
    ),
}
ADMINISTRATOR_SID = "A" * 30
"""Prefix of the administrator's security identifier; two hex digits tell the kind."""


def settle(workspace: Workspace, facts: SqlServerFacts) -> None:
    """Bring a server's record in line with the cloud: a new server begins empty, ARM's databases come and go."""
    server = workspace.server()
    if server is None or server.incarnation != facts.incarnation:
        workspace.found(_fresh(facts))
        server = workspace.server()
        assert server is not None
        for number, name in enumerate(KINDS[facts.kind].system_databases, start=1):
            workspace.add_database(_database(name, number, facts, owner="01"))
    _settle_administrator(server, facts)
    if facts.kind == "azure":
        _settle_databases(workspace, server, facts)


def _settle_administrator(server: ServerRecord, facts: SqlServerFacts) -> None:
    if facts.administrator and key(facts.administrator) not in server.logins:
        kind = KINDS[facts.kind]
        server.logins[key(facts.administrator)] = LoginRecord(
            name=facts.administrator,
            sid=ADMINISTRATOR_SID + "01",
            principal_id=259,
            roles=list(kind.administrator_roles),
            permissions=list(kind.administrator_permissions),
        )


def _settle_databases(workspace: Workspace, server: ServerRecord, facts: SqlServerFacts) -> None:
    wanted = {key(database.name): database for database in facts.databases}
    for name, record in workspace.databases().items():
        if record.by_arm and name not in wanted:
            workspace.drop_database(name)
    for name, database in wanted.items():
        if workspace.database(name) is None:
            record = _database(database.name, server.next_database, facts, owner=ADMINISTRATOR_SID + "01")
            server.next_database += 1
            record.by_arm, record.collation = True, database.collation
            workspace.add_database(record)


def _fresh(facts: SqlServerFacts) -> ServerRecord:
    return ServerRecord(incarnation=facts.incarnation)


def _database(name: str, number: int, facts: SqlServerFacts, *, owner: str) -> DatabaseRecord:
    return new_database(name, number, facts, collation=facts.collation, owner_sid=owner)


def new_database(name: str, number: int, facts: SqlServerFacts, *, collation: str, owner_sid: str) -> DatabaseRecord:
    """Return an empty database as this kind of server makes it."""
    return DatabaseRecord(
        name=name,
        database_id=number,
        collation=collation or facts.collation,
        owner_sid=owner_sid,
        created=datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds"),
        read_committed_snapshot=KINDS[facts.kind].snapshot_by_default,
    )


def sid_for_new_login() -> str:
    """Return a security identifier for a login that names none."""
    return new_sid()
