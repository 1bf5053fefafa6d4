"""A reef and two cells on it, from the first `up` to the last `down`: the worked example of docs/guides/reefs.md."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser
from sqlalchemy import select, update
from warm import client, keys

from cellctl import verify
from cellctl.async_gateway import AsyncGateway
from cellctl.cell import Cell
from cellctl.doctor import examine
from cellctl.engine.workspace import stack_name
from cellctl.errors import EngineError, GuardError, RegistryError
from cellctl.events import Event, ResourceDone
from cellctl.gateway import Gateway
from cellctl.home import Home
from cellctl.plan import Outcome
from cellctl.portal import portal
from cellctl.reef import Reef
from cellctl.registry import books, stock
from cellctl.registry.tables import (
    balancer_slots,
    balancers,
    bindings,
    cells,
    database_slots,
    events,
    gateways,
    hosts,
    operations,
    reefs,
    share_slots,
)
from cellctl.run import placing, registering
from cellctl.run.options import RunOptions
from cellctl.run.reefs import grown
from cellctl.run.registry import check, rebuild
from cellctl.run.restoring import listed
from cellctl.run.scrubbing import Scrub
from cellctl.run.session import checkpoint_text
from cellctl.run.target import of_spec, record_of
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl.spec.reef import ReefSpec
from cellctl.spec.reef_file import loads_reef
from cellctl.state.backend import FileBackend
from cellctl.state.resources import ResourceState
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database as Sandbox
from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.control import open_control
from cellctl_sandbox.host import open_host
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.documents import Documents

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "reefs.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```yaml\n# (\S+\.yaml)[^\n]*\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE))
STEPS = re.findall(r"^\$ cellctl (.+)$", GUIDE, re.MULTILINE)
BOUND = select(cells.c.name, bindings.c.until).join(cells, cells.c.id == bindings.c.cell_id)


@dataclass
class Killed:
    """Ends the operation process when a resource of a name, and of a type, is done: nothing is told to anybody."""

    name: str
    type: str = ""
    pids: list[int] = field(default_factory=list)

    def start(self, *given):
        process = client.operation(*given)
        self.pids.append(process.pid)
        return process

    def heard(self, event: Event) -> None:
        if isinstance(event, ResourceDone) and event.name == self.name and self.type in event.type:
            os.kill(self.pids[-1], signal.SIGKILL)


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
        for name in ("globex", "initech"):
            (root / "cells" / f"{name}.yaml").write_text(FILES["cells/acme.yaml"].replace("acme", name))
        self.done: list[str] = []
        self.options = RunOptions(clock="stepped", start=client.operation)

    def cellctl(self, step: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a step of the guide as it stands there."""
        assert step in STEPS
        self.done.append(step)
        run = () if "status" in step or "cordon" in step else ("--clock", "stepped")
        run += ("--yes",) if run and not step.startswith("gateway") else ()
        return client.cellctl(*shlex.split(step), *run, *more, "--home", str(self.home.root), cwd=self.home.root)

    def cell(self, name: str) -> Cell:
        return Cell.open(name, home=self.home)

    def answering(self, name: str, **other: str) -> list[str]:
        """Return what `verify` finds wrong with a cell's ways in now; asked for another `host`, of the portal alone."""
        outputs = json.loads(json.dumps(self.cell(name).outputs()))
        entries = outputs["entries"]
        if other:
            entries = {"web": [{**entries["web"][0], **other}]}
        host = open_host(home=self.home.root, cell=name, cloud="aws", clock="stepped")
        try:
            patience = verify.Patience(limit_s=1.0, every_s=1.0)
            found = verify.run({"entries": entries}, host.dialer, patience=patience, sleep=host.sleep)
            return [item.message for item in found if not item.passed]
        finally:
            host.close()
            SimulatedClock.of(host.database).stop()
            host.database.close()

    @property
    def reef(self) -> Reef:
        return Reef.open("r1", home=self.home)

    def up(self, handle: Cell | Reef, **more: object) -> Outcome:
        outcome = handle.up(ask=yes, **{"options": self.options, **more})
        assert outcome.result in ("succeeded", "failed"), outcome
        return outcome

    def down(self, handle: Cell | Reef) -> Outcome:
        return handle.down(ask=yes, delete_data=True, options=self.options)

    def rows(self, query) -> list[tuple[object, ...]]:
        with registering.opened(self.home) as database, database.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def resources(self, stack: str) -> list[ResourceState]:
        from cellctl.run.status import load

        loaded = load(self.home, stack, RunOptions())
        assert loaded is not None
        return list(loaded.checkpoint.resources)

    def record(self, stack: str):
        return record_of(self.home, stack)


