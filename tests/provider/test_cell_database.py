"""CellDatabase against the SQL stand-in: create, adopt, resume, isolation, rotation, deletion."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator

import pytest

from cellctl.dialer import Route
from cellctl.sqlserver.connection import Endpoint, Identity, SqlFailure
from cellctl.state.values import UNKNOWN, Struct, secret
from cellctl_provider.context import Context
from cellctl_provider.protocol import Check, Create, Delete, Diff, ProviderError, Read, Update
from cellctl_provider.secrets import StoredSecret
from cellctl_provider.sql.cell_database import CellDatabaseHandler
from cellctl_provider.sql.isolation import prove_identity
from cellctl_provider.sql.names import sid_literal
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds import Fault, ScriptedFaults, SqlServerFacts
from cellctl_sandbox.standins.tds.servers import CloudDatabase
from cellctl_sandbox.standins.tds.tokens_entra import Bearer
from cellctl_sandbox.testing.sql import ListedServers, SqlSandbox

TYPE = "cellctl:sql:CellDatabase"
RDS = "cell-acme.c1abc2def3.eu-west-1.rds.amazonaws.com"
AZURE = "sql-cell-acme.database.windows.net"
ADMIN, ADMIN_PASSWORD = "cellmaster", "Master-1-pass'word"
LOGIN_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-login"
ADMIN_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds-master"
CLIENT, OPERATOR = "7b1f0c9e-95bb-4d6b-8a3e-1d2c3b4a5f60", "0d2a5c1e-1111-4222-8333-944455556666"
AUTHORITY = Authority()


class Stores:
    """Secrets in memory, with the methods that handlers use."""

    def __init__(self) -> None:
        self.values = {ADMIN_SECRET: ADMIN_PASSWORD}

    def read(self, reference: str) -> str:
        return self.values[reference]

    def ensure(self, reference: str, make) -> StoredSecret:
        value = self.values.setdefault(reference, make())
        return StoredSecret(reference=reference, version="1", value=value)


class Tokens:
    """Credentials that sign in as the operator."""

    def __init__(self, world: World) -> None:
        self._world = world

    def aws(self, region: str):
        raise AssertionError("no AWS session is needed")

    def azure_token(self, audience: str) -> str:
        return self._world.sandbox.issuer.issue(Bearer(object_id=OPERATOR), audience=audience)

    def azure_token_of(self, identity: str, audience: str) -> str:
        raise AssertionError("not on a node")


class World:
    """One home with one server; `dials` counts connections, `slept` is simulated waiting."""

    def __init__(self, home, facts: SqlServerFacts, faults: ScriptedFaults | None = None) -> None:
        self.catalogue = ListedServers(facts)
        self.sandbox = SqlSandbox(home, self.catalogue, authority=AUTHORITY, faults=faults)
        self.dials, self.slept = 0, 0.0
        self.waited: Callable[[float], None] = lambda _: None
        self.stores = Stores()
        self.context = Context(dialer=self, sleep=self.sleep, credentials=Tokens(self))
        self.context.__dict__["secrets"] = self.stores
        self.handler = CellDatabaseHandler(self.context)

    def route(self, name: str, port: int) -> Route:
        self.dials += 1
        return self.sandbox.dialer.route(name, port)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.waited(seconds)

    def rows(self, statement: str, *, database: str = "master", login: str = ADMIN, password: str = ADMIN_PASSWORD):
        endpoint = Endpoint(dialer=self.sandbox.dialer, server=self.catalogue.servers()[0].host, port=1433)
        with endpoint.opened(Identity(login=login, password=password), database) as connection:
            return connection.rows(statement)

    def create(self, inputs: Struct, name: str = "database"):
        return self.handler.create(Create(urn=urn(name), type=TYPE, name=name, properties=inputs))

    def close(self) -> None:
        self.sandbox.close()


def urn(name: str = "database") -> str:
    return f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell${TYPE}::{name}"


def rds_inputs(cell: str = "acme", **more) -> Struct:
    return {
        "engine": "rds",
        "region": "eu-west-1",
        "server": RDS,
        "port": 1433,
        "database": f"octo_{cell}_g1",
        "administrator": ADMIN,
        "administratorSecret": ADMIN_SECRET,
        "login": f"octo_{cell}",
        "loginSecret": LOGIN_SECRET,
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "readCommittedSnapshot": True,
        "acceptDataLoss": False,
    } | more


def azure_inputs(**more) -> Struct:
    return {
        "engine": "azure-sql",
        "server": AZURE,
        "port": 1433,
        "database": "octo_acme_g1",
        "identity": "id-cell-acme-node",
        "identityClientId": CLIENT,
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "readCommittedSnapshot": True,
        "acceptDataLoss": False,
    } | more


def rds_facts(**more) -> SqlServerFacts:
    facts = {"host": RDS, "kind": "rds", "incarnation": "i1", "administrator": ADMIN}
    return SqlServerFacts(**facts | {"administrator_password": ADMIN_PASSWORD} | more)


def azure_facts(**more) -> SqlServerFacts:
    facts = {"host": AZURE, "kind": "azure", "incarnation": "i1", "entra_administrators": (OPERATOR,)}
    return SqlServerFacts(**facts | {"databases": (CloudDatabase(name="octo_acme_g1"),)} | more)


@pytest.fixture
def rds(tmp_path) -> Iterator[World]:
    world = World(tmp_path, rds_facts())
    yield world
    world.close()


@pytest.fixture
def azure(tmp_path) -> Iterator[World]:
    world = World(tmp_path, azure_facts())
    yield world
    world.close()


def test_a_fresh_create_makes_database_login_user_and_role_and_nothing_else(rds):
    created = rds.create(rds_inputs())
    assert created.id == f"{RDS}:1433/octo_acme_g1"
    assert created.properties["owner"] == "cell-acme::octopus-cells::database"
    assert created.properties["provenAgainst"] == ["model: 916"]
    assert "password" not in str(created.properties).casefold().replace("administratorpassword", "")
    rows = rds.rows(
        "SELECT name, collation_name, is_read_committed_snapshot_on FROM sys.databases WHERE database_id > 5"
    )
    assert rows == [("octo_acme_g1", "SQL_Latin1_General_CP1_CI_AS", True)]
    assert rds.rows("SELECT name FROM sys.sql_logins ORDER BY principal_id") == [(ADMIN,), ("octo_acme",)]
    mine = {"database": "octo_acme_g1", "login": "octo_acme", "password": rds.stores.values[LOGIN_SECRET]}
    assert rds.rows("SELECT DB_NAME(), USER_NAME(), IS_SRVROLEMEMBER('dbcreator')", **mine) == [
        ("octo_acme_g1", "octo_acme", 0)
    ]
    roles = "SELECT COUNT(*) FROM sys.database_role_members WHERE member_principal_id > 4"
    assert rds.rows(roles, database="octo_acme_g1") == [(1,)]


def test_a_second_create_adopts_what_is_there_and_makes_nothing_twice(rds):
    first = rds.create(rds_inputs())
    password = rds.stores.values[LOGIN_SECRET]
    second = rds.create(rds_inputs())
    assert second.properties == first.properties
    assert rds.stores.values[LOGIN_SECRET] == password
    assert rds.rows("SELECT COUNT(*) FROM sys.sql_logins") == [(2,)]


@pytest.mark.parametrize(("mirrored", "mode"), [(False, "always_on"), (True, "mirroring")])
def test_a_database_is_there_once_its_second_copy_is_up_to_date(rds, mirrored, mode):
    behind = rds_facts(multi_az=True, mirrored=mirrored, catching_up=("octo_acme_g1",))
    rds.sandbox.catalogue.put(behind)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            rds.sandbox.catalogue.put(rds_facts(multi_az=True, mirrored=mirrored))

    rds.waited = wait
    assert rds.create(rds_inputs()).properties["haMode"] == mode
    assert len(waits) == 3
    rds.sandbox.catalogue.put(rds_facts())
    assert rds.create(rds_inputs()).properties["haMode"] == "single"


def test_a_second_copy_that_does_not_come_fails_the_create_and_the_next_one_goes_on(rds):
    rds.sandbox.catalogue.put(rds_facts(multi_az=True, catching_up=("octo_acme_g1",)))
    with pytest.raises(ProviderError, match="a second copy of database octo_acme_g1 did not happen within 30 minutes"):
        rds.create(rds_inputs())
    rds.sandbox.catalogue.put(rds_facts(multi_az=True))
    assert rds.create(rds_inputs()).properties["haMode"] == "always_on"
    assert made_once(rds)


CHANGES = ("CREATE", "ALTER", "EXEC")


def statements_of_a_create(home) -> tuple[list[str], Struct]:
    world = World(home, rds_facts(), ScriptedFaults())
    outputs = world.create(rds_inputs()).properties
    seen = list(world.sandbox.standin._faults.seen)
    world.close()
    assert sum(one.startswith(CHANGES) for one in seen) == 6
    return seen, outputs


def made_once(world: World) -> bool:
    return world.rows("SELECT COUNT(*) FROM sys.sql_logins") == [(2,)] and world.rows(
        "SELECT COUNT(*) FROM sys.databases WHERE database_id > 5"
    ) == [(1,)]


def test_create_survives_a_lost_reply_of_every_change(tmp_path):
    seen, expected = statements_of_a_create(tmp_path / "count")
    for number, statement in enumerate(seen, start=1):
        # Of every statement that changes something the reply is lost; of a third of the others, the question.
        drop = "after" if statement.startswith(CHANGES) else "before"
        if drop == "before" and number % 3:
            continue
        world = World(tmp_path / str(number), rds_facts(), ScriptedFaults({number: Fault(drop=drop)}))
        assert world.create(rds_inputs()).properties == expected, statement
        assert world.slept > 0
        assert made_once(world), statement
        world.close()


def test_a_run_that_died_after_any_change_is_taken_up_by_the_next_one(tmp_path):
    seen, expected = statements_of_a_create(tmp_path / "count")
    for number in (one for one, statement in enumerate(seen) if statement.startswith(CHANGES)):
        killed = ScriptedFaults({number + 2: Fault(error=50001, text="the process was killed here")})
        world = World(tmp_path / str(number), rds_facts(), killed)
        with pytest.raises(ProviderError, match="killed here"):
            world.create(rds_inputs())
        assert world.create(rds_inputs()).properties == expected
        assert made_once(world), seen[number]
        world.close()


def test_transient_errors_are_tried_again_and_waited_for_in_simulated_time(tmp_path):
    faults = ScriptedFaults({3: Fault(error=40613), 7: Fault(error=1205), 9: Fault(error=40501)})
    world = World(tmp_path, rds_facts(), faults)
    world.create(rds_inputs())
    assert world.slept >= 3
    world.close()


def test_two_cells_on_one_server_cannot_open_each_other(rds):
    rds.create(rds_inputs("acme"))
    proof = rds.create(rds_inputs("globex", loginSecret=LOGIN_SECRET + "2"), "other").properties["provenAgainst"]
    assert proof == ["octo_acme_g1: 916", "model: 916"]
    password = rds.stores.values[LOGIN_SECRET + "2"]
    with pytest.raises(SqlFailure) as refused:
        rds.rows("SELECT 1", database="octo_acme_g1", login="octo_globex", password=password)
    assert refused.value.number == 4060


def test_an_open_door_to_another_cell_fails_the_create(rds):
    rds.create(rds_inputs("acme"))
    rds.create(rds_inputs("globex", loginSecret=LOGIN_SECRET + "2"), "other")
    rds.rows("CREATE USER octo_globex FOR LOGIN octo_globex", database="octo_acme_g1")
    with pytest.raises(ProviderError, match="can open database octo_acme_g1") as refused:
        rds.create(rds_inputs("globex", loginSecret=LOGIN_SECRET + "2"), "other")
    assert refused.value.code == "conflict"


def test_a_database_of_somebody_else_is_not_adopted(rds):
    rds.create(rds_inputs())
    with pytest.raises(ProviderError, match="belongs to cell-acme::octopus-cells::database"):
        rds.create(rds_inputs(), "another")
    rds.rows("CREATE DATABASE octo_globex_g1")
    rds.rows("CREATE TABLE t (id int)", database="octo_globex_g1")
    with pytest.raises(ProviderError, match="not marked as this cell's"):
        rds.create(rds_inputs("globex"), "other")


def test_a_database_with_another_collation_is_refused(rds):
    rds.rows("CREATE DATABASE octo_acme_g1 COLLATE Latin1_General_CI_AS")
    with pytest.raises(ProviderError, match="has collation Latin1_General_CI_AS"):
        rds.create(rds_inputs())


def test_rotation_changes_the_password_in_place(rds):
    created = rds.create(rds_inputs())
    old, new = rds.stores.values[LOGIN_SECRET], "Fresh-1-passw'ord"
    rds.stores.values[LOGIN_SECRET] = new
    news = rds_inputs(loginSecretVersion="2")
    diff = rds.handler.diff(Diff(urn=urn(), id=created.id, olds=created.properties, old_inputs=rds_inputs(), news=news))
    assert (diff.diffs, diff.replaces) == (("loginSecretVersion",), ())
    rds.handler.update(Update(urn=urn(), id=created.id, olds=created.properties, old_inputs=rds_inputs(), news=news))
    mine = {"database": "octo_acme_g1", "login": "octo_acme"}
    assert rds.rows("SELECT DB_NAME()", password=new, **mine) == [("octo_acme_g1",)]
    with pytest.raises(SqlFailure, match="18456"):
        rds.rows("SELECT 1", password=old, **mine)


def test_a_changed_login_replaces_the_user_and_the_former_one_is_gone(rds):
    created = rds.create(rds_inputs())
    news = rds_inputs(login="octo_acme_b", loginSecret=LOGIN_SECRET + "b")
    rds.handler.update(Update(urn=urn(), id=created.id, olds=created.properties, old_inputs=rds_inputs(), news=news))
    assert rds.rows("SELECT name FROM sys.sql_logins ORDER BY name") == [(ADMIN,), ("octo_acme_b",)]
    users = "SELECT name FROM sys.database_principals WHERE type = 'S' AND principal_id > 4"
    assert rds.rows(users, database="octo_acme_g1") == [("octo_acme_b",)]


def test_delete_needs_a_proven_backup_or_consent(rds):
    created = rds.create(rds_inputs())
    with pytest.raises(ProviderError, match="no restore point is proven; back it up, or set acceptDataLoss") as refused:
        rds.handler.delete(Delete(urn=urn(), id=created.id, properties=created.properties))
    assert refused.value.code == "conflict"
    now = datetime.datetime.now(datetime.UTC)
    for age, allowed in ((datetime.timedelta(days=2), False), (datetime.timedelta(hours=1), True)):
        handler = CellDatabaseHandler(rds.context, BackedUp(now - age))
        if allowed:
            handler.delete(Delete(urn=urn(), id=created.id, properties=created.properties))
        else:
            with pytest.raises(ProviderError, match="its last backup is of"):
                handler.delete(Delete(urn=urn(), id=created.id, properties=created.properties))
    assert rds.rows("SELECT COUNT(*) FROM sys.databases WHERE database_id > 5") == [(0,)]


class BackedUp:
    def __init__(self, point: datetime.datetime) -> None:
        self._point = point

    def latest_restore_point(self, server: str, database: str) -> datetime.datetime | None:
        return self._point


@pytest.mark.parametrize("multi_az", [False, True])
def test_delete_closes_connections_drops_all_and_succeeds_twice(tmp_path, multi_az):
    world = World(tmp_path, rds_facts(multi_az=multi_az))
    created = world.create(rds_inputs(acceptDataLoss=True))
    endpoint = Endpoint(dialer=world.sandbox.dialer, server=RDS, port=1433)
    node = Identity(login="octo_acme", password=world.stores.values[LOGIN_SECRET])
    request = Delete(urn=urn(), id=created.id, properties=created.properties)
    with endpoint.opened(node, "octo_acme_g1"):
        world.handler.delete(request)
    world.handler.delete(request)
    assert world.rows("SELECT COUNT(*) FROM sys.sql_logins") == [(1,)]
    assert (
        world.handler.read(Read(urn=urn(), id=created.id, properties=created.properties, inputs=rds_inputs())) is None
    )
    world.close()


def test_delete_keeps_a_database_that_is_marked_as_another_ones(rds):
    created = rds.create(rds_inputs(acceptDataLoss=True))
    with pytest.raises(ProviderError, match="it is kept"):
        rds.handler.delete(Delete(urn=urn("other"), id=created.id, properties=created.properties))


def test_read_says_unreachable_and_never_gone_when_the_server_does_not_answer(rds):
    created = rds.create(rds_inputs())
    request = Read(urn=urn(), id=created.id, properties=created.properties, inputs=rds_inputs())
    found = rds.handler.read(request)
    assert found is not None
    assert found.inputs == rds_inputs()
    rds.catalogue.put(rds_facts(accepting=False))
    with pytest.raises(ProviderError) as refused:
        rds.handler.read(request)
    assert refused.value.code == "unreachable"
    rds.catalogue.remove(RDS)
    with pytest.raises(ProviderError) as refused:
        rds.handler.read(request)
    assert refused.value.code == "unreachable"


def test_drift_of_user_and_options_shows_in_read_and_update_repairs_it(rds):
    created = rds.create(rds_inputs())
    rds.rows("ALTER DATABASE octo_acme_g1 SET READ_COMMITTED_SNAPSHOT OFF")
    rds.rows("DROP USER octo_acme", database="octo_acme_g1")
    request = Read(urn=urn(), id=created.id, properties=created.properties, inputs=rds_inputs())
    found = rds.handler.read(request)
    diff = rds.handler.diff(
        Diff(urn=urn(), id=created.id, olds=found.properties, old_inputs=found.inputs, news=rds_inputs())
    )
    assert (set(diff.diffs), diff.replaces) == ({"login", "readCommittedSnapshot"}, ())
    rds.handler.update(
        Update(urn=urn(), id=created.id, olds=found.properties, old_inputs=found.inputs, news=rds_inputs())
    )
    assert rds.handler.read(request).inputs == rds_inputs()


def test_a_wrong_administrator_password_is_an_auth_error_without_the_password(rds):
    rds.stores.values[ADMIN_SECRET] = "Wrong-1-secret"
    with pytest.raises(ProviderError) as refused:
        rds.create(rds_inputs())
    assert refused.value.code == "auth"
    assert "Wrong-1-secret" not in str(refused.value)


def test_a_refused_password_does_not_stand_in_the_error(rds):
    with pytest.raises(ProviderError) as refused:
        rds.create(rds_inputs(loginSecret=None, loginPassword=secret("weak'pw")))
    assert "15116" in refused.value.message
    assert "weak" not in refused.value.message


def test_a_server_whose_certificate_is_not_trusted_gets_no_login(tmp_path):
    world = World(tmp_path, rds_facts())
    stranger = Authority()

    class Elsewhere:
        def route(self, name: str, port: int) -> Route:
            route = world.sandbox.dialer.route(name, port)
            return Route(host=route.host, port=route.port, trust_anchor=stranger.trust_anchor)

    context = Context(dialer=Elsewhere(), sleep=world.sleep, credentials=Tokens(world))
    context.__dict__["secrets"] = world.stores
    with pytest.raises(ProviderError, match="certificate is not trusted") as refused:
        CellDatabaseHandler(context).create(Create(urn=urn(), properties=rds_inputs()))
    assert refused.value.code == "unreachable"
    world.close()


def test_check_diff_and_previews_open_no_connection(rds):
    checked = rds.handler.check(Check(urn=urn(), olds={}, news=rds_inputs()))
    assert checked.failures == ()
    preview = rds.handler.create(Create(urn=urn(), properties=checked.inputs, preview=True))
    assert (preview.id, preview.properties["databaseId"]) == ("", UNKNOWN)
    updated = rds.handler.update(
        Update(urn=urn(), id="x", olds=rds_inputs(), old_inputs=rds_inputs(), news=checked.inputs, preview=True)
    )
    assert updated.properties["provenAgainst"] == UNKNOWN
    replaced = rds.handler.diff(
        Diff(urn=urn(), id="x", olds={}, old_inputs=rds_inputs(), news=rds_inputs(database="octo_acme_g2"))
    )
    assert (replaced.replaces, replaced.delete_before_replace) == (("database",), True)
    assert rds.dials == 0


@pytest.mark.parametrize(
    ("inputs", "property"),
    [
        ({"database": "octo_x]; DROP DATABASE x--_g1"}, "database"),
        ({"database": "octo_acme"}, "database"),
        ({"login": "x]; DROP DATABASE x--"}, "login"),
        ({"login": "sa"}, "login"),
        ({"login": ADMIN}, "login"),
        ({"collation": "Latin1_General_CS_AS"}, "collation"),
        ({"collation": "X_CI_AS; DROP DATABASE x"}, "collation"),
        ({"server": "host,1433;x"}, "server"),
        ({"loginPassword": "in clear"}, "loginPassword"),
        ({"identity": "id-x", "identityClientId": CLIENT}, "login"),
        ({"loginSecret": None}, "loginSecret"),
        ({"formerLogin": "octo_ACME"}, "formerLogin"),
        ({"administrator": None}, "administrator"),
        ({"engine": "postgres"}, "engine"),
        ({"unheard": "of"}, "unheard"),
    ],
)
def test_hostile_and_contradictory_inputs_are_refused_by_check(rds, inputs, property):
    checked = rds.handler.check(Check(urn=urn(), olds={}, news=rds_inputs(**inputs)))
    assert property in [failure.property for failure in checked.failures]


def test_azure_gives_a_managed_identity_its_database_and_looks_that_no_other_has_it(azure):
    created = azure.create(azure_inputs())
    assert created.properties["provenAgainst"] == ["master: no user"]
    token = azure.sandbox.issuer.issue(Bearer(object_id=OPERATOR, client_id=CLIENT))
    endpoint = Endpoint(dialer=azure.sandbox.dialer, server=AZURE, port=1433)
    own = azure.sandbox.issuer.issue(Bearer(object_id="11111111-2222-4333-8444-555555555555", client_id=CLIENT))
    assert token != own
    with endpoint.opened(Identity(token=own), "octo_acme_g1") as connection:
        assert connection.rows("SELECT USER_NAME(), IS_ROLEMEMBER('db_owner')") == [("id-cell-acme-node", 1)]
    with pytest.raises(SqlFailure, match="18456"), endpoint.opened(Identity(token=own), "master"):
        pass


def test_azure_finds_the_identity_in_any_database_of_a_full_server(azure):
    names = [f"octo_c{number}_g1" for number in range(45)]
    there = tuple(CloudDatabase(name=one) for one in ("octo_acme_g1", *names))
    azure.catalogue.put(azure_facts(administrator=ADMIN, administrator_password=ADMIN_PASSWORD, databases=there))
    created = azure.create(azure_inputs())
    assert {*created.properties["provenAgainst"]} == {f"{one}: no user" for one in (*names, "master")}
    for number, name in enumerate((names[0], names[22], names[-1], "master")):
        azure.rows(f"CREATE USER door{number} WITH SID = {sid_literal(CLIENT)}, TYPE = E", database=name)
        with pytest.raises(ProviderError, match=f"can open database {name}, which is not its own") as refused:
            azure.create(azure_inputs())
        assert refused.value.code == "conflict"
        azure.rows(f"DROP USER door{number}", database=name)


def test_azure_that_deletes_a_database_meanwhile_has_no_door_to_it(azure):
    endpoint, token = Endpoint(dialer=azure.sandbox.dialer, server=AZURE, port=1433), azure.sandbox.issuer
    operator = Identity(token=token.issue(Bearer(object_id=OPERATOR)))
    assert prove_identity(endpoint, operator, CLIENT, ["octo_acme_g1", "octo_gone_g1"]) == ["octo_acme_g1: no user"]
    nobody = Identity(token=token.issue(Bearer(object_id=CLIENT)))
    with pytest.raises(SqlFailure, match="18456"):
        prove_identity(endpoint, nobody, CLIENT, ["octo_acme_g1"])


def test_azure_takes_a_recreated_identity_in_place_of_the_former_one(azure):
    created = azure.create(azure_inputs())
    other = "99999999-95bb-4d6b-8a3e-1d2c3b4a5f60"
    news = azure_inputs(identityClientId=other)
    azure.handler.update(
        Update(urn=urn(), id=created.id, olds=created.properties, old_inputs=azure_inputs(), news=news)
    )
    endpoint = Endpoint(dialer=azure.sandbox.dialer, server=AZURE, port=1433)
    for client, opens in ((other, True), (CLIENT, False)):
        identity = Identity(token=azure.sandbox.issuer.issue(Bearer(object_id=client, client_id=client)))
        if opens:
            with endpoint.opened(identity, "octo_acme_g1"):
                pass
        else:
            with pytest.raises(SqlFailure), endpoint.opened(identity, "octo_acme_g1"):
                pass


def test_azure_with_a_contained_login_and_deletion_that_leaves_the_database_to_arm(azure):
    azure.catalogue.put(azure_facts(administrator=ADMIN, administrator_password=ADMIN_PASSWORD))
    inputs = azure_inputs(administrator=ADMIN, administratorSecret=ADMIN_SECRET, login="octo_acme",
                          loginSecret=LOGIN_SECRET, identity=None, identityClientId=None)  # fmt: skip
    created = azure.create(inputs)
    assert created.properties["provenAgainst"] == ["master: 18456"]
    azure.handler.delete(Delete(urn=urn(), id=created.id, properties=created.properties))
    assert azure.rows("SELECT COUNT(*) FROM sys.databases WHERE name = 'octo_acme_g1'") == [(1,)]
    users = "SELECT COUNT(*) FROM sys.database_principals WHERE name = 'octo_acme'"
    assert azure.rows(users, database="octo_acme_g1") == [(0,)]


def test_azure_with_a_password_is_administered_by_its_group_and_refuses_it_where_only_entra_signs_in(azure):
    inputs = azure_inputs(login="octo_acme", loginSecret=LOGIN_SECRET, identity=None, identityClientId=None)
    azure.catalogue.put(azure_facts(entra_only=True))
    with pytest.raises(ProviderError, match="octo_acme"):
        azure.create(inputs)
    azure.catalogue.put(azure_facts())
    created = azure.create(inputs)
    assert created.properties["provenAgainst"] == ["master: 18456"]
    kept = azure.stores.read(LOGIN_SECRET)
    assert len(kept) == 32
    assert kept not in repr(created.properties)


def turned(turn: int) -> Struct:
    """Return what the program says of a password's turn: two users, of which the one before stays."""
    users = ("octo_acme_a", "octo_acme_b")
    former = {"formerLogin": users[turn % 2]} if turn > 1 else {}
    secret_of = f"{LOGIN_SECRET}-{turn}"
    inputs = azure_inputs(login=users[(turn - 1) % 2], loginSecret=secret_of, **former)
    return {**inputs, "identity": None, "identityClientId": None}


