"""What a home's registry knows of its cells: recorded by every run, compared with the states, filled anew from them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from prepared.home import RunningHome
from psycopg import sql
from sqlalchemy import Connection, select, text

from cellctl.cell import Cell
from cellctl.errors import GuardError, Locked, RegistryError
from cellctl.events import Event, PlanReady, Said
from cellctl.home import Home
from cellctl.leases import Holder
from cellctl.registry.database import Database
from cellctl.registry.tables import bindings, cells, events, gateways, hosts, nodes, operations, share_slots
from cellctl.run import placing, registering
from cellctl.run.options import RunOptions
from cellctl.run.registry import check, rebuild
from cellctl.run.target import of_spec
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.testing.postgres import Server, serving

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "cellctl_sandbox.testing.small_world:open_host"
ON_AWS = {
    "nodes": ["10.64.8.21", "10.64.9.22"], "host": ("cell-acme-sql", "rds", "db.m6i.xlarge", "always_on"),
    "gateway": "storage_gateway", "bound": 5, "slots": 10,
}  # fmt: skip


def rows(home: Home, query) -> list[tuple[object, ...]]:
    with registering.opened(home) as database, database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def change(home: Home, *statements: str) -> None:
    def work(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))

    with registering.opened(home) as database:
        database.write(work)


@pytest.fixture
def aws(running_home: Callable[[str, Path], RunningHome], tmp_path: Path) -> Home:
    return Home(running_home("aws", tmp_path).root)


def test_an_up_records_what_the_cell_has(aws: Home) -> None:
    (cell,) = rows(aws, select(cells.c.name, cells.c.state, cells.c.node_limit, cells.c.holds_data, cells.c.account))
    assert cell == ("acme", "in_service", 4, True, f"sandbox:{aws.identity}")
    assert rows(aws, select(nodes.c.address).order_by(nodes.c.ordinal)) == [("10.64.8.21",), ("10.64.9.22",)]
    assert rows(aws, select(hosts.c.name, hosts.c.kind, hosts.c.size, hosts.c.ha_mode)) == [ON_AWS["host"]]
    assert rows(aws, select(gateways.c.kind, gateways.c.max_slots)) == [("storage_gateway", 10)]
    shares = rows(aws, select(share_slots.c.state, share_slots.c.client_list, share_slots.c.bucket))
    bound = [(sorted(clients), bucket) for state, clients, bucket in shares if state == "bound"]
    assert [clients for clients, _ in bound] == [["10.64.8.21", "10.64.9.22"]] * 5
    assert len({bucket for _, bucket in bound}) == 5
    assert [clients for state, clients, _ in shares if state == "available"] == [[]] * 5
    assert len(rows(aws, select(bindings.c.id).where(bindings.c.until.is_(None)))) == 1
    ((kind, result, gate, ended),) = rows(
        aws, select(operations.c.kind, operations.c.state, operations.c.gate, operations.c.step)
    )
    assert (kind, result, ended) == ("up", "succeeded", "ended")
    assert gate.startswith("verified: ")
    assert check(aws).violations == ()


def test_what_was_recorded_on_azure_is_what_its_state_says(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = Home(running_home("azure", tmp_path).root)
    assert rows(home, select(hosts.c.kind, hosts.c.size, hosts.c.ha_mode)) == [
        ("azure_sql", "GP_Gen5_4", "zone_redundant")
    ]
    assert rows(home, select(gateways.c.kind, gateways.c.protocol)) == [("storage_account", "smb")]
    assert rows(home, select(share_slots.c.state, share_slots.c.client_list)) == [("bound", None)] * 5
    report = check(home)
    assert (report.cells, report.violations) == (1, ())


def test_a_registry_that_is_lost_is_filled_anew_from_the_states(aws: Home) -> None:
    before = [rows(aws, select(table)) for table in (hosts, gateways, share_slots, nodes)]
    aws.raise_incarnation("acme")
    for file in aws.private.glob("registry.db*"):
        file.unlink()
    (missing,) = check(aws).violations
    assert (missing.invariant, missing.subject, missing.message) == ("state", "cell acme", "is not in the registry")
    assert missing.remedy == "cellctl registry rebuild"
    assert len(rebuild(aws).violations) == 1
    assert check(aws).violations == ()
    after = [rows(aws, select(table)) for table in (hosts, gateways, share_slots, nodes)]
    assert [[_timeless(row) for row in table] for table in after] == [
        [_timeless(row) for row in table] for table in before
    ]
    assert rows(aws, select(events.c.kind)) == [("rebuilt",)]
    assert rebuild(aws).violations == ()


def _timeless(row: tuple[object, ...]) -> list[object]:
    return [value for value in row if not isinstance(value, float)]


def test_a_check_names_what_is_broken_and_a_rebuild_mends_what_states_know(aws: Home) -> None:
    change(
        aws,
        "UPDATE share_slots SET client_list = '[\"10.9.9.9\"]' WHERE number = 1",
        "UPDATE cells SET node_limit = 1, octopus_version = '2026.1.1', last_error = ''",
        "UPDATE share_slots SET prefix = 'a/', bucket = (SELECT bucket FROM share_slots WHERE number = 2)"
        " WHERE number = 3",
        "UPDATE gateways SET state = 'planned'",
        "INSERT INTO operations (id, account, target_kind, target, kind, state, began)"
        " SELECT 'cut-off', account, 'cell', name, 'up', 'running', 1 FROM cells",
    )
    found = check(aws).violations
    assert {item.invariant for item in found} == {"I2", "I3", "I4", "I9", "I10", "state"}
    assert all(item.message and item.remedy for item in found)
    said = "\n".join(f"{item.subject}: {item.message}" for item in found)
    assert "admits 10.9.9.9 and does not admit 10.64.8.21, 10.64.9.22" in said
    assert "has 2 registered nodes, and its licence allows 1" in said
    assert "octopus_version is '2026.1.1' in the registry and '2026.4.7000' in the state" in said
    assert check(aws).violations == found  # a check changes nothing
    rebuild(aws)
    assert [item.invariant for item in check(aws).violations] == ["I10"]  # no state knows of operations


def test_the_command_prints_both_and_exits_by_what_it_found(aws: Home) -> None:
    def cellctl(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "cli.py"), "registry", *words, "--home", str(aws.root)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    change(aws, "UPDATE nodes SET address = '10.0.0.1'")
    wrong = cellctl("check", "--format", "json")
    assert wrong.returncode == 1
    listed = json.loads(wrong.stdout)["violations"]
    assert {item["invariant"] for item in listed} == {"I3", "state"}
    assert {"invariant", "subject", "message", "remedy"} == set(listed[0])
    assert cellctl("rebuild").returncode == 0
    good = cellctl("check")
    assert good.returncode == 0
    assert "Nothing is wrong." in good.stdout


class Small:
    """A cell in a small world, in a home whose registry is at a URL of its own."""

    def __init__(self, root: Path, registry: str = "") -> None:
        root.mkdir(exist_ok=True)
        self.root, self.home = root, Home(root)
        line = f"registry: {registry}\n" if registry else ""
        (root / "cellctl.yaml").write_text(f"apiVersion: cellctl/v1\nkind: Home\n{line}")
        self.home.prepare()
        self.cell = Cell(CellSpec.minimal("acme", cloud="aws", region="eu-west-1"), home=self.home)
        self.events: list[Event] = []
        things = [{"name": "a", "size": 1, "fixed": "x"}]
        (root / "small.json").write_text(json.dumps({"things": things, "behaviour": {}}))

    def up(self, on_event: Callable[[Event], None] = lambda _: None) -> str:
        def heard(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        return self.cell.up(
            ask=lambda _plan, _objections: True, options=RunOptions(engine=ENGINE), on_event=heard
        ).result

    @property
    def said(self) -> str:
        return " ".join(event.diagnostic.message for event in self.events if isinstance(event, Said))


def test_a_registry_that_cannot_be_reached_stops_a_change_before_it_begins_and_nothing_else(tmp_path: Path) -> None:
    small = Small(tmp_path / "home", "postgresql+psycopg://me:swordfish@127.0.0.1:1/registry")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1/registry cannot be used") as caught:
        small.up()
    assert caught.value.code == "registry_unreachable"
    assert "swordfish" not in f"{caught.value} {caught.value.hint}"
    assert small.events == []
    assert small.home.runs() == []
    assert small.home.stack_names() == []
    status = small.cell.status()
    assert status.state == "absent"
    assert any("cannot be used" in warning for warning in status.warnings)
    plan = small.cell.preview(options=RunOptions(engine=ENGINE))
    assert plan.complete
    assert any("names of a cell that was deleted elsewhere may differ" in item.message for item in plan.diagnostics)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.mark.needs("postgresql")
def test_a_registry_that_goes_away_in_the_middle_fails_no_run(server: Server, tmp_path: Path) -> None:
    small = Small(tmp_path / "home", server.database("goes_away"))

    def unplug(event: Event) -> None:
        if isinstance(event, PlanReady):
            _close(server, "goes_away", to_all=True)

    assert small.up(unplug) == "succeeded"
    assert "cannot be used" in small.said
    assert "`cellctl registry rebuild` makes up for it" in small.said
    _close(server, "goes_away", to_all=False)
    change(small.home, "UPDATE leases SET held = false")  # as if that process had ended
    invariants = {item.invariant for item in check(small.home).violations}
    assert "I10" in invariants  # the run that could not say how it ended
    assert small.up() == "nothing"
    assert rows(small.home, select(operations.c.state).order_by(operations.c.began)) == [("lost",), ("nothing",)]


def _close(server: Server, name: str, *, to_all: bool) -> None:
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        statement = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.SQL("false" if to_all else "true")))
        if to_all:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(end, (name,))


@pytest.mark.needs("postgresql")
def test_homes_that_share_a_registry_share_leases_and_incarnations(server: Server, tmp_path: Path) -> None:
    url = server.database("shared")
    homes = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        accounts = '  prod: {cloud: aws, id: "123456789012"}'
        (folder / "cellctl.yaml").write_text(
            f"apiVersion: cellctl/v1\nkind: Home\nregistry: {url}\naccounts:\n{accounts}\n"
        )
        homes.append(Home(folder))
    first, second = homes
    prod, sandbox = first.account("prod"), first.account("sandbox")
    with registering.opened(first) as database, registering.opened(second) as other:
        mine = registering.leases_of(first, prod, database)
        theirs = registering.leases_of(second, prod, other)
        lease = mine.acquire("acme", Holder.current(command="cellctl up acme"))
        with pytest.raises(Locked, match="cellctl up acme"):
            theirs.acquire("acme", Holder.current())
        held = registering.current_lease(second, prod, "acme")
        assert held is not None
        assert held.token == lease.token
        registering.leases_of(second, sandbox, other).acquire("acme", Holder.current())  # its own simulated cell
        mine.release(lease)
        assert theirs.acquire("acme", Holder.current()).token == lease.token + 1
    change(
        first,
        "INSERT INTO cells (account, cloud, region, name, placement, state, state_since, incarnation) VALUES"
        " ('aws:123456789012', 'aws', 'eu-west-1', 'acme', 'dedicated', 'purged', 1, 4)",
    )
    assert registering.known_incarnation(second, prod, "acme") == (4, "")
    change(
        first,
        "INSERT INTO cells (account, cloud, region, name, placement, state, state_since) VALUES"
        " ('aws:123456789012', 'aws', 'eu-west-1', 'globex', 'dedicated', 'in_service', 1)",
    )
    base = of_spec(second, AccountSpec.of("prod", cloud="aws", region="eu-west-1"), RunOptions(engine="pulumi"))
    with registering.opened(second) as database, pytest.raises(GuardError) as in_use:
        placing.placed(base, "down", database)  # of a stack that the second home has never heard of
    assert [one.reason for one in in_use.value.objections] == ["account 'prod' has 1 stack: globex"]
    assert registering.known_incarnation(second, sandbox, "acme") == (1, "")
    assert second.raise_incarnation("acme", beyond=4) == 5


def test_a_cell_that_is_deleted_leaves_its_incarnation_and_its_history(tmp_path: Path) -> None:
    small = Small(tmp_path / "home")
    assert small.up() == "succeeded"
    outcome = small.cell.down(ask=lambda _plan, _objections: True, delete_data=True, options=RunOptions(engine=ENGINE))
    assert outcome.result == "succeeded"
    assert rows(small.home, select(cells.c.state, cells.c.incarnation)) == [("purged", 2)]
    told = [kind for (kind,) in rows(small.home, select(events.c.kind).order_by(events.c.id))]
    assert told == ["up.begun", "ended", "down.begun", "ended"]
    shutil.rmtree(small.home.runs_folder)
    assert check(small.home).violations == ()
    assert rebuild(small.home).violations == ()
    assert rows(small.home, select(cells.c.incarnation)) == [(2,)]


def test_a_look_makes_no_registry_where_there_is_no_home(tmp_path: Path) -> None:
    assert check(Home(tmp_path)).violations == ()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    small = Small(tmp_path / "home")
    small.home.registry_file.write_bytes(b"no database" * 500)
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        small.up()
    assert caught.value.hint
    assert isinstance(Database(small.home.registry_file).where, str)