def _view(home: Home) -> ObjectView:
    database = Sandbox.open(home.root)
    return ObjectView(database, SimulatedClock.of(database))


def yes(_plan: object, _objections: object) -> bool:
    return True


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(tmp_path_factory.mktemp("reefs"))
    killed = Killed("reef-r1-g1-shares-g1-05", "NfsFileShare")  # its gateway is activated, and a few shares are there
    cut = told.up(told.reef, options=RunOptions(clock="stepped", start=killed.start), on_event=killed.heard)
    assert cut.result == "failed"
    assert told.rows(select(reefs.c.state, gateways.c.name, gateways.c.state).join(gateways)) == [
        ("planned", "reef-r1-g1", "shares_creating")
    ]  # fmt: skip
    assert check(told.home).violations == ()
    done = told.cellctl("reef up r1", "--output", "plain")
    assert done.returncode == 0, done.stderr[-2000:]
    told.said = done.stderr
    return told


def test_a_reef_is_brought_up_verified_and_registered(story: Story) -> None:
    types = [row.type for row in story.resources("reef/r1")]
    # A bucket for each share, and one for backups of single databases.
    assert types.count("aws:storagegateway/nfsFileShare:NfsFileShare") == types.count("aws:s3/bucket:Bucket") - 1 == 10
    for one in ("aws:rds/instance:Instance", "aws:rds/optionGroup:OptionGroup", "cellctl:aws:FileGateway"):
        assert types.count(one) == 1
    assert not [one for one in types if one in ("cellctl:aws:ShareAccess", "cellctl:sql:CellDatabase")]
    assert "database master opens as cellmaster" in story.said
    assert story.said.count("admits its gateway only") == 10
    assert "cellctl reef down r1" in story.said
    assert story.rows(select(reefs.c.name, reefs.c.state, reefs.c.max_cells)) == [("r1", "in_service", 50)]
    assert story.rows(select(hosts.c.name, hosts.c.capacity, hosts.c.reserve)) == [("reef-r1-sql-1", 75, 8)]
    assert story.rows(select(gateways.c.name, gateways.c.state)) == [("reef-r1-g1", "in_service")]
    assert story.rows(select(share_slots.c.state).distinct()) == [("available",)]
    ended = select(operations.c.target_kind, operations.c.state, operations.c.gate).order_by(operations.c.began.desc())
    kind, result, gate = story.rows(ended)[0]
    assert (kind, result, gate[:8]) == ("reef", "succeeded", "verified")
    shown = GUIDE.partition("$ cellctl reef status r1\n")[2].partition("```")[0].splitlines()
    printed = " ".join(story.cellctl("reef status r1").stdout.split())
    assert len(shown) == 3
    assert all(" ".join(line.split()) in printed for line in shown)
    (listed,) = json.loads(story.cellctl("reef status r1", "--format", "json").stdout)["reefs"]
    assert (listed["known"]["free"], listed["known"]["binding"], listed["known"]["cells"]) == (10, "shares", [])


def test_a_reef_that_was_cut_off_has_activated_one_gateway_once_and_made_ten_shares(story: Story) -> None:
    with closing(sqlite3.connect(story.home.sandbox_database)) as database:
        count = "SELECT count(*) FROM objects WHERE type = ?"
        ever = [database.execute(count, (f"aws:storagegateway/{one}",)).fetchone()[0] for one in
                ("gateway:Gateway", "nfsFileShare:NfsFileShare")]  # fmt: skip
        documents = [json.loads(row[0]) for row in
                     database.execute("SELECT document FROM gateway_documents WHERE kind = 'gateway'")]  # fmt: skip
        rules = "SELECT urn FROM objects WHERE type = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule'"
        urns = [urn for (urn,) in database.execute(rules)]
    assert ever == [1, 10]
    assert [len(one["cache"]) for one in documents] == [1]
    # Port 80 is nobody's rule and open no more: of this type there is only what the program declares.
    assert urns
    assert not [urn for urn in urns if not urn or "gateway-in-tcp-80-" in urn]