def test_two_users_take_turns_so_that_the_password_before_is_good_until_the_next(azure):
    azure.catalogue.put(
        azure_facts(databases=(CloudDatabase(name="octo_acme_g1"), CloudDatabase(name="octo_globex_g1")))
    )
    created = azure.create(turned(1))
    id_, olds = created.id, created.properties

    def opens(turn: int) -> bool:
        mine = {"login": turned(turn)["login"], "password": azure.stores.values[f"{LOGIN_SECRET}-{turn}"]}
        with contextlib.suppress(SqlFailure):
            return azure.rows("SELECT IS_ROLEMEMBER('db_owner')", database="octo_acme_g1", **mine) == [(1,)]
        return False

    assert opens(1)
    for turn in (2, 3, 4):
        update = Update(urn=urn(), id=id_, olds=olds, old_inputs=turned(turn - 1), news=turned(turn))
        olds = azure.handler.update(update).properties
        assert [opens(one) for one in range(1, turn + 1)] == [False] * (turn - 2) + [True, True]
        # Each user is proven against the other cell's database, which its password does not open.
        assert olds["provenAgainst"] == ["octo_globex_g1: 18456", "master: 18456"]
    assert len({azure.stores.values[f"{LOGIN_SECRET}-{turn}"] for turn in (1, 2, 3, 4)}) == 4
    azure.handler.delete(Delete(urn=urn(), id=id_, properties=olds))
    assert not opens(3)
    assert not opens(4)


