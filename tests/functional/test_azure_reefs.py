"""A reef on Azure and two cells on it, from the first `up` to the last `down`: what docs/guides/reefs-azure.md says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update
from warm import client, keys

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.events import Event, ResourceDone
from cellctl.home import Home
from cellctl.portal import portal
from cellctl.reef import Reef
from cellctl.registry.tables import (
    binding_shares,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    reefs,
    share_slots,
)
from cellctl.run import registering
from cellctl.run.options import RunOptions
from cellctl.run.registry import check, rebuild
from cellctl.run.status import load
from cellctl.run.target import living
from cellctl_sandbox.control import open_control

pytestmark = pytest.mark.turn(2, 0)

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "reefs-azure.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```yaml\n# (\S+\.yaml)[^\n]*\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE))
STEPS = re.findall(r"^\$ cellctl (.+)$", GUIDE, re.MULTILINE)
PLACES = select(cells.c.name, hosts.c.name, database_slots.c.number, gateways.c.kind).select_from(
    bindings.join(cells, cells.c.id == bindings.c.cell_id)
    .join(database_slots, database_slots.c.id == bindings.c.database_slot_id)
    .join(hosts, hosts.c.id == database_slots.c.host_id)
    .join(gateways, gateways.c.id == bindings.c.gateway_id)
).where(bindings.c.until.is_(None)).order_by(cells.c.name)  # fmt: skip


def yes(_plan: object, _objections: object) -> bool:
    return True


def _checkpoint(home: Home, stack: str):
    loaded = load(home, stack, RunOptions())
    assert loaded is not None
    return loaded.checkpoint


class Story:
    """A home with a reef, and what was seen on the way."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        for name, text in FILES.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        other = FILES["cells/acme.yaml"].replace("acme", "globex")
        (root / "cells" / "globex.yaml").write_text(f"{other}  database: {{longTerm: {{weeks: 4}}}}\n")
        self.done: list[str] = []
        self.options = RunOptions(clock="stepped", start=client.operation)

    def cellctl(self, step: str):
        """Run a step of the guide as it stands there."""
        assert step in STEPS
        self.done.append(step)
        run = () if "status" in step or "cordon" in step else ("--clock", "stepped", "--yes")
        return client.cellctl(*shlex.split(step), *run, "--home", str(self.home.root), cwd=self.home.root)

    def cell(self, name: str) -> Cell:
        return Cell.open(name, home=self.home)

    def rows(self, query) -> list[tuple[object, ...]]:
        with registering.opened(self.home) as database, database.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def resources(self, stack: str):
        return list(_checkpoint(self.home, stack).resources)

    def killed(self, handle: Cell | Reef, name: str) -> None:
        """Run `up` and end its process, which tells nobody, when a resource is done."""
        pids: list[int] = []

        def start(*given):
            process = client.operation(*given)
            pids.append(process.pid)
            return process

        def heard(event: Event) -> None:
            if isinstance(event, ResourceDone) and event.name == name:
                os.kill(pids[-1], signal.SIGKILL)

        outcome = handle.up(ask=yes, options=RunOptions(clock="stepped", start=start), on_event=heard)
        assert outcome.result == "failed"

    def objects(self) -> dict[str, str]:
        """Return every simulated object of the reef by id, with its inputs."""
        from cellctl_sandbox.clouds.database import Database

        query = "SELECT id, inputs FROM objects WHERE cell = 'reef-r1' AND gone_s IS NULL"
        return dict(Database.open(self.home.root).rows(query))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(tmp_path_factory.mktemp("azure-reefs"))
    told.killed(Reef.open("r1", home=told.home), "reef-r1-network-vnet")
    done = told.cellctl("reef up r1")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "database master opens as cellctl" in done.stderr
    return told


def test_a_reef_that_was_cut_off_comes_up_and_is_registered_without_gateways(story: Story) -> None:
    types = [row.type for row in story.resources("reef/r1")]
    assert [types.count(f"azure-native:sql:{one}") for one in ("Server", "ElasticPool", "Database")] == [1, 1, 0]
    assert not [one for one in types if "StorageAccount" in one]
    seen = select(reefs.c.name, reefs.c.state, hosts.c.kind, hosts.c.capacity, hosts.c.reserve).join(hosts)
    assert story.rows(seen) == [
        ("r1", "in_service", "azure_sql", 50, 5)
    ]  # fmt: skip
    shown = GUIDE.partition("$ cellctl reef status r1\n")[2].partition("```")[0].splitlines()
    printed = " ".join(story.cellctl("reef status r1").stdout.split())
    assert len(shown) == 3
    assert all(" ".join(line.split()) in printed for line in shown)
    assert "each cell brings its own storage account quota storage.storage-accounts: 0 of 250 used" in printed


