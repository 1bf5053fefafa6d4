"""One combination of options on AWS, from the first `up` over kills and changes to what is left when it is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from warm import client, keys

from cellctl.cell import Cell
from cellctl.home import Home
from cellctl.plan import Outcome
from cellctl.reef import Reef
from cellctl.run.options import RunOptions
from cellctl.run.registry import check
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.control import Control
from cellctl_sandbox.deposits import create

ACCOUNT, REGION = "000000000000", "eu-west-1"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:octopus"
CERTIFICATE = "aws:acm/certificate:Certificate"
HEAD = (
    "apiVersion: cellctl/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  cloud: aws\n  account: sandbox\n  region: {}\n"
)
DOMAIN = "{domain: corp.example.com, organizationalUnit: OU=Octopus, joinSecret: octopus/joiner/user}"
DIRECTORY = "{secret: octopus/svc-acme/user, users: [svc-acme]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """What a cell is made of."""

    placement: str
    protocol: str
    os: str
    polling: str

    @property
    def name(self) -> str:
        """A word for it."""
        return "-".join((self.placement, self.protocol, self.os, self.polling))

    @property
    def possible(self) -> bool:
        """Whether it is one: Linux nodes mount shares of a domain over NFS only."""
        return (self.placement, self.protocol, self.os) != ("reef", "smb", "linux")


def combinations() -> list[Combination]:
    """Return all that are possible."""
    ways = product(("dedicated", "reef"), ("nfs", "smb"), ("windows", "linux"), ("per_node", "redis"))
    every = (Combination(placement=a, protocol=b, os=c, polling=d) for a, b, c, d in ways)
    return [one for one in every if one.possible]


PAIRS = tuple(
    Combination(placement=words[0], protocol=words[1], os=words[2], polling=words[3])
    for words in (
        ("dedicated", "nfs", "linux", "redis"), ("dedicated", "smb", "windows", "per_node"),
        ("reef", "nfs", "linux", "per_node"), ("dedicated", "smb", "linux", "redis"),
        ("dedicated", "nfs", "windows", "redis"), ("reef", "smb", "windows", "redis"),
    )
)  # fmt: skip
"""With them any two options that can go together do."""


class Walk:
    """A home with the combination's cell, and its reef where it has one."""

    def __init__(self, root: Path, combination: Combination) -> None:
        self.root, self.home, self.control, self.made_of = root, Home(root), Control(root), combination
        self.home.prepare()
        keys.give(root)
        self.home.write_file()
        self.options = RunOptions(clock="stepped", start=client.operation)
        for folder in ("cells", "reefs"):
            (root / folder).mkdir(exist_ok=True)
        for user in ("joiner", "svc-acme"):
            value = json.dumps({"username": user, "password": f"secret of {user}"})
            self.control.put_secret(f"{SECRETS}/{user}/user", value)
        self.certificate = self._certificate()
        self._write(count=2, size=200, tier="small", certificate="")
        self.before = self._left()

    def _certificate(self) -> str:
        """Put a certificate of the platform team's own into the account; return its ARN."""
        database = Database.open(self.root)
        place = Tenancy(package="aws", account=ACCOUNT, region=REGION)
        pem = {"certificateBody": "-----BEGIN CERTIFICATE-----", "privateKey": "-----BEGIN PRIVATE KEY-----"}
        made = create(database, place, CERTIFICATE, pem, self.control.now())
        return str(made.outputs["arn"])

    def _write(self, *, count: int, size: int, tier: str, certificate: str) -> None:
        one = self.made_of
        named = f", certificate: '{certificate}'" if certificate else ""
        user = f", directory: {DIRECTORY}" if (one.placement, one.protocol) == ("reef", "smb") else ""
        # A cache that runs keeps its disk of 150 GiB and gets another.
        grown = ", cacheGiB: [150, 250]" if size > 750 and one.placement == "dedicated" else ""
        body = [
            f"  nodes: {{count: {count}, os: {one.os}, roles: [{', '.join(['both'] * count)}]}}",
            f"  storage: {{protocol: {one.protocol}, sizeGiB: {size}{user}{grown}}}",
            f"  ingress: {{polling: {one.polling}{named}}}",
        ]
        if one.placement == "reef":
            body.append("  placement: {reef: r1}")
            domain = f", activeDirectory: {DOMAIN}" if one.protocol == "smb" else ""
            told = f"  storage: {{protocol: {one.protocol}{domain}}}\n  database: {{tier: {tier}}}\n"
            (self.root / "reefs" / "r1.yaml").write_text(HEAD.format("Reef", "r1", REGION) + told)
        else:
            body.append(f"  database: {{tier: {tier}}}")
        (self.root / "cells" / "acme.yaml").write_text(HEAD.format("Cell", "acme", REGION) + "\n".join(body) + "\n")

    @property
    def cell(self) -> Cell:
        """The cell."""
        return Cell.open("acme", home=self.home)

    @property
    def reef(self) -> Reef | None:
        """Its reef, None where it has none."""
        return Reef.open("r1", home=self.home) if self.made_of.placement == "reef" else None

    def run(self) -> None:
        """Walk all of it."""
        self.comes_up()
        self.changes()
        self.goes()

    def comes_up(self) -> None:
        """Bring it up through a throttled service and a process that is killed; nothing is left to do then."""
        if self.reef:
            self._up(self.reef)
        self._strike(type="aws:lb/*", op="create", effect="error", error="throttle", count=3)
        self._strike(type="cellctl:sql:CellDatabase", op="create", effect="crash", count=1)
        outcome = self._through(self.cell, least=1)
        assert len(outcome.checks) > 5
        self._stands(2)

    def changes(self) -> None:
        """Add a node, grow the storage, resize the database and rotate the certificate, all in a run that is struck."""
        self._write(count=3, size=2000, tier="standard", certificate=self.certificate)
        if self.reef:
            self._up(self.reef)
        self._strike(type="cellctl:octopus:Node", name="acme-nodes-3-octopus", op="create", effect="crash", count=1)
        self._through(self.cell, least=1)
        self._stands(3)
        listeners = self._of("aws:lb/listener:Listener", "certificateArn")
        assert self.certificate in {str(one["certificateArn"]) for one in listeners}
        (host,) = self._of("aws:rds/instance:Instance", "instanceClass")
        assert host["instanceClass"] == "db.m6i.xlarge", host["instanceClass"]
        if self.made_of.placement == "dedicated":
            assert len(self._of("aws:ebs/volume:Volume", "size")) > 1  # a cache grows by a disk more

    def goes(self) -> None:
        """Take it away; what is left is what the outcome names, and nothing else."""
        said = [*self._down(self.cell).retained]
        if self.reef:
            said += self._down(self.reef).retained
        left = self._left() - self.before
        unnamed = sorted(one for one in left if not any(one in line for line in said))
        assert unnamed == []
        assert left, "a final snapshot is kept"
        assert check(self.home).violations == ()

    def _stands(self, count: int) -> None:
        nodes = [(node.name, node.state) for node in self.cell.status().nodes]
        assert nodes == [(f"acme-{number}", "active") for number in range(1, count + 1)]
        addresses = self.cell.outputs()["pollAddresses"]
        assert len(addresses) == (1 if self.made_of.polling == "redis" else count)  # type: ignore[arg-type]
        plan = self.cell.preview(options=self.options)
        assert plan.empty, [change.urn for change in plan.changes if change.action != "same"]

    def _strike(self, **rule: object) -> None:
        self.control.add_fault(rule)

    def _through(self, handle: Cell | Reef, *, least: int) -> Outcome:
        """Bring it up however often it is struck, `least` times at least: the same command again gets there."""
        for struck in range(5):
            outcome = handle.up(ask=lambda *_: True, options=self.options)
            if outcome.result == "succeeded":
                assert struck >= least
                self.control.clear_faults()
                return outcome
            assert outcome.result == "failed", outcome
        raise AssertionError(outcome.failures)

    def _up(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.up(ask=lambda *_: True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def _down(self, handle: Cell | Reef) -> Outcome:
        outcome = handle.down(ask=lambda *_: True, delete_data=True, options=self.options)
        assert outcome.result == "succeeded", outcome.failures
        return outcome

    def _of(self, type_: str, key: str) -> Iterator[dict[str, object]]:
        query = "SELECT inputs FROM objects WHERE type = ? AND gone_s IS NULL"
        rows = [json.loads(str(row)) for (row,) in Database.open(self.root).rows(query, (type_,))]
        return [row for row in rows if row.get(key)]  # type: ignore[return-value]

    def _left(self) -> set[str]:
        """Return the ids of everything that is in the account."""
        query = "SELECT id FROM objects WHERE gone_s IS NULL AND package = 'aws'"
        return {str(found) for (found,) in Database.open(self.root).rows(query)}