def test_a_user_before_goes_where_identities_sign_in_again(azure):
    created = azure.create(turned(2))
    old, news = turned(2), azure_inputs()
    updated = azure.handler.update(Update(urn=urn(), id=created.id, olds=created.properties, old_inputs=old, news=news))
    assert updated.properties["provenAgainst"] == ["master: no user"]
    with pytest.raises(SqlFailure, match="18456"):
        azure.rows("SELECT 1", database="octo_acme_g1", login="octo_acme_b",
                   password=azure.stores.values[f"{LOGIN_SECRET}-2"])  # fmt: skip


def test_azure_waits_for_a_database_that_the_cloud_is_still_making(tmp_path):
    world = World(tmp_path, azure_facts(databases=()))

    def appear(seconds: float) -> None:
        world.slept += seconds
        if world.slept > 20:
            world.catalogue.put(azure_facts())

    world.context._sleep = appear
    assert world.create(azure_inputs()).properties["owner"]
    world.close()


def test_a_server_made_again_under_its_old_name_holds_nothing_of_the_old_one(rds):
    rds.create(rds_inputs())
    rds.catalogue.put(rds_facts(incarnation="i2"))
    assert rds.rows("SELECT COUNT(*) FROM sys.databases WHERE database_id > 5") == [(0,)]