def test_a_gateway_goes_out_of_service_and_comes_back_only_through_its_gates(story: Story) -> None:
    (listed,) = json.loads(story.cellctl("gateway status", "--format", "json").stdout)["gateways"]
    assert (listed["name"], listed["state"], listed["free"]) == ("reef-r1-g1", "in_service", 10)
    assert [one["passed"] for one in listed["judged"]["gates"]] == [True] * 5
    assert "takes no new cells" in story.cellctl("gateway cordon reef-r1-g1").stderr
    assert _refused(lambda: story.cell("acme").preview(options=story.options))
    sandbox = open_control(story.home.root)
    sandbox.edit(listed["object_id"], "cacheDirtyPercent", 12.5)
    refused = story.cellctl("gateway into-service reef-r1-g1")
    assert refused.returncode == 4
    assert "refused [gate_shut]: gateway 'reef-r1-g1': 12.5 % of its cache is not in S3" in refused.stderr
    sandbox.edit(listed["object_id"], "deprecationDate", "2026-12-24")
    probed = story.cellctl("gateway probe reef-r1-g1")
    assert (probed.returncode, "1 of 5 gates are shut" in probed.stdout) == (1, True)
    assert story.rows(select(gateways.c.state, gateways.c.health)) == [("cordoned", "degraded")]
    shown = client.cellctl("gateway", "status", "reef-r1-g1", "--home", str(story.home.root), cwd=story.home.root)
    assert "ends on 2026-12-24" in " ".join(shown.stdout.split())
    found = [one for one in examine(story.home, environment={}) if one.subject == "reef-r1-g1"]
    assert [one.message.partition(",")[0] for one in found] == [
        "its software's support ends on 2026-12-24", "12.5 % of its cache is not in S3"
    ]  # fmt: skip
    assert story.reef.status().low == ("gateways",)
    for key, value in (("cacheDirtyPercent", 0.0), ("deprecationDate", "")):
        sandbox.edit(listed["object_id"], key, value)
    assert "cells may be placed on it" in story.cellctl("gateway into-service reef-r1-g1").stderr

    async def again() -> bool:
        return await AsyncGateway("reef-r1-g1", home=story.home).into_service(options=story.options)

    assert not asyncio.run(again())  # it was in service already
    told = story.rows(select(events.c.kind).where(events.c.target == "reef-r1-g1").order_by(events.c.id))
    assert [kind for (kind,) in told] == ["in_service", "judged", "judged", "in_service"]
    assert check(story.home).violations == ()