def test_a_claim_survives_a_kill_and_each_cell_has_what_is_its_own(story: Story) -> None:
    story.killed(story.cell("acme"), "acme-database-database")
    before = story.rows(PLACES)
    done = story.cellctl("up acme")
    assert done.returncode == 0, done.stderr[-2000:]
    assert before == story.rows(PLACES) == [("acme", "reef-r1-sql-1", 1, "storage_account")]
    assert story.cell("acme").preview(options=story.options).empty
    # A neighbour makes an endpoint in the reef's one subnet at the same moment: the provider does not repeat this.
    busy = {"type": "azure-native:network:PrivateEndpoint", "name": "globex-files-endpoint", "error": "conflict"}
    open_control(story.home.root).add_fault(
        {**busy, "message": "ReferencedResourceNotProvisioned: the subnet is not in Succeeded state", "count": 1}
    )
    other = story.cell("globex").up(ask=yes, options=story.options)
    made = living(_checkpoint(story.home, "globex"))
    assert (other.result, other.of_cloud["create"], other.failures) == ("succeeded", len(made), ()), other
    (access,) = [row for row in story.resources("globex") if row.type == "cellctl:sql:CellDatabase"]
    assert "octo_acme_g1: no user" in access.outputs["provenAgainst"]
    accounts = story.rows(select(gateways.c.name, share_slots.c.share_name, share_slots.c.state).join(share_slots))
    assert [(name, state) for name, _, state in accounts] == [("acme", "bound"), ("globex", "bound")]
    assert len({account for _, account, _ in accounts}) == 2
    declared = {row.type.rpartition(":")[2] for row in story.resources("acme")}
    assert not declared & {"Server", "ElasticPool", "VirtualNetwork", "NatGateway"}
    assert check(story.home).violations == ()


def test_a_person_sees_an_azure_reef_in_the_portal(story: Story) -> None:
    async def looked() -> str:
        transport = httpx.ASGITransport(app=portal(story.home))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            return (await browser.get("/")).text

    seen = asyncio.run(looked())
    assert "reef-r1-sql-1" in seen
    assert "GP_Gen5_4, zone redundant" in seen
    assert "Each cell brings its own storage account" in seen
    assert "/gateways/acme" not in seen


def test_a_registry_that_was_lost_is_filled_anew_with_the_same_places(story: Story) -> None:
    before = story.rows(PLACES)
    with registering.opened(story.home) as database:

        def lose(connection) -> None:
            for table in (binding_shares, bindings, share_slots, gateways):
                connection.execute(table.delete())
            connection.execute(update(database_slots).values(state="available", database=""))

        database.write(lose)
    rebuild(story.home)
    assert story.rows(PLACES) == before
    assert check(story.home).violations == ()


def test_what_a_cell_changes_and_takes_away_is_never_the_reefs(story: Story) -> None:
    reef, file, places = story.objects(), story.home.root / "cells" / "globex.yaml", story.rows(PLACES)
    with pytest.raises(GuardError, match="carries 2 cells: acme, globex"):
        Reef.open("r1", home=story.home).down(ask=yes, delete_data=True, options=story.options)
    kept = story.cell("globex").down(ask=yes, keep_data=True, options=story.options)
    assert (kept.result, story.rows(PLACES)) == ("succeeded", places)
    file.write_text(file.read_text() + "  nodes: {count: 3}\n")
    grown = story.cell("globex").up(ask=yes, options=story.options)
    assert grown.result == "succeeded", grown.failures
    nodes = [row for row in story.resources("globex") if row.type == "cellctl:octopus:Node"]
    assert sorted(row.outputs["address"] for row in nodes) == [
        "10.64.0.13", "10.64.32.13", "10.64.64.13"
    ]  # fmt: skip
    gone = story.cell("globex").down(ask=yes, delete_data=True, options=story.options)
    assert gone.result == "succeeded", gone.failures
    assert [row[0] for row in story.rows(PLACES)] == ["acme"]
    states = select(gateways.c.state, share_slots.c.state).join(share_slots).where(gateways.c.name == "globex")
    assert story.rows(states) == [("retired", "retired")]
    assert story.objects() == reef
    assert check(story.home).violations == ()


