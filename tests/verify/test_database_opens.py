"""The database check of verify against the SQL stand-in: it opens as the cell's identity, or says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from cellctl.dialer import Route
from cellctl.errors import EngineError
from cellctl.sqlserver.connection import Endpoint, Identity
from cellctl.verify.database import database_check
from cellctl.verify.outputs import DatabaseTarget
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds import SqlServerFacts
from cellctl_sandbox.standins.tds.servers import CloudDatabase
from cellctl_sandbox.standins.tds.tokens_entra import Bearer, sid_of
from cellctl_sandbox.testing.sql import ListedServers, SqlSandbox

RDS = "a-rather-long-name-of-a-cell-on-a-pool.c1abc2def3gh.eu-west-1.rds.amazonaws.com"
AZURE = "sql-cell-acme.database.windows.net"
ADMIN, PASSWORD, NODE_PASSWORD = "cellmaster", "Master-1-pass", "Node-1-password"
NODE = "7b1f0c9e-95bb-4d6b-8a3e-1d2c3b4a5f60"
AUTHORITY = Authority()


class Secrets:
    def __init__(self, sandbox: SqlSandbox, values: dict[str, str]) -> None:
        self._sandbox, self._values = sandbox, values

    def read(self, reference: str) -> str:
        if reference not in self._values:
            raise EngineError(f"the secret {reference} cannot be read", code="secret_unreadable")
        return self._values[reference]

    def database_token(self, identity: str) -> str:
        return self._sandbox.issuer.issue(Bearer(object_id=NODE, client_id=NODE))


@pytest.fixture
def sandbox(tmp_path) -> Iterator[SqlSandbox]:
    rds = SqlServerFacts(host=RDS, kind="rds", incarnation="1", administrator=ADMIN, administrator_password=PASSWORD)
    azure = SqlServerFacts(
        host=AZURE, kind="azure", incarnation="1", administrator=ADMIN, administrator_password=PASSWORD,
        databases=(CloudDatabase(name="octo_acme_g1"),),
    )  # fmt: skip
    running = SqlSandbox(tmp_path, ListedServers(rds, azure), authority=AUTHORITY)
    run(running, RDS, "master", "CREATE DATABASE octo_acme_g1")
    run(running, RDS, "master", f"CREATE LOGIN octo_acme WITH PASSWORD = N'{NODE_PASSWORD}'")
    run(running, RDS, "octo_acme_g1", "CREATE USER octo_acme FOR LOGIN octo_acme")
    yield running
    running.close()


def run(sandbox: SqlSandbox, host: str, database: str, statement: str) -> None:
    endpoint = Endpoint(dialer=sandbox.dialer, server=host, port=1433)
    with endpoint.opened(Identity(login=ADMIN, password=PASSWORD), database) as connection:
        connection.run(statement)


def target(**more) -> DatabaseTarget:
    found = {"server": RDS, "port": 1433, "name": "octo_acme_g1", "kind": "rds", "login": "octo_acme"}
    return DatabaseTarget(**found | {"password_secret": "arn:login"} | more)


def check(sandbox: SqlSandbox, database: DatabaseTarget, values=None, dialer=None):
    secrets = Secrets(sandbox, {"arn:login": NODE_PASSWORD} if values is None else values)
    return database_check(database, dialer or sandbox.dialer, secrets)()


def test_it_passes_for_a_login_also_where_the_servers_name_is_too_long_for_a_common_name(sandbox):
    assert len(RDS) > 64
    result = check(sandbox, target())
    assert (result.passed, result.message) == (True, "database octo_acme_g1 opens as octo_acme")


def test_it_passes_for_a_managed_identity(sandbox):
    run(sandbox, AZURE, "octo_acme_g1", f"CREATE USER node WITH SID = 0x{sid_of(NODE)}, TYPE = E")
    azure = target(server=AZURE, kind="azure-sql", login="", password_secret="", identity="node")
    assert check(sandbox, azure).passed


def test_each_reason_why_it_does_not_open_has_its_code_and_no_secret(sandbox):
    class Elsewhere:
        def route(self, name: str, port: int) -> Route:
            found = sandbox.dialer.route(name, port)
            return Route(host=found.host, port=found.port, trust_anchor=Authority().trust_anchor)

    results = {
        "verify_database_login": check(sandbox, target(), {"arn:login": "An-old-1-password"}),
        "verify_database_secret": check(sandbox, target(), {}),
        "verify_database_unreachable": check(sandbox, target(), dialer=Elsewhere()),
        "verify_database_user": check(sandbox, target(name="octo_nobody_g1")),
    }
    assert {code: result.code for code, result in results.items()} == {code: code for code in results}
    assert not any(result.passed or "password" in result.message.replace("login's password", "") for result in
                   results.values())  # fmt: skip
    sandbox.catalogue.remove(RDS)
    assert check(sandbox, target()).code == "verify_database_unreachable"


def test_a_login_whose_user_was_dropped_is_told_apart_from_a_wrong_password(sandbox):
    run(sandbox, RDS, "octo_acme_g1", "DROP USER octo_acme")
    assert check(sandbox, target()).code == "verify_database_user"


def host(sandbox: SqlSandbox, **more) -> DatabaseTarget:
    facts = {"host": RDS, "kind": "rds", "incarnation": "1", "administrator": ADMIN, "administrator_password": PASSWORD}
    sandbox.catalogue.put(SqlServerFacts(**facts | more))
    given = {"name": "master", "login": ADMIN, "password_secret": "arn:admin", "administers": True}
    return target(**given, expected="always_on")


@pytest.mark.parametrize(
    ("server", "passed", "said"),
    [
        ({"multi_az": True}, True, f"database master opens as {ADMIN}$"),
        ({"multi_az": True, "mirrored": True}, False, "mirrors its databases"),
        ({"multi_az": False}, True, "its server keeps no second copy"),
    ],
)
def test_a_host_is_asked_how_it_really_keeps_a_second_copy(sandbox, server, passed, said):
    """What RDS was asked for does not tell: an older version mirrors, and takes fewer databases."""
    result = check(sandbox, host(sandbox, **server), {"arn:admin": PASSWORD})
    assert (result.passed, result.code) == (passed, "" if passed else "verify_database_mode")
    assert re.search(said, result.message)


def test_of_a_cells_own_server_it_says_what_was_found_when_the_database_was_made(sandbox):
    assert "keeps a mirror" in check(sandbox, target(expected="always_on", found="mirroring")).message
    for found in ("always_on", ""):
        assert "keeps" not in check(sandbox, target(expected="always_on", found=found)).message