@pytest.fixture
def site(story: Story) -> Iterator[str]:
    """Serve the portal over the story's home, and return where."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(portal(story.home, options=story.options), log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.mark.needs("chromium")
def test_a_person_brings_a_gateway_into_service_in_a_browser(story: Story, browser: Browser, site: str) -> None:
    gateway = Gateway("reef-r1-g1", home=story.home)
    sandbox, arn = open_control(story.home.root), gateway.status().view.object_id
    gateway.cordon()
    sandbox.edit(arn, "cacheDirtyPercent", 12.5)
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    try:
        page.goto(site)
        page.get_by_role("link", name="reef-r1-g1").click()
        page.get_by_role("button", name="Bring into service").click()
        assert "12.5 % of its cache is not in S3" in page.get_by_role("alert").inner_text()
        assert gateway.status().view.state == "cordoned"
        sandbox.edit(arn, "cacheDirtyPercent", 0.0)
        page.get_by_role("button", name="Bring into service").click()
        page.wait_for_url(f"{site}/gateways/reef-r1-g1")
        assert page.locator("h1").inner_text() == "reef-r1-g1 in service"
        assert page.locator(".gates li.open").count() == 5
        assert page.get_by_role("button", name="Bring into service").count() == 0
    finally:
        page.close()
    assert gateway.status().view.state == "in_service"


def test_a_preview_claims_nothing_and_a_claim_survives_a_kill(story: Story) -> None:
    plan = story.cell("acme").preview(options=story.options)
    assert not plan.errored, plan.diagnostics
    assert story.rows(BOUND) == []
    killed = Killed("acme-database")
    options = RunOptions(clock="stepped", start=killed.start)
    first = story.up(story.cell("acme"), options=options, on_event=killed.heard)
    assert first.result == "failed"
    places = select(bindings.c.id, bindings.c.database_slot_id, bindings.c.gateway_id)
    before = story.rows(places)
    second = story.cellctl("up acme", "--output", "jsonl")
    assert (second.returncode, json.loads(second.stdout.splitlines()[-1])["result"]) == (0, "succeeded")
    assert story.rows(places) == before
    assert len(before) == 1
    assert story.rows(select(database_slots.c.database).where(database_slots.c.state == "bound")) == [("octo_acme_g1",)]
    assert story.cell("acme").preview(options=story.options).empty


def test_a_cell_declares_only_what_it_owns(story: Story) -> None:
    types = {row.type for row in story.resources("acme")}
    shared = ("ec2/vpc:", "ec2/subnet:", "ec2/vpcEndpoint:", "rds/", "storagegateway/", "s3/", "ebs/")
    assert [one for one in types if any(word in one for word in shared)] == []
    assert {"cellctl:sql:CellDatabase", "cellctl:aws:ShareAccess", "aws:lb/listener:Listener"} <= types


def test_a_reef_comes_to_share_balancers_and_cells_that_came_before_keep_their_own(story: Story) -> None:
    file = story.home.reef_file("r1")
    file.write_text(f"{file.read_text().rstrip()}\n  ingress: {{shared: true}}\n")
    before = story.record("acme")["place"]
    assert story.up(story.reef).result == "succeeded"
    known = story.reef.status().known
    assert known is not None
    assert [(part.name, dict(part.slots)) for part in known.balancers] == [
        ("reef-r1-polling-1", {"available": 10}), ("reef-r1-web-1", {"available": 25}),
    ]  # fmt: skip
    assert story.cell("acme").preview(options=story.options).empty
    assert story.record("acme")["place"] == before
    for change in (
        "shared: false",
        "shared: true, portsPerCell: 4",
        "shared: true, exposure: public, allow: [8.8.8.0/24]",
    ):
        spec = loads_reef(file.read_text().replace("shared: true", change))
        with pytest.raises(GuardError) as refused:
            Reef(spec, home=story.home).preview(options=story.options)
        assert {item.code for item in refused.value.objections} == {"shared_balancers"}


def test_two_cells_on_one_reef_do_not_reach_each_other(story: Story) -> None:
    outcome = story.up(story.cell("globex"))
    assert outcome.result == "succeeded", outcome.failures
    (database,) = [row for row in story.resources("globex") if row.type == "cellctl:sql:CellDatabase"]
    assert "octo_acme_g1: 916" in database.outputs["provenAgainst"]
    lists = story.rows(select(share_slots.c.number, share_slots.c.client_list).where(share_slots.c.state == "bound"))
    assert [number for number, _ in lists] == [1, 2]
    acme, globex = (set(clients) for _, clients in lists)
    assert len(acme) == len(globex) == 2
    assert not acme & globex
    admitted = {
        str(row.outputs["shareArn"]): set(row.outputs["clients"])
        for name in ("acme", "globex") for row in story.resources(name) if row.type == "cellctl:aws:ShareAccess"
    }  # fmt: skip
    assert list(admitted.values()) == [acme, globex]
    assert len(admitted) == 2
    groups = [set(row.inputs["securityGroups"]) for name in ("acme", "globex") for row in story.resources(name)
              if row.type == "aws:ec2/networkInterface:NetworkInterface"]  # fmt: skip
    assert len(set.intersection(*groups)) == 1  # the members' group; the others are each cell's own
    assert check(story.home).violations == ()


def test_watchers_of_a_reef_and_of_its_cells_see_what_is_theirs(story: Story) -> None:
    told = json.loads(client.cellctl("reef", "alarms", "r1", "--format", "json", "--home", str(story.home.root),
                                     cwd=story.home.root).stdout)["alarms"]  # fmt: skip
    own = {row["name"]: row["state"] for row in told if row["state"] != "unknown"}
    assert own == {"reef-r1-sql-1-lag": "ok", "reef-r1-g1-support": "ok"}
    rows = {one.name: (one.state, one.why) for one in story.cell("globex").alarms(options=story.options)}
    assert rows["cell-globex-nodes-silent"] == ("ok", "SecondsUnseen is 0")
    assert rows["cell-globex-nodes-licence"] == ("alarm", "NodesOverLicence is 1")  # there is no licence
    assert not [name for name in rows if "sql" in name]


def test_a_database_on_a_reef_is_proven_by_the_server_of_the_reef(story: Story) -> None:
    """Its server is in another stack: the cell's run reads it there, and says what it lacks."""
    files = FileBackend(story.home.root / ".cellctl" / "state")
    kept = files.read(stack_name("globex")).checkpoint
    (database,) = [row for row in kept.resources if row.type == "cellctl:sql:CellDatabase"]
    other = replace(database, inputs={**database.inputs, "collation": "Latin1_General_BIN"})
    moved = replace(kept, resources=tuple(other if row.urn == other.urn else row for row in kept.resources))
    options = replace(story.options, allow=frozenset({database.urn}))
    (account,) = open_control(story.home.root).show()["accounts"]
    server = next(row["id"] for row in account["objects"] if row["type"] == "aws:rds/instance:Instance")
    files.write(stack_name("globex"), checkpoint_text(moved))
    try:
        proven = story.cell("globex").preview(options=options)
        assert [change.urn for change in proven.changes if change.action == "replace"] == [database.urn]
        assert proven.objections == ()
        open_control(story.home.root).edit(server, "backupRetentionPeriod", 0)
        (said,) = story.cell("globex").preview(options=options).objections
        assert (said.code, said.urn) == ("backup_unproven", database.urn)
        assert "the cloud tells no latestRestorableTime" in said.reason
    finally:
        open_control(story.home.root).edit(server, "backupRetentionPeriod", 14)
        files.write(stack_name("globex"), checkpoint_text(kept))


