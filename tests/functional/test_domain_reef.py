"""A reef with SMB in a network of others: its gateway joins a domain, each share knows its own cell's user alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from warm import client, keys

from cellctl.cell import Cell
from cellctl.gateway import Gateway
from cellctl.home import Home
from cellctl.plan import Outcome
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl.run.registry import check
from cellctl.run.status import load
from cellctl.state.resources import ResourceState
from cellctl_provider.aws.share_access import NO_USER
from cellctl_provider.smb import Account, SmbError, mounted
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.control import Control
from cellctl_sandbox.host import open_host
from cellctl_sandbox.network import Reachability

pytestmark = pytest.mark.turn(3, 2)

SECRETS = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:octopus"
USERS = {"joiner": "Join-1", "svc-acme": "Ac me-2", "svc-globex": "Gl-3"}
HEAD = """\
apiVersion: cellctl/v1
kind: {}
metadata: {{name: {}}}
spec:
  cloud: aws
  account: sandbox
  region: eu-west-1
"""
REEF = """\
  storage:
    protocol: smb
    activeDirectory:
      domain: corp.example.com
      organizationalUnit: "OU=Octopus,DC=corp,DC=example,DC=com"
      joinSecret: octopus/joiner/user
"""
CELL = """\
  placement: {reef: r1}
  storage: {protocol: smb, directory: {secret: octopus/svc-acme/user, users: ['CORP\\svc-acme', '@octopus']}}
