"""Cells in a network that another team has, as docs/guides/existing-networks.md shows it: side by side, up and down."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from prepared.home import RunningHome
from warm import client, keys

from cellctl.cell import Cell
from cellctl.doctor.sites import sites
from cellctl.engine import hosts
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.run.options import RunOptions
from cellctl.run.target import record_of
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.control import Control
from cellctl_sandbox.network import Reachability
from cellctl_sandbox.sites import SandboxSites

pytestmark = pytest.mark.turn(3, 0)

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "existing-networks.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\$ cellctl (.+)$", GUIDE, re.MULTILINE)
HEAD = (
    "apiVersion: cellctl/v1\nkind: Cell\nmetadata: {{name: {}}}\n"
    "spec:\n  cloud: aws\n  account: {}\n  region: eu-west-1\n"
)
ROUTE = "aws:ec2/route:Route"
ACCOUNT = """\
apiVersion: cellctl/v1
kind: Home
accounts:
  prod:
    cloud: aws
    id: "123456789012"
    regions: [eu-west-1]
    preview: {role: "arn:aws:iam::123456789012:role/cellctl-preview"}
    apply: {role: "arn:aws:iam::123456789012:role/cellctl-apply"}
"""


class Story:
    """A home with a network of others in its sandbox."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.control = root, Home(root), Control(root)
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        (root / "cells").mkdir()
        self.options = RunOptions(clock="stepped", start=client.operation)
        (laid,) = [step for step in STEPS if step.startswith("sandbox network shared")]
        self.lines = self.run(laid).stdout
        self.before = self.foreign()

    def run(self, step: str) -> subprocess.CompletedProcess[str]:
        done = client.cellctl(*shlex.split(step), "--home", str(self.root), cwd=self.root)
        assert done.returncode == 0, done.stderr
        return done

    def foreign(self) -> dict[str, str]:
        """Return everything that belongs to no cell, by id, whole."""
        query = "SELECT id, inputs || outputs FROM objects WHERE cell = '' AND gone_s IS NULL"
        return {str(key): str(value) for key, value in self.rows(query)}

    def write(self, name: str, more: str = "", *, account: str = "sandbox") -> Path:
        """Write a cell's file: the lines that the command printed, unindented as they came."""
        lines = self.lines if not more else re.sub(r"(?m)^  (ingress|protection):.*\n", "", self.lines)
        file = self.root / "cells" / f"{name}.yaml"
        file.write_text(HEAD.format(name, account) + lines + more)
        return file

    def cell(self, name: str) -> Cell:
        return Cell.open(name, home=self.home)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return Database.open(self.root).rows(query)

    def network(self, cell: str) -> Reachability:
        database = Database.open(self.root)
        return Reachability(database, SimulatedClock.of(database), cell=cell)

    def machine(self, cell: str) -> str:
        """Return the id of a cell's first node."""
        query = "SELECT id FROM objects WHERE type = 'aws:ec2/instance:Instance' AND urn LIKE '%::CELL-nodes-1'"
        ((found,),) = self.rows(query.replace("CELL", cell))
        return str(found)

    def blocks(self, name: str) -> set[str]:
        site = record_of(self.home, name)["site"]
        return {row["nodes"] for row in site["zones"]}  # type: ignore[index,call-overload,union-attr]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(tmp_path_factory.mktemp("existing"))