@pytest.mark.parametrize(
    "hostile", ["x]; DROP DATABASE victim--", "a'b; DROP DATABASE victim--", 'q"', "]]", "%s %d %"]
)
def test_names_that_got_past_check_are_still_only_names(rds, hostile):
    rds.rows("CREATE DATABASE victim")
    created = rds.create(rds_inputs(database=f"octo_{hostile}", login=f"login {hostile}", acceptDataLoss=True))
    assert rds.rows("SELECT COUNT(*) FROM sys.databases WHERE database_id > 5") == [(2,)]
    assert created.properties["provenAgainst"] == ["victim: 916", "model: 916"]
    rds.handler.delete(Delete(urn=urn(), id=created.id, properties=created.properties))
    assert rds.rows("SELECT name FROM sys.databases WHERE database_id > 5") == [("victim",)]
    assert rds.rows("SELECT COUNT(*) FROM sys.sql_logins") == [(1,)]


def test_a_password_that_was_changed_behind_our_back_is_drift_and_is_set_again(rds):
    created = rds.create(rds_inputs())
    rds.rows("ALTER LOGIN octo_acme WITH PASSWORD = 'Somebody-else-1'")
    found = rds.handler.read(Read(urn=urn(), id=created.id, properties=created.properties, inputs=rds_inputs()))
    assert "login" not in found.inputs
    rds.handler.update(
        Update(urn=urn(), id=created.id, olds=found.properties, old_inputs=found.inputs, news=rds_inputs())
    )
    password = rds.stores.values[LOGIN_SECRET]
    assert rds.rows("SELECT DB_NAME()", database="octo_acme_g1", login="octo_acme", password=password)


