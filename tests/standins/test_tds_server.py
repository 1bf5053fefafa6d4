"""The SQL stand-in as a plain python-tds client sees it: statements that CellDatabase never sends."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytds
import pytest

from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds import Fault, ScriptedFaults, SqlServerFacts
from cellctl_sandbox.standins.tds.servers import CloudDatabase
from cellctl_sandbox.standins.tds.tokens_entra import Bearer, TokenIssuer, sid_of
from cellctl_sandbox.testing.sql import ListedServers, SqlSandbox

RDS = "cell-acme.c1abc2def3.eu-west-1.rds.amazonaws.com"
AZURE = "sql-cell-acme.database.windows.net"
ADMIN, PASSWORD = "cellmaster", "Master-1-pass"
PERSON = "0d2a5c1e-1111-4222-8333-944455556666"
AUTHORITY = Authority()


class Client:
    """python-tds with its own TLS, as any program would use it."""

    def __init__(self, sandbox: SqlSandbox, host: str, anchor) -> None:
        self.sandbox, self.host = sandbox, host
        self._file = anchor / "ca.pem"
        self._file.write_text(AUTHORITY.trust_anchor)
        self._sockets: list[socket.socket] = []

    def connect(self, user=ADMIN, password=PASSWORD, database=None, *, token="", cafile=None, autocommit=True):
        route = self.sandbox.dialer.route(self.host, 1433)
        self._sockets.append(socket.create_connection((route.host, route.port)))
        return pytds.connect(
            dsn=self.host,
            sock=self._sockets[-1],
            user=None if token else user,
            password=None if token else password,
            access_token_callable=(lambda: token) if token else None,
            database=database,
            cafile=str(cafile or self._file),
            validate_host=False,  # python-tds 1.17 checks names by calls that pyOpenSSL deprecates or has dropped
            login_timeout=5,
            disable_connect_retry=True,
            autocommit=autocommit,
        )

    def rows(self, statement: str, *values, connection=None, **login):
        connection = connection or self.connect(**login)
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def error(self, statement: str, **login) -> int:
        with pytest.raises(pytds.DatabaseError) as refused:
            self.rows(statement, **login)
        return refused.value.number

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        self.sandbox.close()


def client_of(tmp_path, facts: SqlServerFacts, faults: ScriptedFaults | None = None) -> Client:
    sandbox = SqlSandbox(tmp_path, ListedServers(facts), authority=AUTHORITY, faults=faults)
    return Client(sandbox, facts.host, tmp_path)


def rds_facts() -> SqlServerFacts:
    return SqlServerFacts(host=RDS, kind="rds", incarnation="1", administrator=ADMIN, administrator_password=PASSWORD)


@pytest.fixture
def rds(tmp_path) -> Iterator[Client]:
    client = client_of(tmp_path, rds_facts())
    yield client
    client.close()


@pytest.fixture
def azure(tmp_path) -> Iterator[Client]:
    facts = SqlServerFacts(
        host=AZURE,
        kind="azure",
        incarnation="1",
        administrator=ADMIN,
        administrator_password=PASSWORD,
        entra_administrators=(PERSON,),
        databases=(CloudDatabase(name="app"), CloudDatabase(name="other", collation="Latin1_General_CI_AS")),
    )
    client = client_of(tmp_path, facts)
    yield client
    client.close()


def test_tables_hold_what_is_inserted_updated_and_deleted(rds):
    rds.rows("CREATE DATABASE shop")
    one = rds.connect(database="shop")
    columns = "id int IDENTITY(1,1) PRIMARY KEY, name nvarchar(40) NOT NULL, paid bit, price float"
    rds.rows(f"CREATE TABLE dbo.orders ({columns})", connection=one)
    rds.rows(
        "INSERT INTO dbo.orders (name, paid, price) VALUES (N'Ünïcode ''x''', 1, 2.5), (N'b', 0, NULL)", connection=one
    )
    rds.rows("INSERT dbo.orders VALUES (%s, %s, %s)", "third", True, 1.25, connection=one)
    assert rds.rows("SELECT id, name, paid, price FROM orders ORDER BY id", connection=one) == [
        (1, "Ünïcode 'x'", True, 2.5),
        (2, "b", False, None),
        (3, "third", True, 1.25),
    ]
    rds.rows("UPDATE orders SET name = name + N'!' WHERE paid = 1; DELETE orders WHERE id = 2", connection=one)
    found = rds.rows("SELECT COUNT(*) AS n, MAX(name) FROM shop.dbo.orders o WHERE o.name LIKE N'%!'", connection=one)
    assert found == [(2, "Ünïcode 'x'!")]
    assert rds.rows("SELECT name FROM sys.tables", connection=one) == [("orders",)]


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELECT * FROM nothing", 208),
        ("SELECT nothing FROM sys.databases", 207),
        ("SELECT nofunction(1)", 195),
        ("SELECT @x", 137),
        ("SELEC 1", 102),
        ("SELECT 'open", 105),
        ("GRANT CONTROL SERVER TO x", 102),
        ("BACKUP DATABASE x TO DISK = 'x'", 102),
        ("CREATE DATABASE x; GRANT x", 102),
        ("EXEC sp_configure", 2812),
        ("USE nowhere", 911),
        ("USE model", 916),
        ("CREATE DATABASE master", 1801),
        ("CREATE DATABASE x COLLATE No_Such", 448),
        ("DROP DATABASE nowhere", 3701),
        ("DROP DATABASE rdsadmin", 3701),
        ("ALTER DATABASE nowhere SET READ_COMMITTED_SNAPSHOT ON", 15151),
        ("CREATE LOGIN x WITH PASSWORD = 'short'", 15116),
        ("CREATE LOGIN cellmaster WITH PASSWORD = 'Long-enough-1'", 15025),
        ("CREATE LOGIN x WITH PASSWORD = 'Long-enough-1', DEFAULT_DATABASE = nowhere", 15010),
        ("DROP LOGIN nobody", 15151),
        ("ALTER LOGIN nobody DISABLE", 15151),
        ("ALTER SERVER ROLE sysadmin ADD MEMBER cellmaster", 15247),
        ("UPDATE sys.databases SET name = 'x'", 259),
        ("COMMIT", 3902),
        ("BEGIN TRAN; CREATE DATABASE x", 226),
        ("THROW 51000, 'own', 1", 51000),
    ],
)
def test_what_it_refuses_it_refuses_with_the_servers_number(rds, statement, number):
    assert rds.error(statement) == number


def test_a_batch_with_a_syntax_error_does_nothing_at_all(rds):
    assert rds.error("CREATE DATABASE half; FLY ME TO THE moon") == 102
    assert rds.rows("SELECT COUNT(*) FROM sys.databases WHERE name = 'half'") == [(0,)]


@pytest.mark.parametrize(
    "name", ["x]; DROP DATABASE victim--", "a'b", 'q"q', "sp ace", "日本", "x]]y", "[", "--", "/*"]
)
def test_hostile_names_are_names_when_quoted(rds, name):
    rds.rows("CREATE DATABASE victim")
    quoted = "[" + name.replace("]", "]]") + "]"
    rds.rows(f"CREATE DATABASE {quoted}")
    assert rds.rows("SELECT name FROM sys.databases WHERE database_id > 5 AND name <> %s", "victim") == [(name,)]
    assert rds.rows(f"USE {quoted}; SELECT DB_NAME()") == [(name,)]
    assert rds.rows("SELECT QUOTENAME(%s), DB_ID(%s)", name, "victim")[0][0] == quoted


def test_login_user_and_role_are_separate_facts(rds):
    rds.rows("CREATE DATABASE shop; CREATE LOGIN app WITH PASSWORD = 'Long-enough-1', DEFAULT_DATABASE = shop")
    app = {"user": "app", "password": "Long-enough-1"}
    assert rds.error("SELECT 1", **app) == 18456  # its default database does not admit it
    assert rds.error("USE shop", database="master", **app) == 916
    rds.rows("CREATE USER app FOR LOGIN app", database="shop")
    assert rds.rows("SELECT USER_NAME(), HAS_DBACCESS('shop'), IS_ROLEMEMBER('db_owner')", **app) == [("app", 1, 0)]
    assert rds.error("CREATE TABLE t (id int)", **app) == 262
    rds.rows("CREATE TABLE t (id int PRIMARY KEY); EXEC sp_addrolemember 'db_datareader', 'app'", database="shop")
    assert rds.rows("SELECT COUNT(*) FROM t", **app) == [(0,)]
    assert rds.error("INSERT INTO t VALUES (1)", **app) == 229
    assert rds.error("CREATE USER second WITHOUT LOGIN", **app) == 15247
    assert rds.error("ALTER ROLE db_owner ADD MEMBER app", **app) == 15151
    assert rds.error("CREATE USER other FOR LOGIN app", database="shop") == 15063
    assert rds.error("CREATE USER app FOR LOGIN app", database="shop") == 15023
    rds.rows("ALTER ROLE db_owner ADD MEMBER app", database="shop")
    rds.rows("INSERT INTO t VALUES (1)", **app)
    assert rds.error("INSERT INTO t VALUES (1)", **app) == 2627
    assert rds.error("INSERT INTO t VALUES (NULL)", **app) == 515
    rds.rows("DROP USER app", database="shop")
    assert rds.error("SELECT 1", **app) == 18456


def test_a_plain_login_may_not_make_databases_or_logins_or_see_other_logins(rds):
    rds.rows("CREATE LOGIN app WITH PASSWORD = 'Long-enough-1'")
    app = {"user": "app", "password": "Long-enough-1"}
    assert rds.error("CREATE DATABASE x", **app) == 262
    assert rds.error("CREATE LOGIN x WITH PASSWORD = 'Long-enough-1'", **app) == 15247
    assert rds.error("ALTER LOGIN cellmaster WITH PASSWORD = 'Long-enough-1'", **app) == 15151
    assert rds.rows("SELECT name FROM sys.sql_logins", **app) == [("app",)]
    rds.rows("ALTER LOGIN app WITH PASSWORD = 'Long-enough-2', OLD_PASSWORD = 'Long-enough-1'", **app)  # fmt: skip
    assert rds.error("SELECT 1", **app) == 18456
    rds.rows("ALTER LOGIN app DISABLE")
    assert rds.error("SELECT 1", user="app", password="Long-enough-2") == 18456


@pytest.mark.parametrize(("user", "password"), [(ADMIN, "wrong"), ("nobody", PASSWORD), (ADMIN, "")])
def test_a_wrong_login_is_18456_and_says_no_more(rds, user, password):
    with pytest.raises(pytds.DatabaseError) as refused:
        rds.connect(user, password)
    assert refused.value.number == 18456
    assert "wrong" not in str(refused.value)


def test_a_database_that_does_not_exist_is_4060(rds):
    with pytest.raises(pytds.DatabaseError, match="Cannot open database"):
        rds.connect(database="nowhere")


def test_nobody_gets_in_without_trusting_the_authority_or_without_encrypting(rds, tmp_path):
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(Authority().trust_anchor)
    with pytest.raises(Exception, match="certificate verify failed"):
        rds.connect(cafile=stranger)
    route = rds.sandbox.dialer.route(RDS, 1433)
    with pytest.raises(pytds.Error, match="does not have encryption enabled"):
        pytds.connect(dsn=route.host, port=route.port, user=ADMIN, password=PASSWORD, disable_connect_retry=True)


def test_a_transaction_is_rolled_back_or_kept_as_a_whole(rds):
    rds.rows("CREATE DATABASE shop; USE shop; CREATE TABLE t (id int PRIMARY KEY)")
    count = "SELECT COUNT(*) FROM shop.dbo.t"
    one = rds.connect(database="shop", autocommit=False)
    rds.rows("INSERT INTO t VALUES (1), (2); CREATE USER ghost WITHOUT LOGIN", connection=one)
    assert rds.rows(count, connection=one) == [(2,)]
    assert rds.rows(count) == [(0,)]
    one.rollback()
    assert rds.rows(count, connection=one) == [(0,)]
    assert rds.rows("SELECT DATABASE_PRINCIPAL_ID('ghost')", connection=one) == [(None,)]
    one.rollback()
    rds.rows("INSERT INTO t VALUES (1)", connection=one)
    one.commit()
    assert rds.rows(count) == [(1,)]
    text = rds.connect(database="shop")
    rds.rows(
        "BEGIN TRAN; INSERT INTO t VALUES (7); ROLLBACK; BEGIN TRAN; INSERT INTO t VALUES (8); COMMIT", connection=text
    )
    assert rds.rows("SELECT id FROM t ORDER BY id", connection=text) == [(1,), (8,)]


def test_two_transactions_on_the_same_rows_one_is_the_deadlock_victim(rds):
    rds.rows("CREATE DATABASE shop; USE shop; CREATE TABLE t (id int)")
    one, two = (rds.connect(database="shop", autocommit=False) for _ in range(2))
    for number, connection in enumerate((one, two)):
        rds.rows(f"INSERT INTO t VALUES ({number})", connection=connection)
    one.commit()
    with pytest.raises(pytds.DatabaseError) as victim:
        two.commit()
    assert victim.value.number == 1205
    assert rds.rows("SELECT COUNT(*) FROM shop.dbo.t") == [(1,)]


def test_many_connections_write_at_once_and_no_row_is_lost(rds):
    rds.rows("CREATE DATABASE shop; USE shop; CREATE TABLE t (id int IDENTITY(1,1) PRIMARY KEY, who int)")
    problems: list[Exception] = []

    def write(who: int) -> None:
        try:
            connection = rds.connect(database="shop")
            for _ in range(5):
                rds.rows("INSERT INTO t (who) VALUES (%s)", who, connection=connection)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert rds.rows("SELECT COUNT(*), MAX(id) FROM shop.dbo.t") == [(30, 30)]


def test_a_database_in_use_is_not_dropped_until_its_sessions_are_ended(rds):
    rds.rows("CREATE DATABASE shop")
    inside = rds.connect(database="shop")
    assert rds.error("DROP DATABASE shop") == 3702
    assert rds.error("ALTER DATABASE shop SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT") == 5070
    found = rds.rows("SELECT session_id FROM sys.dm_exec_sessions WHERE database_id = DB_ID('shop')")
    rds.rows(f"KILL {found[0][0]}")
    with pytest.raises((pytds.Error, OSError)):
        rds.rows("SELECT 1", connection=inside)
    rds.rows("IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'shop') DROP DATABASE shop ELSE PRINT 'gone'")
    rds.rows("IF DB_ID('shop') IS NOT NULL BEGIN DROP DATABASE shop; END")
    assert rds.rows("SELECT DB_ID('shop')") == [(None,)]


def test_variables_dynamic_sql_and_batches_with_several_results(rds):
    statement = (
        "DECLARE @n int = 2, @s nvarchar(20); SET @s = N'a' + N'b'; SELECT @n = @n + 1; SELECT @n, @s; SELECT 9 AS z"
    )
    with rds.connect().cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchall() == [(3, "ab")]
        assert cursor.nextset()
        assert (cursor.fetchall(), cursor.description[0][0]) == ([(9,)], "z")
    assert rds.rows("EXEC sp_executesql N'SELECT @a + @b', N'@a int, @b int', @a = 1, @b = 2") == [(3,)]
    assert rds.rows("EXEC('USE master; SELECT 5')") == [(5,)]
    assert rds.rows("SELECT CASE WHEN 1 = 2 THEN N'x' ELSE UPPER(N'y') END, LEN(N'ab '), 0x01AB") == [
        ("Y", 2, b"\x01\xab")
    ]


def test_a_lost_reply_is_a_statement_that_ran_and_a_drop_before_is_one_that_did_not(tmp_path):
    faults = ScriptedFaults(
        {1: Fault(drop="after"), 2: Fault(drop="before"), 3: Fault(error=1205)}, matching="CREATE DATABASE"
    )
    client = client_of(tmp_path, rds_facts(), faults)
    for name in ("one", "two"):
        with pytest.raises((pytds.Error, OSError)):
            client.rows(f"CREATE DATABASE {name}")
    assert client.error("CREATE DATABASE three") == 1205
    assert client.rows("SELECT name FROM sys.databases WHERE database_id > 5") == [("one",)]
    client.close()


def test_azure_does_not_switch_databases_and_makes_contained_users(azure):
    assert azure.error("USE app", database="master") == 40508
    assert azure.rows("SELECT name, collation_name FROM sys.databases ORDER BY name", database="master") == [
        ("app", "SQL_Latin1_General_CP1_CI_AS"),
        ("master", "SQL_Latin1_General_CP1_CI_AS"),
        ("other", "Latin1_General_CI_AS"),
    ]
    assert azure.error("CREATE DATABASE x", database="app") == 5001
    azure.rows("CREATE DATABASE x (EDITION = 'Standard', SERVICE_OBJECTIVE = 'S0')", database="master")
    assert azure.rows("SELECT DATABASEPROPERTYEX('x', 'Edition'), DB_NAME()", database="x") == [("Standard", "x")]
    azure.rows("CREATE USER app WITH PASSWORD = 'Long-enough-1'", database="app")
    app = {"user": "app", "password": "Long-enough-1"}
    assert azure.rows("SELECT USER_NAME(), @@VERSION", database="app", **app)[0][0] == "app"
    for elsewhere in ("other", "master", "x"):
        assert azure.error("SELECT 1", database=elsewhere, **app) == 18456


def test_azure_admits_tokens_of_its_issuer_only(azure):
    node = "7b1f0c9e-95bb-4d6b-8a3e-1d2c3b4a5f60"
    azure.rows(
        f"CREATE USER node WITH SID = 0x{sid_of(node)}, TYPE = E; ALTER ROLE db_owner ADD MEMBER node", database="app"
    )
    issuer, bearer = azure.sandbox.issuer, Bearer(object_id="11111111-2222-4333-8444-555555555555", client_id=node)
    good = issuer.issue(bearer)
    assert azure.rows("SELECT USER_NAME()", database="app", token=good) == [("node",)]
    head, body, signature = good.split(".")
    bad = [
        TokenIssuer().issue(bearer),
        issuer.issue(bearer, lifetime_s=-10),
        issuer.issue(bearer, audience="https://vault.azure.net/"),
        f"{head}.{body}.{signature[::-1]}",
        "no token at all",
    ]
    for token in bad:
        with pytest.raises(pytds.DatabaseError) as refused:
            azure.connect(database="app", token=token)
        assert refused.value.number == 18456
    with pytest.raises(pytds.DatabaseError):
        azure.connect(database="other", token=good)
    admin = issuer.issue(Bearer(object_id=PERSON))
    assert azure.rows("SELECT USER_NAME()", database="other", token=admin) == [("dbo",)]


def test_databases_that_arm_deletes_are_gone(azure):
    azure.rows("CREATE TABLE t (id int)", database="app")
    facts = azure.sandbox.catalogue.find(AZURE)
    fewer = {name: getattr(facts, name) for name in facts.__dataclass_fields__} | {"databases": facts.databases[1:]}
    azure.sandbox.catalogue.put(SqlServerFacts(**fewer))
    with pytest.raises(pytds.DatabaseError, match="Cannot open database"):
        azure.connect(database="app")


KILLED = """
import sys, time
from pathlib import Path
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds import SqlServerFacts
from cellctl_sandbox.testing.sql import ListedServers, SqlSandbox
home = Path(sys.argv[1])
facts = SqlServerFacts(host=sys.argv[2], kind="rds", incarnation="1", administrator="cellmaster",
                       administrator_password="Master-1-pass")