def test_a_preview_without_its_registry_uses_the_place_that_is_frozen(story: Story) -> None:
    file = story.home.registry_file
    kept = file.with_suffix(".kept")
    file.rename(kept)
    file.write_bytes(b"no database at all, and longer than a header of SQLite needs to be" * 20)
    try:
        target = of_spec(story.home, story.cell("acme").spec, story.options)  # type: ignore[arg-type]
        placed = placing.placed(target, "preview", None)
    finally:
        file.unlink()
        kept.rename(file)
    assert placed.place == target.place == story.record("acme")["place"]
    assert any("the place is the one that the cell was given last" in line for line in placed.advice)


def test_a_lost_registry_is_filled_anew_with_reefs_slots_and_bindings(story: Story) -> None:
    def known() -> list[object]:
        slots = select(share_slots.c.number, share_slots.c.share_id, share_slots.c.state, share_slots.c.client_list)
        return [
            story.rows(select(reefs.c.name, reefs.c.state, reefs.c.place)),
            story.rows(slots.order_by(share_slots.c.number)),
            story.rows(BOUND.order_by(cells.c.name)),
            story.rows(select(database_slots.c.database).where(database_slots.c.state == "bound")),
            story.rows(select(balancers.c.name, balancer_slots.c.number, balancer_slots.c.state).join(balancer_slots)),
        ]

    before = known()
    for file in story.home.private.glob("registry.db*"):
        file.unlink()
    assert {item.subject for item in check(story.home).violations} == {"reef r1", "cell acme", "cell globex"}
    assert rebuild(story.home).unproven == {"reef-r1-g1": 8}
    assert check(story.home).violations == ()
    assert len(Gateway("reef-r1-g1", home=story.home).probe(options=story.options).clean) == 8
    after = known()
    assert [sorted(map(str, part)) for part in after] == [sorted(map(str, part)) for part in before]