def test_a_login_with_a_role_on_the_server_fails_the_create(tmp_path):
    world = World(tmp_path, rds_facts())
    world.create(rds_inputs())
    world.rows("ALTER SERVER ROLE processadmin ADD MEMBER octo_acme")
    with pytest.raises(ProviderError, match="is processadmin of the server"):
        world.create(rds_inputs())
    world.close()


def test_an_import_without_the_programs_inputs_says_what_it_needs(rds):
    with pytest.raises(ProviderError, match="needs an administrator") as refused:
        rds.handler.read(Read(urn=urn(), id=f"{RDS}:1433/octo_acme_g1", properties={}, inputs={}))
    assert refused.value.code == "invalid"


def test_azure_that_redirects_is_followed_to_its_worker(tmp_path):
    worker = "tr4711.northeurope1-a.worker.database.windows.net"
    world = World(tmp_path, azure_facts(worker=worker, worker_port=11003))
    assert world.create(azure_inputs()).properties["provenAgainst"] == ["master: no user"]
    world.catalogue.put(azure_facts(worker="nowhere.worker.database.windows.net"))
    world.close()
    other = World(tmp_path / "lost", azure_facts(worker=AZURE, worker_port=1))
    with pytest.raises(ProviderError) as refused:
        other.create(azure_inputs())
    assert refused.value.code == "unreachable"
    other.close()