sandbox = SqlSandbox(home, ListedServers(facts), authority=Authority(home / "ca"))
print(sandbox.dialer.route(facts.host, 1433).port, flush=True)
time.sleep(600)
"""


def test_what_was_answered_survives_kill_9_and_an_open_transaction_does_not(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), RDS], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(process.stdout.readline())
        anchor = tmp_path / "ca.pem"
        anchor.write_text(Authority(tmp_path / "ca").trust_anchor)

        sockets: list[socket.socket] = []

        def connect(autocommit: bool):
            sockets.append(socket.create_connection(("127.0.0.1", port)))
            return pytds.connect(
                dsn=RDS, sock=sockets[-1], user=ADMIN, password=PASSWORD,
                cafile=str(anchor), validate_host=False, autocommit=autocommit, disable_connect_retry=True,
            )  # fmt: skip

        kept, lost = connect(True), connect(False)
        with kept.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop; USE shop; CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        with lost.cursor() as cursor:
            cursor.execute("USE shop; INSERT INTO t VALUES (2)")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    for connection in (kept, lost):
        with pytest.raises((pytds.Error, OSError)), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    for one in sockets:
        one.close()
    client = client_of(tmp_path, rds_facts())
    assert client.rows("SELECT id FROM shop.dbo.t") == [(1,)]
    client.close()


def test_prepared_statements_as_odbc_drivers_use_them(rds):
    with rds.connect().cursor() as cursor:
        cursor.callproc(
            "sp_prepexec", (pytds.output(param_type=int), "@P1 int, @P2 nvarchar(9)", "SELECT @P1 + 1, @P2", 41, "x")
        )
        assert cursor.fetchall() == [(42, "x")]
        (handle,) = cursor.get_proc_outputs()
        cursor.callproc("sp_execute", (handle, 1, "y"))
        assert cursor.fetchall() == [(2, "y")]
        cursor.callproc("sp_unprepare", (handle,))
        with pytest.raises(pytds.DatabaseError) as refused:
            cursor.callproc("sp_execute", (handle, 1, "y"))
        assert refused.value.number == 8179
