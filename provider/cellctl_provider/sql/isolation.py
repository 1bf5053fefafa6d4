"""Proof that a cell's identity opens its own database and no other one."""

from __future__ import annotations

from collections.abc import Sequence

from cellctl.sqlserver.connection import Endpoint, Identity, SqlConnection, SqlFailure, single
from cellctl_provider.protocol import ProviderError
from cellctl_provider.sql.names import quote_name, sid_literal
from cellctl_provider.sql.wanted import Wanted

_MOST = 50
"""Other databases that are tried: as many as a server of a reef has cells (cellctl/facts/placement)."""
_ONLINE = "SELECT name FROM sys.databases WHERE name <> %s AND state = 0 ORDER BY database_id DESC"
_GUEST_DATABASES = ("master", "tempdb", "msdb")
_SERVER_ROLES = ("sysadmin", "securityadmin", "dbcreator", "serveradmin", "processadmin", "setupadmin")
_REFUSED = {916, 4060, 18456}
_NOT_THERE = 4060
"""What who may open everything is told of a database that was deleted meanwhile."""


def probes(connection: SqlConnection, wanted: Wanted) -> list[str]:
    """Return databases that the identity must not open: other cells' first, then `model`, which admits no guest.

    `connection` is the administrator's, in master. On Azure SQL `master` itself is one.
    """
    rows = connection.rows(_ONLINE, wanted.database)
    names = [str(row[0]) for row in rows]
    outside = [] if wanted.engine == "azure-sql" else [*_GUEST_DATABASES]
    known = {*outside, "model", "master", wanted.probe_database}
    others = [name for name in names if name not in known and not name.startswith("rdsadmin")]
    last = [name for name in ("model", "master") if name in names and name not in outside]
    chosen = ([wanted.probe_database] if wanted.probe_database else []) + others[:_MOST] + last
    if not chosen:
        raise ProviderError("there is no database to prove the isolation against: give probeDatabase", code="invalid")
    return chosen


def prove_login(endpoint: Endpoint, wanted: Wanted, identity: Identity, names: Sequence[str]) -> list[str]:
    """Open the cell's database as its login, then be refused by every other; return `name: error` of each."""
    proof: list[str] = []
    with endpoint.opened(identity, wanted.database) as connection:
        _own(connection, wanted)
        if wanted.engine == "rds":
            return [f"{name}: {_refused_use(connection, name)}" for name in names]
    for name in names:
        proof.append(f"{name}: {_refused_login(endpoint, identity, name)}")
    return proof


def _own(connection: SqlConnection, wanted: Wanted) -> None:
    """Look, as the login, that it is in its own database, as db_owner, and has no role on the server."""
    name, owner = connection.rows("SELECT DB_NAME(), IS_ROLEMEMBER(N'db_owner')")[0]
    if str(name).casefold() != wanted.database.casefold() or owner != 1:
        raise ProviderError(f"{wanted.user} does not open {wanted.database} as db_owner", code="conflict")
    if wanted.engine == "azure-sql":
        return  # a contained user has no login that could hold a server role
    asked = ", ".join(f"IS_SRVROLEMEMBER(N'{role}')" for role in _SERVER_ROLES)
    has = connection.rows(f"SELECT {asked}")[0]
    held = [role for role, member in zip(_SERVER_ROLES, has, strict=True) if member == 1]
    if held:
        raise ProviderError(
            f"{wanted.user} is {' and '.join(held)} of the server, which reaches beyond its own database",
            code="conflict",
        )


def _refused_use(connection: SqlConnection, name: str) -> int:
    try:
        connection.run(f"USE {quote_name(name)}")
    except SqlFailure as failure:
        return _expected(failure)
    raise _open_door(name)


def _refused_login(endpoint: Endpoint, identity: Identity, name: str) -> int:
    try:
        with endpoint.opened(identity, name):
            pass
    except SqlFailure as failure:
        return _expected(failure)
    raise _open_door(name)


def _expected(failure: SqlFailure) -> int:
    if failure.number not in _REFUSED:
        raise failure
    return failure.number


def _open_door(name: str) -> ProviderError:
    return ProviderError(f"the cell's identity can open database {name}, which is not its own", code="conflict")


def prove_identity(endpoint: Endpoint, administrator: Identity, client_id: str, names: Sequence[str]) -> list[str]:
    """Look, as the administrator, that no other database has a user of a managed identity; return `name: no user`.

    A managed identity cannot log in from here: that it opens its own database is proven by verify, on a node.
    """
    literal = sid_literal(client_id)
    proof: list[str] = []
    for name in names:
        try:
            with endpoint.opened(administrator, name) as connection:
                found = single(connection.rows(f"SELECT name FROM sys.database_principals WHERE sid = {literal}"))  # noqa: S608  hex digits
        except SqlFailure as failure:
            if failure.number != _NOT_THERE:
                raise
            continue
        if found is not None:
            raise _open_door(name)
        proof.append(f"{name}: no user")
    return proof