def test_a_cell_never_moves_and_a_missing_or_cordoned_reef_has_no_place(story: Story) -> None:
    file = story.home.cell_file("acme")
    text = file.read_text()
    for placement in ("dedicated", "{reef: r2}"):
        file.write_text(text.replace("{reef: r1}", placement))
        with pytest.raises(GuardError) as moved:
            story.cell("acme").preview(options=story.options)
        assert [item.code for item in moved.value.objections] == ["frozen_field"]
    file.write_text(text)
    third = CellSpec.model_validate({**story.cell("initech").spec.to_json()})  # type: ignore[union-attr]
    elsewhere = third.to_json()
    elsewhere["spec"]["placement"] = {"reef": "r9"}  # type: ignore[index]
    assert _refused(lambda: Cell(CellSpec.model_validate(elsewhere), home=story.home).preview(options=story.options))
    assert story.reef.cordon() == "cordoned"
    refused = _refused(lambda: story.cell("initech").preview(options=story.options))
    assert "takes no new cells" in refused[0].reason
    assert story.reef.cordon(on=False) == "in_service"
    assert "takes no new cells" in story.cellctl("reef cordon r1 --part reef-r1-g1").stderr
    assert "reef expand r1" in _refused(lambda: story.cell("initech").preview(options=story.options))[0].remedy
    assert "takes new cells" in story.cellctl("reef cordon r1 --part reef-r1-g1 --off").stderr


def _refused(look: Callable[[], object]):
    with pytest.raises(GuardError) as error:
        look()
    assert {item.code for item in error.value.objections} == {"no_place"}
    return error.value.objections


def test_cells_share_balancers_and_each_answers_whatever_becomes_of_the_other(story: Story) -> None:
    """A second one is brought up; the first one is not touched, and answers when the second one is gone."""
    second = story.up(story.cell("initech"))
    assert second.result == "succeeded", second.failures
    made = {name: story.resources(name) for name in ("globex", "initech")}
    for rows in made.values():
        types = Counter(row.type.rpartition(":")[2] for row in rows)
        assert types["LoadBalancer"] == 0
        assert [types[one] for one in ("ListenerRule", "ListenerCertificate", "Listener", "TargetGroup")] == [
            1,
            1,
            2,
            3,
        ]
    first = story.cell("globex").outputs()
    assert first["pollAddresses"] == [f"https://polling.globex.octopus.internal:{n}" for n in (10943, 10944)]
    assert second.outputs["pollAddresses"] == [f"https://polling.initech.octopus.internal:{n}" for n in (10948, 10949)]
    assert story.answering("globex") == story.answering("initech") == []
    assert "initech" in story.answering("globex", host="initech.octopus.internal")[0]
    assert story.cell("globex").preview(options=story.options).empty
    reef = [(row.urn, row.outputs) for row in story.resources("reef/r1")]
    held = select(balancer_slots.c.state).where(balancer_slots.c.state != "available")
    assert story.rows(held) == [("bound",)] * 4
    assert story.down(story.cell("initech")).result == "succeeded"
    assert story.answering("globex") == []
    assert story.cell("globex").preview(options=story.options).empty
    assert [(row.urn, row.outputs) for row in story.resources("reef/r1")] == reef
    assert story.rows(held) == [("bound",)] * 2
    assert check(story.home).violations == ()
    gateway = Gateway("reef-r1-g1", home=story.home)
    (slot,) = [one for one in gateway.status().view.slots if one.state == "quarantined"]
    assert gateway.scrub(slot.share, ask=lambda _: True, options=story.options) == "succeeded"


def test_an_expanded_reef_has_another_host_and_its_file_says_so(story: Story) -> None:
    unchanged = story.home.reef_file("r1").read_text()
    declined = grown(story.reef.spec, story.reef.file, gateways=0, hosts=1)  # type: ignore[arg-type]
    assert not declined.asking(lambda _plan, _objections: False)(None, [])  # type: ignore[arg-type]
    assert story.home.reef_file("r1").read_text() == unchanged
    since = update(cells).where(cells.c.name == "globex").values(data_since=1.0)
    with registering.opened(story.home) as database:
        database.write(lambda connection: connection.execute(since))  # as its next run records it anew
    done = story.cellctl("reef expand r1 --hosts 1", "--output", "jsonl")
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, outcome["errors"], outcome["cell"]) == (0, [], "reef/r1")
    # What there was stays as it is, but for the role of native backups, which serves the new host too, and the watcher,
    # which looks at it too.
    assert {action: number for action, number in outcome["changes"].items() if number and action != "same"} == {
        "create": 10, "update": 3,
    }  # fmt: skip
    assert "hosts: 2" in story.home.reef_file("r1").read_text()
    known = story.reef.status().known
    assert known is not None
    free = [(part.name, part.slots["available"]) for part in known.hosts]
    assert free == [("reef-r1-sql-1", 65), ("reef-r1-sql-2", 67)]