"""
SHARE = "aws:storagegateway/smbFileShare:SmbFileShare"


class Story:
    """A home with a network of others, a reef there, and a cell on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.control = root, Home(root), Control(root)
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        self.options = RunOptions(clock="stepped", start=client.operation)
        laid = client.cellctl("sandbox", "network", "shared", "--home", str(root), cwd=root)
        assert laid.returncode == 0, laid.stderr
        self.before = self.foreign()
        for name, password in USERS.items():
            self.control.put_secret(f"{SECRETS}/{name}/user", json.dumps({"username": name, "password": password}))
        for folder in ("reefs", "cells"):
            (root / folder).mkdir()
        (root / "reefs" / "r1.yaml").write_text(HEAD.format("Reef", "r1") + laid.stdout + REEF)
        (root / "cells" / "acme.yaml").write_text(HEAD.format("Cell", "acme") + CELL)

    @property
    def reef(self) -> Reef:
        return Reef.open("r1", home=self.home)

    @property
    def cell(self) -> Cell:
        return Cell.open("acme", home=self.home)

    def up(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.up(ask=lambda *_: True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def down(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.down(ask=lambda *_: True, delete_data=True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def foreign(self) -> dict[str, str]:
        """Return everything that belongs to no cell and is no secret, by id, whole."""
        query = (
            "SELECT id, inputs || outputs FROM objects WHERE cell = '' AND gone_s IS NULL"
            " AND type NOT LIKE '%secretsmanager%' AND type NOT LIKE '%storagegateway%'"
        )
        return {str(key): str(value) for key, value in Database.open(self.root).rows(query)}

    def resources(self, stack: str) -> list[ResourceState]:
        loaded = load(self.home, stack, RunOptions())
        assert loaded is not None
        return list(loaded.checkpoint.resources)

    def share(self, number: int) -> dict[str, object]:
        """Return a share as the service has it now."""
        database = Database.open(self.root)
        shares = ObjectView(database, SimulatedClock.of(database)).objects(SHARE)
        return next(dict(one.properties) for one in shares if one.text("fileShareName") == f"g1-{number:02d}")

    @contextmanager
    def mount(self, user: str, *, share: str = "g1-01", password: str = "") -> Iterator[None]:
        host = open_host(home=self.root, cell="reef-r1", cloud="aws", clock="stepped")
        try:
            account = Account(username=f"CORP\\{user}", password=password or USERS[user])
            with mounted(host.dialer, "g1.r1.reef.internal", share, account) as files:
                files.write("release.txt", b"1.0")
                assert files.read("release.txt", 10) == b"1.0"
                files.remove("release.txt")
                yield
        finally:
            host.close()
            SimulatedClock.of(host.database).stop()

    def hindrance(self) -> str:
        """Return what keeps the cell's first node from starting, asked as its machine does."""
        database = Database.open(self.root)
        clock = SimulatedClock.of(database)
        network = Reachability(database, clock, cell="acme")
        machines = ObjectView(database, clock).objects("aws:ec2/instance:Instance")
        return network.hindrance(next(one for one in machines if one.cell == "acme"))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(tmp_path_factory.mktemp("domain"))
    told.up(told.reef)
    told.up(told.cell)
    return told


def test_the_gateway_is_in_its_domain_and_a_share_was_tried_as_a_user_of_it(story: Story) -> None:
    (gateway,) = [row for row in story.resources("reef/r1") if row.type == "cellctl:aws:FileGateway"]
    assert gateway.outputs["domain"] == "corp.example.com"
    assert not any(password in json.dumps(gateway.outputs) for password in USERS.values())
    found = Gateway("reef-r1-g1", home=story.home).status().view
    assert found.state == "in_service"
    assert found.judged is not None
    assert "a file written through g1-10 came to bucket" in found.judged.gates[3].message
    closed = story.share(10)
    assert (closed["authentication"], closed["validUserLists"], closed["readOnly"]) == (
        "ActiveDirectory",
        [NO_USER],
        True,
    )
    assert not [row for row in story.resources("reef/r1") if ":ec2/vpc:" in row.type or ":ec2/subnet:" in row.type]


def test_a_share_opens_for_its_own_cells_user_and_for_no_other(story: Story) -> None:
    assert (story.share(1)["validUserLists"], story.share(1)["readOnly"]) == (["@octopus", "CORP\\svc-acme"], False)
    with story.mount("svc-acme"):
        pass
    for user, share, password in (
        ("svc-globex", "g1-01", ""), ("joiner", "g1-01", ""), ("svc-acme", "g1-02", ""),
        ("svc-acme", "g1-01", "guessed"), ("nobody", "g1-01", "any"),
    ):  # fmt: skip
        with pytest.raises(SmbError) as refused, story.mount(user, share=share, password=password):
            pass
        assert refused.value.shut
    grouped = json.dumps({"username": "svc-globex", "password": USERS["svc-globex"], "groups": ["Octopus"]})
    story.control.put_secret(f"{SECRETS}/svc-globex/user", grouped)
    with story.mount("svc-globex"):  # whoever is put into a group that the share names
        pass
    assert check(story.home).violations == ()
    assert story.cell.preview(options=story.options).empty


def test_a_node_with_another_users_secret_does_not_start(story: Story) -> None:
    assert story.hindrance() == ""
    mine = json.dumps({"username": "svc-acme", "password": USERS["svc-acme"]})
    story.control.put_secret(
        f"{SECRETS}/svc-acme/user", json.dumps({"username": "joiner", "password": USERS["joiner"]})
    )
    assert story.hindrance() == "file share g1-01 does not admit user joiner"
    story.control.put_secret(f"{SECRETS}/svc-acme/user", mine)
    assert story.hindrance() == ""


def test_what_a_cell_leaves_admits_nobody_and_the_network_is_as_it_was(story: Story) -> None:
    story.down(story.cell)
    left = story.share(1)
    assert (left["validUserLists"], left["readOnly"]) == ([NO_USER], True)
    with pytest.raises(SmbError), story.mount("svc-acme"):
        pass
    assert Gateway("reef-r1-g1", home=story.home).status().view.unproven == ("g1-01",)
    gone, now = story.down(story.reef), story.foreign()
    assert {key: now[key] for key in story.before} == story.before
    assert {*now} - {*story.before} == {"reef-r1-sql-1-final-1"}  # what retention says, and the outcome names
    assert any("reef-r1-sql-1-final-1" in kept for kept in gone.retained)