def test_a_second_life_of_a_cell_finds_nothing_of_the_first(story: Story) -> None:
    """Its database has the name that it had, on the server where it was; its vault's is still held by the first."""
    reef, held = story.objects(), {str(row["name"]) for row in open_control(story.home.root).held()}
    again = story.cell("globex").up(ask=yes, options=story.options)
    assert again.result == "succeeded", again.failures
    (vault,) = [row.inputs["vaultName"] for row in story.resources("globex") if row.type.endswith(":keyvault:Vault")]
    assert [name for name in held if "kv-globex-" in name and vault not in name]
    assert again.outputs["database"]["name"] == "octo_globex_g1"  # type: ignore[index,call-overload]
    gone = story.cell("globex").down(ask=yes, delete_data=True, options=story.options)
    assert gone.result == "succeeded", gone.failures
    for command in ("az sql db list-deleted", "az sql db ltr-backup list"):
        assert [text for text in gone.retained if command in text], gone.retained
    assert story.objects() == reef
    assert [row[0] for row in story.rows(PLACES)] == ["acme"]
    assert check(story.home).violations == ()


def test_a_reef_grows_and_goes(story: Story) -> None:
    assert story.cellctl("reef expand r1 --hosts 1").returncode == 0
    assert story.rows(select(hosts.c.name)) == [("reef-r1-sql-1",), ("reef-r1-sql-2",)]
    assert "takes no new cells" in story.cellctl("reef cordon r1 --part reef-r1-sql-2").stderr
    assert "takes new cells" in story.cellctl("reef cordon r1 --part reef-r1-sql-2 --off").stderr
    words = ("reef", "expand", "r1", "--gateways", "1", "--yes", "--home", str(story.home.root))
    refused = client.cellctl(*words, cwd=story.home.root)
    assert (refused.returncode, "a reef on azure has no gateways" in refused.stderr) == (2, True)
    assert story.cellctl("down acme --delete-data").returncode == 0
    done = story.cellctl("reef down r1 --delete-data")
    assert (done.returncode, "reef/r1 is gone" in done.stderr) == (0, True), done.stderr[-2000:]
    assert story.rows(select(reefs.c.state)) == [("retired",)]
    assert story.objects() == {}
    assert set(story.done) == set(STEPS)
    shown = json.loads(client.cellctl("sandbox", "show", "--format", "json", cwd=story.home.root).stdout)
    left = {item["type"] for account in shown["accounts"] for item in account["objects"]}
    assert not [one for one in left if "sql" in one or "network" in one]


def test_a_subscription_gets_its_base_and_says_what_the_home_is_to_name(story: Story) -> None:
    root = story.home.root
    words = ("account", "up", "sandbox", "--cloud", "azure", "--yes", "--clock", "stepped", "--home", str(root))
    done = client.cellctl(*words, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = ('state: "azblob://states?storage_account=st', 'secrets: "azurekeyvault://kv-cellctl-', "sqlIdentity: ")
    for line in lines:
        assert line in done.stderr
    assert client.cellctl(*words[:5], "--home", str(root), cwd=root).returncode == 0  # nothing would change
    asked = client.cellctl("account", "quotas", "--cloud", "azure", "--cells", "300", "--home", str(root), cwd=root)
    first = [line for line in asked.stdout.splitlines() if line.startswith("storage.storage-accounts")]
    assert "breaks at cell 251" in first[0]
    assert "room for 250 cells on reefs" in " ".join(asked.stdout.split())
    assert check(story.home).violations == ()
    gone = client.cellctl("account", "down", "sandbox", *words[3:5], "--delete-data", *words[5:], cwd=root)
    assert (gone.returncode, "account/sandbox is gone" in gone.stderr) == (0, True), gone.stderr[-2000:]
    assert "az keyvault recover" in gone.stderr  # what Azure keeps by its own rules