def test_a_cell_that_goes_leaves_its_place_and_never_touches_the_reef(story: Story) -> None:
    reef = [(row.urn, row.outputs) for row in story.resources("reef/r1")]
    refused = story.cellctl("reef down r1 --delete-data")
    assert refused.returncode == 4
    assert "refused [reef_in_use]: reef 'r1' carries 2 cells: acme, globex" in refused.stderr
    done = story.cellctl("down acme --delete-data")
    assert (done.returncode, "acme is gone" in done.stderr) == (0, True)
    kept = [(one.kind, one.state) for one in listed(story.home, "acme")]
    assert kept == [("kept_backups", "there")]  # the reef's host goes on, and its backups have the database
    assert [one.kind for one in listed(story.home, "globex")] == ["point_in_time"]  # of that run of the reef
    assert [(row.urn, row.outputs) for row in story.resources("reef/r1")] == reef
    assert story.rows(BOUND.where(bindings.c.until.is_(None))) == [("globex", None)]
    assert story.rows(select(share_slots.c.state).where(share_slots.c.held_data).order_by(share_slots.c.id)) == [
        ("quarantined",), ("bound",), ("available",),
    ]  # fmt: skip
    assert story.rows(select(database_slots.c.database).where(database_slots.c.database != "")) == [("octo_globex_g1",)]
    account = of_spec(story.home, AccountSpec.of("sandbox", cloud="aws", region="eu-west-1"), story.options)
    with registering.opened(story.home) as database, pytest.raises(GuardError) as in_use:
        placing.placed(account, "down", database)
    assert [item.reason for item in in_use.value.objections] == ["account 'sandbox' has 2 stacks: globex, reef/r1"]
    assert check(story.home).violations == ()


def test_a_share_that_held_files_is_free_again_once_its_bucket_is_counted_empty(story: Story) -> None:
    gateway = Gateway("reef-r1-g1", home=story.home)
    (slot,) = [one for one in gateway.status().view.slots if one.state == "quarantined"]
    objects = BucketObjects(Documents(story.home.sandbox_database, "bucket_documents"), _view(story.home))
    for name, body in (("ServerTasks-1.log", b"acme"), ("Octopus.1.nupkg", b"acme"), ("ServerTasks-1.log", None)):
        objects.put(slot.bucket, name, body)
    for file in story.home.private.glob("registry.db*"):
        file.unlink()  # a registry that is filled anew knows as little of what acme left as of the others
    said = client.cellctl("registry", "rebuild", "--home", str(story.home.root), cwd=story.home.root).stdout
    assert "9 shares of reef-r1-g1 may hold files" in " ".join(said.split())
    (shortage,) = _refused(lambda: story.cell("initech").preview(options=story.options))
    assert "9 are quarantined" in shortage.reason
    judged = gateway.probe(options=story.options)
    assert slot.arn not in judged.clean
    assert len(judged.clean) == 8
    (slot,) = [one for one in gateway.status().view.slots if one.state == "quarantined"]
    assert objects.files(slot.bucket) == {"Octopus.1.nupkg": b"acme"}
    asked: list[Scrub] = []
    assert gateway.scrub(slot.share, ask=lambda one: bool(asked.append(one)), options=story.options) == "nothing"
    assert (asked[0].bucket, asked[0].share) == (slot.bucket, slot.share)
    with pytest.raises(GuardError) as refused:
        gateway.scrub("g1-02", ask=lambda _wanted: True, options=story.options)
    assert refused.value.objections[0].reason == "share 'g1-02' of gateway 'reef-r1-g1' is cell globex's"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "scrubbed", _unreachable)  # its process might as well have been killed here
        with pytest.raises(RegistryError):
            gateway.scrub(slot.share, ask=lambda _wanted: True, options=story.options)
    assert story.rows(select(share_slots.c.state).where(share_slots.c.number == slot.number)) == [("verifying",)]
    assert "is empty and free again" in story.cellctl(f"gateway scrub reef-r1-g1 {slot.share}", "--yes").stderr
    row = select(share_slots.c.state, share_slots.c.scrub_remaining).where(share_slots.c.number == slot.number)
    assert story.rows(row) == [("available", 0)]
    assert objects.files(slot.bucket) == {}
    assert check(story.home).violations == ()