def test_a_cell_comes_up_beside_another_and_leaves_the_network_as_it_was(story: Story) -> None:
    story.write("acme", "  ingress: {host: acme.example.com}\n")
    outcome = story.cell("acme").up(ask=lambda *_: True, options=story.options)
    assert outcome.result == "succeeded", outcome.failures
    assert "https://acme.example.com answers" in outcome.checks
    made = {str(one) for (one,) in story.rows("SELECT type FROM objects WHERE cell = 'acme' AND gone_s IS NULL")}
    assert not made & {"aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/route:Route", "aws:ec2/flowLog:FlowLog"}

    story.lines = story.lines.replace("{zone:", "{host: beta.corp.example, zone:")
    story.write("beta")  # with the zone and the key of others
    plan = story.cell("beta").preview(options=story.options)
    assert (plan.complete, plan.errored, plan.objections) == (True, False, ())
    declared = {change.type.rpartition(":")[2] for change in plan.changes}
    assert not declared & {"Vpc", "Subnet", "Route", "RouteTable", "NatGateway", "Zone", "Key", "Alias"}
    assert not story.blocks("acme") & story.blocks("beta")

    # A cell that is there stands on what was found for it; the network is judged as one of its own is.
    machine = story.machine("acme")
    assert story.network("acme").boot_hindrance("acme", machine) == ""
    routes = [
        str(one) for (one,) in story.rows(f"SELECT id FROM objects WHERE type = '{ROUTE}' AND inputs LIKE '%natGat%'")
    ]
    whole = story.foreign()
    for route in routes:
        story.control.edit(route, "natGatewayId", "nat-0123456789abcdef0")
    assert "nat-0123456789abcdef0, which does not exist" in story.network("acme").boot_hindrance("acme", machine)
    assert story.cell("acme").preview(options=story.options).empty
    with pytest.raises(GuardError) as caught:
        story.cell("beta").preview(options=story.options)
    assert {item.code for item in caught.value.objections} == {"no_way_out"}
    for route in routes:
        story.control.edit(
            route, "natGatewayId", str(json.loads(whole[route].partition("}{")[0] + "}")["natGatewayId"])
        )

    down = story.cell("acme").down(ask=lambda *_: True, delete_data=True, options=story.options)
    assert down.result == "succeeded", down.failures
    assert story.rows("SELECT id FROM objects WHERE cell = 'acme' AND gone_s IS NULL AND type LIKE 'aws:ec2%'") == []
    after = story.foreign()  # and the final snapshot of the database, which nobody's stack has
    assert {key: value for key, value in after.items() if key in story.before} == story.before


def test_the_network_of_a_cell_that_is_there_is_frozen(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("aws", tmp_path)
    for line, field in (
        ("network: {existing: {id: vpc-1, subnets: [subnet-a, subnet-b]}}", "network"),
        ("protection: {key: 'arn:aws:kms:eu-west-1:000000000000:key/k'}", "protection.key"),
    ):
        file = tmp_path / "cells" / "acme.yaml"
        before = file.read_text()
        file.write_text(f"{before}  {line}\n")
        with pytest.raises(GuardError) as caught:
            home.cell.preview(options=home.options())
        (only,) = caught.value.objections
        assert (only.code, only.reason.startswith(f"{field} is of its own and cannot become ")) == (
            "frozen_field",
            True,
        )
        file.write_text(before)


class Looks:
    """Who looks into account `prod`: the simulated account, asked as the role that only looks."""

    root: Path
    asked: ClassVar[list[str]] = []

    def __init__(self, role: str) -> None:
        self.asked.append(role)

    def look(self, account: str, question: Mapping[str, Value]) -> Struct:
        database = Database.open(self.root)
        return SandboxSites(database, SimulatedClock.of(database)).look("000000000000", {**question, "zone": ""})


def test_doctor_says_of_every_file_whether_the_account_has_what_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path)
    (tmp_path / "cellctl.yaml").write_text(ACCOUNT)
    story.write("acme", "  ingress: {host: acme.example.com}\n", account="prod")
    story.write("beta", "  ingress: {host: b.example.com, zone: Z0123456789ABCDEF}\n", account="prod")
    (tmp_path / "cells" / "own.yaml").write_text(HEAD.format("own", "prod"))
    monkeypatch.setattr(Looks, "root", tmp_path, raising=False)
    monkeypatch.setitem(hosts.SITES, "aws", f"{__name__}:Looks")
    prod = Home(tmp_path).settings.account("prod")
    found = [*sites(Home(tmp_path), prod, {})]
    assert [(one.subject, one.level) for one in found] == [("acme", "ok"), ("beta", "missing")]
    assert found[1].message.startswith("[zone_missing] there is no hosted zone Z0123456789ABCDEF")
    assert found[1].remedy
    assert {*Looks.asked} == {"arn:aws:iam::123456789012:role/cellctl-preview"}