def _unreachable(*_given: object, **_more: object) -> None:
    raise RegistryError("the registry cannot be reached")


def test_a_reef_without_cells_goes_and_names_what_is_kept(story: Story) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(books, "end", _unreachable)  # its process might as well have been killed here
        assert story.down(story.cell("globex")).result == "succeeded"
    assert story.rows(BOUND.where(bindings.c.until.is_(None))) == [("globex", None)]
    assert story.down(story.cell("globex")).result == "nothing"
    assert story.rows(BOUND.where(bindings.c.until.is_(None))) == []
    killed = Killed("reef-r1-g1-shares-g1-05", "Bucket")
    options = RunOptions(clock="stepped", start=killed.start)
    with pytest.raises(EngineError, match="signal 9"):
        story.reef.down(ask=yes, delete_data=True, options=options, on_event=killed.heard)
    assert story.rows(select(reefs.c.state)) == [("cordoned",)]
    done = story.cellctl("reef down r1 --delete-data")
    assert (done.returncode, "reef/r1 is gone" in done.stderr) == (0, True)
    kept = done.stderr.partition("Kept by the clouds' own rules:")[2]
    assert "reef-r1-sql-1-final-1" in kept
    assert set(story.done) == set(STEPS)
    assert story.rows(select(reefs.c.state)) == [("retired",)]
    known = story.reef.status().known
    assert known is not None
    assert (known.state, known.free) == ("retired", 0)


def test_an_account_gets_its_base_and_says_what_the_home_is_to_name(story: Story) -> None:
    """Before any other stack of a real account; its own state stays in the home."""
    words = ("account", "up", "sandbox", "--home", str(story.home.root))
    assert client.cellctl(*words, "--yes", cwd=story.home.root).returncode == 2  # of which cloud?
    done = client.cellctl(*words, "--cloud", "aws", "--yes", "--clock", "stepped", cwd=story.home.root)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in (
        'state: "s3://account-sandbox-state-',
        'secrets: "awskms:///alias/cellctl-sandbox?',
        "apply: {role:",
        'logs: "s3://account-sandbox-logs-',
    ):
        assert line in done.stderr
    assert story.home.stack_file("x").with_name("account-sandbox.json").exists()
    down = ("account", "down", "sandbox", "--home", str(story.home.root), "--clock", "stepped", "--yes")
    unsaid = client.cellctl(*down, cwd=story.home.root)
    assert (unsaid.returncode, "account-sandbox-state" in unsaid.stderr) == (4, True)
    gone = client.cellctl(*down, "--delete-data", cwd=story.home.root)
    assert (gone.returncode, "account/sandbox is gone" in gone.stderr) == (0, True), gone.stderr[-2000:]
    assert "breaks at cell 51" in client.cellctl("account", "quotas", cwd=story.home.root).stdout
    assert check(story.home).violations == ()


def test_what_reefs_cannot_do_yet_is_refused_before_anything_is_declared(tmp_path: Path) -> None:
    from cellctl.errors import SpecError
    from cellctl.spec.reef_file import dump_reef, loads_reef

    home = Home(tmp_path)
    text = dump_reef(ReefSpec.minimal("r1", cloud="aws", region="eu-west-1"))
    assert loads_reef(text) == ReefSpec.minimal("r1", cloud="aws", region="eu-west-1")
    with pytest.raises(SpecError, match="needs activeDirectory"):
        loads_reef(text.replace("protocol: nfs", "protocol: smb"))
    domain = "protocol: smb, activeDirectory: {domain: a.example.com, organizationalUnit: x, joinSecret: s}"
    assert loads_reef(text.replace("protocol: nfs", domain)).spec.storage.active_directory is not None
    with pytest.raises(SpecError, match="for SMB, and the protocol is nfs"):
        loads_reef(text.replace("protocol: nfs", domain.replace("smb", "nfs")))
    with pytest.raises(SpecError, match="no room for the nodes of 200 cells"):
        loads_reef(text.replace("gateways: 1", "gateways: 20").replace("10.64.0.0/16", "10.64.0.0/20"))
    smb = {"storage": {"protocol": "smb"}, "placement": {"reef": "r1"}}
    spec = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", **smb}
    with pytest.raises(ValueError, match="needs a user of its domain"):
        CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": spec})
    assert not home.sandbox_database.exists()
